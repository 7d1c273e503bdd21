//! Header fields (RFC 5322 section 2.2), and what is in them.

use std::borrow::Cow;
use std::ops::Range;

use mail_parser::parsers::MessageStream;
use mail_parser::{Address as Parsed, ContentType, HeaderValue};

use super::{Address, Header};

/// Octets times encoded words of a header that are decoded: enough for a thousand words.
const DECODED: usize = 100_000_000;

/// A header field as it stands in a mail.
pub(crate) struct Field<'m> {
    pub(crate) name: &'m [u8],
    /// After the colon, with folds, without the last line end.
    pub(crate) value: &'m [u8],
}

impl Field<'_> {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// What it says, decoded.
    pub(super) fn text(&self) -> String {
        let line = self.line();
        match MessageStream::new(&line).parse_unstructured() {
            HeaderValue::Text(text) => text.trim().to_owned(),
            _ => String::new(),
        }
    }

    pub(super) fn addresses(&self) -> Vec<Address> {
        let line = self.line();
        match MessageStream::new(&line).parse_address() {
            HeaderValue::Address(list) => addresses(&list),
            _ => Vec::new(),
        }
    }

    pub(super) fn content_type(&self) -> Option<ContentType<'static>> {
        let line = self.line();
        let value = MessageStream::new(&line).parse_content_type();
        value.into_owned().into_content_type()
    }

    /// What is between the angle brackets, or all of it without any.
    pub(super) fn id(&self) -> String {
        let text = self.text();
        let inner = text.trim_start_matches('<');
        inner.split('>').next().unwrap_or_default().to_owned()
    }

    pub(super) fn header(&self) -> Header {
        Header {
            name: String::from_utf8_lossy(self.name).into_owned(),
            value: self.text(),
            raw: String::from_utf8_lossy(self.value).into_owned(),
        }
    }

    /// The parser wants to see the end of the line. At each start of an encoded word it may read on to the end, so that a line
    /// of nothing else would take minutes: where that is too much, no word is one.
    fn line(&self) -> Vec<u8> {
        let starts = memchr::memmem::find_iter(self.value, b"=?").count();
        let mut line = [self.value, b"\n"].concat();
        if starts.saturating_mul(line.len()) > DECODED {
            for at in memchr::memmem::find_iter(self.value, b"=?") {
                if let Some(start) = line.get_mut(at) {
                    *start = b'_';
                }
            }
        }
        line
    }
}

fn addresses(list: &Parsed<'_>) -> Vec<Address> {
    list.iter()
        .map(|one| Address {
            name: one.name().map(str::to_owned),
            address: one.address().unwrap_or_default().to_owned(),
        })
        .collect()
}

/// Where the headers of an entity end and where its body begins. Without an empty line all of it is headers.
pub(crate) fn split(entity: &[u8]) -> (Range<usize>, usize) {
    let mut at = 0;
    while let Some(rest) = entity.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(empty) = [&b"\r\n"[..], b"\n"]
            .into_iter()
            .find(|end| rest.starts_with(end))
        {
            return (0..at, at + empty.len());
        }
        at += memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
    }
    (0..entity.len(), entity.len())
}

/// The fields of a block of headers. Lines that are none are left out.
pub(crate) fn fields(block: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = block;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (line, after) = rest.split_at(field_end(rest));
            rest = after;
            if let Some(field) = field(line) {
                return Some(field);
            }
        }
        None
    })
}

/// Where the first line ends that no folded line follows.
fn field_end(block: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', block)
        .map(|end| end + 1)
        .find(|end| !matches!(block.get(*end), Some(b' ' | b'\t')))
        .unwrap_or(block.len())
}

fn field(line: &[u8]) -> Option<Field<'_>> {
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = line.split_at(colon);
    let name = name.trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    let value = value.strip_prefix(b":")?;
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    let value = value.strip_suffix(b"\r").unwrap_or(value);
    is_name.then_some(Field { name, value })
}

/// A parameter of a Content-Type or Content-Disposition.
pub(super) fn parameter(of: Option<&ContentType<'_>>, name: &str) -> Option<String> {
    let value = of?.attribute(name)?;
    let decoded = if value.contains("=?") {
        // QUIRK: RFC 2047 section 5 forbids encoded words here, and many mailers write them.
        Cow::Owned(
            Field {
                name: b"",
                value: value.as_bytes(),
            }
            .text(),
        )
    } else {
        Cow::Borrowed(value)
    };
    Some(decoded.into_owned())
}
