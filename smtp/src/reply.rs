//! Replies: reading them strictly and within bounds, and showing them safely.
//!
//! What a server says is data from a stranger. A line ends in CRLF, begins with a code from 200 to
//! 599, and all lines of a reply have the same code; line, count of lines and the whole are
//! bounded. Controls and characters that turn the direction of text become `?` as soon as the
//! text is read, so that a log, a terminal or a JSON line can take it as it is.

use std::fmt;
use std::str::FromStr;

use memchr::memchr;

use crate::error::ViolationKind;
use crate::{InvalidArgument, Violation};

/// The most characters that [`Reply::message`] gives.
const MAX_MESSAGE: usize = 1000;

/// A server's whole answer to one command.
///
/// # Example
///
/// ```
/// use posthaste_smtp::Reply;
///
/// let reply: Reply = "550-5.1.1 No such user:\r\n550 5.1.1 nobody".parse()?;
/// assert_eq!(reply.code(), 550);
/// assert_eq!(reply.enhanced().unwrap().to_string(), "5.1.1");
/// assert_eq!(reply.message(), "No such user: nobody");
/// assert_eq!(reply.to_string(), "550 5.1.1 No such user: nobody");
/// # Ok::<(), posthaste_smtp::InvalidArgument>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<EnhancedCode>,
    /// The lines without their codes, joined by LF; already free of controls.
    text: String,
}

impl Reply {
    /// The three digits; from 200 to 599.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced status code of RFC 3463, if the reply has one that agrees with its code.
    pub fn enhanced(&self) -> Option<EnhancedCode> {
        self.enhanced
    }

    /// The text of each line after its code, with `?` for each control.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.split('\n')
    }

    /// The text in one line, without the enhanced codes, and at most 1,000 characters of it.
    pub fn message(&self) -> String {
        let mut message = String::new();
        for line in self.lines() {
            let line = match split_enhanced(line) {
                Some((code, rest)) if Some(code) == self.enhanced => rest,
                _ => line,
            };
            if !message.is_empty() && !line.is_empty() {
                message.push(' ');
            }
            message.push_str(line);
        }
        if let Some((cut, _)) = message.char_indices().nth(MAX_MESSAGE) {
            message.truncate(cut);
            message.push('…');
        }
        message
    }

    /// Whether the server did what was asked (2xx).
    pub fn is_success(&self) -> bool {
        self.code / 100 == 2
    }

    /// Whether the server wants more input (3xx).
    pub fn is_intermediate(&self) -> bool {
        self.code / 100 == 3
    }

    /// Whether the refusal may pass (4xx).
    pub fn is_temporary(&self) -> bool {
        self.code / 100 == 4
    }

    /// Whether the refusal will stay (5xx).
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// The reply as a server says it: each line with the code, and CRLF.
    ///
    /// # Example
    ///
    /// ```
    /// let reply: posthaste_smtp::Reply = "250-One\r\n250 Two".parse()?;
    /// assert_eq!(reply.to_wire(), "250-One\r\n250 Two\r\n");
    /// # Ok::<(), posthaste_smtp::InvalidArgument>(())
    /// ```
    pub fn to_wire(&self) -> String {
        let mut lines = self.lines().peekable();
        let mut text = String::new();
        while let Some(line) = lines.next() {
            let mark = if lines.peek().is_some() { '-' } else { ' ' };
            text.push_str(&format!("{}{mark}{line}\r\n", self.code));
        }
        text
    }

    /// The same with no more text than is ever shown: what is kept for each of many recipients has to be small.
    pub(crate) fn shortened(mut self) -> Self {
        let cut = self.text.char_indices().nth(2 * MAX_MESSAGE);
        if let Some((cut, _)) = cut {
            self.text.truncate(cut);
        }
        self.text.shrink_to_fit();
        self
    }

    /// The same reply without its words.
    pub(crate) fn without_text(self) -> Self {
        Self::new(self.code, "***".to_owned())
    }

    /// The same reply without these words.
    pub(crate) fn without(mut self, secrets: impl Iterator<Item = String>) -> Self {
        for secret in secrets {
            if self.text.contains(&secret) {
                self.text = self.text.replace(&secret, "***");
            }
        }
        self
    }

    /// Of a code from 200 to 599, and of lines that are joined by LF and free of other controls.
    pub(crate) fn new(code: u16, text: String) -> Self {
        let enhanced = split_enhanced(&text).map(|(enhanced, _)| enhanced);
        Self {
            code,
            enhanced: enhanced.filter(|e| u16::from(e.class) == code / 100),
            text,
        }
    }
}

impl fmt::Display for Reply {
    /// Code, enhanced code and message, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        match self.message() {
            message if message.is_empty() => Ok(()),
            message => write!(f, " {message}"),
        }
    }
}

impl FromStr for Reply {
    type Err = InvalidArgument;

    /// Reads one whole reply; the last line needs no line end.
    ///
    /// # Errors
    ///
    /// When the text is not exactly one well-formed reply within the default [`ReplyLimits`].
    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        let mut reader = ReplyReader::new(ReplyLimits::default());
        reader.push(text.as_bytes());
        if !text.ends_with('\n') {
            reader.push(b"\r\n");
        }
        match reader.next() {
            Ok(Some(reply)) if reader.is_empty() => Ok(reply),
            _ => Err(InvalidArgument::new(
                "reply",
                "it is not exactly one well-formed reply",
            )),
        }
    }
}

/// An enhanced status code (RFC 3463): `5.1.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EnhancedCode {
    class: u8,
    subject: u16,
    detail: u16,
}

impl EnhancedCode {
    /// 2 for success, 4 for a failure that may pass, 5 for one that will stay.
    pub fn class(&self) -> u8 {
        self.class
    }

    /// What the status is about: 1 address, 2 mailbox, 3 system, 4 network, 5 protocol, 6 content,
    /// 7 policy.
    pub fn subject(&self) -> u16 {
        self.subject
    }

    /// The exact status within its subject.
    pub fn detail(&self) -> u16 {
        self.detail
    }
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// Splits `5.1.1 text` in its code and the text.
fn split_enhanced(line: &str) -> Option<(EnhancedCode, &str)> {
    let end = line.bytes().position(|b| matches!(b, b' ' | b'\n'));
    let (token, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.get(1..).unwrap_or_default();
    let mut parts = token.as_bytes().split(|b| *b == b'.');
    let class = match parts.next()? {
        b"2" => 2,
        b"4" => 4,
        b"5" => 5,
        _ => return None,
    };
    let code = EnhancedCode {
        class,
        subject: number(parts.next()?)?,
        detail: number(parts.next()?)?,
    };
    parts.next().is_none().then_some((code, rest))
}

fn number(digits: &[u8]) -> Option<u16> {
    let valid = (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    valid.then(|| value_of(digits))
}

/// The value of at most four digits.
fn value_of(digits: &[u8]) -> u16 {
    digits
        .iter()
        .fold(0, |value, digit| value * 10 + u16::from(digit - b'0'))
}

/// How much a server may say in one reply.
///
/// RFC 5321 asks for lines of 512 octets; real servers write more, so the defaults are wider.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyLimits {
    /// Octets in a line, with its line end: 4,096.
    pub line: usize,
    /// Lines in a reply: 100.
    pub lines: usize,
    /// Octets in a reply: 65,536.
    pub bytes: usize,
}

impl Default for ReplyLimits {
    fn default() -> Self {
        Self {
            line: 4096,
            lines: 100,
            bytes: 65_536,
        }
    }
}

/// Turns a stream of bytes, cut anywhere, into replies.
#[derive(Debug)]
pub(crate) struct ReplyReader {
    limits: ReplyLimits,
    buffer: Vec<u8>,
    /// Where the first line that has not been read begins.
    start: usize,
    /// No LF is before here: a line that comes in a byte at a time is searched once only.
    searched: usize,
    partial: Option<Partial>,
    /// More came than is kept.
    overflowed: bool,
}

/// A reply whose last line has not come yet.
#[derive(Debug)]
struct Partial {
    code: u16,
    text: String,
    lines: usize,
    bytes: usize,
}

impl ReplyReader {
    pub(crate) fn new(limits: ReplyLimits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            partial: None,
            overflowed: false,
        }
    }

    /// Takes bytes from the server. Keeps no more than is needed to see that a limit is passed.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        let most = self.limits.bytes.saturating_mul(4).saturating_add(1);
        let room = most.saturating_sub(self.buffer.len());
        self.overflowed |= bytes.len() > room;
        self.buffer
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Whether nothing waits, not even part of a reply.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.buffer.len() && self.partial.is_none()
    }

    /// The next whole reply, if it is all there.
    pub(crate) fn next(&mut self) -> Result<Option<Reply>, Violation> {
        if self.overflowed {
            return Err(Violation::new(ViolationKind::LongReply));
        }
        while let Some(range) = self.next_line()? {
            let line = &self.buffer[range.clone()];
            let (code, last) = parse_code(line).ok_or(Violation::new(ViolationKind::Malformed))?;
            let partial = self.partial.get_or_insert_with(|| Partial::new(code));
            partial.add(code, line, &self.limits)?;
            self.start = range.end;
            if last {
                return Ok(self.partial.take().map(|p| Reply::new(p.code, p.text)));
            }
        }
        Ok(None)
    }

    /// Where the next whole line is, with its line end.
    fn next_line(&mut self) -> Result<Option<std::ops::Range<usize>>, Violation> {
        let found = memchr(b'\n', &self.buffer[self.searched..]);
        let end = found.map_or(self.buffer.len(), |at| self.searched + at + 1);
        self.searched = end;
        if end - self.start > self.limits.line {
            return Err(Violation::new(ViolationKind::LongLine));
        }
        Ok(found.map(|_| self.start..end))
    }
}

impl Partial {
    fn new(code: u16) -> Self {
        Self {
            code,
            text: String::new(),
            lines: 0,
            bytes: 0,
        }
    }

    fn add(&mut self, code: u16, line: &[u8], limits: &ReplyLimits) -> Result<(), Violation> {
        if code != self.code {
            return Err(Violation::new(ViolationKind::MixedCodes));
        }
        self.lines += 1;
        self.bytes += line.len();
        if self.lines > limits.lines {
            return Err(Violation::new(ViolationKind::ManyLines));
        }
        if self.bytes > limits.bytes {
            return Err(Violation::new(ViolationKind::LongReply));
        }
        if self.lines > 1 {
            self.text.push('\n');
        }
        push_clean(
            &mut self.text,
            without_line_end(line).get(4..).unwrap_or_default(),
        );
        Ok(())
    }
}

/// The code of a line, and whether the line is the reply's last.
fn parse_code(line: &[u8]) -> Option<(u16, bool)> {
    let line = without_line_end(line);
    let (digits, rest) = line.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) || !(b'2'..=b'5').contains(&digits[0]) {
        return None;
    }
    let code = value_of(digits);
    match rest.first() {
        None | Some(b' ') => Some((code, true)),
        Some(b'-') => Some((code, false)),
        Some(_) => None,
    }
}

/// The line without CRLF.
///
/// QUIRK: RFC 5321 section 2.3.8 wants CRLF; some servers and proxies end a line by LF alone. That
/// is taken, because it opens no door: whatever follows the LF must be a well-formed line with the
/// right code, and a whole second reply is a violation for being unasked.
fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn push_clean(out: &mut String, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        out.push_str(text.trim_end());
        return;
    }
    out.extend(
        text.trim_end()
            .chars()
            .map(|c| if is_harmful(c) { '?' } else { c }),
    );
}

/// Controls, other line ends, and marks that turn the direction of the text around them.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<Reply>, ViolationKind> {
        let mut reader = ReplyReader::new(ReplyLimits::default());
        reader.push(bytes);
        reader.next().map_err(|v| v.kind())
    }

    fn one(bytes: &[u8]) -> Reply {
        read(bytes).unwrap().unwrap()
    }

    #[test]
    fn the_forms_of_a_reply() {
        assert_eq!(one(b"250\r\n").to_string(), "250");
        assert_eq!(one(b"250 \r\n").to_string(), "250");
        assert_eq!(one(b"250 ok\n").to_string(), "250 ok");
        assert_eq!(
            one(b"250-a\r\n250-\r\n250 b\r\n")
                .lines()
                .collect::<Vec<_>>(),
            ["a", "", "b"]
        );
        assert_eq!(one(b"250-a\r\n250\r\n").message(), "a");
        assert_eq!(read(b"250-a\r\n250 b"), Ok(None));
    }

    #[test]
    fn what_is_no_reply() {
        for bad in [
            &b"\r\n"[..],
            b"25\r\n",
            b"25x ok\r\n",
            b"250x\r\n",
            b"150 hm\r\n",
            b"650 hm\r\n",
            b" 250 ok\r\n",
            b"2500\r\n",
            b"250\tok\r\n",
        ] {
            assert_eq!(read(bad), Err(ViolationKind::Malformed), "{bad:?}");
        }
        assert_eq!(read(b"250-a\r\n251 b\r\n"), Err(ViolationKind::MixedCodes));
    }

    #[test]
    fn every_limit() {
        let line = |n: usize| [b"250 ".to_vec(), vec![b'x'; n - 6], b"\r\n".to_vec()].concat();
        assert!(read(&line(4096)).unwrap().is_some());
        assert_eq!(read(&line(4097)), Err(ViolationKind::LongLine));
        assert_eq!(read(&[b'2'; 4097]), Err(ViolationKind::LongLine));
        assert!(
            read(&[b"250-a\r\n".repeat(99), b"250 a\r\n".to_vec()].concat())
                .unwrap()
                .is_some()
        );
        assert_eq!(
            read(&[b"250-a\r\n".repeat(100), b"250 a\r\n".to_vec()].concat()),
            Err(ViolationKind::ManyLines)
        );
        assert_eq!(read(&vec![b'2'; 270_000]), Err(ViolationKind::LongReply));
        let long = [b"250-".to_vec(), vec![b'x'; 4000], b"\r\n".to_vec()].concat();
        let mut reader = ReplyReader::new(ReplyLimits::default());
        let error = (0..20).find_map(|_| {
            reader.push(&long);
            reader.next().err()
        });
        assert_eq!(error.unwrap().kind(), ViolationKind::LongReply);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut reader = ReplyReader::new(ReplyLimits::default());
        for _ in 0..1000 {
            reader.push(&[b'2'; 1000]);
        }
        assert!(reader.buffer.len() <= 4 * ReplyLimits::default().bytes + 1);
        assert!(reader.next().is_err());
    }

    #[test]
    fn any_cut_gives_the_same() {
        let bytes = b"250-one\r\n250 two\r\n354 go\r\n";
        for cut in 0..bytes.len() {
            let mut reader = ReplyReader::new(ReplyLimits::default());
            let mut seen = Vec::new();
            for piece in [&bytes[..cut], &bytes[cut..]] {
                reader.push(piece);
                while let Some(reply) = reader.next().unwrap() {
                    seen.push(reply.to_string());
                }
            }
            assert_eq!(seen, ["250 one two", "354 go"]);
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn text_is_made_harmless() {
        assert_eq!(
            one(b"250 a\x1b[31mb\x00c\rd\xffe\x7f\xc2\x9b\r\n").message(),
            "a?[31mb?c?d\u{fffd}e??"
        );
        assert_eq!(
            one("250 a\u{202e}b\u{2028}c\r\n".as_bytes()).message(),
            "a?b?c"
        );
        assert_eq!(
            one(&[b"250 ".to_vec(), vec![b'x'; 2000], b"\r\n".to_vec()].concat())
                .message()
                .chars()
                .count(),
            1001
        );
    }

    #[test]
    fn enhanced_codes() {
        assert_eq!(
            one(b"550 5.1.1 no\r\n")
                .enhanced()
                .map(|e| (e.class(), e.subject(), e.detail())),
            Some((5, 1, 1))
        );
        assert_eq!(one(b"550 5.1.1\r\n").message(), "");
        assert_eq!(
            one(b"550-5.1.1\r\n550 5.1.1 x\r\n").to_string(),
            "550 5.1.1 x"
        );
        for none in [
            "550 4.1.1 no",
            "550 5.1 no",
            "550 5.1.1.1 no",
            "550 5.1.1234 no",
            "550 5.+1.1 no",
            "550 3.1.1",
            "550 5..1",
        ] {
            assert_eq!(none.parse::<Reply>().unwrap().enhanced(), None, "{none}");
        }
    }

    #[test]
    fn a_reply_from_text_is_exactly_one() {
        assert!("250 ok".parse::<Reply>().is_ok());
        for bad in ["", "250 a\r\n250 b", "250-a", "nonsense"] {
            assert!(bad.parse::<Reply>().is_err(), "{bad:?}");
        }
    }
}
