//! Media types: read from what the user gives, or guessed from a file name.

use std::borrow::Cow;

use crate::encode::is_forbidden;
use crate::error::RenderError;

/// The type of bytes that nothing is known of.
pub(crate) const OCTETS: &str = "application/octet-stream";

/// The longest text of a type, room for any parameter.
const LONGEST: usize = 32 * 1024;

/// A media type with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Media<'a> {
    /// Such as `text/plain`.
    pub(crate) essence: Cow<'a, str>,
    /// Names and values, the values without quotes.
    pub(crate) params: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Media<'a> {
    /// A type without parameters.
    pub(crate) fn new(essence: impl Into<Cow<'a, str>>) -> Self {
        Self {
            essence: essence.into(),
            params: Vec::new(),
        }
    }

    /// Reads `type/subtype; name=value; …`.
    pub(crate) fn parse(field: &str, text: &'a str) -> Result<Self, RenderError> {
        if text.contains(is_forbidden) {
            let what = "has a line end or control character; expected such as text/plain";
            return Err(RenderError::new(field, what));
        }
        if text.len() > LONGEST {
            return Err(RenderError::new(field, "is longer than 32 KiB; shorten it"));
        }
        read(text).ok_or_else(|| {
            let what = format!("\"{text}\" is no media type; expected such as text/plain");
            RenderError::new(field, what)
        })
    }

    /// Whether the type before the slash is that one.
    pub(crate) fn is(&self, top: &str) -> bool {
        let kind = self.essence.split('/').next();
        kind.is_some_and(|kind| kind.eq_ignore_ascii_case(top))
    }

    /// The value of a parameter.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        let mut params = self.params.iter();
        let found = params.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_ref())
    }

    /// Drops the charset: another is declared.
    pub(crate) fn drop_charset(&mut self) {
        self.params
            .retain(|(name, _)| !name.eq_ignore_ascii_case("charset"));
    }
}

fn read(text: &str) -> Option<Media<'_>> {
    let (essence, mut rest) = match text.find(';') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let essence = essence.trim();
    let (kind, subtype) = essence.split_once('/')?;
    if !is_token(kind) || !is_token(subtype) {
        return None;
    }
    let mut media = Media::new(essence);
    while let Some(next) = rest.trim_start().strip_prefix(';') {
        rest = next.trim_start();
        if rest.is_empty() || rest.starts_with(';') {
            continue;
        }
        let (name, value) = rest.split_once('=')?;
        let name = name.trim_end();
        let (value, after) = read_value(value.trim_start())?;
        if !is_token(name) || media.param(name).is_some() {
            return None;
        }
        media.params.push((name.into(), value));
        rest = after;
    }
    rest.trim().is_empty().then_some(media)
}

/// A token or a quoted string, and what comes after it.
fn read_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c == ';' || c.is_whitespace());
        let (value, rest) = text.split_at(end.unwrap_or(text.len()));
        let plain = !value.is_empty() && !value.contains('"');
        return plain.then_some((value.into(), rest));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value.into(), quoted.get(at + 1..)?)),
            '\\' => value.push(chars.next()?.1),
            _ => value.push(c),
        }
    }
    None
}

/// RFC 2045's token.
pub(crate) fn is_token(text: &str) -> bool {
    // RFC 2045's list, as runs of neighbours.
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'{'..=b'~')
    };
    !text.is_empty() && text.bytes().all(plain)
}

/// The media type that the ending of a file name stands for, as Python's `mimetypes` has it.
pub(crate) fn guess(name: &str) -> &'static str {
    let mut parts = name.rsplit('.');
    let ending = parts.next().unwrap_or_default();
    let inner = parts.next();
    // A name without a stem, such as `.js`, is a hidden file and has no ending.
    let Some(inner) = inner.filter(|inner| !inner.is_empty() && !inner.ends_with(['/', '\\']))
    else {
        return OCTETS;
    };
    let is = |endings: &[&str]| endings.iter().any(|e| e.eq_ignore_ascii_case(ending));
    if is(&["gz", "bz2", "xz", "z", "br", "zst"]) {
        let tar = inner.eq_ignore_ascii_case("tar") && parts.next().is_some();
        return if tar { "application/x-tar" } else { OCTETS };
    }
    if is(&["tgz", "taz", "tz", "tbz2", "txz"]) {
        return "application/x-tar";
    }
    if is(&["js", "mjs"]) {
        return "text/javascript";
    }
    if is(&["eml", "mht", "mhtml", "nws"]) {
        return "message/rfc822";
    }
    if is(&["ico"]) {
        return "image/vnd.microsoft.icon";
    }
    let found = mime_guess::from_ext(ending).first_raw().unwrap_or(OCTETS);
    // Only what is made of bytes may be guessed; the others have a form of their own.
    let own_form = found.starts_with("multipart/") || found.starts_with("message/");
    if own_form { OCTETS } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_python() {
        for (name, kind) in [
            ("a.txt", "text/plain"),
            ("A.TXT", "text/plain"),
            ("a.tar.gz", "application/x-tar"),
            ("a.tgz", "application/x-tar"),
            ("a.gz", OCTETS),
            ("a.csv.bz2", OCTETS),
            ("a.xz", OCTETS),
            ("a.js", "text/javascript"),
            ("a.eml", "message/rfc822"),
            ("a.svg", "image/svg+xml"),
            ("a.ico", "image/vnd.microsoft.icon"),
            ("a.png", "image/png"),
            ("a.pdf", "application/pdf"),
            ("a.csv", "text/csv"),
            ("a.html", "text/html"),
            ("a", OCTETS),
            ("", OCTETS),
            (".js", OCTETS),
            ("a.unknown", OCTETS),
            ("a.b/c", OCTETS),
        ] {
            assert_eq!(guess(name), kind, "{name}");
        }
    }

    #[test]
    fn types_are_read_with_their_parameters() {
        let media = Media::parse("f", "text/calendar; method=REQUEST;  x=\"a;\\\"b\" ;").unwrap();
        assert_eq!(media.essence, "text/calendar");
        assert_eq!(media.param("METHOD"), Some("REQUEST"));
        assert_eq!(media.param("x"), Some("a;\"b"));
        assert!(media.is("TEXT"));
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for text in [
            "",
            "text",
            "/plain",
            "text/",
            "te xt/plain",
            "text/plain\n",
            "text/plain; a",
            "text/plain; a=\"",
            "text/plain; a=b c=d",
            "text/plain; a=1; A=2",
            "a/b/c",
        ] {
            assert!(Media::parse("f", text).is_err(), "{text:?}");
        }
    }
}
