//! The content of DATA: every line end becomes CRLF, and a dot that begins a line is doubled.
//!
//! Both happen in one pass, the doubling on the normalised lines, with the state kept across
//! buffers. A receiver therefore never sees a bare CR or LF, which is what a client can do against
//! SMTP smuggling, and content can never end the DATA by itself.

use memchr::{memchr2, memmem};

/// Encodes content for DATA.
///
/// # Example
///
/// ```
/// use posthaste_smtp::DotStuffer;
///
/// let (mut stuffer, mut out) = (DotStuffer::new(), Vec::new());
/// stuffer.push(b"one\n.", &mut out);
/// stuffer.push(b"two\r", &mut out);
/// stuffer.push(b"\nthree", &mut out);
/// stuffer.finish(&mut out);
/// assert_eq!(out, b"one\r\n..two\r\nthree\r\n.\r\n");
/// ```
#[derive(Clone, Debug, Default)]
pub struct DotStuffer(Lines);

impl DotStuffer {
    /// An encoder at the beginning of a content.
    pub const fn new() -> Self {
        Self(Lines::new())
    }

    /// Encodes the next piece of the content, cut wherever the caller likes, and appends it.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.0.push_stuffed(input, out);
    }

    /// Ends the content: the last line gets its line end if it has none, then the lone dot.
    pub fn finish(self, out: &mut Vec<u8>) {
        self.0.finish(out);
        out.extend_from_slice(b".\r\n");
    }
}

/// Lines that all end in CRLF, whatever they ended in before.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    line_start: bool,
    /// The last octet was a CR, already written as CRLF: an LF that follows belongs to it.
    after_cr: bool,
}

impl Lines {
    pub(crate) const fn new() -> Self {
        Self {
            line_start: true,
            after_cr: false,
        }
    }

    /// Appends the next piece, cut wherever the caller likes.
    pub(crate) fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.write::<false>(input, out);
    }

    /// Appends the next piece, with dots doubled that begin a line.
    pub(crate) fn push_stuffed(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.write::<true>(input, out);
    }

    /// Ends the last line if it has no end.
    pub(crate) fn finish(self, out: &mut Vec<u8>) {
        if !self.line_start {
            out.extend_from_slice(b"\r\n");
        }
    }

    fn write<const STUFF: bool>(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        // Room for the piece, and for a few lone line ends and dots.
        out.reserve(input.len() + input.len() / 32 + 8);
        if self.after_cr && !input.is_empty() {
            self.after_cr = false;
            input = input.strip_prefix(b"\n").unwrap_or(input);
        }
        if has_only_crlf(input) {
            return self.pass_on::<STUFF>(input, out);
        }
        while let Some(first) = input.first() {
            if STUFF && self.line_start && *first == b'.' {
                out.push(b'.');
            }
            let Some(end) = memchr2(b'\r', b'\n', input) else {
                out.extend_from_slice(input);
                self.line_start = false;
                return;
            };
            out.extend_from_slice(&input[..end]);
            out.extend_from_slice(b"\r\n");
            self.line_start = true;
            let is_cr = input[end] == b'\r';
            input = &input[end + 1..];
            if is_cr {
                self.after_cr = input.is_empty();
                input = input.strip_prefix(b"\n").unwrap_or(input);
            }
        }
    }

    /// Appends a piece whose line ends are as they have to be, which most are.
    fn pass_on<const STUFF: bool>(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let mut copied = 0;
        if STUFF {
            if self.line_start && input.starts_with(b".") {
                out.push(b'.');
            }
            for end in memmem::find_iter(input, b"\n.") {
                out.extend_from_slice(&input[copied..=end]);
                out.push(b'.');
                copied = end + 1;
            }
        }
        out.extend_from_slice(&input[copied..]);
        if let Some(last) = input.last() {
            self.line_start = *last == b'\n';
        }
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether every CR stands before an LF and every LF behind a CR, all within these bytes.
fn has_only_crlf(bytes: &[u8]) -> bool {
    let next = bytes.get(1..).unwrap_or_default();
    // Small steps without a way out of the loop, so that the compiler looks at many octets at once.
    let is_good = |(part, next): (&[u8], &[u8])| {
        !part.iter().zip(next).fold(false, |any, (&byte, &next)| {
            any | ((byte == b'\r') != (next == b'\n'))
        })
    };
    let mut parts = bytes.chunks(4096).zip(next.chunks(4096));
    !bytes.starts_with(b"\n") && !bytes.ends_with(b"\r") && parts.all(is_good)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut stuffer, mut out) = (DotStuffer::new(), Vec::new());
        for piece in pieces {
            stuffer.push(piece, &mut out);
        }
        stuffer.finish(&mut out);
        out
    }

    #[test]
    fn every_line_end_becomes_crlf() {
        assert_eq!(
            encode(&[b"a\rb\nc\r\nd\r\r\ne\n\rf"]),
            b"a\r\nb\r\nc\r\nd\r\n\r\ne\r\n\r\nf\r\n.\r\n"
        );
    }

    #[test]
    fn a_dot_is_doubled_only_at_the_start_of_a_line() {
        assert_eq!(
            encode(&[b".a.b\r\n.\r\n\r\n..c"]),
            b"..a.b\r\n..\r\n\r\n...c\r\n.\r\n"
        );
    }

    #[test]
    fn no_smuggled_end_survives() {
        for end in [
            "\n.\n",
            "\n.\r\n",
            "\r.\r",
            "\r\n.\r\n",
            "\r.\n",
            "\r\n.\r",
            "\r\n.\n",
        ] {
            let out = encode(&[format!("a{end}MAIL FROM:<evil@example.com>\r\n").as_bytes()]);
            let ends = out.windows(5).filter(|w| w == b"\r\n.\r\n").count();
            assert_eq!(ends, 1, "{end:?}");
            assert!(out.ends_with(b"\r\n.\r\n"));
        }
    }

    #[test]
    fn an_empty_content_is_the_dot_alone() {
        assert_eq!(encode(&[]), b".\r\n");
        assert_eq!(encode(&[b"", b""]), b".\r\n");
    }

    #[test]
    fn an_empty_piece_between_cr_and_lf_changes_nothing() {
        assert_eq!(encode(&[b"a\r", b"", b"\n.b"]), b"a\r\n..b\r\n.\r\n");
    }

    #[test]
    fn long_pieces_are_no_different_from_short_ones() {
        let good = format!("{}\r\n.b\r\n", "a".repeat(97)).repeat(100);
        for (at, bad) in [
            (0, "\n"),
            (4095, "\r"),
            (4096, "\n"),
            (8191, "\r.\n"),
            (9999, "\r"),
        ] {
            let mut mixed = good.clone();
            mixed.insert_str(at, bad);
            for content in [good.as_bytes(), mixed.as_bytes()] {
                let single: Vec<&[u8]> = content.chunks(1).collect();
                assert_eq!(encode(&[content]), encode(&single), "{bad:?} at {at}");
            }
        }
    }
}
