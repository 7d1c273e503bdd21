//! What an envelope may ask of a server beyond delivery: notices (RFC 3461), TLS all the way (RFC 8689), a
//! priority (RFC 6710).
//!
//! Each value is valid by existence. It holds its text as it was given; the gate in `command.rs` encodes it.

use std::fmt;

use crate::InvalidArgument;
use crate::command::{encoded_original, xtext};

/// The longest ENVID, as encoded (RFC 3461 section 4.4).
const MAX_ENVELOPE_ID: usize = 100;
/// The longest ORCPT, as encoded (RFC 3461 section 4.2).
const MAX_ORIGINAL: usize = 500;

/// The events of a recipient that the sender wants to be told of (NOTIFY of RFC 3461).
///
/// None of them means that no notice is wanted, not even of a failure. To leave the choice to the server, leave the
/// value out.
///
/// # Example
///
/// ```
/// use posthaste_smtp::Notify;
///
/// let both = Notify { success: true, failure: true, delay: false };
/// assert_eq!(both.to_string(), "SUCCESS,FAILURE");
/// assert_eq!(Notify::NEVER.to_string(), "NEVER");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Notify {
    /// It was delivered.
    pub success: bool,
    /// It cannot be delivered.
    pub failure: bool,
    /// It takes longer than usual.
    pub delay: bool,
}

impl Notify {
    /// No notices at all.
    pub const NEVER: Self = Self {
        success: false,
        failure: false,
        delay: false,
    };
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.success, "SUCCESS"),
            (self.failure, "FAILURE"),
            (self.delay, "DELAY"),
        ];
        let mut wanted = all.iter().filter(|(is_wanted, _)| *is_wanted);
        match wanted.next() {
            None => f.write_str("NEVER"),
            Some((_, first)) => {
                f.write_str(first)?;
                wanted.try_for_each(|(_, name)| write!(f, ",{name}"))
            }
        }
    }
}

/// How much of the mail a notice of failure brings back (RET of RFC 3461).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ret {
    /// All of it.
    Full,
    /// Its headers alone.
    Headers,
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "FULL",
            Self::Headers => "HDRS",
        })
    }
}

/// The sender's own name for a mail, which notices about it repeat (ENVID of RFC 3461).
///
/// # Example
///
/// ```
/// use posthaste_smtp::EnvelopeId;
///
/// assert_eq!(EnvelopeId::new("order 7+8")?.as_str(), "order 7+8");
/// assert!(EnvelopeId::new("7\r\nRSET").is_err());
/// # Ok::<(), posthaste_smtp::InvalidArgument>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnvelopeId(String);

impl EnvelopeId {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// When it is empty, is not of printable ASCII alone, or takes more than 100 characters, where `+`, `=` and the
    /// blank count for three.
    pub fn new(text: &str) -> Result<Self, InvalidArgument> {
        let bad = |problem| Err(InvalidArgument::new("envelope id", problem));
        if text.is_empty() {
            return bad("it is empty");
        }
        if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return bad("it holds something else than printable ASCII");
        }
        if xtext(text).len() > MAX_ENVELOPE_ID {
            return bad("it is longer than 100 characters");
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The address that a mail was first meant for, which notices about it repeat (ORCPT of RFC 3461).
///
/// An address beyond ASCII is written as RFC 6533 tells, so that it needs no SMTPUTF8.
///
/// # Example
///
/// ```
/// use posthaste_smtp::OriginalRecipient;
///
/// assert_eq!(OriginalRecipient::new("ann@example.com")?.as_str(), "ann@example.com");
/// assert!(OriginalRecipient::new("ann@example.com\r\nRSET").is_err());
/// # Ok::<(), posthaste_smtp::InvalidArgument>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginalRecipient(String);

impl OriginalRecipient {
    /// Checks an address. It need not be one that mail can be sent to.
    ///
    /// # Errors
    ///
    /// When it is empty, holds a control, or takes more than 500 characters as it is encoded.
    pub fn new(address: &str) -> Result<Self, InvalidArgument> {
        let bad = |problem| Err(InvalidArgument::new("original recipient", problem));
        if address.is_empty() {
            return bad("it is empty");
        }
        if address.chars().any(char::is_control) {
            return bad("it holds a control character");
        }
        if encoded_original(address).len() > MAX_ORIGINAL {
            return bad("it is longer than 500 characters");
        }
        Ok(Self(address.to_owned()))
    }

    /// The address as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How urgent a mail is, from -9 to 9 (MT-PRIORITY of RFC 6710). What is not urgent has 0.
///
/// # Example
///
/// ```
/// use posthaste_smtp::Priority;
///
/// assert_eq!(Priority::new(-3)?.get(), -3);
/// assert!(Priority::new(10).is_err());
/// # Ok::<(), posthaste_smtp::InvalidArgument>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(i8);

impl Priority {
    /// Checks a priority.
    ///
    /// # Errors
    ///
    /// When it is not from -9 to 9.
    pub fn new(priority: i8) -> Result<Self, InvalidArgument> {
        if (-9..=9).contains(&priority) {
            Ok(Self(priority))
        } else {
            Err(InvalidArgument::new("priority", "it is not from -9 to 9"))
        }
    }

    /// The number.
    pub fn get(self) -> i8 {
        self.0
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_in_the_order_of_the_standard() {
        let wanted = |success, failure, delay| {
            Notify {
                success,
                failure,
                delay,
            }
            .to_string()
        };
        assert_eq!(wanted(false, false, false), "NEVER");
        assert_eq!(wanted(false, false, true), "DELAY");
        assert_eq!(wanted(true, true, true), "SUCCESS,FAILURE,DELAY");
    }

    #[test]
    fn lengths_count_as_encoded() {
        assert!(EnvelopeId::new(&"a".repeat(100)).is_ok());
        assert!(EnvelopeId::new(&"a".repeat(101)).is_err());
        assert!(EnvelopeId::new(&"+".repeat(33)).is_ok());
        assert!(EnvelopeId::new(&"+".repeat(34)).is_err());
        assert!(OriginalRecipient::new(&"a".repeat(493)).is_ok());
        assert!(OriginalRecipient::new(&"a".repeat(494)).is_err());
        assert!(OriginalRecipient::new(&"ü".repeat(90)).is_err());
    }

    #[test]
    fn what_could_break_a_line_is_refused() {
        for evil in ["", "a\rb", "a\nb", "a\0b", "a\tb", "a\u{7f}", "a\u{85}"] {
            assert!(EnvelopeId::new(evil).is_err(), "{evil:?}");
            assert!(OriginalRecipient::new(evil).is_err(), "{evil:?}");
        }
        assert!(EnvelopeId::new("ü").is_err());
    }

    #[test]
    fn priorities_have_bounds() {
        assert!(Priority::new(-9).is_ok() && Priority::new(9).is_ok());
        assert!(Priority::new(-10).is_err() && Priority::new(10).is_err());
        assert_eq!(
            Priority::new(-9).map(|p| p.to_string()).as_deref(),
            Ok("-9")
        );
    }
}
