//! Mails for tests, made without a server.
#![allow(dead_code, reason = "each test uses some of it")]

use jiff::Timestamp;
use posthaste_inbox::Mail;
use posthaste_inbox::mail::{Arrival, Envelope, Recipient, Session};
use posthaste_inbox::transcript::Transcript;

pub(crate) fn arrival(raw: impl Into<Vec<u8>>) -> Arrival {
    Arrival {
        mailbox: String::new(),
        envelope: Envelope {
            mail_from: "shop@example.com".to_owned(),
            recipients: vec![recipient("ann@example.com", "250 2.1.5 ok")],
            ..Envelope::default()
        },
        session: Session::default(),
        reply: "250 2.0.0 kept".parse().ok(),
        raw: raw.into(),
        transcript: Transcript::default(),
    }
}

pub(crate) fn recipient(address: &str, reply: &str) -> Recipient {
    Recipient {
        address: address.to_owned(),
        reply: Some(reply.parse().expect("a reply")),
        orcpt: None,
        notify: None,
    }
}

pub(crate) fn mail(raw: impl Into<Vec<u8>>) -> Mail {
    Mail::new(1, Timestamp::UNIX_EPOCH, arrival(raw))
}

/// Lines with CR LF at their ends.
pub(crate) fn lines(lines: &[&str]) -> String {
    lines.join("\r\n") + "\r\n"
}
