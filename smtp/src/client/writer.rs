//! The writer: which command comes next, and when the next content may follow.
//!
//! Without PIPELINING every command waits for its answer. With it (RFC 2920) commands follow one another until the
//! [`Window`](super::Window) is full; only after EHLO, STARTTLS, AUTH, DATA and QUIT does the writer wait.
//!
//! With CHUNKING too (RFC 3030) whole mails follow one another, as far as the server is trusted (`trust.rs`). Until it is, the
//! content of a mail waits until its recipients are known (so nothing goes to nobody), and only the next mail's addresses run
//! ahead.
//!
//! RSET comes before every MAIL that is written ahead. Some servers keep the transaction of a refused mail open (seen with
//! Exim 4.96): the next MAIL is refused then, and its content goes out under the refused mail's sender.

use super::mail::{FailureKind, Phase};
use super::opening::Opening;
use super::reader::{Awaited, Expected};
use super::{Protocol, Session};
use crate::command::Command;
use crate::data::Lines;
use crate::error::ViolationKind;
use crate::{Extensions, Violation};

/// Content is taken in until so many octets wait, so that many short mails leave in one write.
const ENOUGH: usize = 128 * 1024;

/// Where the writer is in the first of the mails that are not wholly written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    Mail,
    Rcpt(usize),
    /// The recipients are written. DATA comes next, or the first chunk.
    Content,
    /// DATA is written; nothing may follow before its answer (RFC 2920 section 3.1).
    Go,
    /// The content after DATA.
    Body,
    /// The content is complete, the dot that ends it is still to be written.
    Dot,
    /// The next chunk is being filled.
    Chunk,
    /// A chunk is full, or the last one, and still to be written.
    Bdat {
        last: bool,
    },
}

impl Cursor {
    pub(super) fn phase(self) -> Phase {
        match self {
            Self::Mail => Phase::Mail,
            Self::Rcpt(_) => Phase::Rcpt,
            Self::Content | Self::Go => Phase::Data,
            Self::Body | Self::Dot | Self::Chunk | Self::Bdat { .. } => Phase::Body,
        }
    }
}

impl Session {
    /// Writes one command or chunk, or settles one mail that this server cannot take.
    pub(super) fn write_one(&mut self) -> Result<bool, Violation> {
        match self.cursor {
            Cursor::Dot => return self.write_dot().map(|()| true),
            Cursor::Bdat { last } => return self.write_chunk(last),
            Cursor::Content if self.by_chunks() => return Ok(self.begin_chunks()),
            _ => {}
        }
        if self.opening == Opening::Done && self.settle_misfit() {
            return Ok(true);
        }
        match self.next_command() {
            Some(next) if self.may_write(next) => {
                self.refuse_waiting_input()?;
                self.write_command(next)?;
                self.expect(next);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Whether content is wanted now.
    pub(super) fn wants_content(&self) -> bool {
        matches!(self.cursor, Cursor::Body | Cursor::Chunk) && self.out.len() < ENOUGH
    }

    /// Takes content, and ends a chunk that is full.
    pub(super) fn take_content(&mut self, bytes: &[u8]) {
        match self.cursor {
            Cursor::Body => self.lines.push_stuffed(bytes, self.out.bytes()),
            Cursor::Chunk => {
                self.lines.push(bytes, &mut self.chunk);
                if self.chunk.len() >= self.config.window.chunk {
                    self.cursor = Cursor::Bdat { last: false };
                }
            }
            _ => {}
        }
    }

    /// Notes that the content is complete.
    pub(super) fn complete_content(&mut self) {
        match self.cursor {
            Cursor::Body => self.cursor = Cursor::Dot,
            Cursor::Chunk => {
                std::mem::take(&mut self.lines).finish(&mut self.chunk);
                self.cursor = Cursor::Bdat { last: true };
            }
            Cursor::Bdat { .. } => self.content_is_over = true,
            _ => {}
        }
    }

    /// Whether commands may follow one another.
    fn is_pipelining(&self) -> bool {
        let offered = self.extensions.as_ref().is_some_and(|all| all.pipelining());
        offered && self.config.pipelining && self.opening == Opening::Done
    }

    /// Whether content goes by BDAT. Not in LMTP: how many answers it has depends on the recipients.
    pub(super) fn by_chunks(&self) -> bool {
        let offered = self.extensions.as_ref().is_some_and(|all| all.chunking());
        offered
            && self.config.chunking
            && self.config.protocol == Protocol::Smtp
            && self.is_pipelining()
    }

    /// Whether this command may be written now.
    fn may_write(&self, next: Expected) -> bool {
        if !self.is_pipelining() || next == Expected::Quit {
            return self.expected.is_empty() && !self.out.is_pending();
        }
        let answers_by_recipient = self.config.protocol == Protocol::Lmtp;
        if next == Expected::Data && answers_by_recipient && !self.knows_recipients() {
            return false;
        }
        self.expected.len() < self.config.window.replies && self.out.len() < ENOUGH
    }

    fn knows_recipients(&self) -> bool {
        let job = self.jobs.get(self.writing);
        job.is_some_and(|job| job.knows_recipients())
    }

    /// Begins the content by BDAT, once it is known or trusted that somebody gets it.
    fn begin_chunks(&mut self) -> bool {
        let may = self.may_send_content();
        if may {
            self.cursor = Cursor::Chunk;
        }
        may
    }

    fn may_send_content(&self) -> bool {
        self.trust.is_full() || self.knows_recipients()
    }

    /// Fails the next mail without a byte, if what the server said after EHLO rules it out.
    fn settle_misfit(&mut self) -> bool {
        let (Cursor::Mail, Some(extensions), Some(job)) = (
            self.cursor,
            &self.extensions,
            self.jobs.get_mut(self.writing),
        ) else {
            return false;
        };
        match job.mail.misfit(extensions, self.tls.is_some()) {
            Some(kind) => job.fail(Phase::Mail, None, kind),
            None if job.mail.to.is_empty() => job.fail(Phase::Rcpt, None, FailureKind::Refused),
            None => return false,
        }
        let job = self.jobs.remove(self.writing);
        self.done.extend(job.map(|job| job.outcome()));
        true
    }

    /// The command that the cursor stands at, named by the reply it will have.
    fn next_command(&self) -> Option<Expected> {
        match (&self.opening, self.jobs.get(self.writing)) {
            (Opening::Ehlo, _) => Some(Expected::Ehlo),
            (Opening::Helo, _) => Some(Expected::Helo),
            (Opening::StartTls, _) => Some(Expected::StartTls),
            (Opening::Auth | Opening::Challenged(_), _) => Some(Expected::Auth),
            (Opening::Handshake, _) => None,
            (Opening::Done, None) if self.noops > 0 => Some(Expected::Noop),
            (Opening::Done, None) => self.quitting.then_some(Expected::Quit),
            (Opening::Done, Some(_)) => match self.cursor {
                Cursor::Mail if self.needs_reset() => Some(Expected::Rset),
                Cursor::Mail => Some(Expected::Mail),
                Cursor::Rcpt(i) => Some(Expected::Rcpt(i)),
                Cursor::Content => Some(Expected::Data),
                _ => None,
            },
        }
    }

    /// Whether RSET has to come before the next MAIL.
    fn needs_reset(&self) -> bool {
        !self.is_reset && (self.must_reset || self.writing > 0)
    }

    fn write_command(&mut self, next: Expected) -> Result<(), Violation> {
        if next == Expected::Auth {
            return self.write_auth();
        }
        let refused = || Violation::new(ViolationKind::Command);
        let begins = self.out.written_total();
        let job = self.jobs.get_mut(self.writing);
        let (command, after) = match (next, job) {
            (Expected::Ehlo, _) if self.config.protocol == Protocol::Lmtp => {
                (Command::Lhlo(&self.config.hello), self.cursor)
            }
            (Expected::Ehlo, _) => (Command::Ehlo(&self.config.hello), self.cursor),
            (Expected::Helo, _) => (Command::Helo(&self.config.hello), self.cursor),
            (Expected::StartTls, _) => (Command::StartTls, self.cursor),
            (Expected::Quit, _) => (Command::Quit, self.cursor),
            (Expected::Noop, _) => {
                self.noops = self.noops.saturating_sub(1);
                (Command::Noop, self.cursor)
            }
            (Expected::Rset, _) => {
                (self.is_reset, self.must_reset) = (true, false);
                (Command::Rset, self.cursor)
            }
            (Expected::Mail, Some(job)) => {
                self.is_reset = false;
                job.begin(begins, self.writing > 0);
                let parameters = job.mail.parameters(self.extensions.as_ref());
                (Command::Mail(&job.mail.from, parameters), Cursor::Rcpt(0))
            }
            (Expected::Rcpt(i), Some(job)) => {
                let recipient = job.mail.to.get(i).ok_or_else(refused)?;
                let dsn = self.extensions.as_ref().is_some_and(Extensions::dsn);
                let is_last = i + 1 == job.mail.to.len();
                let after = if is_last {
                    Cursor::Content
                } else {
                    Cursor::Rcpt(i + 1)
                };
                (Command::Rcpt(recipient, dsn), after)
            }
            (Expected::Data, Some(_)) => (Command::Data, Cursor::Go),
            _ => return Err(refused()),
        };
        self.transcript.said(&command);
        command.write(self.out.bytes()).map_err(|_| refused())?;
        self.cursor = after;
        Ok(())
    }

    /// The end of the content. It is appended to what waits, so that both leave in one write.
    fn write_dot(&mut self) -> Result<(), Violation> {
        self.refuse_waiting_input()?;
        std::mem::take(&mut self.lines).finish(self.out.bytes());
        let at = self.out.written_total();
        self.out.bytes().extend_from_slice(b".\r\n");
        self.unacknowledged += 1;
        let recipients = match self.jobs.get_mut(self.writing) {
            Some(job) if self.config.protocol == Protocol::Lmtp => {
                job.end(at);
                job.accepted().iter().copied().map(Some).collect()
            }
            Some(job) => {
                job.end(at);
                vec![None]
            }
            None => Vec::new(),
        };
        for recipient in recipients {
            self.expect(Expected::Final(recipient));
        }
        self.next_mail();
        Ok(())
    }

    /// Writes a chunk, as soon as the window has room for it.
    fn write_chunk(&mut self, last: bool) -> Result<bool, Violation> {
        let octets = self.chunk.len();
        if !self.has_room_for(octets, last) {
            return Ok(false);
        }
        self.refuse_waiting_input()?;
        let begins = self.out.written_total();
        let command = Command::Bdat {
            size: octets as u64,
            last,
        };
        self.transcript.said(&command);
        command
            .write(self.out.bytes())
            .map_err(|_| Violation::new(ViolationKind::Command))?;
        self.out.bytes().append(&mut self.chunk);
        self.unanswered += octets as u64;
        if last && let Some(job) = self.jobs.get_mut(self.writing) {
            job.end(begins);
            self.unacknowledged += 1;
        }
        self.expect(Expected::Chunk { octets, last });
        match last {
            true => self.next_mail(),
            false => {
                self.cursor = Cursor::Chunk;
                if std::mem::take(&mut self.content_is_over) {
                    self.complete_content();
                }
            }
        }
        Ok(true)
    }

    fn has_room_for(&self, octets: usize, last: bool) -> bool {
        let window = &self.config.window;
        // Until a chunk was taken, the next may be read as commands.
        if !self.has_chunked && self.unanswered > 0 {
            return false;
        }
        // An address may have been refused since the content was begun.
        if !self.may_send_content() {
            return false;
        }
        let is_small = self.unanswered == 0 || self.unanswered + octets as u64 <= window.octets;
        is_small
            && self.expected.len() < window.replies
            && !(last
                && self.unacknowledged > 0
                && self.unacknowledged >= window.messages.min(self.trust.room()))
    }

    /// Ends a mail that has failed before it was wholly written.
    pub(super) fn stop_writing(&mut self) {
        self.chunk.clear();
        self.lines = Lines::default();
        self.content_is_over = false;
        self.must_reset = true;
        if let Some(job) = self.jobs.get_mut(self.writing) {
            job.written = true;
        }
        self.next_mail();
    }

    fn next_mail(&mut self) {
        self.cursor = Cursor::Mail;
        self.writing += 1;
    }

    /// Notes that the server owes a reply to what was just written.
    fn expect(&mut self, what: Expected) {
        if what.is_of_a_mail()
            && let Some(job) = self.jobs.get_mut(self.writing)
        {
            job.owe();
        }
        let end = self.out.written_total();
        self.expected.push_back(Awaited { what, end });
    }

    /// Whatever waits here when nothing is awaited and a command is about to be written cannot be its answer. To take it
    /// for one would shift every reply that follows, and in the end tell a lost mail as sent.
    fn refuse_waiting_input(&self) -> Result<(), Violation> {
        if self.reader.is_empty() || !self.expected.is_empty() {
            Ok(())
        } else {
            Err(Violation::new(ViolationKind::Unasked))
        }
    }
}
