//! What happens in an inbox, told to whoever listens.

use std::sync::Arc;

use crate::fault::Hit;
use crate::mail::{Id, Mail};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A mail came, or a client tried to send one.
    Mail(Arc<Mail>),
    /// Mails were deleted.
    Deleted(Arc<[Id]>),
    /// Mails had to go because of a limit.
    Dropped(Arc<[Id]>),
    /// A mail was read, or marked as unread.
    Marked(Id, bool),
    /// A fault rule had its turn.
    Fault(Arc<Hit>),
}
