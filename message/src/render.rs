//! From a message to its octets: headers in their order, then the parts.

use crate::address::Mailbox;
use crate::charset::Charset;
use crate::content::{self, Text};
use crate::custom::{self, Custom};
use crate::date::Date;
use crate::email::EmailMessage;
use crate::error::RenderError;
use crate::header::HeaderWriter;
use crate::leaf;
use crate::media::is_token;
use crate::mime::{Body, Leaf, Part, Planner};
use crate::rendered::{Insert, Rendered, Source};

/// Content of this size is not copied.
const BORROWED: usize = 4096;

/// Room for the headers and boundaries of a message, so that memory is asked for once.
const HEADERS: usize = 1024;

/// How texts may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transfer {
    /// Texts beyond ASCII are encoded: every server takes them.
    #[default]
    SevenBit,
    /// Texts beyond ASCII with short lines go as they are, readable in logs and files.
    EightBit,
}

/// All that a message's octets depend on besides the message: rendering reads no clock, no
/// environment, no random numbers.
///
/// ```
/// use posthaste_message::{Date, RenderOptions};
///
/// let options = RenderOptions::new(Date::from_unix(1_795_435_200, 0), "mail.example.com", 7);
/// assert_eq!(options.default_from, "webmaster@localhost");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenderOptions {
    /// The sender of messages that have none.
    pub default_from: String,
    /// The charset of messages that have none.
    pub charset: String,
    /// The moment in the `Date` header.
    pub date: Date,
    /// The right side of the `Message-ID`.
    pub domain: String,
    /// What makes `Message-ID` and boundaries unlike others; take a random number.
    pub seed: u64,
    /// How texts may go.
    pub transfer: Transfer,
    /// Whether attachments may be files of this machine.
    pub allow_files: bool,
}

impl RenderOptions {
    /// Options with Django's defaults.
    #[must_use]
    pub fn new(date: Date, domain: impl Into<String>, seed: u64) -> Self {
        Self {
            default_from: "webmaster@localhost".to_owned(),
            charset: "utf-8".to_owned(),
            date,
            domain: domain.into(),
            seed,
            transfer: Transfer::SevenBit,
            allow_files: true,
        }
    }
}

/// The start of 1970, `localhost` and no seed: for tests and examples.
impl Default for RenderOptions {
    fn default() -> Self {
        Self::new(Date::default(), "localhost", 0)
    }
}

/// Renders a message.
pub(crate) fn render<'a>(
    message: &'a EmailMessage,
    options: &RenderOptions,
) -> Result<Rendered<'a>, RenderError> {
    compose(message, options, options.seed, 0)
}

/// Renders a message that is attached to `depth` others.
pub(crate) fn compose<'a>(
    message: &'a EmailMessage,
    options: &RenderOptions,
    seed: u64,
    depth: usize,
) -> Result<Rendered<'a>, RenderError> {
    let label = message.charset.as_deref().filter(|label| !label.is_empty());
    let charset = match label {
        Some(label) => Charset::find(label)?,
        // The name is declared, so it must live as long as the message.
        None if options.charset == Charset::UTF_8.name => Charset::UTF_8,
        None => return with_default_charset(message, options, seed, depth),
    };
    compose_in(charset, message, options, seed, depth)
}

/// Renders in the charset of the options.
fn with_default_charset<'a>(
    message: &'a EmailMessage,
    options: &RenderOptions,
    seed: u64,
    depth: usize,
) -> Result<Rendered<'a>, RenderError> {
    let charset = Charset::find(&options.charset)?.detached();
    compose_in(charset, message, options, seed, depth)
}

fn compose_in<'a>(
    charset: Charset<'a>,
    message: &'a EmailMessage,
    options: &RenderOptions,
    seed: u64,
    depth: usize,
) -> Result<Rendered<'a>, RenderError> {
    let planner = Planner {
        options,
        charset,
        seed,
        depth,
    };
    let root = planner.plan(message)?;
    let mut composer = Composer {
        out: Rendered::default(),
        seed,
        boundaries: 0,
    };
    composer.out.head.reserve(HEADERS + room(&root));
    composer
        .out
        .head
        .extend_from_slice(b"MIME-Version: 1.0\r\n");
    let boundary = composer.open(&root)?;
    composer.headers(message, options)?;
    check_block(&composer.out.head)?;
    composer.out.head.extend_from_slice(b"\r\n");
    composer.close(root, boundary)?;
    Ok(composer.out)
}

/// The octets that the texts of a part take.
fn room(part: &Part<'_>) -> usize {
    match part {
        Part::Multipart { parts, .. } => parts.iter().map(|part| 256 + room(part)).sum(),
        Part::Leaf(leaf) => match &leaf.body {
            Body::Text(Text::Lines(bytes)) => bytes.len() + bytes.len() / 32,
            Body::Text(Text::Encoded(bytes)) => bytes.len(),
            Body::Source(_) | Body::Message(_) => 0,
        },
    }
}

/// Writes one message.
struct Composer<'a> {
    out: Rendered<'a>,
    seed: u64,
    boundaries: u64,
}

impl<'a> Composer<'a> {
    /// Writes the headers of a part; returns the boundary if it has parts.
    fn open(&mut self, part: &Part<'_>) -> Result<Option<String>, RenderError> {
        match part {
            Part::Leaf(leaf) => self.leaf_headers(leaf).map(|()| None),
            Part::Multipart { subtype, parts } => {
                let boundary = self.boundary(part);
                let value = format!("multipart/{subtype}");
                let kind = parts.first().map_or("", Part::essence);
                let params = [("boundary", boundary.as_str()), ("type", kind)];
                let count = if *subtype == "related" { 2 } else { 1 };
                let params = params.get(..count).unwrap_or_default();
                let mut writer = HeaderWriter::new(&mut self.out.head);
                writer.structured("message", "Content-Type", &value, params)?;
                if part.is_eight_bit() {
                    self.push(&["Content-Transfer-Encoding: 8bit\r\n"]);
                }
                Ok(Some(boundary))
            }
        }
    }

    /// Writes what comes after the headers of a part.
    fn close(&mut self, part: Part<'a>, boundary: Option<String>) -> Result<(), RenderError> {
        let parts = match part {
            Part::Leaf(leaf) => {
                self.body(leaf.body);
                return Ok(());
            }
            Part::Multipart { parts, .. } => parts,
        };
        let boundary = boundary.unwrap_or_default();
        let mut delimiter = "--";
        for part in parts {
            self.push(&[delimiter, &boundary, "\r\n"]);
            let start = self.out.head.len();
            let inner = self.open(&part)?;
            check_block(self.out.head.get(start..).unwrap_or_default())?;
            self.push(&["\r\n"]);
            self.close(part, inner)?;
            delimiter = "\r\n--";
        }
        self.push(&[delimiter, &boundary, "--\r\n"]);
        Ok(())
    }

    fn push(&mut self, texts: &[&str]) {
        for text in texts {
            self.out.head.extend_from_slice(text.as_bytes());
        }
    }

    fn body(&mut self, body: Body<'a>) {
        let head = &mut self.out.head;
        let source = match body {
            Body::Text(Text::Lines(bytes)) => {
                self.out.eight_bit |= !bytes.is_ascii();
                return content::push_lines(head, &bytes);
            }
            Body::Text(Text::Encoded(bytes)) if bytes.len() < BORROWED * 8 => {
                return head.extend_from_slice(&bytes);
            }
            Body::Text(Text::Encoded(bytes)) => Source::Raw(bytes.into()),
            Body::Source(Source::Raw(bytes)) if bytes.len() < BORROWED => {
                self.out.eight_bit |= !bytes.is_ascii();
                return head.extend_from_slice(&bytes);
            }
            Body::Source(source) => source,
            Body::Message(message) => return self.out.append(*message),
        };
        if let Source::Raw(bytes) = &source {
            self.out.eight_bit |= !bytes.is_ascii();
        }
        let at = head.len();
        self.out.inserts.push(Insert { at, source });
    }

    /// A boundary that does not stand in any part.
    fn boundary(&mut self, part: &Part<'_>) -> String {
        loop {
            self.boundaries += 1;
            let number = mix(self.seed.wrapping_add(mix(self.boundaries)));
            let boundary = format!("==============={:019}==", number % 10_u64.pow(19));
            if !part.holds(boundary.as_bytes()) {
                return boundary;
            }
        }
    }

    fn leaf_headers(&mut self, leaf: &Leaf<'_>) -> Result<(), RenderError> {
        self.content_type(leaf)?;
        self.push(&["Content-Transfer-Encoding: ", leaf.encoding.name(), "\r\n"]);
        let Some((index, attachment)) = leaf.attachment else {
            return Ok(());
        };
        let field = |key: &str| format!("attachments[{index}].{key}");
        let inline = attachment.content_id.is_some();
        let usual = if inline { "inline" } else { "attachment" };
        let disposition = attachment.disposition.as_deref().unwrap_or(usual);
        if !is_token(disposition) {
            let what = "is no disposition; expected attachment or inline";
            return Err(RenderError::new(field("disposition"), what));
        }
        let name = attachment.shown_name();
        let params: Vec<_> = name
            .iter()
            .map(|name| ("filename", name.as_ref()))
            .collect();
        let mut writer = HeaderWriter::new(&mut self.out.head);
        writer.structured(
            &field("filename"),
            "Content-Disposition",
            disposition,
            &params,
        )?;
        if let Some(id) = &attachment.content_id {
            let id = leaf::bare_id(id);
            if !custom::is_id(id) {
                let what = "is no content id; expected such as logo@example.com";
                return Err(RenderError::new(field("content_id"), what));
            }
            writer.verbatim(&field("content_id"), "Content-ID", &format!("<{id}>"))?;
        }
        custom::write_part(&mut writer, &field("headers"), &attachment.headers)
    }

    fn content_type(&mut self, leaf: &Leaf<'_>) -> Result<(), RenderError> {
        let essence = leaf.media.essence.as_ref();
        let charset = leaf.charset.unwrap_or_default();
        if leaf.media.params.is_empty() && essence.len() + charset.len() < 50 {
            // Both were checked to be tokens when they were read.
            self.push(&["Content-Type: ", essence]);
            if leaf.charset.is_some() {
                self.push(&["; charset=\"", charset, "\""]);
            }
            self.push(&["\r\n"]);
            return Ok(());
        }
        let params = leaf.media.params.iter();
        let mut params: Vec<_> = params.map(|(k, v)| (k.as_ref(), v.as_ref())).collect();
        if let Some(charset) = leaf.charset {
            params.push(("charset", charset));
        }
        let field = match leaf.attachment {
            Some((index, _)) => format!("attachments[{index}].mimetype"),
            None => "alternatives".to_owned(),
        };
        let mut writer = HeaderWriter::new(&mut self.out.head);
        writer.structured(&field, "Content-Type", essence, &params)
    }

    /// Writes the headers of the message, in Django's order.
    fn headers(
        &mut self,
        message: &EmailMessage,
        options: &RenderOptions,
    ) -> Result<(), RenderError> {
        let custom = Custom::read(&message.headers)?;
        let mut writer = HeaderWriter::new(&mut self.out.head);
        writer.unstructured("subject", "Subject", &message.subject)?;
        let sender = message.sender(options);
        let from = std::slice::from_ref(sender.as_ref());
        for (field, name, list, shown) in [
            ("from_email", "From", from, custom.from),
            ("to", "To", &message.to, custom.to),
            ("cc", "Cc", &message.cc, custom.cc),
            ("reply_to", "Reply-To", &message.reply_to, custom.reply_to),
        ] {
            match shown {
                Some((given, value)) => {
                    writer.address_text(&format!("headers.{given}"), name, value)?;
                }
                None if field == "from_email" && sender.is_empty() => {
                    let what = "is empty, and so is the default; expected an address";
                    return Err(RenderError::new(field, what));
                }
                None if list.is_empty() => {}
                None => writer.mailboxes(field, name, list)?,
            }
        }
        let utf8 = writer.needs_smtputf8();
        self.out.smtputf8 |= utf8;
        if !custom.date {
            self.push(&["Date: "]);
            options.date.write(&mut self.out.head);
            self.push(&["\r\n"]);
        }
        let id = match custom.message_id {
            Some(id) => id.to_owned(),
            None => {
                let id = message_id(options, self.seed)?;
                let mut writer = HeaderWriter::new(&mut self.out.head);
                writer.verbatim("domain", "Message-ID", &id)?;
                id
            }
        };
        self.out.message_id = id;
        let mut writer = HeaderWriter::new(&mut self.out.head);
        custom::write_extra(&mut writer, &message.headers)?;
        self.out.smtputf8 |= writer.needs_smtputf8();
        Ok(())
    }
}

/// `<centiseconds.seed@domain>`.
fn message_id(options: &RenderOptions, seed: u64) -> Result<String, RenderError> {
    let domain = options.domain.as_str();
    let encoded;
    let domain = if is_plain_domain(domain.as_bytes()) {
        domain
    } else {
        let mailbox = Mailbox::new(None, &format!("x@{domain}"));
        let mailbox = mailbox.map_err(|error| error.at("domain"))?;
        encoded = mailbox.domain().unwrap_or_default().to_owned();
        &encoded
    };
    let centiseconds = options.date.unix().unsigned_abs().saturating_mul(100);
    let mut id = String::with_capacity(48 + domain.len());
    id.push('<');
    push_number::<10>(&mut id, centiseconds, 1);
    id.push('.');
    push_number::<16>(&mut id, seed, 16);
    id.push('@');
    id.push_str(domain);
    id.push('>');
    Ok(id)
}

/// Whether a domain is letters, digits, `-` and `_` with single dots between them.
fn is_plain_domain(domain: &[u8]) -> bool {
    let mut previous = b'.';
    for &byte in domain {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !plain && (byte != b'.' || previous == b'.') {
            return false;
        }
        previous = byte;
    }
    previous != b'.'
}

/// Writes a number of at least so many digits; a formatter costs as much as all the rest of a short message.
fn push_number<const BASE: u64>(out: &mut String, mut number: u64, least: usize) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    for (index, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b"0123456789abcdef"
            .get((number % BASE) as usize)
            .copied()
            .unwrap_or_default();
        number /= BASE;
        start = index;
        if number == 0 {
            break;
        }
    }
    let start = start.min(digits.len().saturating_sub(least));
    let digits = digits.get(start..).unwrap_or_default();
    out.push_str(str::from_utf8(digits).unwrap_or_default());
}

/// SplitMix64's finishing step: nearby numbers become unlike ones.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The last look at a finished block of headers: lines end in CRLF, are not too long, not empty.
fn check_block(block: &[u8]) -> Result<(), RenderError> {
    let next = block.get(1..).unwrap_or_default();
    // Without a way out of the loop the compiler looks at many octets at once.
    let empty_line = block.iter().zip(next).fold(false, |any, (&byte, &next)| {
        any | (byte == b'\n') & (next == b'\r')
    });
    let starts = !block.starts_with(b"\r") && block.ends_with(b"\n");
    if !starts
        || empty_line
        || !content::has_only_crlf(block)
        || content::has_longer_line(block, content::LONGEST_LINE)
    {
        return Err(broken());
    }
    Ok(())
}

fn broken() -> RenderError {
    RenderError::new("headers", "do not form valid lines; please report this")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_like_a_formatter_does() {
        for number in [0, 1, 9, 10, 15, 16, 179_543_520_000, u64::MAX - 1, u64::MAX] {
            let mut out = String::new();
            push_number::<10>(&mut out, number, 1);
            push_number::<16>(&mut out, number, 16);
            assert_eq!(out, format!("{number}{number:016x}"));
        }
    }

    #[test]
    fn plain_domains_need_no_parser() {
        for domain in ["a", "mail.example.com", "a-b.c_d.0"] {
            assert!(is_plain_domain(domain.as_bytes()), "{domain}");
        }
        for domain in ["", ".", ".a", "a.", "a..b", "a b", "a@b", "ü.de", "a\n"] {
            assert!(!is_plain_domain(domain.as_bytes()), "{domain}");
        }
    }

    #[test]
    fn a_block_is_lines_that_are_neither_empty_nor_long() {
        let long = format!("A: {}\r\n", "x".repeat(995));
        for block in ["A: b\r\n", "A: b\r\n c\r\n", &long, &long.repeat(3)] {
            assert_eq!(check_block(block.as_bytes()), Ok(()), "{block:?}");
        }
        let longer = format!("A: {}\r\n", "x".repeat(996));
        for block in [
            "\r\nA: b\r\n",
            "A: b",
            "A: b\n",
            "A: b\r",
            "A: b\r\n\r\n",
            "A: b\r\n\r\nC: d\r\n",
            "A: b\nC: d\r\n",
            "A: b\rC: d\r\n",
            "A: b\r\r\n",
            "\nA: b\r\n",
            "A: b\r\n\n",
            &longer,
            &format!("{long}{longer}{long}"),
        ] {
            assert_eq!(check_block(block.as_bytes()), Err(broken()), "{block:?}");
        }
    }
}
