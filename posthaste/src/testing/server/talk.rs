//! One conversation: the state machine's steps over a socket, and the rules that break it.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use posthaste_smtp::Reply;
use posthaste_smtp::server::{self as smtp, Request, Step};

use super::Shared;
use super::record::{Conversation, Received, Recipient};
use super::rule::{Act, Here, Place, Rule};
use super::stream::Stream;

/// So much is read at once.
const BLOCK: usize = 64 * 1024;
/// Answers are held back while the client is still talking, up to so many octets.
const HELD_BACK: usize = 8 * 1024;

/// The conversation is over.
pub(super) struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// A conversation that is going on.
pub(super) struct Talk {
    stream: Stream,
    server: smtp::Server,
    shared: Arc<Shared>,
    number: usize,
    lines: usize,
    buffer: Box<[u8]>,
    /// The server has said something since it last waited.
    has_spoken: bool,
    /// The rules for this message's content that have had their turn.
    fired: Vec<Arc<Rule>>,
    /// The answer to the end of a message has to be sent, then its place comes.
    after_end: bool,
}

impl Talk {
    /// Talks until the end.
    pub(super) fn run(stream: TcpStream, number: usize, shared: &Arc<Shared>) {
        let mut config = shared.config.smtp.clone();
        config.nonce = format!("{number}.{}", shared.address.port());
        if let Ok(stream) = Stream::new(stream) {
            let mut talk = Self {
                stream,
                server: smtp::Server::new(config),
                shared: Arc::clone(shared),
                number,
                lines: 0,
                buffer: vec![0; BLOCK].into_boxed_slice(),
                has_spoken: false,
                fired: Vec::new(),
                after_end: false,
            };
            // Whatever ends it, it is over.
            let _ = talk.talk();
            shared.forget(number);
        }
        shared.record(number, |record| record.is_over = true);
    }

    fn talk(&mut self) -> Result<(), Over> {
        if self.shared.config.implicit_tls {
            self.start_tls()?;
        }
        loop {
            if std::mem::take(&mut self.after_end) {
                self.flush()?;
                self.interrupt(&[Place::AfterEnd])?;
            }
            match self.server.poll() {
                Step::Send(_) => self.answer_when_asked()?,
                Step::Receive => self.hear()?,
                Step::Decide(request) => self.decide(&request)?,
                Step::Content(piece) => {
                    let piece = piece.to_vec();
                    self.content(&piece)?;
                }
                Step::StartTls => {
                    self.start_tls()?;
                    self.server.tls_started();
                }
                Step::Closed => return self.close(),
            }
        }
    }

    /// Sends the answers, unless the client has more to say first.
    fn answer_when_asked(&mut self) -> Result<(), Over> {
        if self.server.unsent().len() < HELD_BACK
            && let Some(n @ 1..) = self.stream.read_now(&mut self.buffer)?
        {
            self.received(n);
            return Ok(());
        }
        self.flush()
    }

    fn hear(&mut self) -> Result<(), Over> {
        if std::mem::take(&mut self.has_spoken) {
            self.record(|record| record.round_trips += 1);
        }
        match self.stream.read(&mut self.buffer)? {
            0 => Err(Over),
            n => {
                self.received(n);
                Ok(())
            }
        }
    }

    fn received(&mut self, n: usize) {
        let bytes = self.buffer.get(..n).unwrap_or_default();
        self.server.received(bytes);
    }

    fn start_tls(&mut self) -> Result<(), Over> {
        let config = self.shared.config.tls.clone().ok_or(Over)?;
        self.stream.start_tls(config)?;
        self.record(|record| {
            record.tls = true;
            record.happened("TLS");
        });
        Ok(())
    }

    fn content(&mut self, piece: &[u8]) -> Result<(), Over> {
        let came = self.record(|record| record.content_came(piece));
        self.interrupt(&[Place::Content(came)])
    }

    /// Lets a rule say or do something that is no answer.
    fn interrupt(&mut self, places: &[Place]) -> Result<(), Over> {
        let Some(rule) = self.rule(places) else {
            return Ok(());
        };
        self.fired.push(Arc::clone(&rule));
        self.pause(&rule)?;
        match &rule.act {
            Act::Usual | Act::NoReply => {}
            Act::Reply(reply) if reply.code() != 421 => self.say(reply.to_wire().as_bytes()),
            Act::Reply(reply) | Act::ReplyAndClose(reply) => {
                self.say(reply.to_wire().as_bytes());
                self.server.close();
            }
            Act::Raw(bytes) | Act::Add(bytes) => self.say(bytes),
            Act::RawAndClose(bytes) => {
                self.say(bytes);
                self.server.close();
            }
            Act::Inject(bytes) => self.stream.write_underneath(bytes)?,
            act => return self.break_off(act),
        }
        self.flush()
    }

    /// Answers as a rule wants it, or else as usual.
    fn decide(&mut self, request: &Request) -> Result<(), Over> {
        let places = self.places(request);
        let rule = self.rule(&places);
        let usual = self.usual(request);
        self.note(request);
        let Some(rule) = rule else {
            self.answer(request, usual);
            return Ok(());
        };
        self.pause(&rule)?;
        match &rule.act {
            Act::Usual => self.answer(request, usual),
            Act::Reply(reply) => self.answer(request, Some(reply.clone())),
            Act::ReplyAndClose(reply) => {
                self.answered(request, reply);
                self.say(reply.to_wire().as_bytes());
                self.server.close();
            }
            Act::Raw(bytes) => {
                self.say(bytes);
                self.withhold(request, bytes);
            }
            Act::RawAndClose(bytes) => {
                self.say(bytes);
                self.server.close();
            }
            Act::Inject(bytes) => {
                self.stream.write_underneath(bytes)?;
                self.answer(request, usual);
            }
            Act::Add(bytes) => {
                self.answer(request, usual);
                self.say(bytes);
            }
            Act::NoReply => self.withhold(request, b""),
            Act::CutReply(bytes) => {
                let reply = usual
                    .as_ref()
                    .map(Reply::to_wire)
                    .unwrap_or_default()
                    .into_bytes();
                self.say(reply.get(..*bytes).unwrap_or(&reply));
                self.server.close();
            }
            act => return self.break_off(act),
        }
        Ok(())
    }

    /// Which points of the conversation this is; notes the line.
    fn places(&mut self, request: &Request) -> Vec<Place> {
        let mut places = Vec::from_iter(place(request));
        let is_line = !matches!(
            request,
            Request::Connect | Request::Chunk | Request::Message { .. }
        );
        if is_line {
            let line = self.server.line().to_vec();
            places.push(Place::Number(self.lines));
            places.push(Place::Line(String::from_utf8_lossy(&line).into_owned()));
            self.lines += 1;
            self.record(|record| record.client_said(&line));
        }
        places
    }

    /// What is answered if no rule says otherwise.
    fn usual(&self, request: &Request) -> Option<Reply> {
        let config = &self.shared.config;
        let reply = self.server.usual_answer();
        match request {
            Request::Hello { extended: true, .. } => reply.map(|reply| config.announcement(reply)),
            Request::Login(login) if !config.admits(login) => {
                "535 5.7.8 Wrong name or password".parse().ok()
            }
            Request::Mail { .. } if config.login_required && self.server.user().is_none() => {
                "530 5.7.0 Log in first".parse().ok()
            }
            _ => reply.cloned(),
        }
    }

    /// Notes what a request brings, whatever the answer will be.
    fn note(&mut self, request: &Request) {
        match request {
            Request::Mail { .. } => self.fired.clear(),
            Request::Rcpt { to, parameters } => {
                let recipient = Recipient {
                    address: to.to_string(),
                    parameters: parameters.to_string(),
                    reply: None,
                    delivery: None,
                };
                self.on_message(|message| message.recipients.push(recipient));
            }
            Request::Message { .. } => self.on_message(|message| message.is_complete = true),
            _ => {}
        }
    }

    fn answer(&mut self, request: &Request, reply: Option<Reply>) {
        if let Some(reply) = reply {
            self.answered(request, &reply);
            self.server.answer(reply);
        }
    }

    /// Goes on without an answer of its own; `instead` may be one.
    fn withhold(&mut self, request: &Request, instead: &[u8]) {
        if matches!(instead.first(), Some(b'4' | b'5')) {
            self.server.withhold_refusal();
        } else {
            self.begin(request);
            self.server.withhold();
        }
    }

    /// Notes the answer.
    fn answered(&mut self, request: &Request, reply: &Reply) {
        let said = Some(reply.clone());
        match request {
            Request::Mail { .. } if reply.is_success() => self.begin(request),
            Request::Rcpt { .. } => self.on_message(|message| {
                if let Some(recipient) = message.recipients.last_mut() {
                    recipient.reply = said;
                }
            }),
            Request::Message { recipient, .. } => {
                self.after_end = self.shared.awaits(&Place::AfterEnd);
                self.on_message(|message| message.delivered(*recipient, said));
            }
            Request::Login(login) if reply.is_success() => {
                let user = Some(login.user().to_owned());
                self.record(|record| record.user = user);
            }
            _ => {}
        }
    }

    /// Notes that a message is begun.
    fn begin(&mut self, request: &Request) {
        if let Request::Mail { from, parameters } = request {
            let (from, parameters) = (from.to_string(), parameters.to_string());
            let message = Received::new(self.number, from, parameters);
            self.record(|record| record.messages.push(message));
        }
    }

    /// Waits as a rule wants it, and does what it wants done before.
    fn pause(&mut self, rule: &Rule) -> Result<(), Over> {
        if !rule.after.is_zero() {
            self.flush()?;
            self.shared.sleep(rule.after)?;
        }
        if let Some(action) = &rule.then {
            action();
        }
        Ok(())
    }

    /// Ends the conversation in some way that is not the usual one.
    fn break_off(&mut self, act: &Act) -> Result<(), Over> {
        self.flush()?;
        self.record(|record| record.happened(&format!("{act:?}")));
        match act {
            Act::Reset => {
                // Another handle to the socket would keep it open.
                self.shared.forget(self.number);
                self.stream.reset()?;
            }
            Act::Cut => {
                self.stream.cut()?;
                self.stream.drain()?;
            }
            Act::HalfClose => {
                self.stream.end()?;
                while self.stream.read(&mut self.buffer)? > 0 {}
            }
            Act::Stall => while self.stream.read(&mut self.buffer)? > 0 {},
            Act::Freeze => self.shared.sleep(Duration::MAX)?,
            Act::EndlessLine => {
                self.stream.write(b"250 ", usize::MAX)?;
                loop {
                    self.stream.write(&[b'x'; 4096], usize::MAX)?;
                }
            }
            Act::EndlessLines => loop {
                self.stream.write(b"250-and more\r\n", usize::MAX)?;
            },
            Act::Trickle(each) => loop {
                self.stream.write(b"2", 1)?;
                self.shared.sleep(*each)?;
            },
            _ => return self.close(),
        }
        Err(Over)
    }

    fn close(&mut self) -> Result<(), Over> {
        self.stream.end()?;
        self.stream.drain()?;
        Err(Over)
    }

    fn say(&mut self, bytes: &[u8]) {
        self.server.say(bytes);
    }

    /// Sends what is said and not sent yet.
    fn flush(&mut self) -> Result<(), Over> {
        let bytes = self.server.unsent().to_vec();
        if bytes.is_empty() {
            return Ok(());
        }
        self.shared.sleep(self.shared.config.latency)?;
        self.record(|record| record.server_said(&bytes));
        self.has_spoken = true;
        self.stream.write(&bytes, self.shared.config.piece)?;
        self.server.sent(bytes.len());
        Ok(())
    }

    fn rule(&self, places: &[Place]) -> Option<Arc<Rule>> {
        self.record(|record| {
            let message = record.messages.last();
            let here = Here {
                places,
                connection: self.number,
                content: message.map_or(b"", |message| &message.content),
            };
            self.shared.rule(here, &self.fired)
        })
    }

    fn record<T>(&self, write: impl FnOnce(&mut Conversation) -> T) -> T {
        self.shared.record(self.number, write)
    }

    fn on_message(&self, write: impl FnOnce(&mut Received)) {
        self.record(|record| record.messages.last_mut().map(write));
    }
}

/// The point that a request is at, other than its line.
fn place(request: &Request) -> Option<Place> {
    Some(match request {
        Request::Connect => Place::Greeting,
        Request::Hello { .. } => Place::Ehlo,
        Request::StartTls => Place::StartTls,
        Request::Challenge(_) | Request::Login(_) => Place::Auth,
        Request::Mail { from, .. } => Place::Mail(from.to_string()),
        Request::Rcpt { to, .. } => Place::Rcpt(to.to_string()),
        Request::Data => Place::Data,
        Request::Bdat { .. } => Place::Bdat,
        Request::Chunk => Place::Chunk,
        Request::Message { .. } => Place::End,
        Request::Reset => Place::Reset,
        Request::Quit => Place::Quit,
        _ => return None,
    })
}
