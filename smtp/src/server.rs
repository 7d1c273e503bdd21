//! The server's side of an SMTP conversation (RFC 5321) as a state machine without input and output: the mirror of
//! [`Session`](crate::Session), for test servers and mail catchers.
//!
//! Tell a [`Server`] what happened ([`received`](Server::received), [`sent`](Server::sent),
//! [`tls_started`](Server::tls_started)), and ask it what to do next ([`poll`](Server::poll)). It owes an answer for each
//! command, for the connection itself and for each content: it says so by [`Step::Decide`]. The owner may choose the answer
//! ([`answer`](Server::answer)), or hold it back ([`withhold`](Server::withhold), [`withhold_refusal`](Server::withhold_refusal)); where it does neither, the next `poll`
//! gives the usual one. So a server without a decision takes everything that is well formed.
//!
//! It knows PIPELINING, SIZE, 8BITMIME, SMTPUTF8, CHUNKING, DSN, ENHANCEDSTATUSCODES, REQUIRETLS, MT-PRIORITY, STARTTLS, AUTH
//! and LMTP; each can be left out ([`Config`]). What it promises:
//!
//! - Commands that come together are answered in their order.
//! - Only CR LF `.` CR LF ends the content of DATA. Bare CR and LF are passed on as they are, and end nothing.
//! - The octets behind BDAT are never taken for commands, be it accepted or not.
//! - What comes together with STARTTLS, or after it and before the handshake, is thrown away.
//! - Lines, recipients, sizes and errors have [`Limits`]; whatever comes, it neither panics nor keeps more than what the
//!   owner brought at once, one line, and the answers to them.
//!
//! # Example: a whole session
//!
//! ```
//! use posthaste_smtp::server::{Config, Request, Server, Step};
//!
//! let mut server = Server::new(Config::new("mx.example"));
//! // What the client says, cut anywhere.
//! let mut heard = [
//!     "EHLO client.example\r\nMAIL FROM:<ann@example.com>\r\nRCPT ",
//!     "TO:<bob@example.com>\r\nRCPT TO:<nobody@example.com>\r\n",
//!     "DATA\r\nSubject: x\r\n\r\n..\r\n.\r\nQU",
//!     "IT\r\n",
//! ]
//! .into_iter();
//! let (mut said, mut recipients, mut content) = (Vec::new(), Vec::new(), Vec::new());
//!
//! loop {
//!     match server.poll() {
//!         Step::Send(bytes) => {
//!             said.extend_from_slice(bytes);
//!             let n = bytes.len();
//!             server.sent(n);
//!         }
//!         Step::Receive => server.received(heard.next().unwrap().as_bytes()),
//!         Step::Decide(Request::Rcpt { to, .. }) if to.as_str().starts_with("nobody@") => {
//!             server.answer("550 5.1.1 Nobody is called so".parse()?);
//!         }
//!         Step::Decide(Request::Rcpt { to, .. }) => recipients.push(to.to_string()),
//!         // All else is answered as usual.
//!         Step::Decide(_) => {}
//!         Step::Content(piece) => content.extend_from_slice(piece),
//!         Step::StartTls => unreachable!("it was not offered"),
//!         Step::Closed => break,
//!     }
//! }
//!
//! assert_eq!(recipients, ["bob@example.com"]);
//! assert_eq!(content, b"Subject: x\r\n\r\n.\r\n");
//! let said = String::from_utf8(said)?;
//! assert!(said.starts_with("220 mx.example"));
//! assert!(said.contains("\r\n550 5.1.1 Nobody is called so\r\n354 "));
//! assert!(said.ends_with("\r\n221 2.0.0 Bye\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answering;
mod commands;
mod config;
mod content;
mod input;
mod login;
mod parse;
mod reading;
mod request;

pub use config::{Config, Extension, Limits};
pub use login::Login;
pub use request::{Parameters, Request};

use crate::Reply;
use answering::Effect;
use content::Decoder;
use input::Input;
use login::Exchange;
use reading::Advance;

/// So many octets of answers are sent before more is read.
const ENOUGH: usize = 16 * 1024;

/// What to do next.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Send some of these bytes, and tell [`Server::sent`] how many.
    Send(&'a [u8]),
    /// Wait for bytes from the client, and give them to [`Server::received`].
    Receive,
    /// The client asks for this. Decide by [`Server::answer`] or [`Server::withhold`], or leave it to the next
    /// [`Server::poll`], which gives the usual answer.
    Decide(Request),
    /// A piece of the content, dots undone. It is given only once.
    Content(&'a [u8]),
    /// Make a TLS handshake on the connection, then tell [`Server::tls_started`].
    StartTls,
    /// The conversation is over; close the connection.
    Closed,
}

/// One SMTP connection, seen from the server. See the [module](self) for a whole session.
///
/// The methods are of three kinds. *Facts*: [`received`](Self::received), [`sent`](Self::sent),
/// [`tls_started`](Self::tls_started). *Decisions*: [`answer`](Self::answer), [`withhold`](Self::withhold),
/// [`withhold_refusal`](Self::withhold_refusal), [`say`](Self::say), [`close`](Self::close). *Questions*: [`poll`](Self::poll), and the rest.
#[derive(Debug)]
pub struct Server {
    config: Config,
    input: Input,
    out: Vec<u8>,
    /// How much of `out` was sent.
    sent: usize,
    mode: Mode,
    /// The request that waits for a decision: its usual answer, and what an answer does.
    undecided: Option<(Option<Reply>, Effect)>,
    /// The line of the last request.
    line: Vec<u8>,
    /// The piece of content that was given last.
    piece: Vec<u8>,
    greeted: bool,
    tls: bool,
    authenticated: Option<String>,
    transaction: Option<Transaction>,
    errors: usize,
    closing: bool,
}

/// What the next bytes are.
#[derive(Debug, Default)]
enum Mode {
    /// Nothing is said yet.
    Connect,
    #[default]
    Command,
    /// The answer to a challenge.
    Login(Exchange),
    /// Whatever the client says to the last challenge of a login that failed; this follows.
    Failing(Reply),
    /// The content of DATA.
    Data(Decoder),
    /// Octets of BDAT.
    Chunk { left: u64, last: bool },
    /// Octets that are passed over, and what is said afterwards.
    Swallow { left: u64, reply: Option<Reply> },
    /// The content is complete; so many answers were given.
    Complete(usize),
    /// A handshake.
    Handshake,
}

/// A mail that is on its way.
#[derive(Debug)]
struct Transaction {
    smtputf8: bool,
    /// Those that were accepted.
    recipients: usize,
    /// Octets of content.
    size: u64,
    /// A BDAT has come.
    chunked: bool,
}

impl Transaction {
    fn new(smtputf8: bool) -> Self {
        Self {
            smtputf8,
            recipients: 0,
            size: 0,
            chunked: false,
        }
    }
}

impl Server {
    /// A server on a connection that was just made.
    pub fn new(config: Config) -> Self {
        Self {
            tls: config.tls,
            config,
            input: Input::default(),
            out: Vec::new(),
            sent: 0,
            mode: Mode::Connect,
            undecided: None,
            line: Vec::new(),
            piece: Vec::new(),
            greeted: false,
            authenticated: None,
            transaction: None,
            errors: 0,
            closing: false,
        }
    }

    /// Takes bytes that came from the client, cut anywhere. Whatever comes before a handshake, once it was agreed on, is not
    /// kept.
    pub fn received(&mut self, bytes: &[u8]) {
        if !self.closing && !matches!(self.mode, Mode::Handshake) {
            self.input.push(bytes);
        }
    }

    /// Notes that the first `n` bytes of the last [`Step::Send`] were sent.
    pub fn sent(&mut self, n: usize) {
        self.sent = self.out.len().min(self.sent.saturating_add(n));
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
    }

    /// Notes that TLS is on, as [`Step::StartTls`] asked. The client has to say EHLO again. Does nothing at any other time.
    pub fn tls_started(&mut self) {
        if matches!(self.mode, Mode::Handshake) {
            self.mode = Mode::Command;
            self.tls = true;
            self.greeted = false;
            self.authenticated = None;
        }
    }

    /// Answers the request of the last [`Step::Decide`]. What is not a success is a refusal; 421 closes as well. Does nothing
    /// if no request waits.
    pub fn answer(&mut self, reply: Reply) {
        if let Some((_, effect)) = self.undecided.take() {
            self.settle(effect, reply.code(), Some(reply));
        }
    }

    /// Goes on as after the usual answer to the request of the last [`Step::Decide`], but says nothing. Does nothing if no
    /// request waits.
    pub fn withhold(&mut self) {
        if let Some((usual, effect)) = self.undecided.take() {
            let code = usual.map_or(250, |usual| usual.code());
            self.settle(effect, code, None);
        }
    }

    /// Goes on as after a refusal, but says nothing. Does nothing if no request waits.
    pub fn withhold_refusal(&mut self) {
        if let Some((_, effect)) = self.undecided.take() {
            self.settle(effect, 500, None);
        }
    }

    /// Offers this from now on. What belongs to the connection itself stays: protocol, TLS and nonce. If EHLO waits for its answer, the usual one is made
    /// anew.
    pub fn offer(&mut self, config: &Config) {
        self.config.extensions.clone_from(&config.extensions);
        self.config.mechanisms.clone_from(&config.mechanisms);
        self.config.starttls = config.starttls;
        self.config.cleartext_auth = config.cleartext_auth;
        self.config.limits = config.limits;
        if let Some((Some(_), Effect::Hello)) = &self.undecided {
            let verb = self.line.get(..4);
            let is_extended = !verb.is_some_and(|verb| verb.eq_ignore_ascii_case(b"HELO"));
            let anew = self.welcome(is_extended);
            self.undecided = Some((Some(anew), Effect::Hello));
        }
    }

    /// Says these bytes behind what is said already, whatever they are: for servers that are to misbehave.
    pub fn say(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Closes the conversation as soon as all is sent that was said.
    pub fn close(&mut self) {
        self.closing = true;
        self.undecided = None;
        self.input.discard();
    }

    /// Says what to do next. A request that was not decided is answered as usual first. To ask again changes nothing else,
    /// but each request and each piece of content is given only once.
    pub fn poll(&mut self) -> Step<'_> {
        if let Some((usual, effect)) = self.undecided.take() {
            let code = usual.as_ref().map_or(250, Reply::code);
            self.settle(effect, code, usual);
        }
        self.piece.clear();
        while !self.closing && self.unsent().len() < ENOUGH {
            match self.advance() {
                Some(Advance::Asked((request, usual, effect))) => {
                    self.undecided = Some((usual, effect));
                    return Step::Decide(request);
                }
                Some(Advance::Content) => return Step::Content(&self.piece),
                Some(Advance::Further) => {}
                None => break,
            }
        }
        match () {
            () if !self.unsent().is_empty() => Step::Send(&self.out[self.sent..]),
            () if self.closing => Step::Closed,
            () if matches!(self.mode, Mode::Handshake) => Step::StartTls,
            () => Step::Receive,
        }
    }

    /// The line of the last request, without its end. With the secret in it if it logs in; empty where no line was said.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// What the request that waits is answered if the owner does not decide; none if it is not answered yet.
    pub fn usual_answer(&self) -> Option<&Reply> {
        self.undecided
            .as_ref()
            .and_then(|(usual, _)| usual.as_ref())
    }

    /// What is said and not sent yet. An owner who takes its time to decide sends this before.
    pub fn unsent(&self) -> &[u8] {
        &self.out[self.sent..]
    }

    /// Whether the conversation is under TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Who is logged in.
    pub fn user(&self) -> Option<&str> {
        self.authenticated.as_deref()
    }
}
