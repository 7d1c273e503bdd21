//! How the text of a part is encoded, and the bytes that come of it.

use std::borrow::Cow;

use encodify::base64;
use memchr::{memchr2_iter, memrchr2};

use crate::encode::qp;
use crate::render::Transfer;

/// The longest line of a text that goes out as it is.
const LONGEST_PLAIN: usize = 78;

/// The longest line that any mail may have.
pub(crate) const LONGEST_LINE: usize = 998;

/// The value of `Content-Transfer-Encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    SevenBit,
    EightBit,
    QuotedPrintable,
    Base64,
}

impl Encoding {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7bit",
            Self::EightBit => "8bit",
            Self::QuotedPrintable => "quoted-printable",
            Self::Base64 => "base64",
        }
    }
}

/// A text that is ready to be written.
#[derive(Debug, PartialEq)]
pub(crate) enum Text<'a> {
    /// Lines, each to be ended by CRLF, also the last.
    Lines(Cow<'a, [u8]>),
    /// The very bytes.
    Encoded(Vec<u8>),
}

/// Encodes a text of which the lines count, not how they end. `escapes` tells that its charset
/// needs the escape character.
pub(crate) fn encode_text(
    bytes: Cow<'_, [u8]>,
    transfer: Transfer,
    escapes: bool,
) -> (Encoding, Text<'_>) {
    let ascii = bytes.is_ascii();
    let raw = ascii || transfer == Transfer::EightBit;
    if raw && is_clean(&bytes, escapes) && !has_longer_line(&bytes, LONGEST_PLAIN) {
        let encoding = if ascii {
            Encoding::SevenBit
        } else {
            Encoding::EightBit
        };
        return (encoding, Text::Lines(bytes));
    }
    let (encoding, encoded) = encode(&bytes);
    (encoding, Text::Encoded(encoded))
}

/// Quoted-printable or base64, whichever is shorter.
fn encode(bytes: &[u8]) -> (Encoding, Vec<u8>) {
    let counts = Counts::of(bytes);
    if counts.returns > counts.pairs {
        let mut lines = Vec::with_capacity(bytes.len() + bytes.len() / 16 + 2);
        push_lines(&mut lines, bytes);
        return encode(&lines);
    }
    let ended = bytes.ends_with(b"\n");
    let length = bytes.len() + counts.feeds - counts.returns + if ended { 0 } else { 2 };
    let limit = base64::MIME.encoded_len(length);
    // Each octet beyond ASCII takes three, so that most texts need not be tried.
    if length + 2 * counts.high <= limit {
        let mut out = Vec::with_capacity(limit);
        qp::append(&mut out, bytes);
        if out.len() <= limit {
            return (Encoding::QuotedPrintable, out);
        }
    }
    let mut out = Vec::with_capacity(limit);
    if counts.feeds == counts.pairs && ended {
        base64::MIME.encode_append(bytes, &mut out);
        return (Encoding::Base64, out);
    }
    let mut lines = Vec::with_capacity(length);
    push_lines(&mut lines, bytes);
    base64::MIME.encode_append(&lines, &mut out);
    (Encoding::Base64, out)
}

/// What decides how a text is encoded.
#[derive(Default)]
struct Counts {
    returns: usize,
    feeds: usize,
    /// Returns with a feed after them.
    pairs: usize,
    /// Octets beyond ASCII.
    high: usize,
}

impl Counts {
    /// Counts in steps with small counters, so that the compiler looks at many octets at once: 240 is a multiple of 16 that
    /// one octet can count to.
    fn of(bytes: &[u8]) -> Self {
        let mut counts = Self::default();
        let next = bytes.get(1..).unwrap_or_default();
        for (chunk, next) in bytes.chunks(240).zip(next.chunks(240).chain([&[][..]])) {
            let (mut returns, mut feeds, mut pairs, mut high) = (0_u8, 0_u8, 0_u8, 0_u8);
            for &byte in chunk {
                returns += u8::from(byte == b'\r');
                feeds += u8::from(byte == b'\n');
                high += byte >> 7;
            }
            for (&byte, &next) in chunk.iter().zip(next) {
                pairs += u8::from(byte == b'\r') & u8::from(next == b'\n');
            }
            counts.returns += usize::from(returns);
            counts.feeds += usize::from(feeds);
            counts.pairs += usize::from(pairs);
            counts.high += usize::from(high);
        }
        counts
    }
}

/// Writes lines with CRLF after each. CR, LF and CRLF all end a line; the last line is ended,
/// too, and a text of none is one empty line.
pub(crate) fn push_lines(out: &mut Vec<u8>, bytes: &[u8]) {
    if has_only_crlf(bytes) {
        out.extend_from_slice(bytes);
        if !bytes.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
        return;
    }
    let slice = |start, end| bytes.get(start..end).unwrap_or_default();
    let mut start = 0;
    for end in memchr2_iter(b'\r', b'\n', bytes) {
        if end < start {
            continue; // This is the second half of a CRLF.
        }
        out.extend_from_slice(slice(start, end));
        out.extend_from_slice(b"\r\n");
        start = end + 1 + usize::from(slice(end, end + 2) == b"\r\n");
    }
    if start < bytes.len() {
        out.extend_from_slice(slice(start, bytes.len()));
        out.extend_from_slice(b"\r\n");
    }
}

/// Whether bytes may stand in a message as they are and come out so: clean ASCII, only CRLF as
/// line end, no line too long.
pub(crate) fn is_canonical(bytes: &[u8]) -> bool {
    bytes.is_ascii()
        && has_only_crlf(bytes)
        && is_clean(bytes, false)
        && !has_longer_line(bytes, LONGEST_LINE)
}

/// Whether every CR stands before an LF and every LF behind a CR.
pub(crate) fn has_only_crlf(bytes: &[u8]) -> bool {
    let next = bytes.get(1..).unwrap_or_default();
    // Small steps without a way out of the loop, so that the compiler looks at many octets at once.
    let good = |(part, next): (&[u8], &[u8])| {
        !part.iter().zip(next).fold(false, |any, (&byte, &next)| {
            any | ((byte == b'\r') != (next == b'\n'))
        })
    };
    let mut parts = bytes.chunks(4096).zip(next.chunks(4096));
    !bytes.starts_with(b"\n") && !bytes.ends_with(b"\r") && parts.all(good)
}

/// Whether there is a line of more octets than that.
pub(crate) fn has_longer_line(bytes: &[u8], limit: usize) -> bool {
    let mut rest = bytes;
    while let Some(window) = rest.get(..=limit) {
        let Some(end) = memrchr2(b'\r', b'\n', window) else {
            return true;
        };
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    false
}

/// Whether there are no controls but tabs and line ends.
fn is_clean(bytes: &[u8], escapes: bool) -> bool {
    // Without a way out of the loop the compiler looks at many octets at once.
    let one_more = if escapes { 0x1b } else { b'\t' };
    let unclean = |byte: u8| {
        let good = (byte == b'\t') | (byte == b'\n') | (byte == b'\r') | (byte == one_more);
        ((byte < 32) & !good) | (byte == 127)
    };
    bytes
        .chunks(4096)
        .all(|chunk| !chunk.iter().fold(false, |any, &byte| any | unclean(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> (Encoding, String) {
        let (encoding, text) = encode_text(text.as_bytes().into(), Transfer::SevenBit, false);
        let bytes = match text {
            Text::Encoded(bytes) => bytes,
            Text::Lines(lines) => {
                let mut out = Vec::new();
                push_lines(&mut out, &lines);
                out
            }
        };
        (encoding, String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn all_line_ends_become_one_kind() {
        for (text, lines) in [
            ("", "\r\n"),
            ("a", "a\r\n"),
            ("a\n", "a\r\n"),
            ("a\rb\nc\r\nd", "a\r\nb\r\nc\r\nd\r\n"),
            ("\r\r\n\n", "\r\n\r\n\r\n"),
            ("\r", "\r\n"),
        ] {
            assert_eq!(encoded(text), (Encoding::SevenBit, lines.to_owned()));
        }
    }

    #[test]
    fn counts_are_those_of_a_plain_loop() {
        for unit in ["a\r\n", "ü\n", "\r", "\r\r\n\n", "word "] {
            for count in [0, 1, 79, 80, 81, 119, 120, 121, 239, 240, 241, 600] {
                let bytes = unit.repeat(count).into_bytes();
                let counts = Counts::of(&bytes);
                let number =
                    |which: &dyn Fn(u8) -> bool| bytes.iter().filter(|&&b| which(b)).count();
                assert_eq!(counts.returns, number(&|byte| byte == b'\r'));
                assert_eq!(counts.feeds, number(&|byte| byte == b'\n'));
                assert_eq!(counts.high, number(&|byte| byte >= 128));
                let pairs = bytes.windows(2).filter(|pair| pair == b"\r\n").count();
                assert_eq!(counts.pairs, pairs, "{unit:?} {count}");
            }
        }
    }

    #[test]
    fn line_ends_are_found_at_the_seams_of_steps() {
        for before in 4090..4100 {
            let text = "x".repeat(before);
            let good = format!("{text}\r\n");
            assert!(has_only_crlf(good.as_bytes()));
            assert!(has_only_crlf(format!("{good}y").as_bytes()));
            for bad in ["\r", "\n", "\ry", "\ny", "\r\r\n", "\r\n\n"] {
                assert!(
                    !has_only_crlf(format!("{text}{bad}").as_bytes()),
                    "{before} {bad:?}"
                );
            }
        }
    }

    #[test]
    fn short_ascii_lines_stay() {
        let line = "x".repeat(78);
        assert_eq!(encoded(&line).0, Encoding::SevenBit);
        assert_eq!(encoded(&format!("{line}\n{line}")).0, Encoding::SevenBit);
        assert_eq!(encoded(&format!("{line}x")).0, Encoding::QuotedPrintable);
        assert_eq!(
            encoded(&format!("a\n{line}x\nb")).0,
            Encoding::QuotedPrintable
        );
    }

    #[test]
    fn the_shorter_encoding_wins() {
        assert_eq!(encoded("Grüße").0, Encoding::Base64);
        let text = "Viele Grüße aus Köln\n";
        assert_eq!(encoded(text).1, "Viele Gr=C3=BC=C3=9Fe aus K=C3=B6ln\r\n");
        assert_eq!(encoded("Привет, мир").0, Encoding::Base64);
        assert_eq!(encoded("a\u{0}b").1, "a=00b\r\n");
        assert_eq!(
            encoded("un caffè lungo \u{1} ").1,
            "un caff=C3=A8 lungo =01=20\r\n"
        );
        assert_eq!(encoded("first ü\rsecond\n").1, "first =C3=BC\r\nsecond\r\n");
    }

    #[test]
    fn base64_holds_crlf() {
        let (_, text) = encoded("Привет\nмир");
        let bytes = base64::MIME.decode(text).unwrap();
        assert_eq!(bytes, "Привет\r\nмир\r\n".as_bytes());
    }

    #[test]
    fn lines_are_short_however_long_the_text() {
        for unit in ["ä", "ж", "a", "= ", "\u{1}", "long words without end "] {
            for count in [1, 24, 25, 26, 75, 76, 77, 1000] {
                let (_, text) = encoded(&unit.repeat(count));
                assert!(!has_longer_line(text.as_bytes(), 78), "{unit} {count}");
                assert!(has_only_crlf(text.as_bytes()) && text.ends_with("\r\n"));
            }
        }
    }

    #[test]
    fn eight_bit_lines_stay_only_if_allowed() {
        let text = "Viele Grüße aus Köln\n".as_bytes();
        let (encoding, _) = encode_text(text.into(), Transfer::EightBit, false);
        assert_eq!(encoding, Encoding::EightBit);
        let (encoding, _) = encode_text(text.into(), Transfer::SevenBit, false);
        assert_eq!(encoding, Encoding::QuotedPrintable);
    }

    #[test]
    fn canonical_bytes_are_those_that_survive() {
        for bytes in ["", "a", "a\r\nb\r\n", "\r\n"] {
            assert!(is_canonical(bytes.as_bytes()), "{bytes:?}");
        }
        let long = "x".repeat(999);
        for bytes in [
            "\n", "\r", "a\nb", "a\r\r\n", "\r\n\n", "ä", "\0", "\u{7f}", &long,
        ] {
            assert!(!is_canonical(bytes.as_bytes()), "{bytes:?}");
        }
    }
}
