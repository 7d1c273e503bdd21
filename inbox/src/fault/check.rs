//! Rules that make sense, ready to act.

use std::fmt;
use std::time::Duration;

use posthaste_smtp::server::Extension;
use posthaste_smtp::{Mechanism, Reply};

use super::pattern::Pattern;
use super::{Certificate, Rule, Step};

/// Why a rule makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidRule {
    /// The place of the rule among others, from 1; none if it stood alone.
    pub rule: Option<usize>,
    /// The key.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for InvalidRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rule) = self.rule {
            write!(f, "rule {rule}: ")?;
        }
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl std::error::Error for InvalidRule {}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// After the answer.
    Close,
    /// Instead of an answer.
    Drop,
    /// By RST.
    Reset,
}

/// What happens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Act {
    pub(crate) delay: Duration,
    pub(crate) latency: Option<Duration>,
    pub(crate) throttle: Option<u64>,
    pub(crate) reply: Option<Reply>,
    pub(crate) ending: Option<Ending>,
    pub(crate) after_store: bool,
    /// Keywords in capitals.
    pub(crate) hide: Vec<String>,
    pub(crate) certificate: Option<Certificate>,
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ending = self.ending.map(|ending| match ending {
            Ending::Close => "then closed".to_owned(),
            Ending::Drop => "closed without an answer".to_owned(),
            Ending::Reset => "connection reset".to_owned(),
        });
        let delay = (!self.delay.is_zero()).then(|| format!("{:?} late", self.delay));
        let certificate = self.certificate.map(|certificate| match certificate {
            Certificate::Expired => "an expired certificate".to_owned(),
            Certificate::WrongName => "a certificate of another host".to_owned(),
            Certificate::Untrusted => "a certificate of an unknown authority".to_owned(),
            Certificate::Refuse => "no TLS".to_owned(),
        });
        let parts = [
            self.after_store.then(|| "stored".to_owned()),
            delay,
            self.latency
                .map(|each| format!("each group {each:?} late from here on")),
            self.throttle
                .map(|octets| format!("{octets} octets a second from here on")),
            (!self.hide.is_empty()).then(|| format!("without {}", self.hide.join(", "))),
            certificate,
            self.reply.as_ref().map(Reply::to_string),
            ending,
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

/// A rule's conditions and what it does, ready to be used.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) at: Step,
    pub(super) from: Option<Pattern>,
    pub(super) rcpt: Option<Pattern>,
    pub(super) subject: Option<Pattern>,
    pub(super) user: Option<Pattern>,
    pub(super) after_bytes: Option<u64>,
    pub(super) act: Act,
}

impl Rule {
    /// Checks that it makes sense: that its conditions are known where it acts, and that it does something there.
    ///
    /// # Errors
    ///
    /// When they are not, when a reply is none, a number is out of its bounds, or an extension is unknown.
    pub fn check(&self) -> Result<(), InvalidRule> {
        self.checked().map(drop)
    }

    pub(super) fn checked(&self) -> Result<Checked, InvalidRule> {
        self.check_conditions()?;
        self.check_counts()?;
        self.check_places()?;
        let act = self.act()?;
        if act == Act::default() {
            return Err(invalid("at", "nothing is said to happen there"));
        }
        let pattern = |text: &Option<String>| text.as_deref().map(Pattern::new);
        Ok(Checked {
            at: self.at,
            from: pattern(&self.from),
            rcpt: pattern(&self.rcpt),
            subject: pattern(&self.subject),
            user: pattern(&self.user),
            after_bytes: self.after_bytes,
            act,
        })
    }

    fn check_conditions(&self) -> Result<(), InvalidRule> {
        use Step::{Any, Bdat, Data, End, Mail, Rcpt};
        let known = |field, is_said: bool, steps: &[Step]| {
            if !is_said || steps.contains(&self.at) {
                return Ok(());
            }
            let problem = format!("it is not known at {:?}", self.at).to_lowercase();
            Err(invalid(field, problem))
        };
        known(
            "from",
            self.from.is_some(),
            &[Mail, Rcpt, Data, Bdat, End, Any],
        )?;
        known("rcpt", self.rcpt.is_some(), &[Rcpt, Data, Bdat, End, Any])?;
        known("subject", self.subject.is_some(), &[End])?;
        known("greylist_ms", self.greylist_ms.is_some(), &[Rcpt])?;
        known("after_bytes", self.after_bytes.is_some(), &[Data, Bdat])?;
        let early = [Step::Connect, Step::Banner];
        if self.user.is_some() && early.contains(&self.at) {
            return Err(invalid("user", "nobody is logged in so early"));
        }
        Ok(())
    }

    fn check_counts(&self) -> Result<(), InvalidRule> {
        let at_least_one = |field, number: Option<u64>| match number {
            Some(0) => Err(invalid(field, "it has to be 1 or more")),
            _ => Ok(()),
        };
        at_least_one("every", self.every)?;
        at_least_one("times", self.times)?;
        at_least_one("throttle_bps", self.throttle_bps)?;
        match self.prob {
            Some(prob) if !(0.0..=1.0).contains(&prob) => {
                Err(invalid("prob", format!("{prob} is not between 0 and 1")))
            }
            None if self.seed.is_some() => {
                Err(invalid("seed", "it is for prob, which is not said"))
            }
            _ => Ok(()),
        }
    }

    /// What is possible only somewhere, and what excludes each other.
    fn check_places(&self) -> Result<(), InvalidRule> {
        let only = |field, is_said: bool, step| {
            let problem = format!("it is possible at {step:?} only").to_lowercase();
            if is_said && self.at != step {
                Err(invalid(field, problem))
            } else {
                Ok(())
            }
        };
        only("hide", !self.hide.is_empty(), Step::Ehlo)?;
        only("certificate", self.certificate.is_some(), Step::StartTls)?;
        only("after_store", self.after_store, Step::End)?;
        if self.after_store
            && !self.drop
            && !self.reset
            && self.reply.is_none()
            && self.delay_ms == 0
        {
            return Err(invalid("after_store", "nothing is said to happen after it"));
        }
        let ends = [self.close, self.drop, self.reset];
        if ends.iter().filter(|said| **said).count() > 1 {
            return Err(invalid(
                "close",
                "of close, drop and reset only one is possible",
            ));
        }
        if self.reply.is_some() && (self.drop || self.reset) {
            return Err(invalid(
                "reply",
                "it would not be said before drop or reset; close is what says it",
            ));
        }
        if self.reply.is_some() && self.after_bytes.is_some() {
            return Err(invalid(
                "reply",
                "amid a content there is no answer; say it at end",
            ));
        }
        Ok(())
    }

    fn act(&self) -> Result<Act, InvalidRule> {
        let ending = match () {
            () if self.reset => Some(Ending::Reset),
            () if self.drop => Some(Ending::Drop),
            () if self.close => Some(Ending::Close),
            () => None,
        };
        let reply = self.reply.as_deref().map(parsed).transpose()?;
        let hide = self
            .hide
            .iter()
            .map(|name| keyword(name))
            .collect::<Result<_, _>>()?;
        Ok(Act {
            delay: Duration::from_millis(self.delay_ms),
            latency: self.latency_ms.map(Duration::from_millis),
            throttle: self.throttle_bps,
            reply,
            ending,
            after_store: self.after_store,
            hide,
            certificate: self.certificate,
        })
    }
}

fn invalid(field: &'static str, problem: impl Into<String>) -> InvalidRule {
    InvalidRule {
        rule: None,
        field,
        problem: problem.into(),
    }
}

fn parsed(text: &str) -> Result<Reply, InvalidRule> {
    text.parse().map_err(|_| {
        let problem = format!("{text:?} is no answer; one begins with a code from 200 to 599, as in \"550 5.1.1 No such user\"");
        invalid("reply", problem)
    })
}

/// The name of an extension or of a way to log in, in capitals.
fn keyword(name: &str) -> Result<String, InvalidRule> {
    let name = name.to_uppercase();
    let extensions = Extension::ALL.iter().map(|extension| extension.as_str());
    let known = extensions
        .chain(MECHANISMS.iter().map(|mechanism| mechanism.as_str()))
        .chain(["STARTTLS", "AUTH"]);
    if known.clone().any(|known| known == name) {
        return Ok(name);
    }
    let known: Vec<_> = known.collect();
    Err(invalid(
        "hide",
        format!("there is no {name:?} here; there are {}", known.join(", ")),
    ))
}

/// The ways to log in that an inbox offers: those for which it need not know the password.
pub(crate) const MECHANISMS: [Mechanism; 5] = [
    Mechanism::Plain,
    Mechanism::Login,
    Mechanism::CramMd5,
    Mechanism::Xoauth2,
    Mechanism::OauthBearer,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_with_the_field() {
        for (rule, field) in [
            (Rule::end(), "at"),
            (Rule::mail("*").to("a@b").reply(550, "", "x"), "rcpt"),
            (Rule::at(Step::Ehlo).from("a@b").close(), "from"),
            (Rule::rcpt("*").subject("x").close(), "subject"),
            (Rule::at(Step::Banner).user("ann").close(), "user"),
            (Rule::end().times(0).close(), "times"),
            (Rule::end().every(0).close(), "every"),
            (Rule::end().prob(1.5, 1).close(), "prob"),
            (Rule::end().prob(f64::NAN, 1).close(), "prob"),
            (Rule::end().throttle_bps(0), "throttle_bps"),
            (Rule::end().hide(["SIZE"]), "hide"),
            (Rule::at(Step::Ehlo).hide(["SPEED"]), "hide"),
            (Rule::end().certificate(Certificate::Expired), "certificate"),
            (
                Rule::rcpt("*").after_store().drop_connection(),
                "after_store",
            ),
            (Rule::end().after_store(), "after_store"),
            (Rule::end().close().drop_connection(), "close"),
            (Rule::end().reply(250, "", "x").reset_connection(), "reply"),
            (Rule::content(5).reply(550, "", "x"), "reply"),
            (Rule::end().reply(99, "", "x"), "reply"),
            (Rule::end().reply(550, "5.1.1", "a\r\n250 b"), "reply"),
        ] {
            let error = rule.check().expect_err("no sense");
            assert_eq!(error.field, field, "{rule}: {error}");
        }
    }

    #[test]
    fn json_with_unknown_keys_is_refused() {
        let error = serde_json::from_str::<Rule>(r#"{"at":"rcpt","replay":"550 x"}"#);
        let error = error.expect_err("a misspelt key").to_string();
        assert!(error.contains("unknown field `replay`"), "{error}");
        let error = serde_json::from_str::<Rule>(r#"{"at":"lunch","reply":"550 x"}"#);
        let error = error.expect_err("a step that is none").to_string();
        assert!(error.contains("unknown variant `lunch`"), "{error}");
    }

    #[test]
    fn json_goes_there_and_back() {
        let all = r#"[{"at":"end","from":"a","rcpt":"b","subject":"c","user":"d","skip":1,"every":2,"times":3,"prob":0.5,"seed":4,
            "rate":"5/m","delay_ms":6,"latency_ms":7,"throttle_bps":8,"reply":"451 x","close":true,"after_store":true},
            {"at":"rcpt","greylist_ms":9,"drop":true},{"at":"data","after_bytes":10,"reset":true},
            {"at":"ehlo","delay_ms":1,"hide":["SIZE"]},{"at":"starttls","certificate":"wrong-name"}]"#;
        let rules: Vec<Rule> = serde_json::from_str(all).expect("rules");
        let text: String = all.split_whitespace().collect();
        let again = serde_json::to_string(&rules).expect("JSON");
        assert_eq!(again, text.replace("451x", "451 x"));
        assert!(rules.iter().all(|rule| rule.check().is_ok()));
    }

    #[test]
    fn what_it_does_is_said_in_words() {
        let act = Rule::rcpt("*")
            .delay_ms(1500)
            .reply(451, "4.7.1", "later")
            .close()
            .act();
        assert_eq!(
            act.expect("it makes sense").to_string(),
            "1.5s late, 451 4.7.1 later, then closed"
        );
    }
}
