//! What was said on a connection, line by line, with the time of each.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Who said a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Speaker {
    /// The client.
    Client,
    /// The server.
    Server,
    /// Nobody: something happened.
    Event,
}

/// A line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// How long after the connection was made.
    pub at: Duration,
    /// Who said it.
    pub speaker: Speaker,
    /// The line without its end. Secrets are hidden; of a content only the length is told; controls stand as `?`.
    pub text: String,
    /// Whether it came in one piece with the line before it from the same side.
    pub joined: bool,
}

/// Some of the lines of a connection, in order. Cloning it copies no lines.
///
/// It is made of blocks that mails of one connection share, so that the greeting of a connection with thousands of mails is kept once.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// What was said before the first mail: greeting, EHLO, TLS, login.
    pub opening: Arc<[Line]>,
    /// What was said for this mail.
    pub lines: Arc<[Line]>,
}

impl Transcript {
    /// All lines, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Line> {
        self.opening.iter().chain(self.lines.iter())
    }

    /// Whether a line has this text in it.
    pub fn contains(&self, text: &str) -> bool {
        self.iter().any(|line| line.text.contains(text))
    }
}
