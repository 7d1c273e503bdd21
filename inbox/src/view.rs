//! A mail as a reader sees it.

use mail_parser::MessageParser;

use crate::mail::Mail;

/// What a mail's octets mean.
#[derive(Debug, Default)]
pub struct View {
    /// The subject, decoded; empty if there is none.
    pub subject: String,
}

impl View {
    /// Reads a mail.
    pub fn of(mail: &Mail) -> Self {
        let parsed = MessageParser::default().parse(&*mail.raw);
        let subject = parsed.as_ref().and_then(|parsed| parsed.subject());
        Self {
            subject: subject.unwrap_or_default().to_owned(),
        }
    }
}
