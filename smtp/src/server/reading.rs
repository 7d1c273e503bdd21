//! What the bytes that came mean: a line, a piece of content, or the end of it.

use super::answering::Effect;
use super::commands::Asked;
use super::{Mode, Request, Server};
use crate::Reply;

/// What came of reading on.
pub(super) enum Advance {
    Asked(Asked),
    Content,
    Further,
}

impl Server {
    /// Reads on; `None` if more has to come first.
    pub(super) fn advance(&mut self) -> Option<Advance> {
        match &mut self.mode {
            Mode::Connect => {
                self.mode = Mode::Command;
                let usual = Reply::new(220, format!("{} ready", self.config.name));
                Some(Advance::Asked((
                    Request::Connect,
                    Some(usual),
                    Effect::Connect,
                )))
            }
            Mode::Command | Mode::Login(_) | Mode::Failing(_) => {
                let limit = match self.mode {
                    Mode::Command => self.line_limit(),
                    _ => self.config.limits.auth_line,
                };
                let line = self.input.line(limit)?;
                Some(Advance::Asked(self.asked(line)))
            }
            Mode::Data(_) => self.advance_data(),
            Mode::Chunk { left: 0, last } => {
                let last = *last;
                Some(self.chunk_end(last))
            }
            Mode::Swallow { left: 0, reply } => {
                let reply = reply.take();
                self.mode = Mode::Command;
                self.write(reply);
                Some(Advance::Further)
            }
            Mode::Chunk { left, .. } | Mode::Swallow { left, .. } => {
                let waiting = self.input.rest();
                let n = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(waiting.len());
                if n == 0 {
                    return None;
                }
                *left -= n as u64;
                let kept = matches!(self.mode, Mode::Chunk { .. });
                if kept {
                    self.piece.extend_from_slice(&waiting[..n]);
                    self.count(n);
                }
                self.input.read(n);
                Some(if kept {
                    Advance::Content
                } else {
                    Advance::Further
                })
            }
            Mode::Complete(given) => {
                let given = *given;
                Some(self.complete(given))
            }
            Mode::Handshake => None,
        }
    }

    /// AUTH may be longer than other commands, so a line is looked at before it is all there.
    fn line_limit(&self) -> usize {
        let limits = &self.config.limits;
        match self.input.rest().get(..5) {
            Some(verb) if verb.eq_ignore_ascii_case(b"AUTH ") => limits.auth_line,
            _ => limits.line,
        }
    }

    fn advance_data(&mut self) -> Option<Advance> {
        let Mode::Data(decoder) = &mut self.mode else {
            return None;
        };
        if self.input.rest().is_empty() {
            return None;
        }
        self.piece.clear();
        let (read, over) = decoder.decode(self.input.rest(), &mut self.piece);
        self.input.read(read);
        self.count(self.piece.len());
        if over {
            self.mode = Mode::Complete(0);
        }
        let useless = self.piece.is_empty() || self.is_too_large();
        Some(if useless {
            Advance::Further
        } else {
            Advance::Content
        })
    }

    fn count(&mut self, octets: usize) {
        if let Some(transaction) = &mut self.transaction {
            transaction.size = transaction.size.saturating_add(octets as u64);
        }
    }

    fn is_too_large(&self) -> bool {
        let limit = self.config.limits.size;
        limit > 0
            && self
                .transaction
                .as_ref()
                .is_some_and(|transaction| transaction.size > limit)
    }

    fn chunk_end(&mut self, last: bool) -> Advance {
        if last {
            self.mode = Mode::Complete(0);
            return Advance::Further;
        }
        self.mode = Mode::Command;
        self.line.clear();
        let usual = self.usual(250, "2.0.0", "Go on");
        Advance::Asked((Request::Chunk, Some(usual), Effect::Chunk))
    }

    /// The content is there: one answer, or in LMTP one for each recipient.
    fn complete(&mut self, given: usize) -> Advance {
        let (size, recipients) = self.transaction.as_ref().map_or((0, 0), |transaction| {
            (transaction.size, transaction.recipients)
        });
        let due = if self.config.is_lmtp() { recipients } else { 1 };
        if given >= due {
            self.mode = Mode::Command;
            self.transaction = None;
            return Advance::Further;
        }
        self.mode = Mode::Complete(given + 1);
        self.line.clear();
        let too_large = self.is_too_large();
        let usual = if too_large {
            self.usual(552, "5.3.4", "The message is too large")
        } else {
            self.usual(250, "2.0.0", "Taken")
        };
        let request = Request::Message {
            size,
            too_large,
            recipient: self.config.is_lmtp().then_some(given),
        };
        Advance::Asked((request, Some(usual), Effect::Message))
    }
}
