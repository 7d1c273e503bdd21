//! A mail on its way: what is known of it so far.

use super::mail::{Failure, FailureKind, Mail, Outcome, Phase, Ticket, Unfinished};
use crate::Reply;

/// A mail on its way.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) ticket: Ticket,
    pub(super) mail: Mail,
    accepted: Vec<usize>,
    rejected: Vec<(usize, Reply)>,
    /// How many recipients the server has answered for.
    answered: usize,
    /// The first thing that went wrong; the replies that still come change nothing.
    pub(super) failure: Option<Failure>,
    /// What the server said when it took the mail.
    reply: Option<Reply>,
    /// The same for each recipient, in LMTP.
    replies: Vec<(usize, Reply)>,
    /// How many replies the server owes for it.
    owed: usize,
    /// The server has answered something of it.
    heard: bool,
    /// Nothing more will be written of it.
    pub(super) written: bool,
    /// It was begun before the mails before it were settled.
    pub(super) ahead: bool,
    /// Where in the stream it begins.
    begins: Option<u64>,
    /// Where in the stream its end begins, from which on the server may have taken it: the dot, or the last chunk.
    ends: Option<u64>,
}

impl Job {
    pub(super) fn new(ticket: Ticket, mail: Mail) -> Self {
        Self {
            ticket,
            mail,
            accepted: Vec::new(),
            rejected: Vec::new(),
            answered: 0,
            failure: None,
            reply: None,
            replies: Vec::new(),
            owed: 0,
            heard: false,
            written: false,
            ahead: false,
            begins: None,
            ends: None,
        }
    }

    /// Notes that its first octet is about to be written there.
    pub(super) fn begin(&mut self, at: u64, ahead: bool) {
        self.begins = Some(at);
        self.ahead = ahead;
    }

    /// Notes that its end is about to be written there.
    pub(super) fn end(&mut self, at: u64) {
        self.ends = Some(at);
        self.written = true;
    }

    /// Whether its end is written.
    pub(super) fn is_whole(&self) -> bool {
        self.ends.is_some()
    }

    /// Whether a part of it is among the first `handed_out` octets of the stream.
    pub(super) fn is_started(&self, handed_out: u64) -> bool {
        self.begins.is_some_and(|at| at < handed_out)
    }

    /// Whether all of it may be among the first `handed_out` octets of the stream.
    pub(super) fn is_in_doubt(&self, handed_out: u64) -> bool {
        self.ends.is_some_and(|at| at < handed_out)
    }

    /// Notes that the server owes one more reply.
    pub(super) fn owe(&mut self) {
        self.owed += 1;
    }

    /// Notes that the server owes one reply less.
    pub(super) fn pay(&mut self) {
        self.heard = true;
        self.owed = self.owed.saturating_sub(1);
    }

    /// Whether nothing more is to be written or to be heard.
    pub(super) fn is_settled(&self) -> bool {
        self.written && self.owed == 0
    }

    /// The recipients that were accepted so far.
    pub(super) fn accepted(&self) -> &[usize] {
        &self.accepted
    }

    /// Whether the server has answered for every recipient.
    pub(super) fn knows_recipients(&self) -> bool {
        self.answered >= self.mail.to.len()
    }

    /// Notes what the server said to a recipient. After a refused MAIL it says no to each, which tells nothing of them.
    pub(super) fn recipient_answered(&mut self, index: usize, reply: &Reply) {
        self.answered += 1;
        if reply.is_success() {
            self.accepted.push(index);
        } else if self.failure.is_none() {
            self.rejected.push((index, reply.clone().shortened()));
        }
    }

    /// Notes what the server said to the content; in LMTP it is said to one recipient.
    pub(super) fn content_answered(&mut self, recipient: Option<usize>, reply: Reply) {
        match recipient {
            Some(index) if !reply.is_success() => {
                self.accepted.retain(|&accepted| accepted != index);
                self.rejected.push((index, reply.shortened()));
                self.rejected.sort_by_key(|(index, _)| *index);
            }
            _ => {
                let reply = reply.shortened();
                self.replies
                    .extend(recipient.map(|index| (index, reply.clone())));
                self.reply.get_or_insert(reply);
            }
        }
    }

    /// Notes that the content was refused for one recipient. If it was the last one, nobody gets the mail.
    pub(super) fn content_refused(&mut self, recipient: Option<usize>, reply: &Reply) {
        self.content_answered(recipient, reply.clone());
        if self.accepted.is_empty() {
            let refusal = self.main_refusal();
            self.fail(Phase::Final, refusal, FailureKind::Refused);
        }
    }

    /// Notes why nobody gets it. The first reason stays.
    pub(super) fn fail(&mut self, phase: Phase, reply: Option<Reply>, kind: FailureKind) {
        self.failure.get_or_insert(Failure { phase, reply, kind });
    }

    /// The refusal that speaks for all: the first that may pass, or else the first.
    pub(super) fn main_refusal(&self) -> Option<Reply> {
        let mut replies = self.rejected.iter().map(|(_, reply)| reply);
        let first = replies.clone().next();
        replies
            .find(|reply| reply.is_temporary())
            .or(first)
            .cloned()
    }

    /// The end of a mail whose fate is known.
    pub(super) fn outcome(self) -> (Ticket, Outcome) {
        let is_taken = self.failure.is_none();
        let outcome = Outcome {
            accepted: if is_taken { self.accepted } else { Vec::new() },
            rejected: self.rejected,
            failure: self.failure,
            reply: self.reply.filter(|_| is_taken),
            replies: self.replies,
        };
        (self.ticket, outcome)
    }

    /// The end of a mail whose connection is gone after `handed_out` octets; `phase` is the session's, and it speaks of the
    /// first of the mails. `by_data` if that one's content was not understood.
    pub(super) fn unfinished(
        self,
        phase: Phase,
        is_first: bool,
        by_data: bool,
        handed_out: u64,
    ) -> (Ticket, Unfinished) {
        let started = self.is_started(handed_out);
        let in_doubt = self.is_in_doubt(handed_out) && !by_data;
        let phase = match phase {
            _ if in_doubt => Phase::Final,
            // The phase of another mail says nothing of one that waits behind it.
            Phase::Rcpt | Phase::Data | Phase::Body | Phase::Final if !started => Phase::Mail,
            // What was awaited is the answer to the RSET before it, or to the end of the mail before that.
            Phase::Data | Phase::Body | Phase::Final | Phase::Rset if !self.heard => Phase::Mail,
            Phase::Final if is_first => Phase::Body,
            phase if is_first || !started => phase,
            _ => Phase::Mail,
        };
        let unfinished = Unfinished {
            phase,
            in_doubt,
            rejected: self.rejected,
            replies: self.replies,
            never_started: !started,
            was_first: is_first,
            by_data,
        };
        (self.ticket, unfinished)
    }
}
