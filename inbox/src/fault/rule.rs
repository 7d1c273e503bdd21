//! What a rule says.

use serde::{Deserialize, Serialize};

use super::Rate;

/// Where in a conversation a rule acts: before the answer to this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// The connection was made; nothing is said yet, and TLS not begun.
    Connect,
    /// The greeting.
    Banner,
    /// EHLO or HELO.
    Ehlo,
    /// STARTTLS; on a port that begins with TLS, its beginning.
    StartTls,
    /// AUTH, when the client has said all.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA; with [`Rule::after_bytes`] its content, be it brought by DATA or BDAT.
    Data,
    /// BDAT, before its octets; with [`Rule::after_bytes`] the content, as for DATA.
    Bdat,
    /// The end of the content.
    End,
    /// RSET.
    Rset,
    /// QUIT.
    Quit,
    /// Whatever is answered: each of the others but `connect`, and what else a client may say.
    Any,
}

/// What an inbox shows when TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certificate {
    /// A certificate whose time is over.
    Expired,
    /// A certificate of another host.
    WrongName,
    /// A certificate of an authority that nobody knows.
    Untrusted,
    /// None: STARTTLS is answered by 454; where TLS comes first, the connection is closed.
    Refuse,
}

/// One fault: where, under which conditions, how often, and what happens. See the [module](super) for its form as JSON.
///
/// In patterns `*` stands for any text; capital and small letters are the same. All conditions have to hold.
///
/// # Example
///
/// ```
/// use posthaste_inbox::fault::Rule;
///
/// let rule = Rule::rcpt("bob@*").reply(451, "4.7.1", "later").times(1);
/// assert!(rule.check().is_ok());
/// assert_eq!(rule.to_string(), r#"{"at":"rcpt","rcpt":"bob@*","times":1,"reply":"451 4.7.1 later"}"#);
/// ```
#[must_use = "a rule does nothing before an inbox has it"]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Rule {
    /// Where it acts.
    pub at: Step,
    /// Only for such senders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Only for such a recipient; after RCPT, if one that was accepted is such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rcpt: Option<String>,
    /// Only for such a subject, decoded; at `end` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Only for such a user: at `auth` who wants to log in, later who is logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Only when `data` or `bdat` has brought so many octets of content; once for each mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_bytes: Option<u64>,
    /// Not the first so many times.
    #[serde(default, skip_serializing_if = "is_default")]
    pub skip: u64,
    /// Only each so manieth time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Only so many times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Only with this probability, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prob: Option<f64>,
    /// Where the numbers for `prob` begin: the same seed, the same run. Without it the inbox's seed and the place of the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Only for what is more than this: `10/s`, `100/m`, `1000/h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Only until so many milliseconds after the sender was first seen with this recipient: greylisting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greylist_ms: Option<u64>,
    /// What is said before is sent; then, so many milliseconds later, it goes on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub delay_ms: u64,
    /// From here on the connection is so far away: each group of commands comes so many milliseconds late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// From here on the connection carries so many octets a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle_bps: Option<u64>,
    /// The answer: a code, an enhanced code if need be, and words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    /// Closes the connection after the answer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub close: bool,
    /// Closes the connection instead of an answer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub drop: bool,
    /// Resets the connection (RST) instead of an answer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reset: bool,
    /// At `end`: the mail is kept as a mail that was taken, before anything else happens.
    #[serde(default, skip_serializing_if = "is_default")]
    pub after_store: bool,
    /// At `ehlo`: these extensions are neither announced nor understood; ways to log in may be named, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hide: Vec<String>,
    /// At `starttls`: what is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Rule {
    /// A rule at this step, for everybody and always. It does nothing yet.
    pub fn at(at: Step) -> Self {
        Self {
            at,
            from: None,
            rcpt: None,
            subject: None,
            user: None,
            after_bytes: None,
            skip: 0,
            every: None,
            times: None,
            prob: None,
            seed: None,
            rate: None,
            greylist_ms: None,
            delay_ms: 0,
            latency_ms: None,
            throttle_bps: None,
            reply: None,
            close: false,
            drop: false,
            reset: false,
            after_store: false,
            hide: Vec::new(),
            certificate: None,
        }
    }

    /// At RCPT with such a recipient.
    pub fn rcpt(pattern: &str) -> Self {
        Self::at(Step::Rcpt).to(pattern)
    }

    /// At MAIL with such a sender.
    pub fn mail(pattern: &str) -> Self {
        Self::at(Step::Mail).from(pattern)
    }

    /// At AUTH with such a user.
    pub fn auth(pattern: &str) -> Self {
        Self::at(Step::Auth).user(pattern)
    }

    /// At the end of a content.
    pub fn end() -> Self {
        Self::at(Step::End)
    }

    /// Amid a content, when it has so many octets.
    pub fn content(octets: u64) -> Self {
        Self {
            after_bytes: Some(octets),
            ..Self::at(Step::Data)
        }
    }

    /// See [`Rule::from`](field@Self::from).
    pub fn from(mut self, pattern: &str) -> Self {
        self.from = Some(pattern.to_owned());
        self
    }

    /// See [`Rule::rcpt`](field@Self::rcpt).
    pub fn to(mut self, pattern: &str) -> Self {
        self.rcpt = Some(pattern.to_owned());
        self
    }

    /// See [`Rule::subject`](field@Self::subject).
    pub fn subject(mut self, pattern: &str) -> Self {
        self.subject = Some(pattern.to_owned());
        self
    }

    /// See [`Rule::user`](field@Self::user).
    pub fn user(mut self, pattern: &str) -> Self {
        self.user = Some(pattern.to_owned());
        self
    }

    /// See [`Rule::skip`](field@Self::skip).
    pub fn skip(mut self, times: u64) -> Self {
        self.skip = times;
        self
    }

    /// See [`Rule::every`](field@Self::every).
    pub fn every(mut self, nth: u64) -> Self {
        self.every = Some(nth);
        self
    }

    /// See [`Rule::times`](field@Self::times).
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// See [`Rule::prob`](field@Self::prob) and [`Rule::seed`](field@Self::seed).
    pub fn prob(mut self, prob: f64, seed: u64) -> Self {
        (self.prob, self.seed) = (Some(prob), Some(seed));
        self
    }

    /// See [`Rule::rate`](field@Self::rate).
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// See [`Rule::delay_ms`](field@Self::delay_ms).
    pub fn delay_ms(mut self, milliseconds: u64) -> Self {
        self.delay_ms = milliseconds;
        self
    }

    /// See [`Rule::latency_ms`](field@Self::latency_ms).
    pub fn latency_ms(mut self, milliseconds: u64) -> Self {
        self.latency_ms = Some(milliseconds);
        self
    }

    /// See [`Rule::throttle_bps`](field@Self::throttle_bps).
    pub fn throttle_bps(mut self, octets: u64) -> Self {
        self.throttle_bps = Some(octets);
        self
    }

    /// Answers this. `enhanced` may be empty.
    pub fn reply(mut self, code: u16, enhanced: &str, text: &str) -> Self {
        let words = [enhanced, text];
        let said = words.iter().filter(|word| !word.is_empty());
        self.reply = Some(said.fold(code.to_string(), |line, word| format!("{line} {word}")));
        self
    }

    /// See [`Rule::close`](field@Self::close).
    pub fn close(mut self) -> Self {
        self.close = true;
        self
    }

    /// See [`Rule::drop`](field@Self::drop).
    pub fn drop_connection(mut self) -> Self {
        self.drop = true;
        self
    }

    /// See [`Rule::reset`](field@Self::reset).
    pub fn reset_connection(mut self) -> Self {
        self.reset = true;
        self
    }

    /// See [`Rule::after_store`](field@Self::after_store).
    pub fn after_store(mut self) -> Self {
        self.after_store = true;
        self
    }

    /// See [`Rule::hide`](field@Self::hide).
    pub fn hide<S: Into<String>>(mut self, extensions: impl IntoIterator<Item = S>) -> Self {
        self.hide.extend(extensions.into_iter().map(Into::into));
        self
    }

    /// See [`Rule::certificate`](field@Self::certificate).
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }
}

impl std::fmt::Display for Rule {
    /// As JSON, in one line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| std::fmt::Error)?;
        f.write_str(&text)
    }
}
