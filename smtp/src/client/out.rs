//! The bytes that wait to be sent, and how far in the stream they are.

use std::fmt;

/// The most that is handed out at once. Whatever was handed out may have been sent, so this bounds how much is in doubt
/// when sending fails.
const MOST: usize = 128 * 1024;

/// Bytes that wait to be sent. `Debug` does not show them: a password may be among them.
#[derive(Default)]
pub(super) struct Out {
    bytes: Vec<u8>,
    /// How many of `bytes` were sent.
    gone: usize,
    /// The octets that were sent before those in `bytes`.
    before: u64,
    handed_out: u64,
}

impl fmt::Debug for Out {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Out({} bytes)", self.len())
    }
}

impl Out {
    pub(super) fn is_pending(&self) -> bool {
        self.gone < self.bytes.len()
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.gone
    }

    /// What to send next. From now on the server may have it, whatever the driver learns of it.
    pub(super) fn hand_out(&mut self) -> &[u8] {
        let end = self.bytes.len().min(self.gone + MOST);
        self.handed_out = self.handed_out.max(self.before + end as u64);
        &self.bytes[self.gone..end]
    }

    /// Where to append.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(super) fn sent(&mut self, n: usize) {
        self.gone = self.gone.saturating_add(n).min(self.bytes.len());
        // Once in a while, so that no byte is moved often: never more than have gone.
        if !self.is_pending() || self.gone > MOST.max(self.len()) {
            self.before += self.gone as u64;
            self.bytes.drain(..self.gone);
            self.gone = 0;
        }
    }

    /// How many octets of the stream are written, sent or not.
    pub(super) fn written_total(&self) -> u64 {
        self.before + self.bytes.len() as u64
    }

    /// How many octets of the stream were sent.
    pub(super) fn sent_total(&self) -> u64 {
        self.before + self.gone as u64
    }

    /// How many octets of the stream were handed out to be sent.
    pub(super) fn handed_out(&self) -> u64 {
        self.handed_out
    }

    /// Forgets what waits: there is nobody to send it to.
    pub(super) fn clear(&mut self) {
        self.bytes.truncate(self.gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_once_and_in_order() {
        let mut out = Out::default();
        out.bytes().extend_from_slice(b"abc");
        out.sent(1);
        assert_eq!(out.hand_out(), b"bc");
        out.bytes().extend_from_slice(b"d");
        out.sent(2);
        assert_eq!((out.sent_total(), out.written_total()), (3, 4));
        assert_eq!(out.hand_out(), b"d");
        // More than there is: a driver's mistake must not lose what comes later.
        out.sent(usize::MAX);
        assert!(!out.is_pending());
        out.bytes().extend_from_slice(b"e");
        assert_eq!(out.hand_out(), b"e");
        assert_eq!((out.sent_total(), out.handed_out()), (4, 5));
    }

    #[test]
    fn what_is_handed_out_at_once_is_bounded_and_counted() {
        let mut out = Out::default();
        out.bytes().resize(3 * MOST, b'x');
        assert_eq!(out.hand_out().len(), MOST);
        assert_eq!(out.handed_out(), MOST as u64);
        out.sent(MOST + 1);
        assert_eq!(out.len(), 2 * MOST - 1);
        assert_eq!(out.sent_total(), MOST as u64 + 1);
    }
}
