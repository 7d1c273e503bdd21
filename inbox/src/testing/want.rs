//! Which mail somebody waits for.

use std::fmt;
use std::time::Duration;

use crate::fault::Pattern;
use crate::mail::Mail;

/// Which mail is waited for, and how long: 5 seconds if nothing else is said.
///
/// In patterns `*` stands for any text; capital and small letters are the same.
#[must_use = "it only says what is wanted; give it to wait"]
#[derive(Clone, Debug)]
pub struct Want {
    from: Option<String>,
    to: Option<String>,
    subject: Option<String>,
    text: Option<String>,
    is_refused: bool,
    limit: Duration,
}

impl Want {
    /// Any mail that was taken.
    pub fn any() -> Self {
        Self {
            from: None,
            to: None,
            subject: None,
            text: None,
            is_refused: false,
            limit: Duration::from_secs(5),
        }
    }

    /// A mail of which a recipient that was accepted fits a pattern.
    pub fn to(pattern: &str) -> Self {
        Self {
            to: Some(pattern.to_owned()),
            ..Self::any()
        }
    }

    /// A mail whose sender in the envelope fits a pattern.
    pub fn from(pattern: &str) -> Self {
        Self::any().and_from(pattern)
    }

    /// A mail with this text in its subject.
    pub fn subject(text: &str) -> Self {
        Self::any().and_subject(text)
    }

    /// And such a sender in the envelope.
    pub fn and_from(mut self, pattern: &str) -> Self {
        self.from = Some(pattern.to_owned());
        self
    }

    /// And this text in its subject.
    pub fn and_subject(mut self, text: &str) -> Self {
        self.subject = Some(text.to_owned());
        self
    }

    /// And this text in its plain text or, if it has none, in its HTML.
    pub fn and_text(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// A mail that was not taken: refused, or broken off. Its recipients may be refused, too.
    pub fn refused(mut self) -> Self {
        self.is_refused = true;
        self
    }

    /// Waits so long.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Waits so many seconds.
    pub fn within_secs(self, seconds: u64) -> Self {
        self.within(Duration::from_secs(seconds))
    }

    pub(super) fn limit(&self) -> Duration {
        // Nobody waits for a year, and clocks do not take all there is.
        self.limit.min(Duration::from_secs(365 * 24 * 3600))
    }

    pub(super) fn fits(&self, mail: &Mail) -> bool {
        let fits = |pattern: &Option<String>, address: &str| {
            let pattern = pattern.as_deref().map(Pattern::new);
            pattern.is_none_or(|pattern| pattern.fits(address))
        };
        let mut recipients = mail.envelope.recipients.iter();
        mail.is_taken() != self.is_refused
            && fits(&self.from, &mail.envelope.mail_from)
            && (self.to.is_none()
                || recipients
                    .any(|to| (self.is_refused || to.is_accepted()) && fits(&self.to, &to.address)))
            && self
                .subject
                .as_ref()
                .is_none_or(|text| mail.view().subject.contains(text))
            && self.text.as_ref().is_none_or(|text| {
                let view = mail.view();
                let said = view.text.as_ref().or(view.html.as_ref());
                said.is_some_and(|said| said.contains(text))
            })
    }
}

impl fmt::Display for Want {
    /// `to "ann@example.com" within 5s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = [
            ("from", &self.from),
            ("to", &self.to),
            ("with the subject", &self.subject),
            ("with the text", &self.text),
        ];
        for (word, value) in said {
            if let Some(value) = value {
                write!(f, "{word} {value:?} ")?;
            }
        }
        if self.is_refused {
            f.write_str("and was refused ")?;
        }
        write!(f, "within {:?}", self.limit)
    }
}

/// A mail in one line: `#3 "Subject" from a@b to c@d, e@f (550 5.1.1 No); refused: 554 5.6.0 No`.
pub(super) fn line(mail: &Mail) -> String {
    let envelope = &mail.envelope;
    let recipients = envelope.recipients.iter().map(|to| match &to.reply {
        Some(reply) if !to.is_accepted() => format!("{} ({reply})", to.address),
        _ => to.address.clone(),
    });
    let recipients: Vec<_> = recipients.collect();
    let end = match &mail.reply {
        Some(_) if mail.is_taken() => String::new(),
        Some(reply) => format!("; refused: {reply}"),
        None => "; not brought to its end".to_owned(),
    };
    let mailbox = if mail.mailbox.is_empty() {
        String::new()
    } else {
        format!(" in box {:?}", mail.mailbox)
    };
    let (id, subject, from) = (mail.id, &mail.view().subject, &envelope.mail_from);
    format!(
        "#{id} {subject:?} from <{from}> to {}{mailbox}{end}",
        recipients.join(", ")
    )
}
