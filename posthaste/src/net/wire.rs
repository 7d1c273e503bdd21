//! What differs between a blocking and an asynchronous socket, and nothing else.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::target::Place;

/// A connected byte stream whose every operation has a time limit.
///
/// An operation that takes longer than its limit fails with [`io::ErrorKind::TimedOut`], whatever the platform calls it.
pub(crate) trait Wire: Sized + Send + Sync + 'static {
    /// What has to be the same for a wire to be used again: the runtime that wakes it.
    type Home: Copy + Debug + PartialEq + Send + Sync;

    /// Where wires are made and used at this point of the program.
    fn home() -> Self::Home;

    /// Resolves the host and connects to the first of its addresses that answers, all within `limit`; from the address
    /// `bind`, if there is one.
    fn connect(
        place: &Place,
        bind: Option<IpAddr>,
        limit: Duration,
    ) -> impl Future<Output = io::Result<Self>> + Send;

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

    /// Writes some of `bytes` or, when the peer takes none now, reads what it says: a peer that waits for us to read
    /// before it reads on would else wait for ever. `bytes` and `into` must not be empty.
    fn exchange(
        &mut self,
        bytes: &[u8],
        into: &mut [u8],
        limit: Duration,
    ) -> impl Future<Output = io::Result<Moved>> + Send;

    /// Reads what has come already, without waiting: `None` if nothing has, 0 if the peer has closed.
    fn receive_now(&mut self, into: &mut [u8]) -> io::Result<Option<usize>>;

    /// Writes `bytes` if that can be done without waiting; used where nobody can wait, in `Drop`.
    fn send_now(&mut self, bytes: &[u8]);

    /// Waits for `work`, but no longer than `limit` if there is one.
    fn within<T: Send>(
        limit: Option<Duration>,
        work: impl Future<Output = T> + Send,
    ) -> impl Future<Output = io::Result<T>> + Send;
}

/// What came of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// So many bytes were taken to be sent.
    Sent(usize),
    /// So many bytes were received; 0 means that the peer has closed.
    Received(usize),
}

/// Writes all of `bytes`.
///
/// # Errors
///
/// When the wire fails, or `deadline` passes.
pub(super) async fn send_all<W: Wire>(
    wire: &mut W,
    mut bytes: &[u8],
    deadline: Instant,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match wire.send(bytes, remaining(deadline)?).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => bytes = bytes.get(n..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Fills `into`, and reads nothing beyond.
///
/// # Errors
///
/// When the wire fails, the peer closes, or `deadline` passes.
pub(super) async fn receive_all<W: Wire>(
    wire: &mut W,
    into: &mut [u8],
    deadline: Instant,
) -> io::Result<()> {
    let mut filled = 0;
    while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match wire.receive(rest, remaining(deadline)?).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => filled += n,
        }
    }
    Ok(())
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

/// At most eight of the addresses a name has that can be reached from `bind`: a name server is not trusted to keep the
/// list short.
///
/// # Errors
///
/// When there is none.
pub(super) fn some_addresses(
    found: impl Iterator<Item = SocketAddr>,
    bind: Option<IpAddr>,
) -> io::Result<Vec<SocketAddr>> {
    let mut found = found.peekable();
    let is_known = found.peek().is_some();
    let fits = |to: &SocketAddr| bind.is_none_or(|bind| bind.is_ipv4() == to.is_ipv4());
    let some: Vec<_> = found.filter(fits).take(8).collect();
    match (some.is_empty(), is_known, bind) {
        (false, ..) => Ok(some),
        (true, true, Some(bind)) => Err(io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            format!("the host has no address that can be reached from {bind}"),
        )),
        _ => Err(no_address()),
    }
}

/// The error of a name that has no address.
pub(super) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the host name has no address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_fit_the_one_to_connect_from() {
        let all = || ["127.0.0.1:25", "[::1]:25"].map(|text| text.parse().expect("an address"));
        let some = |bind: Option<&str>| {
            some_addresses(all().into_iter(), bind.map(|ip| ip.parse().expect("an IP")))
        };
        assert_eq!(some(None).expect("both").len(), 2);
        assert_eq!(some(Some("::1")).expect("one"), all()[1..]);
        let only: [SocketAddr; 1] = ["127.0.0.1:25".parse().expect("an address")];
        let error = some_addresses(only.into_iter(), Some(IpAddr::from([0; 16])));
        assert!(error.expect_err("no IPv6").to_string().contains("from ::"));
        assert!(some_addresses([].into_iter(), None).is_err());
        let many = std::iter::repeat_n(only[0], 100);
        assert_eq!(some_addresses(many, None).expect("some").len(), 8);
    }
}
