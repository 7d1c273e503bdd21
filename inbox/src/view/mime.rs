//! The tree of parts (RFC 2046).

use std::ops::Range;

use super::Part;
use super::decode;
use super::headers::{Field, fields, parameter, split};

/// So many parts are shown.
const PARTS: usize = 1_000;
/// So deep may parts be in each other.
const DEPTH: usize = 50;
/// So many octets of headers are read, of all parts together.
const HEADERS: usize = 1 << 20;

/// Reads the tree of a mail.
pub(super) struct Reader<'m> {
    raw: &'m [u8],
    parts: usize,
    headers: usize,
    /// What is wrong with it.
    pub(super) problems: Vec<String>,
}

impl<'m> Reader<'m> {
    pub(super) fn new(raw: &'m [u8]) -> Self {
        Self {
            raw,
            parts: PARTS,
            headers: HEADERS,
            problems: Vec::new(),
        }
    }

    /// The tree, and the headers of the mail itself.
    pub(super) fn read(&mut self) -> (Part, Vec<Field<'m>>) {
        let place = Place {
            path: "1".to_owned(),
            depth: 1,
            usual: "text/plain",
        };
        self.part(0..self.raw.len(), &place)
    }

    fn part(&mut self, entity: Range<usize>, place: &Place) -> (Part, Vec<Field<'m>>) {
        self.parts = self.parts.saturating_sub(1);
        let octets = self.raw.get(entity.clone()).unwrap_or_default();
        let (block, body) = split(octets);
        let fields = self.fields(octets.get(block).unwrap_or_default());
        let mut part = described(&fields, place);
        part.body = entity.start + body..entity.end;
        let body = self.raw.get(part.body.clone()).unwrap_or_default();
        self.fill(&mut part, &fields, place);
        part.size = if part.children.is_empty() {
            decode::size(body, &part.encoding)
        } else {
            body.len()
        };
        (part, fields)
    }

    fn fields(&mut self, block: &'m [u8]) -> Vec<Field<'m>> {
        let kept = block.get(..self.headers).unwrap_or(block);
        if kept.len() < block.len() {
            self.problem("more than 1 MiB of headers; the rest is not read");
        }
        self.headers -= kept.len();
        fields(kept).collect()
    }

    /// Reads the parts in a part.
    fn fill(&mut self, part: &mut Part, fields: &[Field<'_>], place: &Place) {
        let is_multipart = part.content_type.starts_with("multipart/");
        let is_mail = matches!(
            part.content_type.as_str(),
            "message/rfc822" | "message/global"
        ) && !matches!(part.encoding.as_str(), "base64" | "quoted-printable");
        if !is_multipart && !is_mail {
            return;
        }
        if place.depth >= DEPTH {
            self.problem("more than 50 parts in each other; the deeper ones are not read");
        } else if is_mail {
            let inner = place.within(1, "text/plain");
            if self.has_room() {
                part.children = vec![self.part(part.body.clone(), &inner).0];
            }
        } else {
            self.children(part, fields, place);
        }
    }

    fn children(&mut self, part: &mut Part, fields: &[Field<'_>], place: &Place) {
        let content_type = fields.iter().find(|field| field.is("Content-Type"));
        let content_type = content_type.and_then(Field::content_type);
        let Some(boundary) = parameter(content_type.as_ref(), "boundary") else {
            self.problem("a multipart without a boundary; it is shown as text");
            return;
        };
        let usual = if part.content_type == "multipart/digest" {
            "message/rfc822"
        } else {
            "text/plain"
        };
        let (ranges, is_closed) = self.sections(part.body.clone(), boundary.as_bytes());
        if ranges.is_empty() {
            self.problem("a multipart whose boundary is nowhere; it is shown as text");
        } else if !is_closed {
            self.problem("a multipart that does not end; it may be cut off");
        }
        for (number, range) in ranges.into_iter().enumerate() {
            if !self.has_room() {
                break;
            }
            let inner = place.within(number + 1, usual);
            part.children.push(self.part(range, &inner).0);
        }
    }

    /// Where the parts between the boundaries are, and whether the last one ends.
    fn sections(&self, body: Range<usize>, boundary: &[u8]) -> (Vec<Range<usize>>, bool) {
        let octets = self.raw.get(body.clone()).unwrap_or_default();
        let delimiter = [b"--", boundary].concat();
        let mut sections = Vec::new();
        let mut start = None;
        for at in memchr::memmem::find_iter(octets, &delimiter) {
            let after = octets.get(at + delimiter.len()..).unwrap_or_default();
            let Some(rest) = line_end(after).filter(|_| starts_line(octets, at)) else {
                continue;
            };
            if let Some(start) = start {
                sections.push(body.start + start..body.start + content_end(octets, start, at));
            }
            if after.starts_with(b"--") {
                return (sections, true);
            }
            if sections.len() > self.parts {
                // One more than may be shown: the caller says so.
                return (sections, true);
            }
            start = Some(at + delimiter.len() + rest);
        }
        if let Some(start) = start.filter(|start| *start < octets.len()) {
            sections.push(body.start + start..body.end);
        }
        (sections, false)
    }

    fn has_room(&mut self) -> bool {
        if self.parts == 0 {
            self.problem("more than 1,000 parts; the rest are not shown");
        }
        self.parts > 0
    }

    fn problem(&mut self, text: &str) {
        if !self.problems.iter().any(|problem| problem == text) {
            self.problems.push(text.to_owned());
        }
    }
}

/// Where a part is.
struct Place {
    path: String,
    depth: usize,
    /// The type of a part that names none.
    usual: &'static str,
}

impl Place {
    fn within(&self, number: usize, usual: &'static str) -> Self {
        Self {
            path: format!("{}.{number}", self.path),
            depth: self.depth + 1,
            usual,
        }
    }
}

/// What the headers of a part say of it.
fn described(fields: &[Field<'_>], place: &Place) -> Part {
    let find = |name: &str| fields.iter().find(|field| field.is(name));
    let content_type = find("Content-Type").and_then(Field::content_type);
    let disposition = find("Content-Disposition").and_then(Field::content_type);
    let named = content_type.as_ref().and_then(|named| {
        let kind = named.ctype();
        Some(format!("{kind}/{}", named.subtype()?).to_ascii_lowercase())
    });
    let encoding = find("Content-Transfer-Encoding").map(|field| field.text().to_ascii_lowercase());
    Part {
        path: place.path.clone(),
        content_type: named.unwrap_or_else(|| place.usual.to_owned()),
        charset: parameter(content_type.as_ref(), "charset"),
        disposition: disposition
            .as_ref()
            .map(|named| named.ctype().to_ascii_lowercase()),
        file_name: parameter(disposition.as_ref(), "filename")
            .or_else(|| parameter(content_type.as_ref(), "name")),
        content_id: find("Content-ID").map(Field::id),
        encoding: encoding
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "7bit".to_owned()),
        ..Part::default()
    }
}

fn starts_line(octets: &[u8], at: usize) -> bool {
    at == 0 || octets.get(at - 1) == Some(&b'\n')
}

/// How long the rest of a delimiter's line is with its end. None, if there is more in it than a delimiter.
fn line_end(after: &[u8]) -> Option<usize> {
    let end = memchr::memchr(b'\n', after).map_or(after.len(), |end| end + 1);
    let rest = after.get(..end)?;
    let rest = rest.strip_prefix(b"--").unwrap_or(rest);
    rest.trim_ascii().is_empty().then_some(end)
}

/// The line end before a delimiter belongs to the delimiter.
fn content_end(octets: &[u8], start: usize, delimiter: usize) -> usize {
    let content = octets.get(start..delimiter).unwrap_or_default();
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    let content = content.strip_suffix(b"\r").unwrap_or(content);
    start + content.len()
}
