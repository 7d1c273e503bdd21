//! What is said on a connection, as it is kept for the transcripts.

use std::sync::Arc;
use std::time::Instant;

use crate::transcript::{Line, Speaker, Transcript};

/// So many characters of a line are kept.
const LONGEST: usize = 4096;

/// The lines of a connection since the last mail.
#[derive(Debug)]
pub(super) struct Record {
    start: Instant,
    opening: Arc<[Line]>,
    lines: Vec<Line>,
    octets: usize,
    /// So many octets of text are kept for one mail; then only a mark that there was more.
    most: usize,
    is_open: bool,
}

impl Record {
    pub(super) fn new(most: usize) -> Self {
        Self {
            start: Instant::now(),
            opening: Arc::from([]),
            lines: Vec::new(),
            octets: 0,
            most,
            is_open: true,
        }
    }

    /// Notes a line. `joined` says that it came in one piece with the one before.
    pub(super) fn note(&mut self, speaker: Speaker, text: &[u8], joined: bool) {
        if self.octets > self.most {
            return;
        }
        let text = clean(text);
        self.octets += text.len();
        let line = if self.octets > self.most {
            Line {
                at: self.start.elapsed(),
                speaker: Speaker::Event,
                text: "the rest is not kept".to_owned(),
                joined: false,
            }
        } else {
            Line {
                at: self.start.elapsed(),
                speaker,
                text,
                joined,
            }
        };
        self.lines.push(line);
    }

    /// Notes the lines of an answer. `joined` says that it goes out with the answer before.
    pub(super) fn answered(&mut self, bytes: &[u8], joined: bool) {
        let text = bytes.strip_suffix(b"\r\n").unwrap_or(bytes);
        for (number, line) in text.split(|octet| *octet == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            self.note(Speaker::Server, line, joined || number > 0);
        }
    }

    /// A mail begins: what was said until the first belongs to all of this connection.
    pub(super) fn mail_begins(&mut self) {
        if self.is_open {
            self.is_open = false;
            self.opening = std::mem::take(&mut self.lines).into();
            self.octets = 0;
        }
    }

    /// What was said since the last mail. The lines after it begin anew.
    pub(super) fn take(&mut self) -> Transcript {
        self.octets = 0;
        Transcript {
            opening: Arc::clone(&self.opening),
            lines: std::mem::take(&mut self.lines).into(),
        }
    }
}

/// A line that can be shown: no controls, not endless.
fn clean(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.get(..LONGEST).unwrap_or(line));
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of a record in which lines of four octets were noted.
    fn kept(most: usize, lines: usize) -> Vec<String> {
        let mut record = Record::new(most);
        for _ in 0..lines {
            record.note(Speaker::Client, b"NOOP", false);
        }
        record
            .take()
            .lines
            .iter()
            .map(|line| line.text.clone())
            .collect()
    }

    #[test]
    fn as_much_is_kept_as_the_limit_says() {
        assert_eq!(kept(12, 3), ["NOOP"; 3]);
        assert_eq!(
            kept(12, 4),
            ["NOOP", "NOOP", "NOOP", "the rest is not kept"]
        );
        assert_eq!(kept(12, 9).len(), 4);
    }

    #[test]
    fn the_opening_is_shared_by_all_mails() {
        let mut record = Record::new(100);
        record.answered(b"250-one\r\n250 two\r\n", false);
        record.mail_begins();
        record.note(Speaker::Client, b"MAIL", false);
        let first = record.take();
        record.mail_begins();
        record.note(Speaker::Client, b"\x1b[31mMAIL\r", true);
        let second = record.take();
        assert!(Arc::ptr_eq(&first.opening, &second.opening));
        let texts: Vec<_> = second
            .iter()
            .map(|line| (line.text.as_str(), line.joined))
            .collect();
        assert_eq!(
            texts,
            [("250-one", false), ("250 two", true), ("?[31mMAIL?", true)]
        );
    }
}
