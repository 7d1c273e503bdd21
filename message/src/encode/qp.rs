//! Quoted-printable for texts (RFC 2045, 6.7).

use memchr::memchr;

/// The most octets of a line before the `=` that breaks it.
const LONGEST: usize = 75;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends a text in quoted-printable. Lines end in LF or CRLF and each comes out with CRLF, also the last if it has none;
/// any other CR is an octet like others.
pub(crate) fn append(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while !rest.is_empty() {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..end).unwrap_or_default();
        let line = match line {
            [inner @ .., b'\r'] if end < rest.len() => inner,
            _ => line,
        };
        append_line(out, line);
        rest = rest.get(end + 1..).unwrap_or_default();
    }
}

fn append_line(out: &mut Vec<u8>, line: &[u8]) {
    let (line, blank) = match line {
        [inner @ .., blank @ (b' ' | b'\t')] => (inner, Some(*blank)),
        _ => (line, None),
    };
    let mut writer = Writer { out, column: 0 };
    let mut rest = line;
    loop {
        let (plain, other) = rest.split_at(plain_len(rest));
        writer.plain(plain);
        let Some((&byte, after)) = other.split_first() else {
            break;
        };
        match byte {
            b'\t' => writer.plain(b"\t"),
            _ => writer.escape(byte),
        }
        rest = after;
    }
    if let Some(blank) = blank {
        writer.escape(blank);
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes one line, broken where it gets too long.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    column: usize,
}

impl Writer<'_> {
    fn plain(&mut self, mut text: &[u8]) {
        while let Some((now, later)) = text.split_at_checked(LONGEST - self.column)
            && !later.is_empty()
        {
            self.out.extend_from_slice(now);
            self.soft_break();
            text = later;
        }
        self.out.extend_from_slice(text);
        self.column += text.len();
    }

    fn escape(&mut self, byte: u8) {
        if self.column + 3 > LONGEST {
            self.soft_break();
        }
        let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
        self.out
            .extend_from_slice(&[b'=', digit(byte >> 4), digit(byte & 15)]);
        self.column += 3;
    }

    fn soft_break(&mut self) {
        self.out.extend_from_slice(b"=\r\n");
        self.column = 0;
    }
}

/// How many octets at the start are printable ASCII but `=`; eight are looked at at once.
fn plain_len(text: &[u8]) -> usize {
    let (words, tail) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let stops = stops(u64::from_le_bytes(*word));
        if stops != 0 {
            return index * 8 + stops.trailing_zeros() as usize / 8;
        }
    }
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'=';
    let end = tail.iter().position(|byte| !plain(byte));
    words.len() * 8 + end.unwrap_or(tail.len())
}

/// The highest bit of each octet that is a control, `=` or beyond ASCII.
fn stops(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    // The low seven bits of each octet: no sum below runs over into the next.
    let low = word & !HIGH;
    let printable = low + 0x60 * ONES;
    let not_equals = (low ^ (u64::from(b'=') * ONES)) + 0x7f * ONES;
    let delete = low + ONES;
    (word | !printable | !not_equals | delete) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the encoder of another library makes of it.
    fn expected(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encodify::qp::BODY.encode_append(text, &mut out);
        if !text.is_empty() && !text.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
        out
    }

    fn assert_same(text: &[u8]) {
        let mut out = Vec::new();
        append(&mut out, text);
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(shown(&out), shown(&expected(text)), "{text:?}");
    }

    #[test]
    fn every_octet_is_written_right_at_every_column() {
        for byte in 0..=255 {
            for before in (0..20).chain(60..82) {
                for after in ["", "b", "\n", "\r\n", " \r\n", "\t", "=", "ü", "abcdefgh"] {
                    let mut text = "x".repeat(before).into_bytes();
                    text.push(byte);
                    text.extend_from_slice(after.as_bytes());
                    assert_same(&text);
                }
            }
        }
    }

    #[test]
    fn long_lines_break_before_they_are_too_long() {
        let mut out = Vec::new();
        append(&mut out, "a".repeat(151).as_bytes());
        let (whole, rest) = ("a".repeat(75), "a");
        let lines = format!("{whole}=\r\n{whole}=\r\n{rest}\r\n");
        assert_eq!(String::from_utf8(out).unwrap(), lines);
    }

    proptest! {
        #[test]
        fn texts_come_out_as_from_another_encoder(text in "([a-z ]{0,30}|[ =\t\r\n\u{0}ü日~\u{7f}]{0,6}){0,40}") {
            assert_same(text.as_bytes());
        }
    }
}
