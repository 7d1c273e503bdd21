//! The session: what the driver tells it, and what it answers.
//!
//! Two cursors that meet nowhere else: the writer's (`writer.rs`) walks each mail from MAIL to the end of its content, the
//! reader's (`reader.rs`) takes the replies in the order of a queue of what is expected. The mails stand in one line
//! (`job.rs`): replies are about the first of them, writing is about the one at `writing`.

mod config;
mod job;
mod mail;
mod opening;
mod out;
mod reader;
mod transcript;
mod trust;
mod writer;

use std::collections::VecDeque;

use crate::auth::Exchange;
use crate::data::Lines;
use crate::reply::ReplyReader;
use crate::{Extensions, Mechanism, Reply, Violation};

pub use config::{Config, Protocol, Security, Window};
pub use mail::{Failure, FailureKind, Mail, Outcome, Phase, Recipient, Ticket, Unfinished};
pub use transcript::Line;
pub use trust::Trust;

use job::Job;
use opening::Opening;
use out::Out;
use reader::{Awaited, Expected};
use transcript::Transcript;
use writer::Cursor;

/// What to do next.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Send some of these bytes, and tell [`Session::sent`] how many.
    Send(&'a [u8]),
    /// Wait for bytes from the server and give them to [`Session::received`]. The phase says which
    /// time-out of RFC 5321 section 4.5.3.2 applies.
    Receive(Phase),
    /// Give a piece of this mail's content to [`Session::content`], or end it with [`Session::content_end`]. Only comes
    /// when little waits to be sent, so that the caller's piece, 128 KiB and one chunk bound the memory.
    Content(Ticket),
    /// Make a TLS handshake on the connection, then tell [`Session::tls_started`]. Whatever bytes are on the way belong
    /// to the handshake.
    StartTls,
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
    /// Whether TLS is on, and what it can be bound to.
    tls: Option<Option<Vec<u8>>>,
    /// The attempt to log in that is under way.
    exchange: Option<Exchange>,
    /// The ways to log in that were tried.
    tried: Vec<Mechanism>,
    reader: ReplyReader,
    expected: VecDeque<Awaited>,
    out: Out,
    /// The mails without an outcome, in the order of the stream.
    jobs: VecDeque<Job>,
    /// Which of them the cursor is in; those before it are wholly written.
    writing: usize,
    cursor: Cursor,
    /// The line ends of the content that is being written.
    lines: Lines,
    /// The chunk that is being filled.
    chunk: Vec<u8>,
    /// The content ended while a full chunk still waited.
    content_is_over: bool,
    /// A mail failed, so RSET comes before the next one.
    must_reset: bool,
    /// RSET is the last that was written.
    is_reset: bool,
    trust: Trust,
    /// The server has taken a content by BDAT.
    has_chunked: bool,
    /// The octets of chunks without an answer.
    unanswered: u64,
    replies: u64,
    /// The mails that are wholly written and have no outcome.
    unacknowledged: usize,
    /// So many NOOPs are to be said.
    noops: usize,
    quitting: bool,
    done: VecDeque<(Ticket, Outcome)>,
    end: Option<End>,
    tickets: u64,
    transcript: Transcript,
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
            tls: match &config.security {
                Security::Tls(binding) => Some(binding.clone()),
                Security::None | Security::StartTls => None,
            },
            transcript: Transcript::new(config.transcript),
            config,
            extensions: None,
            opening: Opening::Ehlo,
            exchange: None,
            tried: Vec::new(),
            expected: VecDeque::from([Awaited {
                what: Expected::Greeting,
                end: 0,
            }]),
            out: Out::default(),
            jobs: VecDeque::new(),
            writing: 0,
            cursor: Cursor::Mail,
            lines: Lines::default(),
            chunk: Vec::new(),
            content_is_over: false,
            must_reset: false,
            is_reset: false,
            trust: Trust::default(),
            has_chunked: false,
            unanswered: 0,
            replies: 0,
            unacknowledged: 0,
            noops: 0,
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

    /// Trusts the server as far as an earlier session with it [has](Self::trust) learnt to, or forgets what was learnt. Best
    /// said before the first mail is submitted.
    pub fn set_trust(&mut self, trust: Trust) {
        self.trust = trust;
    }

    /// Says NOOP as soon as every submitted mail is settled: how long the answer takes is how far the server is away.
    /// [`Step::Idle`] follows its answer, whatever that is.
    pub fn noop(&mut self) {
        self.noops += 1;
    }

    /// Says QUIT as soon as every submitted mail is settled.
    pub fn quit(&mut self) {
        self.quitting = true;
    }

    /// Notes that TLS is on, as [`Step::StartTls`] asked. What the server said before counts no more.
    ///
    /// `binding` is the channel's data of `tls-exporter` (RFC 9266), if there are any.
    pub fn tls_started(&mut self, binding: Option<Vec<u8>>) {
        if self.opening == Opening::Handshake {
            self.extensions = None;
            self.tls = Some(binding);
            self.opening = Opening::Ehlo;
            self.transcript.push(Line::Tls);
        }
    }

    /// Takes bytes that came from the server, cut anywhere.
    pub fn received(&mut self, bytes: &[u8]) {
        self.reader.push(bytes);
    }

    /// Notes that the first `n` bytes of the last [`Step::Send`] were sent.
    pub fn sent(&mut self, n: usize) {
        self.out.sent(n);
    }

    /// Takes a piece of the content of the mail that [`Step::Content`] named, cut anywhere. Line ends become CRLF, and
    /// after DATA dots are doubled. Does nothing at any other time.
    pub fn content(&mut self, bytes: &[u8]) {
        if self.end.is_none() {
            self.take_content(bytes);
        }
    }

    /// Ends the content. A caller that cannot give all of it must call [`content_failed`](Self::content_failed) instead.
    /// Does nothing where no content is wanted.
    pub fn content_end(&mut self) {
        self.complete_content();
    }

    /// Gives up the mail whose content is wanted, because there is no more to be had of it. Where the content goes by
    /// BDAT the mail fails alone; after DATA there is no way to stop but to close the connection.
    pub fn content_failed(&mut self) {
        match self.cursor {
            Cursor::Body => {
                self.end.get_or_insert(End::Closed(None));
            }
            Cursor::Chunk | Cursor::Bdat { .. } => {
                if let Some(job) = self.jobs.get_mut(self.writing) {
                    job.fail(Phase::Body, None, FailureKind::NoContent);
                }
                self.stop_writing();
                self.settle();
            }
            _ => {}
        }
    }

    /// Says what to do next. To ask again changes nothing, but each outcome is given only once.
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
        if self.wants_content()
            && let Some(job) = self.jobs.get(self.writing)
        {
            return Ok(Step::Content(job.ticket));
        }
        if self.out.is_pending() {
            return Ok(Step::Send(self.out.hand_out()));
        }
        if let Some(awaited) = self.expected.front() {
            return Ok(Step::Receive(awaited.what.phase()));
        }
        match self.opening {
            Opening::Handshake => Ok(Step::StartTls),
            _ => Ok(Step::Idle),
        }
    }

    /// Notes that the connection is lost (end of file, time-out, violation, or the caller's own
    /// wish), and tells how far each mail without an outcome was.
    ///
    /// Outcomes that were known before still come from [`poll`](Self::poll).
    pub fn lost(&mut self) -> Vec<(Ticket, Unfinished)> {
        self.end.get_or_insert(End::Closed(None));
        let ends = self.abandon_all();
        self.out.clear();
        self.chunk = Vec::new();
        ends
    }

    /// The way that we logged in by, or tried to last.
    pub fn mechanism(&self) -> Option<Mechanism> {
        self.tried.last().copied()
    }

    /// What the server said it can do; `None` before its answer to EHLO.
    pub fn extensions(&self) -> Option<&Extensions> {
        self.extensions.as_ref()
    }

    /// How far the server is trusted by now.
    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// How many mails have no outcome yet.
    pub fn unsettled(&self) -> usize {
        self.jobs.len()
    }

    /// Whether one more mail would be of use now: the window has room for it, or will have soon.
    pub fn wants_mail(&self) -> bool {
        // What waits in the session cannot go over another connection when the server has enough of this one.
        let wanted = if self.by_chunks() && self.trust.is_full() {
            let room = self.trust.room().min(self.config.window.messages);
            room.saturating_add(2)
        } else {
            2
        };
        self.jobs.len() < wanted && self.end.is_none() && !self.quitting
    }

    /// How many replies came so far.
    pub fn replies(&self) -> u64 {
        self.replies
    }

    /// Whether content goes by BDAT, which the server may turn out not to answer.
    pub fn is_chunking(&self) -> bool {
        self.by_chunks()
    }

    /// How many bytes wait to be sent.
    pub fn buffered(&self) -> usize {
        self.out.len() + self.chunk.len()
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
        let handed_out = self.out.handed_out();
        let front = self.expected.front();
        match (front.map(|awaited| awaited.what.phase()), &self.opening) {
            // The end is written but has not left yet.
            (Some(Phase::Final), _)
                if !self
                    .jobs
                    .front()
                    .is_some_and(|job| job.is_in_doubt(handed_out)) =>
            {
                Phase::Body
            }
            (Some(phase), _) => phase,
            (None, Opening::Ehlo | Opening::Helo) => Phase::Ehlo,
            (None, Opening::StartTls | Opening::Handshake) => Phase::Starttls,
            (None, Opening::Auth | Opening::Challenged(_)) => Phase::Auth,
            (None, Opening::Done) => self.cursor.phase(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Path, ViolationKind};

    fn mail() -> Mail {
        let (from, to) = (Path::new("a@x").unwrap(), Path::new("b@y").unwrap());
        let mut mail = Mail::new(from, [to]);
        mail.size = 10;
        mail
    }

    /// Sends what there is, without content, and gives the last command.
    fn flush(session: &mut Session) -> String {
        let mut last = String::new();
        while let Ok(Step::Send(bytes)) = session.poll() {
            last = String::from_utf8_lossy(bytes).into_owned();
            let n = bytes.len();
            session.sent(n);
        }
        last
    }

    /// A session with one mail, after these replies.
    fn after(replies: &[&str]) -> Session {
        let mut session = Session::new(Config::default());
        session.submit(mail());
        for reply in replies {
            session.received(reply.as_bytes());
            flush(&mut session);
        }
        session
    }

    const TO_MAIL: &[&str] = &["220 hi\r\n", "250 mx\r\n"];
    const TO_BODY: &[&str] = &[
        "220 hi\r\n",
        "250 mx\r\n",
        "250 ok\r\n",
        "250 ok\r\n",
        "354 go\r\n",
    ];

    fn only_loss(session: &mut Session) -> Unfinished {
        let mut lost = session.lost();
        assert_eq!(lost.len(), 1);
        lost.remove(0).1
    }

    #[test]
    fn the_server_speaks_first() {
        let mut session = Session::new(Config::default());
        assert_eq!(session.poll(), Ok(Step::Receive(Phase::Greeting)));
        assert!(!session.is_idle());
        session.received(b"220 hi\r\n");
        assert_eq!(flush(&mut session), "EHLO [127.0.0.1]\r\n");
        assert_eq!(session.poll(), Ok(Step::Receive(Phase::Ehlo)));
        session.received(b"250 mx\r\n");
        assert_eq!(session.poll(), Ok(Step::Idle));
        assert!(session.is_idle() && session.extensions().is_some());
    }

    #[test]
    fn a_reply_before_its_command_is_a_violation() {
        for tail in ["250 x\r\n", "2", "354 go\r\n"] {
            let mut session = after(&["220 hi\r\n"]);
            session.received(format!("250 mx\r\n{tail}").as_bytes());
            assert_eq!(
                session.poll().unwrap_err().kind(),
                ViolationKind::Unasked,
                "{tail:?}"
            );
            assert!(session.poll().is_err(), "it stays");
            assert!(only_loss(&mut session).never_started);
        }
    }

    #[test]
    fn a_reply_to_a_command_that_is_not_wholly_sent_is_a_violation() {
        let mut session = after(&["220 hi\r\n"]);
        session.received(b"250 mx\r\n");
        assert!(matches!(session.poll(), Ok(Step::Send(_))));
        session.sent(3);
        session.received(b"250 ok\r\n");
        assert_eq!(session.poll().unwrap_err().kind(), ViolationKind::Unasked);
        assert!(!only_loss(&mut session).never_started);
    }

    #[test]
    fn a_code_without_meaning_is_a_violation_that_shows_it() {
        let mut session = after(TO_MAIL);
        session.received(b"354 g\x1bo\r\n");
        let violation = session.poll().unwrap_err();
        assert_eq!(violation.phase(), Some(Phase::Mail));
        let text =
            "the server broke the protocol (mail): a reply that does not fit the command: 354 g?o";
        assert_eq!(violation.to_string(), text);
    }

    #[test]
    fn content_is_asked_for_while_little_waits() {
        let mut session = after(TO_BODY);
        assert_eq!(session.poll(), Ok(Step::Content(Ticket(0))));
        session.content(&[b'x'; 100_000]);
        assert_eq!(session.poll(), Ok(Step::Content(Ticket(0))));
        session.content(&[b'x'; 100_000]);
        let Ok(Step::Send(bytes)) = session.poll() else {
            panic!("enough waits")
        };
        assert!(bytes.len() < 200_000, "what may be in doubt is bounded");
        session.sent(199_999);
        session.content(b"6");
        session.content_end();
        assert_eq!(
            session.poll(),
            Ok(Step::Send(b"x6\r\n.\r\n")),
            "the dot leaves with the last piece"
        );
    }

    #[test]
    fn content_at_the_wrong_time_is_not_sent() {
        let mut session = after(TO_MAIL);
        session.content(b"DATA\r\n");
        session.content_end();
        assert_eq!(session.buffered(), 0);
        assert_eq!(session.poll(), Ok(Step::Receive(Phase::Mail)));
    }

    #[test]
    fn doubt_begins_when_the_dot_is_handed_out() {
        let mut session = after(TO_BODY);
        session.content(b"x");
        flush(&mut session);
        session.content_end();
        let loss = only_loss(&mut session);
        assert_eq!(
            (loss.phase, loss.in_doubt, loss.never_started),
            (Phase::Body, false, false)
        );

        let mut session = after(TO_BODY);
        session.content_end();
        assert!(matches!(session.poll(), Ok(Step::Send(_))));
        let loss = only_loss(&mut session);
        assert_eq!((loss.phase, loss.in_doubt), (Phase::Final, true));
        assert_eq!(session.poll(), Ok(Step::Closed(None)));
    }

    #[test]
    fn a_refusal_amid_the_content_settles_the_mail_and_closes() {
        let mut session = after(TO_BODY);
        session.content(b"x");
        session.received(b"552 too ");
        assert!(
            matches!(session.poll(), Ok(Step::Content(_))),
            "half a reply changes nothing"
        );
        session.received(b"much\r\n");
        let Ok(Step::Done(_, outcome)) = session.poll() else {
            panic!("no outcome")
        };
        let failure = outcome.failure.unwrap();
        assert_eq!(
            (failure.phase, failure.reply.unwrap().code()),
            (Phase::Body, 552)
        );
        assert!(matches!(session.poll(), Ok(Step::Closed(Some(_)))));
        assert!(session.lost().is_empty());
    }

    #[test]
    fn success_amid_the_content_is_a_violation() {
        for early in ["250 ok\r\n", "2"] {
            let mut session = after(TO_BODY);
            session.content(b"x");
            flush(&mut session);
            session.received(early.as_bytes());
            session.content_end();
            assert_eq!(session.poll().unwrap_err().kind(), ViolationKind::Unasked);
            assert!(!only_loss(&mut session).in_doubt, "no dot was sent");
        }
    }

    #[test]
    fn an_idle_server_may_say_421() {
        let mut session = Session::new(Config::default());
        for reply in ["220 hi\r\n", "250 mx\r\n", "421 bye\r\n"] {
            session.received(reply.as_bytes());
            flush(&mut session);
        }
        session.submit(mail());
        assert!(matches!(session.poll(), Ok(Step::Closed(Some(_)))));
        assert!(only_loss(&mut session).never_started);
    }

    #[test]
    fn each_mail_behind_is_not_started() {
        let mut session = after(TO_BODY);
        session.submit(mail());
        let lost = session.lost();
        assert_eq!(
            (lost[0].1.phase, lost[0].1.never_started),
            (Phase::Body, false)
        );
        assert_eq!(
            (lost[1].1.phase, lost[1].1.never_started),
            (Phase::Mail, true)
        );
        assert!(session.lost().is_empty(), "told once");
    }

    #[test]
    fn a_mail_without_recipients_is_not_sent() {
        let mut session = Session::new(Config::default());
        let mut nobody = mail();
        nobody.to.clear();
        session.submit(nobody);
        for reply in TO_MAIL {
            session.received(reply.as_bytes());
            if reply.starts_with("220") {
                flush(&mut session);
            }
        }
        let Ok(Step::Done(_, outcome)) = session.poll() else {
            panic!("no outcome")
        };
        assert_eq!(
            outcome.failure.unwrap().to_string(),
            "there is no recipient"
        );
        assert_eq!(session.poll(), Ok(Step::Idle));
    }
}
