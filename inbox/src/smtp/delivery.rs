//! A mail that is on its way.

use std::time::Instant;

use posthaste_smtp::Reply;
use posthaste_smtp::server::Parameters;

use crate::mail::{Envelope, Recipient};

/// What is known of a mail before it is complete.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) envelope: Envelope,
    pub(super) content: Vec<u8>,
    pub(super) chunks: u32,
    pub(super) start: Instant,
}

impl Delivery {
    /// MAIL was accepted.
    pub(super) fn new(from: &str, parameters: &Parameters) -> Self {
        let said = |keyword| parameters.value(keyword).map(str::to_owned);
        let envelope = Envelope {
            mail_from: from.to_owned(),
            recipients: Vec::new(),
            body: said("BODY"),
            smtputf8: parameters.is_smtputf8(),
            ret: said("RET"),
            envid: said("ENVID"),
            size: parameters.size(),
            require_tls: parameters.has("REQUIRETLS"),
            priority: parameters
                .value("MT-PRIORITY")
                .and_then(|value| value.parse().ok()),
        };
        Self {
            envelope,
            content: Vec::new(),
            chunks: 0,
            start: Instant::now(),
        }
    }

    /// RCPT was answered; without a reply the answer was withheld.
    pub(super) fn recipient(&mut self, to: &str, parameters: &Parameters, reply: Option<Reply>) {
        self.envelope.recipients.push(Recipient {
            address: to.to_owned(),
            reply,
            orcpt: parameters.value("ORCPT").map(str::to_owned),
            notify: parameters.value("NOTIFY").map(str::to_owned),
        });
    }
}
