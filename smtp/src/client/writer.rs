//! The writer: which command comes next, and the bytes that wait to be sent.

use std::fmt;

use super::Session;
use super::mail::{FailureKind, Phase};
use super::reader::Expected;
use crate::command::{Command, Hidden};
use crate::error::ViolationKind;
use crate::{Extensions, Violation};

/// Which greeting the writer owes the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    Ehlo,
    Helo,
    StartTls,
    /// STARTTLS was agreed on; the driver makes the handshake.
    Handshake,
    Auth,
    /// The answer to a challenge is to be sent.
    Challenged(Hidden),
    Done,
}

/// Where the writer is in the first of the jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    Mail,
    Rcpt(usize),
    Data,
    /// DATA is written; nothing may follow before its answer (RFC 2920 section 3.1).
    Go,
    Body,
    /// The content is complete, the dot that ends it is still to be written.
    Dot,
    End,
}

impl Cursor {
    pub(super) fn phase(self) -> Phase {
        match self {
            Self::Mail => Phase::Mail,
            Self::Rcpt(_) => Phase::Rcpt,
            Self::Data | Self::Go => Phase::Data,
            Self::Body | Self::Dot => Phase::Body,
            Self::End => Phase::Final,
        }
    }
}

/// Bytes that wait to be sent. `Debug` does not show them: a password may be among them.
#[derive(Default)]
pub(super) struct Out {
    bytes: Vec<u8>,
    sent: usize,
}

impl fmt::Debug for Out {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Out({} bytes)", self.pending().len())
    }
}

impl Out {
    pub(super) fn is_pending(&self) -> bool {
        self.sent < self.bytes.len()
    }

    pub(super) fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Where to append.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(super) fn sent(&mut self, n: usize) {
        self.sent = self.sent.saturating_add(n).min(self.bytes.len());
        if !self.is_pending() {
            self.bytes.clear();
            self.sent = 0;
        }
    }
}

impl Session {
    /// Writes one command, or settles one mail that this server cannot take.
    pub(super) fn write_one(&mut self) -> Result<bool, Violation> {
        if self.cursor == Cursor::Dot {
            return self.write_dot().map(|()| true);
        }
        // The limit: one command at a time.
        if self.out.is_pending() || !self.expected.is_empty() {
            return Ok(false);
        }
        if self.opening == Opening::Done && self.settle_misfit() {
            return Ok(true);
        }
        let Some(next) = self.next_command() else {
            return Ok(false);
        };
        self.refuse_waiting_input()?;
        self.write_command(next)?;
        self.expected.push_back(next);
        Ok(true)
    }

    /// Marks what the bytes about to be sent mean for the mail under way: from the first handing
    /// out on, the server may have them, whatever the driver learns of it.
    pub(super) fn note_handed_out(&mut self) {
        if let Some(job) = self.jobs.front_mut() {
            job.started |= self.cursor != Cursor::Mail;
            job.dot_handed_out |= self.cursor == Cursor::End;
        }
    }

    /// Fails the next mail without a byte, if what the server said after EHLO rules it out.
    fn settle_misfit(&mut self) -> bool {
        let (Cursor::Mail, Some(extensions), Some(job)) =
            (self.cursor, &self.extensions, self.jobs.front())
        else {
            return false;
        };
        let (phase, kind) = match job.mail.misfit(extensions, self.tls.is_some()) {
            Some(kind) => (Phase::Mail, kind),
            None if job.mail.to.is_empty() => (Phase::Rcpt, FailureKind::Refused),
            None => return false,
        };
        self.done
            .extend(self.jobs.pop_front().map(|job| job.fail(phase, None, kind)));
        true
    }

    /// The command that the cursor stands at, named by the reply it will have.
    fn next_command(&self) -> Option<Expected> {
        match (&self.opening, self.jobs.front()) {
            (Opening::Ehlo, _) => Some(Expected::Ehlo),
            (Opening::Helo, _) => Some(Expected::Helo),
            (Opening::StartTls, _) => Some(Expected::StartTls),
            (Opening::Auth | Opening::Challenged(_), _) => Some(Expected::Auth),
            (Opening::Handshake, _) => None,
            (Opening::Done, None) => self.quitting.then_some(Expected::Quit),
            (Opening::Done, Some(_)) => match self.cursor {
                Cursor::Mail if self.must_reset => Some(Expected::Rset),
                Cursor::Mail => Some(Expected::Mail),
                Cursor::Rcpt(i) => Some(Expected::Rcpt(i)),
                Cursor::Data => Some(Expected::Data),
                Cursor::Go | Cursor::Body | Cursor::Dot | Cursor::End => None,
            },
        }
    }

    fn write_command(&mut self, next: Expected) -> Result<(), Violation> {
        if next == Expected::Auth {
            return self.write_auth();
        }
        let refused = || Violation::new(ViolationKind::Command);
        let mail = self.jobs.front().map(|job| &job.mail);
        let (command, after) = match (next, mail) {
            (Expected::Ehlo, _) => (Command::Ehlo(&self.config.hello), self.cursor),
            (Expected::Helo, _) => (Command::Helo(&self.config.hello), self.cursor),
            (Expected::StartTls, _) => (Command::StartTls, self.cursor),
            (Expected::Rset, _) => (Command::Rset, self.cursor),
            (Expected::Quit, _) => (Command::Quit, self.cursor),
            (Expected::Mail, Some(mail)) => {
                let parameters = mail.parameters(self.extensions.as_ref());
                (Command::Mail(&mail.from, parameters), Cursor::Rcpt(0))
            }
            (Expected::Rcpt(i), Some(mail)) => {
                let recipient = mail.to.get(i).ok_or_else(refused)?;
                let dsn = self.extensions.as_ref().is_some_and(Extensions::dsn);
                let is_last = i + 1 == mail.to.len();
                (
                    Command::Rcpt(recipient, dsn),
                    if is_last {
                        Cursor::Data
                    } else {
                        Cursor::Rcpt(i + 1)
                    },
                )
            }
            (Expected::Data, Some(_)) => (Command::Data, Cursor::Go),
            _ => return Err(refused()),
        };
        command.write(self.out.bytes()).map_err(|_| refused())?;
        self.cursor = after;
        Ok(())
    }

    /// The end of the content. It is appended to what waits, so that both leave in one write.
    fn write_dot(&mut self) -> Result<(), Violation> {
        self.refuse_waiting_input()?;
        std::mem::take(&mut self.stuffer).finish(self.out.bytes());
        self.cursor = Cursor::End;
        self.expected.push_back(Expected::Final);
        Ok(())
    }

    /// Whatever waits here when a command is about to be written cannot be its answer. To take it
    /// for one would shift every reply that follows, and in the end tell a lost mail as sent.
    fn refuse_waiting_input(&self) -> Result<(), Violation> {
        if self.reader.is_empty() {
            Ok(())
        } else {
            Err(Violation::new(ViolationKind::Unasked))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_once_and_in_order() {
        let mut out = Out::default();
        out.bytes().extend_from_slice(b"abc");
        out.sent(1);
        assert_eq!(out.pending(), b"bc");
        out.bytes().extend_from_slice(b"d");
        out.sent(2);
        assert_eq!(out.pending(), b"d");
        // More than there is: a driver's mistake must not lose what comes later.
        out.sent(usize::MAX);
        assert!(!out.is_pending());
        out.bytes().extend_from_slice(b"e");
        assert_eq!(out.pending(), b"e");
    }
}
