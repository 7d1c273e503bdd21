//! The content of DATA as it comes: the end is found, doubled dots are undone, everything else stays as it is.
//!
//! Only CR LF `.` CR LF ends it (RFC 5321 section 4.1.1.4). A bare CR or LF is an octet like any other: to take
//! one for a line end is what makes smuggling possible.

use memchr::memchr2;

/// Where in a line the decoder is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Right after CR LF, or at the beginning.
    #[default]
    Start,
    /// After a dot that began the line, which is not passed on yet.
    Dot,
    /// After such a dot and a CR, neither of which is passed on yet.
    DotCr,
    /// After a CR.
    Cr,
    Text,
}

/// Undoes the dots of a content that comes in pieces, cut anywhere.
#[derive(Clone, Debug, Default)]
pub(super) struct Decoder(At);

impl Decoder {
    /// Reads until the end of the content or of the piece, and appends what the content holds.
    /// Gives how many octets it read, and whether the content is over.
    pub(super) fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
        out.reserve(input.len() + 1);
        let mut read = 0;
        while let Some(&octet) = input.get(read) {
            if self.0 == At::Text {
                let rest = &input[read..];
                let run = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                out.extend_from_slice(&rest[..run]);
                read += run;
                if let Some(&end) = rest.get(run) {
                    out.push(end);
                    self.0 = after(end);
                    read += 1;
                }
                continue;
            }
            read += 1;
            if self.one(octet, out) {
                self.0 = At::Start;
                return (read, true);
            }
        }
        (read, false)
    }

    /// Takes one octet near the start of a line; says whether it ends the content.
    fn one(&mut self, octet: u8, out: &mut Vec<u8>) -> bool {
        match (self.0, octet) {
            (At::DotCr, b'\n') => return true,
            (At::Start, b'.') => self.0 = At::Dot,
            (At::Dot, b'\r') => self.0 = At::DotCr,
            (At::Cr, b'\n') => {
                out.push(octet);
                self.0 = At::Start;
            }
            (at, _) => {
                // The dot is undone; the CR behind it was no line end.
                if at == At::DotCr {
                    out.push(b'\r');
                }
                out.push(octet);
                self.0 = after(octet);
            }
        }
        false
    }
}

/// Where we are after an octet that ends no line by itself.
fn after(octet: u8) -> At {
    if octet == b'\r' { At::Cr } else { At::Text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DotStuffer;

    /// The content, and what comes behind it; cut after so many octets.
    fn decode(input: &[u8], cut: usize) -> (Vec<u8>, Option<Vec<u8>>) {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        let (first, second) = input.split_at(cut);
        let (read, over) = decoder.decode(first, &mut out);
        if over {
            return (out, Some(input[read..].to_vec()));
        }
        assert_eq!(read, first.len());
        let (read, over) = decoder.decode(second, &mut out);
        (out, over.then(|| second[read..].to_vec()))
    }

    fn everywhere(input: &[u8], content: &[u8], rest: Option<&[u8]>) {
        for cut in 0..=input.len() {
            let expected = (content.to_vec(), rest.map(<[u8]>::to_vec));
            assert_eq!(decode(input, cut), expected, "{input:?} cut at {cut}");
        }
    }

    #[test]
    fn the_end_is_found_and_what_follows_is_left() {
        everywhere(b".\r\nQUIT\r\n", b"", Some(b"QUIT\r\n"));
        everywhere(b"a\r\n.\r\n", b"a\r\n", Some(b""));
        everywhere(b"a\r\nb\r\n.\r\nMAIL", b"a\r\nb\r\n", Some(b"MAIL"));
        everywhere(b"\r\n.\r\n.\r\n", b"\r\n", Some(b".\r\n"));
    }

    #[test]
    fn dots_are_undone() {
        everywhere(
            b"..\r\n..a\r\n...\r\n.b\r\n.\r\n",
            b".\r\n.a\r\n..\r\nb\r\n",
            Some(b""),
        );
        everywhere(b"a..\r\n.\r\n", b"a..\r\n", Some(b""));
    }

    #[test]
    fn nothing_else_ends_it() {
        for (no_end, content) in [
            (&b"a\n.\n"[..], &b"a\n.\n"[..]),
            (b"a\n.\r\n", b"a\n.\r\n"),
            (b"a\r.\r\n", b"a\r.\r\n"),
            (b"a\r.\r", b"a\r.\r"),
            (b"a\r\n.\n", b"a\r\n\n"),
            (b"a\r\n.\rx", b"a\r\n\rx"),
            (b"a\r\n.\r\rx", b"a\r\n\r\rx"),
            (b"a\r\r\n.x", b"a\r\r\nx"),
            (b"\n.\r\n", b"\n.\r\n"),
        ] {
            everywhere(no_end, content, None);
            let more = [no_end, b"z\r\n.\r\nQ"].concat();
            everywhere(&more, &[content, b"z\r\n"].concat(), Some(b"Q"));
        }
    }

    #[test]
    fn what_the_stuffer_writes_is_read_back() {
        let content = b".\r\n..\r\n.a\r\n\r\nlast\r\n";
        let (mut stuffer, mut wire) = (DotStuffer::new(), Vec::new());
        stuffer.push(content, &mut wire);
        stuffer.finish(&mut wire);
        everywhere(&wire, content, Some(b""));
    }
}
