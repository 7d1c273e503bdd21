//! A small scripted server in memory, and the loop that lets a session talk to it.
//!
//! The server keeps the truth: what it delivered, from whom, to whom, and what it said to every command. From that the
//! tests say what the client must report. What no client should ever send is a panic.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod truth;

use std::collections::HashMap;

use posthaste_smtp::{Config, Mail, Outcome, Phase, Session, Step, Ticket, Unfinished, Violation};

/// A command, as the script names it; mails are numbered by their sender, recipients and chunks from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Point {
    Greeting,
    Ehlo,
    Helo,
    Mail(usize),
    Rcpt(usize, usize),
    Data(usize),
    /// A chunk that is not the last.
    Chunk(usize, usize),
    /// The dot, or the last chunk.
    Final(usize),
    /// The dot for one recipient, in LMTP.
    FinalFor(usize, usize),
    Rset,
    Quit,
}

/// How the server is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Make {
    pub(crate) extensions: &'static str,
    /// After a refusal the transaction stays open, as with Exim.
    pub(crate) keeps_transaction: bool,
    /// DATA is answered by 354 even when nobody is to have the content (RFC 2920 section 3.1 warns of it).
    pub(crate) data_for_nobody: bool,
    /// It speaks LMTP: the content has an answer for each recipient.
    pub(crate) lmtp: bool,
}

pub(crate) const PLAIN: Make = Make {
    extensions: "SIZE 1000\n8BITMIME",
    keeps_transaction: false,
    data_for_nobody: false,
    lmtp: false,
};

pub(crate) const PIPELINING: Make = Make {
    extensions: "SIZE 1000\n8BITMIME\nPIPELINING",
    ..PLAIN
};

pub(crate) const CHUNKING: Make = Make {
    extensions: "SIZE 1000\n8BITMIME\nPIPELINING\nCHUNKING",
    ..PLAIN
};

/// What the server saw and said of one mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) line: String,
    pub(crate) recipients: Vec<(String, u16)>,
    /// The contents that were delivered from this sender: to how many recipients, and what.
    pub(crate) delivered: Vec<(Vec<usize>, Vec<u8>)>,
    /// The first refusal of MAIL, DATA or the content, or a 421.
    pub(crate) refused: Option<(Phase, u16)>,
    /// In LMTP: what was said in the end to the recipients that it was said to.
    pub(crate) finals: Vec<(usize, u16)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Start,
    Ready,
    Content,
    /// So many octets of a chunk are to come; what follows it, and whether it counts.
    Chunk {
        left: usize,
        last: bool,
        valid: bool,
    },
    Closed,
}

/// The server.
pub(crate) struct Server {
    script: HashMap<Point, u16>,
    make: Make,
    state: State,
    /// The mail whose transaction is open, and its recipients by index.
    transaction: Option<(usize, Vec<usize>)>,
    /// The mail that the last MAIL was about.
    current: usize,
    input: Vec<u8>,
    content: Vec<u8>,
    chunks: usize,
    pub(crate) mails: HashMap<usize, Record>,
    pub(crate) commands: Vec<String>,
    /// What it said, and how much of it was read.
    pub(crate) output: Vec<u8>,
    read: usize,
}

impl Server {
    pub(crate) fn new(script: &[(Point, u16)], make: Make) -> Self {
        let mut server = Self {
            script: script.iter().copied().collect(),
            make,
            state: State::Start,
            transaction: None,
            current: 0,
            input: Vec::new(),
            content: Vec::new(),
            chunks: 0,
            mails: HashMap::new(),
            commands: Vec::new(),
            output: Vec::new(),
            read: 0,
        };
        server.say(Point::Greeting, 220);
        server
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while self.state != State::Closed {
            if let State::Chunk { left, .. } = self.state {
                if self.input.len() < left {
                    return;
                }
                self.chunk();
                continue;
            }
            let Some(at) = self.input.iter().position(|b| *b == b'\n') else {
                return;
            };
            let line: Vec<u8> = self.input.drain(..=at).collect();
            let line = line.strip_suffix(b"\r\n").expect("each line ends in CRLF");
            assert!(!line.contains(&b'\r'), "bare CR");
            if self.state == State::Content {
                self.content_line(line);
            } else {
                self.command(String::from_utf8(line.to_vec()).unwrap());
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

    pub(crate) fn record(&self, mail: usize) -> Record {
        self.mails.get(&mail).cloned().unwrap_or_default()
    }

    fn offers(&self, keyword: &str) -> bool {
        self.make.extensions.lines().any(|line| line == keyword)
    }

    fn command(&mut self, line: String) {
        if !self.offers("PIPELINING") {
            assert!(self.input.is_empty(), "{line:?} did not wait");
        }
        self.commands.push(line.clone());
        match line.split([' ', ':']).next().unwrap() {
            "EHLO" if !self.make.lmtp => self.hello(Point::Ehlo),
            "LHLO" if self.make.lmtp => self.hello(Point::Ehlo),
            "HELO" => self.hello(Point::Helo),
            "MAIL" => self.mail(line),
            "RCPT" => self.rcpt(line),
            "DATA" => self.data(),
            "BDAT" => self.bdat(&line),
            "RSET" => {
                if self.say(Point::Rset, 250) == 250 {
                    self.transaction = None;
                    self.content.clear();
                }
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
        if self.say(point, 250) == 250 {
            self.state = State::Ready;
        }
    }

    fn mail(&mut self, line: String) {
        assert_eq!(self.state, State::Ready);
        let digits: String = line
            .chars()
            .skip_while(|c| !c.is_ascii_digit())
            .take_while(char::is_ascii_digit)
            .collect();
        let m = digits.parse().unwrap_or(0);
        self.current = m;
        self.mails.entry(m).or_default().line = line;
        self.chunks = 0;
        if self.transaction.is_some() {
            // Nobody but a client that forgets RSET gets here.
            self.say_code(503);
            self.refusal(Phase::Mail, 503);
            return;
        }
        let code = self.say(Point::Mail(m), 250);
        if code == 250 {
            self.transaction = Some((m, Vec::new()));
            self.content.clear();
        }
        self.refusal(Phase::Mail, code);
    }

    fn rcpt(&mut self, line: String) {
        let Some((m, _)) = self.transaction else {
            return self.say_code(503);
        };
        let i = self.mails[&m].recipients.len();
        let code = self.say(Point::Rcpt(m, i), 250);
        if code == 421 {
            return self.refusal(Phase::Rcpt, code);
        }
        self.mails
            .get_mut(&m)
            .unwrap()
            .recipients
            .push((line, code));
        if let (200..=299, Some((_, taken))) = (code, &mut self.transaction) {
            taken.push(i);
        }
    }

    fn has_recipients(&self) -> bool {
        self.transaction
            .as_ref()
            .is_some_and(|(_, taken)| !taken.is_empty())
    }

    fn data(&mut self) {
        let m = self.current;
        let is_open = self.transaction.is_some();
        if !(self.has_recipients() || (self.make.data_for_nobody && is_open)) {
            assert!(self.offers("PIPELINING"), "DATA for nobody");
            return self.say_code(503);
        }
        let code = self.say(Point::Data(m), 354);
        match code {
            354 => self.state = State::Content,
            _ if self.has_recipients() => self.refusal(Phase::Data, code),
            _ => {}
        }
    }

    fn bdat(&mut self, line: &str) {
        let mut words = line.split(' ').skip(1);
        let left = words.next().unwrap().parse().unwrap();
        let last = words.next() == Some("LAST");
        let valid = self.has_recipients();
        self.state = State::Chunk { left, last, valid };
    }

    fn chunk(&mut self) {
        let State::Chunk { left, last, valid } = self.state else {
            unreachable!()
        };
        let octets: Vec<u8> = self.input.drain(..left).collect();
        self.state = State::Ready;
        if !valid {
            return self.say_code(503);
        }
        self.content.extend_from_slice(&octets);
        if last {
            return self.finish();
        }
        let m = self.current;
        let code = self.say(Point::Chunk(m, self.chunks), 250);
        self.chunks += 1;
        if code != 250 {
            self.refusal(Phase::Body, code);
            self.end_transaction();
        }
    }

    fn content_line(&mut self, line: &[u8]) {
        if line != b"." {
            self.content
                .extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            self.content.extend_from_slice(b"\r\n");
            return;
        }
        self.state = State::Ready;
        self.finish();
    }

    fn finish(&mut self) {
        let content = std::mem::take(&mut self.content);
        if !self.has_recipients() {
            assert!(content.is_empty(), "content for nobody");
            self.end_transaction();
            return self.say_code(554);
        }
        let (m, taken) = self.transaction.clone().unwrap();
        if self.make.lmtp {
            return self.finish_for_each(m, taken, content);
        }
        let code = self.say(Point::Final(m), 250);
        if code == 250 {
            self.mails
                .get_mut(&m)
                .unwrap()
                .delivered
                .push((taken, content));
            self.transaction = None;
        } else {
            self.refusal(Phase::Final, code);
            self.end_transaction();
        }
    }

    fn finish_for_each(&mut self, m: usize, taken: Vec<usize>, content: Vec<u8>) {
        let mut finals = Vec::new();
        for i in taken {
            // After 421 nothing more is said.
            if self.state != State::Closed {
                finals.push((i, self.say(Point::FinalFor(m, i), 250)));
            }
        }
        let got = finals.iter().filter(|(_, code)| *code == 250);
        let got: Vec<_> = got.map(|(i, _)| *i).collect();
        let record = self.mails.get_mut(&m).unwrap();
        if !got.is_empty() {
            record.delivered.push((got, content));
        }
        record.finals = finals;
        self.transaction = None;
    }

    fn end_transaction(&mut self) {
        if !self.make.keeps_transaction {
            self.transaction = None;
        }
    }

    fn refusal(&mut self, phase: Phase, code: u16) {
        if code >= 400 {
            let record = self.mails.get_mut(&self.current).unwrap();
            record.refused.get_or_insert((phase, code));
        }
    }

    /// Says what the script wants at this point, or else the usual.
    fn say(&mut self, point: Point, usual: u16) -> u16 {
        let code = self.script.get(&point).copied().unwrap_or(usual);
        let tail = if point == Point::Ehlo && code == 250 {
            self.make.extensions
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

    fn say_code(&mut self, code: u16) {
        self.output
            .extend_from_slice(format!("{code} no\r\n").as_bytes());
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
    /// How often it waited for the server.
    pub(crate) trips: usize,
}

/// A client with these mails, each with its content, and QUIT to say.
pub(crate) struct Client {
    pub(crate) session: Session,
    pub(crate) tickets: Vec<Ticket>,
    contents: Vec<Vec<u8>>,
    /// How much of each content was given.
    given: Vec<usize>,
    /// The mail whose content cannot be had.
    unreadable: Option<usize>,
}

impl Client {
    pub(crate) fn new(config: Config, mails: impl IntoIterator<Item = (Mail, Vec<u8>)>) -> Self {
        let mut session = Session::new(config);
        let (mut tickets, mut contents) = (Vec::new(), Vec::new());
        for (mail, content) in mails {
            tickets.push(session.submit(mail));
            contents.push(content);
        }
        session.quit();
        let given = vec![0; tickets.len()];
        Self {
            session,
            tickets,
            contents,
            given,
            unreadable: None,
        }
    }

    /// The content of this mail fails after its first piece.
    pub(crate) fn fail_content(&mut self, mail: usize) {
        self.unreadable = Some(mail);
    }

    /// Which mail a ticket stands for.
    pub(crate) fn number(&self, ticket: Ticket) -> usize {
        self.tickets.iter().position(|t| *t == ticket).unwrap()
    }

    fn give(&mut self, ticket: Ticket) {
        let m = self.number(ticket);
        if self.unreadable == Some(m) && self.given[m] > 0 {
            return self.session.content_failed();
        }
        let content = &self.contents[m];
        let piece = content.len().min(self.given[m] + 3);
        self.session.content(&content[self.given[m]..piece]);
        self.given[m] = piece;
        if piece == content.len() {
            self.session.content_end();
        }
    }
}

/// Lets them talk until the end.
pub(crate) fn talk(client: &mut Client, server: &mut Server, up: Link, down: Link) -> Result {
    let (mut result, mut sent) = (Result::default(), 0);
    let mut passed_down = 0;
    loop {
        match client.session.poll() {
            Ok(Step::Send(bytes)) => {
                let Some(room) = up.room(sent) else { break };
                let n = bytes.len().min(room);
                if !server.is_closed() {
                    server.receive(&bytes[..n]);
                }
                client.session.sent(n);
                sent += n;
            }
            Ok(Step::Receive(_)) => {
                let Some(room) = down.room(passed_down) else {
                    break;
                };
                let bytes = server.take(room);
                if bytes.is_empty() {
                    let cut = matches!(up, Link::BrokenAt(_));
                    assert!(server.is_closed() || cut, "both wait: {:?}", client.session);
                    break;
                }
                result.trips += 1;
                passed_down += bytes.len();
                client.session.received(&bytes);
            }
            Ok(Step::Content(ticket)) => client.give(ticket),
            Ok(Step::Done(ticket, outcome)) => result.done.push((ticket, outcome)),
            Ok(Step::Idle) => panic!("idle after quit: {:?}", client.session),
            Ok(Step::StartTls) => panic!("nobody asked for TLS: {:?}", client.session),
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
    result.lost = client.session.lost();
    result
}
