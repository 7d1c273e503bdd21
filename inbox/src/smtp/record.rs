//! What is said on a connection, as it is kept for the transcripts.

use std::sync::Arc;
use std::time::Instant;

use crate::transcript::{Line, Speaker, Transcript};

/// So many octets of text are kept for one mail; then only a mark that there was more.
const MOST: usize = 256 * 1024;
/// So many characters of a line are kept.
const LONGEST: usize = 4096;

/// The lines of a connection since the last mail.
#[derive(Debug)]
pub(super) struct Record {
    start: Instant,
    opening: Arc<[Line]>,
    lines: Vec<Line>,
    octets: usize,
    is_open: bool,
}

impl Record {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            opening: Arc::from([]),
            lines: Vec::new(),
            octets: 0,
            is_open: true,
        }
    }

    /// Notes a line. `joined` says that it came in one piece with the one before.
    pub(super) fn note(&mut self, speaker: Speaker, text: &[u8], joined: bool) {
        if self.octets > MOST {
            return;
        }
        let text = clean(text);
        self.octets += text.len() + size_of::<Line>();
        let text = if self.octets > MOST {
            "… the rest is not kept".to_owned()
        } else {
            text
        };
        let at = self.start.elapsed();
        self.lines.push(Line {
            at,
            speaker,
            text,
            joined,
        });
    }

    /// Notes the lines of an answer.
    pub(super) fn answered(&mut self, bytes: &[u8]) {
        let text = bytes.strip_suffix(b"\r\n").unwrap_or(bytes);
        for (number, line) in text.split(|octet| *octet == b'\n').enumerate() {
            self.note(
                Speaker::Server,
                line.strip_suffix(b"\r").unwrap_or(line),
                number > 0,
            );
        }
    }

    /// The first mail begins: what was said until now belongs to all of this connection.
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
