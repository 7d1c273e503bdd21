//! What somebody holds of a pool.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::{PoolLimits, Pooled, Shared, Used};

/// The right to have one connection. It returns when this is dropped.
pub(crate) struct Slot<C: Pooled> {
    /// Where it belongs; nowhere, if its holder has a connection apart from all others.
    pool: Option<Arc<Shared<C>>>,
    limits: PoolLimits,
}

/// What [`Pool::take`](super::Pool::take) gives.
pub(crate) enum Taken<C: Pooled> {
    /// A connection that was idle.
    Kept(Lease<C>),
    /// None; there is room for a new one.
    Empty(Slot<C>),
}

/// A connection in use, and its slot. Dropping it closes the connection without a word.
pub(crate) struct Lease<C: Pooled> {
    // Dropped before the slot, so that there are never too many.
    used: Used<C>,
    slot: Slot<C>,
}

impl<C: Pooled> Slot<C> {
    /// One that belongs to no pool.
    pub(crate) fn apart(limits: PoolLimits) -> Self {
        Self { pool: None, limits }
    }

    pub(super) fn of(pool: &Arc<Shared<C>>) -> Self {
        Self {
            limits: pool.limits,
            pool: Some(Arc::clone(pool)),
        }
    }

    /// A new connection, in this slot.
    pub(crate) fn fill(self, connection: C) -> Lease<C> {
        Lease::new(self, Used::new(connection))
    }
}

impl<C: Pooled> Drop for Slot<C> {
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            pool.release();
        }
    }
}

impl<C: Pooled> Lease<C> {
    pub(super) fn new(slot: Slot<C>, used: Used<C>) -> Self {
        Self { used, slot }
    }

    /// Counts one message that goes over it.
    pub(crate) fn count(&mut self) {
        self.used.messages += 1;
    }

    /// Whether it has served long enough, and is to be closed before the next message.
    pub(crate) fn is_worn(&self) -> bool {
        self.used.is_worn(&self.slot.limits)
    }

    /// Whether it can be used where we are.
    pub(crate) fn is_at_home(&self) -> bool {
        self.used.connection.home() == C::here()
    }

    /// Gives the connection back, for others to use; one without a pool is closed. Only for one that is between two
    /// messages.
    pub(crate) fn give_back(self) {
        let Self { mut used, mut slot } = self;
        match slot.pool.take() {
            Some(pool) => pool.restore(used),
            None => used.connection.part(),
        }
    }
}

impl<C: Pooled> Deref for Lease<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.used.connection
    }
}

impl<C: Pooled> DerefMut for Lease<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.used.connection
    }
}
