//! A mail that is on its way.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use posthaste_smtp::Reply;
use posthaste_smtp::server::Parameters;

use crate::mail::{Envelope, Recipient};

/// What is known of a mail before it is complete.
#[derive(Debug)]
pub(super) struct Delivery<'i> {
    pub(super) envelope: Envelope,
    pub(super) content: Vec<u8>,
    pub(super) chunks: u32,
    pub(super) start: Instant,
    /// Why its content was not taken, or was not to come.
    pub(super) refusal: Option<Reply>,
    /// MAIL was refused.
    pub(super) is_refused: bool,
    /// A fault had to do with it.
    pub(super) is_faulty: bool,
    /// There was no room for its content.
    pub(super) is_too_much: bool,
    /// Octets that came since the last line.
    pub(super) piece: usize,
    /// The octets of all contents that are on their way, ours among them.
    under_way: &'i AtomicU64,
}

impl<'i> Delivery<'i> {
    /// MAIL was said.
    pub(super) fn new(from: &str, parameters: &Parameters, under_way: &'i AtomicU64) -> Self {
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
            refusal: None,
            is_refused: false,
            is_faulty: false,
            is_too_much: false,
            piece: 0,
            under_way,
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

    /// Keeps a piece of the content, as far as `most` octets of all contents allow. Says how many there were before, and are now.
    pub(super) fn came(&mut self, piece: &[u8], most: u64) -> (u64, u64) {
        let (before, more) = (self.content.len() as u64, piece.len() as u64);
        self.piece += piece.len();
        if self.is_too_much {
            return (before, before);
        }
        let all = self.under_way.fetch_add(more, Ordering::Relaxed) + more;
        if all > most {
            self.under_way.fetch_sub(more + before, Ordering::Relaxed);
            self.content = Vec::new();
            self.is_too_much = true;
            return (before, before);
        }
        self.content.extend_from_slice(piece);
        (before, before + more)
    }

    /// The content; it is not on its way any more.
    pub(super) fn take_content(&mut self) -> Vec<u8> {
        let content = std::mem::take(&mut self.content);
        self.under_way
            .fetch_sub(content.len() as u64, Ordering::Relaxed);
        content
    }

    /// Whether it is worth keeping though it did not come to an end: something was refused or went wrong.
    pub(super) fn is_attempt(&self) -> bool {
        self.is_refused
            || self.is_faulty
            || self.refusal.is_some()
            || !self.content.is_empty()
            || !self.envelope.recipients.iter().all(Recipient::is_accepted)
    }
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        self.under_way
            .fetch_sub(self.content.len() as u64, Ordering::Relaxed);
    }
}
