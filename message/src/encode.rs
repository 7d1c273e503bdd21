//! How header values are encoded and folded.

pub(crate) mod fold;
pub(crate) mod qp;
pub(crate) mod rfc2047;
pub(crate) mod rfc2231;

/// Controls and Unicode's line ends: what may stand in no header value. A tab may, in text.
pub(crate) fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}
