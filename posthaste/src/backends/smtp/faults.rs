//! What a server has turned out not to do, though it says that it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Something that a server announces and cannot do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// Its replies do not follow the commands of a group.
    Pipelining = 1,
    /// It does not know BDAT, or never answers it.
    Chunking = 2,
}

/// The faults of one server, remembered from connection to connection. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Arc<AtomicU8>);

impl Faults {
    pub(super) fn has(&self, fault: Fault) -> bool {
        self.0.load(Ordering::Relaxed) & fault as u8 != 0
    }

    pub(super) fn note(&self, fault: Fault) {
        self.0.fetch_or(fault as u8, Ordering::Relaxed);
    }
}
