//! What differs between a blocking and an asynchronous socket, and nothing else.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::target::Target;

/// A connected byte stream whose every operation has a time limit.
///
/// An operation that takes longer than its limit fails with [`io::ErrorKind::TimedOut`], whatever the platform calls it.
pub(crate) trait Wire: Sized + Send + Sync + 'static {
    /// Resolves the host and connects to the first of its addresses that answers, all within `limit`.
    fn connect(at: &Target, limit: Duration) -> impl Future<Output = io::Result<Self>> + Send;

    /// Writes some of `bytes`, and says how many.
    fn send(
        &mut self,
        bytes: &[u8],
        limit: Duration,
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// Reads what there is into `into`; 0 means that the peer has closed.
    fn receive(
        &mut self,
        into: &mut [u8],
        limit: Duration,
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// Reads what has come already, without waiting. 0 means that nothing has; also that the connection is closed or
    /// broken, which the next operation that waits will tell.
    fn receive_now(&mut self, into: &mut [u8]) -> impl Future<Output = usize> + Send;

    /// Writes `bytes` if that can be done without waiting; used where nobody can wait, in `Drop`.
    fn send_now(&mut self, bytes: &[u8]);
}

/// The error of an operation that took too long.
pub(super) fn timed_out() -> io::Error {
    io::Error::from(io::ErrorKind::TimedOut)
}

/// The time left until `deadline`, or the time-out's error.
///
/// # Errors
///
/// When the deadline has passed.
pub(super) fn remaining(deadline: Instant) -> io::Result<Duration> {
    match deadline.checked_duration_since(Instant::now()) {
        Some(left) if !left.is_zero() => Ok(left),
        _ => Err(timed_out()),
    }
}

/// The share of the remaining time that one of `addresses` may use, so that a silent one leaves time for the others.
///
/// # Errors
///
/// When the deadline has passed.
pub(super) fn share(deadline: Instant, addresses: usize) -> io::Result<Duration> {
    let addresses = u32::try_from(addresses.max(1)).unwrap_or(u32::MAX);
    let share = remaining(deadline)? / addresses;
    Ok(share.max(Duration::from_millis(1)))
}

/// At most eight of the addresses a name has: a name server is not trusted to keep the list short.
pub(super) fn some_addresses(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    found.take(8).collect()
}

/// The error of a name that has no address.
pub(super) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the host name has no address")
}
