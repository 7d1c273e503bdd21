//! Quoted-printable for texts (RFC 2045, 6.7).
//!
//! Texts of most languages change between a few plain octets and a few escaped ones, so that this is written for short runs:
//! eight octets are looked at and copied at once, and a line is made in place before it is appended.

/// The most octets of a line before the `=` that breaks it.
const LONGEST: usize = 75;

/// Each octet as it is escaped.
static ESCAPES: [[u8; 3]; 256] = {
    let digits = *b"0123456789ABCDEF";
    let mut escapes = [[b'='; 3]; 256];
    let mut octet = 0;
    while octet < 256 {
        escapes[octet] = [b'=', digits[octet / 16], digits[octet % 16]];
        octet += 1;
    }
    escapes
};

/// Appends a text in quoted-printable. Lines end in LF or CRLF and each comes out with CRLF, also the last if it has none;
/// any other CR is an octet like others.
pub(crate) fn append(out: &mut Vec<u8>, text: &[u8]) {
    let mut line = Line {
        out,
        octets: [0; LONGEST + 8],
        len: 0,
    };
    let mut rest = text;
    while !rest.is_empty() {
        rest = line.step(rest);
    }
    if !text.is_empty() && !text.ends_with(b"\n") {
        line.end();
    }
}

/// The line that is being made.
struct Line<'a> {
    out: &'a mut Vec<u8>,
    /// Has room for eight octets after the last.
    octets: [u8; LONGEST + 8],
    len: usize,
}

impl Line<'_> {
    /// Writes a run of plain octets and what comes after it; returns the rest of the text.
    #[inline(always)]
    fn step<'t>(&mut self, text: &'t [u8]) -> &'t [u8] {
        let text = match text {
            [128..=255, ..] => text,
            _ => self.plain(text),
        };
        match text {
            [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] => {
                self.end();
                rest
            }
            [b'\t', rest @ ..] => {
                self.tab();
                rest
            }
            [byte, rest @ ..] => {
                self.escape(*byte);
                rest
            }
            [] => text,
        }
    }

    /// Writes plain octets up to the first other one; returns the text from there.
    #[inline(always)]
    fn plain<'t>(&mut self, mut text: &'t [u8]) -> &'t [u8] {
        loop {
            let word = first_eight(text);
            let run = stops(u64::from_le_bytes(word)).trailing_zeros() as usize / 8;
            let fits = run.min(LONGEST - self.len);
            // All eight are copied; those after the run are written over.
            self.put(word);
            self.len += fits;
            text = text.get(fits..).unwrap_or_default();
            if fits < run {
                self.soft_break();
            } else if run < 8 {
                return text;
            }
        }
    }

    fn tab(&mut self) {
        if self.len == LONGEST {
            self.soft_break();
        }
        self.put([b'\t']);
        self.len += 1;
    }

    #[inline(always)]
    fn escape(&mut self, byte: u8) {
        if self.len + 3 > LONGEST {
            self.soft_break();
        }
        self.put(ESCAPES.get(usize::from(byte)).copied().unwrap_or_default());
        self.len += 3;
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, octets: [u8; N]) {
        let rest = self.octets.get_mut(self.len..).unwrap_or_default();
        if let Some(place) = rest.first_chunk_mut() {
            *place = octets;
        }
    }

    fn soft_break(&mut self) {
        self.flush(*b"=\r\n");
    }

    /// Ends a line of the text. A blank may not stand there as it is.
    fn end(&mut self) {
        let line = self.octets.get(..self.len).unwrap_or_default();
        if let [.., blank @ (b' ' | b'\t')] = *line {
            self.len -= 1;
            self.escape(blank);
        }
        self.flush(*b"\r\n");
    }

    fn flush<const N: usize>(&mut self, end: [u8; N]) {
        self.put(end);
        let line = self.octets.get(..self.len + N).unwrap_or_default();
        self.out.extend_from_slice(line);
        self.len = 0;
    }
}

/// The first eight octets, or all and then NUL, which is not plain.
#[inline(always)]
fn first_eight(text: &[u8]) -> [u8; 8] {
    if let Some(word) = text.first_chunk() {
        return *word;
    }
    let mut word = [0; 8];
    for (place, &byte) in word.iter_mut().zip(text) {
        *place = byte;
    }
    word
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
