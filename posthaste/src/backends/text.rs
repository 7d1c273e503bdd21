//! How a message looks on a console and in a file.

use std::io::{self, Write};

use posthaste_message::Rendered;

use crate::error::{Error, ErrorKind};

/// Seventy-nine of them end a message.
const RULE: [u8; 79] = [b'-'; 79];

/// The most octets that are collected before they are written.
const BUFFER: u64 = 1 << 20;

/// Writes a message with the line ends of Unix, an empty line and a rule, as Django does.
///
/// # Errors
///
/// When the writer fails, and when an attached file cannot be read.
pub(super) fn write(rendered: &Rendered<'_>, out: &mut dyn Write) -> io::Result<()> {
    // A message that fits goes out in one piece, so that those of several threads do not mix.
    let capacity = rendered.len().saturating_add(128).min(BUFFER);
    let mut lines = Lines(io::BufWriter::with_capacity(
        usize::try_from(capacity).unwrap_or_default(),
        out,
    ));
    rendered.write_to(&mut lines)?;
    let mut out = lines.0;
    out.write_all(b"\n")?;
    out.write_all(&RULE)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// The error of a message that could not be written; `what` is where to.
pub(super) fn failed(what: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot write to {what}: {error}")).with_source(error)
}

/// Leaves the carriage returns out. In a rendered message they stand at line ends only.
struct Lines<W: Write>(W);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split(|&byte| byte == b'\r') {
            self.0.write_all(piece)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use posthaste_message::{EmailMessage, RenderOptions};

    use super::*;

    #[test]
    fn a_message_ends_in_an_empty_line_and_a_rule() {
        let message = EmailMessage::new("Hi", "a\r\nb").to(["x@example.com"]);
        let options = RenderOptions::default();
        let rendered = message.render(&options).expect("rendered");
        let mut out = Vec::new();
        write(&rendered, &mut out).expect("written");
        let text = String::from_utf8(out).expect("text");
        assert!(!text.contains('\r'));
        assert!(
            text.ends_with(&format!("\n\na\nb\n\n{}\n", "-".repeat(79))),
            "{text}"
        );
    }
}
