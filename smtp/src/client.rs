//! The session: what the driver tells it, and what it answers.
//!
//! Two cursors that meet nowhere else: the writer's (`writer.rs`) walks each mail from MAIL to the
//! final dot, the reader's (`reader.rs`) takes the replies in the order of a queue of what is
//! expected. For now the writer only goes on when nothing is unanswered.

mod mail;
mod reader;
mod writer;

use std::collections::VecDeque;

use crate::data::DotStuffer;
use crate::reply::{ReplyLimits, ReplyReader};
use crate::{Extensions, Hello, Reply, Violation};

pub use mail::{Failure, FailureKind, Mail, Outcome, Phase, Ticket, Unfinished};

use mail::Job;
use reader::Expected;
use writer::{Cursor, Opening, Out};

/// How a session presents itself, and what it puts up with.
///
/// # Example
///
/// ```
/// use posthaste_smtp::{Config, Hello};
///
/// let mut config = Config::new(Hello::new("client.example")?);
/// config.limits.lines = 50;
/// # Ok::<(), posthaste_smtp::InvalidArgument>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The name said in EHLO.
    pub hello: Hello,
    /// How much the server may say in one reply.
    pub limits: ReplyLimits,
}

impl Config {
    /// The usual limits, and this name.
    pub fn new(hello: Hello) -> Self {
        Self {
            hello,
            limits: ReplyLimits::default(),
        }
    }
}

/// What to do next.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Send some of these bytes, and tell [`Session::sent`] how many.
    Send(&'a [u8]),
    /// Wait for bytes from the server and give them to [`Session::received`]. The phase says which
    /// time-out of RFC 5321 section 4.5.3.2 applies.
    Receive(Phase),
    /// Give a piece of this mail's content to [`Session::content`], or end it with
    /// [`Session::content_end`]. Only comes when all earlier content was sent, so that the caller's
    /// piece bounds the memory.
    Content(Ticket),
    /// This mail is settled.
    Done(Ticket, Outcome),
    /// Nothing to do until [`Session::submit`] or [`Session::quit`].
    Idle,
    /// The conversation is over; close the connection. With the server's reply if it was the one
    /// to end it. Mails without an outcome are had from [`Session::lost`].
    Closed(Option<Reply>),
}

/// One SMTP connection, seen from the client; it may carry any number of mails.
///
/// The methods are of three kinds. *Wishes*: [`submit`](Self::submit), [`quit`](Self::quit).
/// *Facts*: [`received`](Self::received), [`sent`](Self::sent), [`content`](Self::content),
/// [`content_end`](Self::content_end), [`lost`](Self::lost). *Questions*: [`poll`](Self::poll),
/// and the rest. Call `poll` after any wish or fact, and do what it says. See the
/// [crate](crate) for a whole session.
#[derive(Debug)]
pub struct Session {
    config: Config,
    extensions: Option<Extensions>,
    opening: Opening,
    reader: ReplyReader,
    expected: VecDeque<Expected>,
    out: Out,
    /// The mails without an outcome; the cursor is in the first one.
    jobs: VecDeque<Job>,
    cursor: Cursor,
    stuffer: DotStuffer,
    /// The last mail failed, so RSET comes before the next one.
    must_reset: bool,
    quitting: bool,
    done: VecDeque<(Ticket, Outcome)>,
    end: Option<End>,
    tickets: u64,
}

/// Why nothing more will happen.
#[derive(Debug)]
enum End {
    Closed(Option<Reply>),
    Broken(Violation),
}

impl Session {
    /// A session on a connection that was just made; the server speaks first.
    pub fn new(config: Config) -> Self {
        Self {
            reader: ReplyReader::new(config.limits),
            config,
            extensions: None,
            opening: Opening::Ehlo,
            expected: VecDeque::from([Expected::Greeting]),
            out: Out::default(),
            jobs: VecDeque::new(),
            cursor: Cursor::Mail,
            stuffer: DotStuffer::new(),
            must_reset: false,
            quitting: false,
            done: VecDeque::new(),
            end: None,
            tickets: 0,
        }
    }

    /// Queues a mail. Its outcome comes as [`Step::Done`], or else from [`lost`](Self::lost).
    pub fn submit(&mut self, mail: Mail) -> Ticket {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.jobs.push_back(Job::new(ticket, mail));
        ticket
    }

    /// Says QUIT as soon as every submitted mail is settled.
    pub fn quit(&mut self) {
        self.quitting = true;
    }

    /// Takes bytes that came from the server, cut anywhere.
    pub fn received(&mut self, bytes: &[u8]) {
        self.reader.push(bytes);
    }

    /// Notes that the first `n` bytes of the last [`Step::Send`] were sent.
    pub fn sent(&mut self, n: usize) {
        self.out.sent(n);
    }

    /// Takes a piece of the content of the mail that [`Step::Content`] named, cut anywhere. Line
    /// ends become CRLF and dots are doubled here. Does nothing at any other time.
    pub fn content(&mut self, bytes: &[u8]) {
        if self.cursor == Cursor::Body && self.end.is_none() {
            self.stuffer.push(bytes, self.out.bytes());
        }
    }

    /// Ends the content. A caller that cannot give all of the content must not call this: it drops
    /// the connection, and so the server drops the mail. Does nothing where no content is wanted.
    pub fn content_end(&mut self) {
        if self.cursor == Cursor::Body {
            self.cursor = Cursor::Dot;
        }
    }

    /// Says what to do next. Asking again changes nothing.
    ///
    /// # Errors
    ///
    /// When the server broke the protocol: a reply that is malformed, too long, not asked for, or
    /// without a meaning for its command. The outcomes known before come first. From then on each
    /// call gives the same error; call [`lost`](Self::lost) and drop the connection.
    pub fn poll(&mut self) -> Result<Step<'_>, Violation> {
        self.advance();
        if let Some((ticket, outcome)) = self.done.pop_front() {
            return Ok(Step::Done(ticket, outcome));
        }
        match &self.end {
            Some(End::Closed(reply)) => return Ok(Step::Closed(reply.clone())),
            Some(End::Broken(violation)) => return Err(violation.clone()),
            None => {}
        }
        if self.out.is_pending() {
            self.note_handed_out();
            return Ok(Step::Send(self.out.pending()));
        }
        if let Some(expected) = self.expected.front() {
            return Ok(Step::Receive(expected.phase()));
        }
        match self.jobs.front() {
            Some(job) if self.cursor == Cursor::Body => Ok(Step::Content(job.ticket)),
            _ => Ok(Step::Idle),
        }
    }

    /// Notes that the connection is lost (end of file, time-out, violation, or the caller's own
    /// wish), and tells how far each mail without an outcome was.
    ///
    /// Outcomes that were known before still come from [`poll`](Self::poll).
    pub fn lost(&mut self) -> Vec<(Ticket, Unfinished)> {
        let phase = self.phase();
        self.out = Out::default();
        self.end.get_or_insert(End::Closed(None));
        self.jobs
            .drain(..)
            .map(|job| job.unfinished(phase))
            .collect()
    }

    /// What the server said it can do; `None` before its answer to EHLO.
    pub fn extensions(&self) -> Option<&Extensions> {
        self.extensions.as_ref()
    }

    /// How many bytes wait to be sent.
    pub fn buffered(&self) -> usize {
        self.out.pending().len()
    }

    /// Whether the connection is open, with nothing under way: a next mail may be submitted, or
    /// the connection kept for later.
    pub fn is_idle(&self) -> bool {
        self.end.is_none()
            && !self.quitting
            && self.opening == Opening::Done
            && self.jobs.is_empty()
            && self.done.is_empty()
            && self.expected.is_empty()
            && !self.out.is_pending()
            && self.reader.is_empty()
    }

    /// Reads and writes until neither can go on.
    fn advance(&mut self) {
        while self.end.is_none() {
            let moved = match self.read_one() {
                Ok(false) => self.write_one(),
                moved => moved,
            };
            match moved {
                Ok(true) => {}
                Ok(false) => break,
                Err(violation) => self.end = Some(End::Broken(violation.at(self.phase()))),
            }
        }
    }

    /// How far the conversation is.
    fn phase(&self) -> Phase {
        match (self.expected.front(), self.opening) {
            // The dot is written but has not left yet.
            (Some(Expected::Final), _)
                if !self.jobs.front().is_some_and(|job| job.dot_handed_out) =>
            {
                Phase::Body
            }
            (Some(expected), _) => expected.phase(),
            (None, Opening::Ehlo | Opening::Helo) => Phase::Ehlo,
            (None, Opening::Done) => self.cursor.phase(),
        }
    }
}
