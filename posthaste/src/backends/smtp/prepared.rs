//! A message made ready to be sent, and the reports about it.

use posthaste_message::{EmailMessage, Envelope, Mailbox, RenderOptions, Rendered};
use posthaste_smtp::{Mail, Outcome, Path, Reply, Unfinished};

use super::failure::refused;
use super::wishes;
use crate::error::Error;
use crate::report::{Receipt, Rejection, Report};

/// A message that has been checked and rendered.
pub(super) struct Prepared<'m> {
    envelope: Envelope,
    /// The bytes.
    pub(super) rendered: Rendered<'m>,
}

impl<'m> Prepared<'m> {
    /// Checks and renders; nothing has been said to any server by then. With what the SMTP session has to know of it.
    ///
    /// # Errors
    ///
    /// When an address or another field is invalid.
    pub(super) fn new(
        message: &'m EmailMessage,
        options: &RenderOptions,
    ) -> Result<(Self, Mail), Error> {
        let envelope = message.envelope(options)?;
        let rendered = message.render(options)?;
        let from = match &envelope.from {
            Some(sender) => path(sender, "from_email")?,
            None => Path::null(),
        };
        let to = envelope.to.iter().map(|recipient| path(recipient, "to"));
        let to = to.collect::<Result<Vec<_>, _>>()?;
        let ascii = envelope
            .from
            .iter()
            .chain(&envelope.to)
            .all(Mailbox::is_ascii);
        let mut mail = Mail::new(from, to);
        mail.size = rendered.len();
        mail.eight_bit = rendered.is_8bit();
        mail.smtputf8 = rendered.needs_smtputf8() || !ascii;
        wishes::add(&envelope, &mut mail)?;
        let prepared = Self { envelope, rendered };
        Ok((prepared, mail))
    }

    /// Tells that it goes over a connection.
    pub(super) fn tell(&self, trace: &mut crate::trace::Trace) {
        let (id, octets) = (self.rendered.message_id(), self.rendered.len());
        trace.submitted(id, self.envelope.to.len(), octets);
    }

    /// What became of the message.
    pub(super) fn report(&self, outcome: Outcome) -> Report {
        if outcome.failure.is_some() || outcome.accepted.is_empty() {
            return self.failed(self.error(outcome));
        }
        let report = Report::taken(
            Some(self.message_id()),
            self.recipients(outcome.accepted),
            self.rejections(outcome.rejected),
        );
        match outcome.replies.is_empty() {
            true => report.with_reply(outcome.reply),
            false => report.with_receipts(self.receipts(outcome.replies)),
        }
    }

    /// What became of a message that some have, when the connection was lost before the server had answered for all.
    pub(super) fn partly(&self, unfinished: Unfinished) -> Report {
        let taken: Vec<_> = unfinished.replies.iter().map(|(i, _)| *i).collect();
        let refused = unfinished.rejected.iter().map(|(i, _)| *i);
        let answered: Vec<_> = refused.chain(taken.iter().copied()).collect();
        let others = (0..self.envelope.to.len()).filter(|i| !answered.contains(i));
        Report::taken(
            Some(self.message_id()),
            self.recipients(taken),
            self.rejections(unfinished.rejected),
        )
        .with_receipts(self.receipts(unfinished.replies))
        .with_in_doubt(self.recipients(others))
    }

    /// The error of a message that nobody got.
    pub(super) fn error(&self, outcome: Outcome) -> Error {
        let rejected = self.rejections(outcome.rejected);
        refused(outcome.failure, &rejected).with_rejections(rejected)
    }

    /// The report of a failure; the refused recipients are those that the error knows.
    pub(super) fn failed(&self, error: Error) -> Report {
        Report::failed(Some(self.message_id()), error)
    }

    /// The recipients that were refused, by their names.
    pub(super) fn rejections(&self, rejected: Vec<(usize, Reply)>) -> Vec<Rejection> {
        let rejected = rejected.into_iter();
        rejected
            .filter_map(|(i, reply)| {
                let recipient = self.recipient(i)?;
                Some(Rejection { recipient, reply })
            })
            .collect()
    }

    fn receipts(&self, replies: Vec<(usize, Reply)>) -> Vec<Receipt> {
        let replies = replies.into_iter();
        replies
            .filter_map(|(i, reply)| Some(Receipt::new(self.recipient(i)?, reply)))
            .collect()
    }

    fn recipients(&self, indexes: impl IntoIterator<Item = usize>) -> Vec<Mailbox> {
        let indexes = indexes.into_iter();
        indexes.filter_map(|i| self.recipient(i)).collect()
    }

    fn recipient(&self, index: usize) -> Option<Mailbox> {
        self.envelope.to.get(index).cloned()
    }

    fn message_id(&self) -> String {
        self.rendered.message_id().to_owned()
    }
}

/// An address as the session wants it.
fn path(mailbox: &Mailbox, field: &str) -> Result<Path, Error> {
    Path::new(&mailbox.addr_spec()).map_err(|error| Error::invalid(field, error.to_string()))
}
