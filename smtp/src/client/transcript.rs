//! What was said on both sides, for logs: without contents, and without what is said to log in.

use std::collections::VecDeque;

use super::Session;
use crate::Reply;
use crate::command::Command;

/// The most lines that are kept for one who does not fetch them.
const MOST_LINES: usize = 4096;

/// A line of a conversation. No secret is in it: what the client says to log in is `***`, and so is what a server repeats
/// of it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// What the client said, without the line end.
    Client(String),
    /// What the server said; a challenge is left out, since its answer may be guessed from it.
    Server(Reply),
    /// From here on the connection is under TLS.
    Tls,
}

/// The lines that nobody has fetched yet; `None` if nobody wants them.
#[derive(Debug, Default)]
pub(super) struct Transcript(Option<VecDeque<Line>>);

impl Transcript {
    pub(super) fn new(is_wanted: bool) -> Self {
        Self(is_wanted.then(VecDeque::new))
    }

    /// Notes a command, and that is all it does: a conversation goes the same way with and without a transcript.
    pub(super) fn said(&mut self, command: &Command<'_>) {
        if self.0.is_some() {
            self.push(Line::Client(command.shown()));
        }
    }

    pub(super) fn heard(&mut self, reply: &Reply) {
        if self.0.is_some() {
            self.push(Line::Server(match reply.code() {
                334 => reply.clone().without_text(),
                _ => reply.clone(),
            }));
        }
    }

    pub(super) fn push(&mut self, line: Line) {
        if let Some(lines) = &mut self.0 {
            if lines.len() == MOST_LINES {
                lines.pop_front();
            }
            lines.push_back(line);
        }
    }
}

impl Session {
    /// What was said since the last call, if [`Config::transcript`](crate::Config::transcript) is set; of many lines the
    /// last 4,096. Contents are not in it, nor is anything that is said to log in.
    pub fn transcript(&mut self) -> impl Iterator<Item = Line> {
        let lines = self.transcript.0.as_mut();
        lines.map(std::mem::take).into_iter().flatten()
    }
}
