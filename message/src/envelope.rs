//! What the server is told of a message.

use std::collections::BTreeMap;

use crate::address::Mailbox;
use crate::dsn::{self, Dsn, Notify, Own, Return};
use crate::error::RenderError;

/// Who a message goes to, and who hears when it cannot: what the server is told, which is
/// not always what the headers show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Envelope {
    /// The sender; `None` is the null reverse-path, which asks for no answer.
    pub from: Option<Mailbox>,
    /// The recipients, in order; nobody is dropped as a duplicate.
    pub to: Vec<Mailbox>,
    /// How much of the message a notice of failure is to bring back.
    pub returns: Option<Return>,
    /// The name of the message that notices repeat.
    pub envelope_id: Option<String>,
    /// Whether the message may travel under TLS only.
    pub require_tls: bool,
    /// How urgent the message is, from -9 to 9.
    pub mt_priority: Option<i8>,
    /// The notices that are wanted of those who have none of their own.
    notify: Option<Notify>,
    /// What is different for the recipients at these places.
    own: BTreeMap<usize, Own>,
}

impl Envelope {
    /// An envelope that asks for nothing special.
    #[must_use]
    pub fn new(from: Option<Mailbox>, to: Vec<Mailbox>) -> Self {
        Self {
            from,
            to,
            ..Self::default()
        }
    }

    /// When a notice about the recipient at this place in `to` is wanted; `None` leaves it to the servers.
    #[must_use]
    pub fn notify(&self, place: usize) -> Option<Notify> {
        let own = self.own.get(&place).and_then(|own| own.notify);
        own.or(self.notify)
    }

    /// The address that was written to at first, where the recipient at this place in `to` gets its mail.
    #[must_use]
    pub fn original(&self, place: usize) -> Option<&Mailbox> {
        self.own.get(&place)?.original.as_ref()
    }

    /// Takes what was asked of notices.
    pub(crate) fn set_dsn(&mut self, dsn: &Dsn) -> Result<(), RenderError> {
        self.own = dsn::assign(dsn, &self.to)?;
        self.notify = dsn.notify;
        self.returns = dsn.returns;
        self.envelope_id.clone_from(&dsn.envelope_id);
        Ok(())
    }
}
