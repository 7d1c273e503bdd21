//! A small scripted server in memory, and the loop that lets a session talk to it.
//!
//! The server is strict: what no client should send is a panic. It keeps its own record of every
//! mail, from which the tests say what the client must report.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::HashMap;

use posthaste_smtp::{Config, Outcome, Phase, Session, Step, Ticket, Unfinished, Violation};

/// A command, as the script names it; mails and recipients are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Point {
    Greeting,
    Ehlo,
    Helo,
    Mail(usize),
    Rcpt(usize, usize),
    Data(usize),
    Final(usize),
    Rset,
    Quit,
}

/// What the server saw and said of one mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) line: String,
    pub(crate) recipients: Vec<(String, u16)>,
    /// The content, dots undone, once it was accepted.
    pub(crate) delivered: Option<Vec<u8>>,
    /// The refusal of MAIL, DATA or the content, or a 421.
    pub(crate) refused: Option<(Phase, u16)>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Start,
    Ready,
    Transaction,
    Content,
    /// A mail failed: RSET or QUIT must come.
    Dirty,
    Closed,
}

/// The server.
pub(crate) struct Server {
    script: HashMap<Point, u16>,
    extensions: &'static str,
    state: State,
    input: Vec<u8>,
    content: Vec<u8>,
    pub(crate) mails: Vec<Record>,
    pub(crate) commands: Vec<String>,
    /// What it said, and how much of it was read.
    pub(crate) output: Vec<u8>,
    read: usize,
}

impl Server {
    pub(crate) fn new(script: &[(Point, u16)], extensions: &'static str) -> Self {
        let mut server = Self {
            script: script.iter().copied().collect(),
            extensions,
            state: State::Start,
            input: Vec::new(),
            content: Vec::new(),
            mails: Vec::new(),
            commands: Vec::new(),
            output: Vec::new(),
            read: 0,
        };
        server.say(Point::Greeting, 220);
        server
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while let Some(at) = self.input.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.input.drain(..=at).collect();
            let line = line
                .strip_suffix(b"\r\n")
                .expect("each line ends in CRLF")
                .to_vec();
            assert!(!line.contains(&b'\r'), "bare CR");
            if self.state == State::Content {
                self.content_line(&line);
            } else {
                self.command(String::from_utf8(line).unwrap());
            }
        }
    }

    /// At most `n` bytes of what was said and not yet read.
    pub(crate) fn take(&mut self, n: usize) -> Vec<u8> {
        let end = self.output.len().min(self.read.saturating_add(n));
        let bytes = self.output[self.read..end].to_vec();
        self.read = end;
        bytes
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    fn command(&mut self, line: String) {
        assert_ne!(self.state, State::Closed, "{line:?} after the end");
        self.commands.push(line.clone());
        let m = self.mails.len().saturating_sub(1);
        match line.split([' ', ':']).next().unwrap() {
            "EHLO" => self.hello(Point::Ehlo),
            "HELO" => self.hello(Point::Helo),
            "MAIL" => self.mail(line),
            "RCPT" => self.rcpt(line),
            "DATA" => {
                assert_eq!(self.state, State::Transaction);
                assert!(
                    self.mails[m]
                        .recipients
                        .iter()
                        .any(|(_, code)| code / 100 == 2),
                    "DATA for nobody"
                );
                let code = self.say(Point::Data(m), 354);
                self.step(code, State::Content);
                self.refusal(Phase::Data, code);
            }
            "RSET" => {
                let code = self.say(Point::Rset, 250);
                self.step(code, State::Ready);
            }
            "QUIT" => {
                self.say(Point::Quit, 221);
                self.state = State::Closed;
            }
            _ => panic!("unknown command {line:?}"),
        }
    }

    fn hello(&mut self, point: Point) {
        assert_eq!(self.state, State::Start);
        let code = self.say(point, 250);
        if code == 250 {
            self.state = State::Ready;
        }
    }

    fn mail(&mut self, line: String) {
        assert_eq!(self.state, State::Ready, "MAIL must follow a clean state");
        self.mails.push(Record {
            line,
            ..Record::default()
        });
        let code = self.say(Point::Mail(self.mails.len() - 1), 250);
        self.step(code, State::Transaction);
        self.refusal(Phase::Mail, code);
    }

    fn rcpt(&mut self, line: String) {
        assert_eq!(self.state, State::Transaction);
        let m = self.mails.len() - 1;
        let code = self.say(Point::Rcpt(m, self.mails[m].recipients.len()), 250);
        if code == 421 {
            self.refusal(Phase::Rcpt, code);
        } else {
            self.mails[m].recipients.push((line, code));
        }
    }

    fn content_line(&mut self, line: &[u8]) {
        if line != b"." {
            self.content
                .extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            self.content.extend_from_slice(b"\r\n");
            return;
        }
        let m = self.mails.len() - 1;
        let content = std::mem::take(&mut self.content);
        let code = self.say(Point::Final(m), 250);
        self.step(code, State::Ready);
        self.refusal(Phase::Final, code);
        if code == 250 {
            self.mails[m].delivered = Some(content);
        }
    }

    fn step(&mut self, code: u16, to: State) {
        if self.state != State::Closed {
            self.state = if code < 400 { to } else { State::Dirty };
        }
    }

    fn refusal(&mut self, phase: Phase, code: u16) {
        if code >= 400 {
            self.mails.last_mut().unwrap().refused = Some((phase, code));
        }
    }

    /// Says what the script wants at this point, or else the usual.
    fn say(&mut self, point: Point, usual: u16) -> u16 {
        let code = self.script.get(&point).copied().unwrap_or(usual);
        let tail = if point == Point::Ehlo && code == 250 {
            self.extensions
        } else {
            ""
        };
        let lines: Vec<&str> = std::iter::once("said").chain(tail.lines()).collect();
        for (i, line) in lines.iter().enumerate() {
            let mark = if i + 1 == lines.len() { ' ' } else { '-' };
            self.output
                .extend_from_slice(format!("{code}{mark}{line}\r\n").as_bytes());
        }
        if code == 421 || (code >= 400 && point == Point::Greeting) {
            self.state = State::Closed;
        }
        code
    }
}

/// How a stream is cut, or where it breaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Link {
    Whole,
    /// Never more than so many bytes at once.
    Pieces(usize),
    /// One cut, after so many bytes.
    CutAt(usize),
    /// Nothing passes after so many bytes.
    BrokenAt(usize),
}

impl Link {
    /// How much may pass now, when so much has passed before; `None` if the link is broken.
    fn room(self, passed: usize) -> Option<usize> {
        match self {
            Self::Whole => Some(usize::MAX),
            Self::Pieces(n) => Some(n),
            Self::CutAt(at) if passed < at => Some(at - passed),
            Self::CutAt(_) => Some(usize::MAX),
            Self::BrokenAt(at) => (passed < at).then(|| at - passed),
        }
    }
}

/// What came of it all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Result {
    pub(crate) done: Vec<(Ticket, Outcome)>,
    pub(crate) lost: Vec<(Ticket, Unfinished)>,
    pub(crate) closed: Option<u16>,
    pub(crate) violation: Option<Violation>,
}

/// A session with these mails, then QUIT.
pub(crate) fn session(mails: impl IntoIterator<Item = posthaste_smtp::Mail>) -> Session {
    let mut session = Session::new(Config::default());
    for mail in mails {
        session.submit(mail);
    }
    session.quit();
    session
}

/// Lets them talk until the end. Every mail has the same content.
pub(crate) fn talk(
    session: &mut Session,
    server: &mut Server,
    up: Link,
    down: Link,
    content: &[u8],
) -> Result {
    let (mut result, mut sent, mut given) = (Result::default(), 0, 0);
    let mut passed_down = 0;
    loop {
        match session.poll() {
            Ok(Step::Send(bytes)) => {
                let Some(room) = up.room(sent) else { break };
                let n = bytes.len().min(room);
                if !server.is_closed() {
                    server.receive(&bytes[..n]);
                }
                session.sent(n);
                sent += n;
            }
            Ok(Step::Receive(_)) => {
                let Some(room) = down.room(passed_down) else {
                    break;
                };
                let bytes = server.take(room);
                if bytes.is_empty() {
                    let cut = matches!(up, Link::BrokenAt(_));
                    assert!(server.is_closed() || cut, "both wait: {session:?}");
                    break;
                }
                passed_down += bytes.len();
                session.received(&bytes);
            }
            Ok(Step::Content(_)) => {
                let piece = content.len().min(given + 3);
                session.content(&content[given..piece]);
                given = piece;
                if given == content.len() {
                    given = 0;
                    session.content_end();
                }
            }
            Ok(Step::Done(ticket, outcome)) => result.done.push((ticket, outcome)),
            Ok(Step::Idle) => panic!("idle after quit: {session:?}"),
            Ok(Step::StartTls) => panic!("nobody asked for TLS: {session:?}"),
            Ok(Step::Closed(reply)) => {
                result.closed = reply.map(|reply| reply.code());
                break;
            }
            Err(violation) => {
                result.violation = Some(violation);
                break;
            }
        }
    }
    result.lost = session.lost();
    result
}
