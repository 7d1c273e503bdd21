//! What can be wrong with a message or an address.

use std::fmt::{self, Write as _};

/// The most characters of foreign text that an error shows.
const SHOWN: usize = 120;

/// The most characters of an error's own text, whatever it was made of.
const LONGEST: usize = 600;

/// A message that cannot be written, with the field at fault.
///
/// Displayed it is one line, `field: what is wrong`; control characters are escaped and the
/// length is bounded, so it may go to a terminal or a log as it is.
///
/// ```
/// use posthaste_message::RenderError;
///
/// let error = RenderError::new("subject", "has a line end; write it on one line");
/// assert_eq!(error.field(), "subject");
/// assert_eq!(error.to_string(), "subject: has a line end; write it on one line");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderError {
    field: String,
    message: String,
}

impl RenderError {
    /// An error at `field`, for instance `subject`, `headers.X-Foo` or `attachments[0].filename`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: clean(&field.into(), SHOWN),
            message: clean(&message.into(), LONGEST),
        }
    }

    /// The field at fault, as the message's JSON form names it.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong, without the field.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for RenderError {}

/// A text that is no address.
///
/// ```
/// use posthaste_message::Mailbox;
///
/// let error = "to@".parse::<Mailbox>().unwrap_err();
/// assert!(error.to_string().starts_with("\"to@\" is not an address"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError {
    text: String,
    reason: &'static str,
}

impl AddressError {
    /// `text` is no address because of `reason`.
    pub(crate) fn new(text: &str, reason: &'static str) -> Self {
        Self {
            text: clean(text, SHOWN),
            reason,
        }
    }

    /// Why the text is no address.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.reason
    }

    /// The same error, told of a field of a message.
    pub(crate) fn at(&self, field: impl Into<String>) -> RenderError {
        RenderError::new(field, self.to_string())
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not an address: {}", self.text, self.reason)
    }
}

impl std::error::Error for AddressError {}

/// `text` on one line: controls and invisible direction marks escaped, cut after `limit`
/// characters.
pub(crate) fn clean(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit));
    for (count, c) in text.chars().enumerate() {
        if count == limit {
            out.push('…');
            break;
        }
        if is_unsafe_to_show(c) {
            // Writing to a String cannot fail.
            let _ = write!(out, "{}", c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Characters that move the cursor, break the line or turn the writing direction.
fn is_unsafe_to_show(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}'
        )
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_short_line() {
        let text = "a\r\nb\u{1b}[2J\u{2028}\u{202e}".repeat(500);
        let error = RenderError::new(text.clone(), text.clone()).to_string();
        assert!(error.len() < 8_000);
        assert!(!error.chars().any(is_unsafe_to_show));
        let error = AddressError::new(&text, "it is long").to_string();
        assert!(error.len() < 2_000);
        assert!(!error.chars().any(is_unsafe_to_show));
    }
}
