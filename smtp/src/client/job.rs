//! A mail on its way: what is known of it so far.

use super::mail::{Failure, FailureKind, Mail, Outcome, Phase, Ticket, Unfinished};
use crate::Reply;

/// A mail on its way.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) ticket: Ticket,
    pub(crate) mail: Mail,
    pub(crate) accepted: Vec<usize>,
    pub(crate) rejected: Vec<(usize, Reply)>,
    /// MAIL was handed out to be sent.
    pub(crate) started: bool,
    /// The final dot was handed out to be sent.
    pub(crate) dot_handed_out: bool,
}

impl Job {
    pub(crate) fn new(ticket: Ticket, mail: Mail) -> Self {
        Self {
            ticket,
            mail,
            accepted: Vec::new(),
            rejected: Vec::new(),
            started: false,
            dot_handed_out: false,
        }
    }

    /// The end of a mail whose connection is gone; `phase` is the session's.
    pub(crate) fn unfinished(self, phase: Phase) -> (Ticket, Unfinished) {
        let phase = match phase {
            // The phase of another mail says nothing of one that waits behind it.
            Phase::Rcpt | Phase::Data | Phase::Body | Phase::Final if !self.started => Phase::Mail,
            phase => phase,
        };
        let unfinished = Unfinished {
            phase,
            in_doubt: self.dot_handed_out,
            rejected: self.rejected,
            never_started: !self.started,
        };
        (self.ticket, unfinished)
    }

    /// The end of a mail that the server took.
    pub(crate) fn succeed(self) -> (Ticket, Outcome) {
        (
            self.ticket,
            Outcome {
                accepted: self.accepted,
                rejected: self.rejected,
                failure: None,
            },
        )
    }

    /// The end of a mail that nobody gets.
    pub(crate) fn fail(
        self,
        phase: Phase,
        reply: Option<Reply>,
        kind: FailureKind,
    ) -> (Ticket, Outcome) {
        let failure = Some(Failure { phase, reply, kind });
        (
            self.ticket,
            Outcome {
                accepted: Vec::new(),
                rejected: self.rejected,
                failure,
            },
        )
    }

    /// The refusal that speaks for all: the first that may pass, or else the first.
    pub(crate) fn main_refusal(&self) -> Option<Reply> {
        let mut replies = self.rejected.iter().map(|(_, reply)| reply);
        let first = replies.clone().next();
        replies
            .find(|reply| reply.is_temporary())
            .or(first)
            .cloned()
    }
}
