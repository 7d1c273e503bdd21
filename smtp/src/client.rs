//! The session: what the driver tells it, and what it answers.
//!
//! Two cursors that meet nowhere else: the writer's (`writer.rs`) walks each mail from MAIL to the
//! final dot, the reader's (`reader.rs`) takes the replies in the order of a queue of what is
//! expected. For now the writer only goes on when nothing is unanswered.

mod job;
mod mail;
mod opening;
mod reader;
mod writer;

use std::collections::VecDeque;

use crate::auth::Exchange;
use crate::data::DotStuffer;
use crate::reply::{ReplyLimits, ReplyReader};
use crate::{Credentials, Extensions, Hello, Mechanism, Reply, Violation};

pub use mail::{Failure, FailureKind, Mail, Outcome, Phase, Recipient, Ticket, Unfinished};

use job::Job;
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
    /// How the connection is to be protected.
    pub security: Security,
    /// Who to log in as; nobody if none.
    pub credentials: Option<Credentials>,
    /// Whether PLAIN, LOGIN and tokens may be used without TLS, so that whoever listens learns the secret.
    pub allow_cleartext_auth: bool,
    /// Random text for this connection alone, of printable ASCII without commas: SCRAM needs it.
    pub nonce: String,
}

/// How a connection is protected.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    #[default]
    None,
    /// By STARTTLS (RFC 3207), which the server has to offer: there is no mail without it.
    StartTls,
    /// By TLS from the first byte (RFC 8314). With the channel's data of `tls-exporter` (RFC 9266), if there are any.
    Tls(Option<Vec<u8>>),
}

impl Config {
    /// The usual limits, and this name.
    pub fn new(hello: Hello) -> Self {
        Self {
            hello,
            ..Self::default()
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
            tls: match &config.security {
                Security::Tls(binding) => Some(binding.clone()),
                Security::None | Security::StartTls => None,
            },
            config,
            extensions: None,
            opening: Opening::Ehlo,
            exchange: None,
            tried: Vec::new(),
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

    /// Notes that TLS is on, as [`Step::StartTls`] asked. What the server said before counts no more.
    ///
    /// `binding` is the channel's data of `tls-exporter` (RFC 9266), if there are any.
    pub fn tls_started(&mut self, binding: Option<Vec<u8>>) {
        if self.opening == Opening::Handshake {
            self.extensions = None;
            self.tls = Some(binding);
            self.opening = Opening::Ehlo;
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
        if self.out.is_pending() {
            self.note_handed_out();
            return Ok(Step::Send(self.out.pending()));
        }
        if let Some(expected) = self.expected.front() {
            return Ok(Step::Receive(expected.phase()));
        }
        if self.opening == Opening::Handshake {
            return Ok(Step::StartTls);
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

    /// The way that we logged in by, or tried to last.
    pub fn mechanism(&self) -> Option<Mechanism> {
        self.tried.last().copied()
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
        match (self.expected.front(), &self.opening) {
            // The dot is written but has not left yet.
            (Some(Expected::Final), _)
                if !self.jobs.front().is_some_and(|job| job.dot_handed_out) =>
            {
                Phase::Body
            }
            (Some(expected), _) => expected.phase(),
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
    fn content_is_only_asked_for_when_all_is_sent() {
        let mut session = after(TO_BODY);
        assert_eq!(session.poll(), Ok(Step::Content(Ticket(0))));
        session.content(b"12345");
        assert_eq!(session.buffered(), 5);
        session.sent(4);
        assert_eq!(session.poll(), Ok(Step::Send(b"5")));
        session.sent(1);
        assert_eq!(session.poll(), Ok(Step::Content(Ticket(0))));
        session.content(b"6");
        session.content_end();
        assert_eq!(
            session.poll(),
            Ok(Step::Send(b"6\r\n.\r\n")),
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
        assert!(matches!(session.poll(), Ok(Step::Send(_))));
        session.received(b"552 too ");
        assert!(
            matches!(session.poll(), Ok(Step::Send(_))),
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
