//! Connections that are kept for the next message.

use std::time::Duration;

/// How many connections there may be, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolLimits {
    /// Connections at the same time.
    pub(crate) connections: usize,
    /// How long one that nobody uses is kept.
    pub(crate) idle: Duration,
    /// How long one is used at all.
    pub(crate) age: Duration,
    /// Messages over one.
    pub(crate) messages: u64,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            connections: 10,
            idle: Duration::from_secs(60),
            age: Duration::from_secs(600),
            messages: 1000,
        }
    }
}
