//! The content of DATA: every line end becomes CRLF, and a dot that begins a line is doubled.
//!
//! Both happen in one pass, the doubling on the normalised lines, with the state kept across
//! buffers. A receiver therefore never sees a bare CR or LF, which is what a client can do against
//! SMTP smuggling, and content can never end the DATA by itself.

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
        while let Some(first) = input.first() {
            if STUFF && self.line_start && *first == b'.' {
                out.push(b'.');
            }
            let Some(end) = find_line_end(input) else {
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
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

/// Where the first CR or LF is.
pub(crate) fn find_line_end(bytes: &[u8]) -> Option<usize> {
    const BLOCK: usize = 32;
    let is_end = |b: &u8| *b == b'\r' || *b == b'\n';
    // The fold without early exit is what the compiler turns into vector instructions.
    let skipped = bytes
        .chunks_exact(BLOCK)
        .take_while(|block| !block.iter().fold(false, |found, b| found | is_end(b)))
        .count()
        * BLOCK;
    bytes[skipped..]
        .iter()
        .position(is_end)
        .map(|at| skipped + at)
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
    fn line_ends_are_found_at_every_place() {
        for at in 0..100 {
            let mut bytes = vec![b'x'; 100];
            bytes[at] = b'\n';
            assert_eq!(find_line_end(&bytes), Some(at));
        }
        assert_eq!(find_line_end(&[b'x'; 100]), None);
    }
}
