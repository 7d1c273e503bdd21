//! One connection: the state machine's steps over a socket.

use std::io;

use posthaste_smtp::Reply;
use posthaste_smtp::server::{Request, Server, Step};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::delivery::Delivery;
use super::record::Record;
use super::stream::Stream;
use crate::inbox::Shared;
use crate::mail::{Arrival, Session};
use crate::transcript::Speaker;

/// So much is read at once.
const BLOCK: usize = 64 * 1024;
/// Answers are held back while the client is still talking, up to so many octets.
const HELD_BACK: usize = 8 * 1024;

/// A connection that is going on.
pub(super) struct Connection<'i> {
    stream: Stream,
    server: Server,
    shared: &'i Shared,
    session: Session,
    record: Record,
    delivery: Option<Delivery>,
    buffer: Box<[u8]>,
    /// A command came since the last piece of octets was read.
    is_further: bool,
}

impl<'i> Connection<'i> {
    pub(super) fn new(socket: TcpStream, id: u64, shared: &'i Shared) -> Self {
        // Answers are small; who waits for them should not wait for more.
        let _ = socket.set_nodelay(true);
        let mut config = shared.smtp.server.clone();
        config.nonce = format!("{id}");
        config.starttls = shared.smtp.tls.is_some();
        Self {
            stream: Stream::Plain(socket),
            server: Server::new(config),
            shared,
            session: Session {
                id,
                ..Session::default()
            },
            record: Record::new(),
            delivery: None,
            buffer: vec![0; BLOCK].into_boxed_slice(),
            is_further: false,
        }
    }

    /// Talks until the end.
    pub(super) async fn run(mut self) -> io::Result<()> {
        loop {
            match self.server.poll() {
                Step::Send(_) => self.answer_when_asked().await?,
                Step::Receive => self.hear().await?,
                Step::Decide(request) => self.decide(&request).await?,
                Step::Content(piece) => {
                    if let Some(delivery) = &mut self.delivery {
                        delivery.content.extend_from_slice(piece);
                    }
                }
                Step::StartTls => self.start_tls().await?,
                Step::Closed => return self.stream.end().await,
            }
        }
    }

    /// Sends the answers, unless the client has more to say first.
    async fn answer_when_asked(&mut self) -> io::Result<()> {
        if self.server.unsent().len() < HELD_BACK
            && let Some(n) = self.stream.read_now(&mut self.buffer)
        {
            self.received(n);
            return Ok(());
        }
        self.flush().await
    }

    async fn flush(&mut self) -> io::Result<()> {
        let bytes = self.server.unsent().to_vec();
        self.stream.write(&bytes).await?;
        self.server.sent(bytes.len());
        Ok(())
    }

    async fn hear(&mut self) -> io::Result<()> {
        let read = timeout(self.shared.smtp.idle, self.stream.read(&mut self.buffer)).await;
        match read {
            Ok(Ok(n @ 1..)) => {
                self.received(n);
                Ok(())
            }
            Ok(Ok(0)) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                self.server
                    .say(b"421 4.4.2 You have said nothing for too long\r\n");
                self.server.close();
                Ok(())
            }
        }
    }

    fn received(&mut self, n: usize) {
        self.is_further = false;
        self.server
            .received(self.buffer.get(..n).unwrap_or_default());
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        let Some(config) = self.shared.smtp.tls.clone() else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let agreed = self.stream.start_tls(config).await?;
        self.record.note(Speaker::Event, agreed.as_bytes(), false);
        self.session.tls = Some(agreed);
        self.server.tls_started();
        Ok(())
    }

    /// Answers, and notes what was asked and said.
    async fn decide(&mut self, request: &Request) -> io::Result<()> {
        let usual = self.server.usual_answer().cloned();
        self.asked(request);
        if let Request::Message { .. } = request {
            return self.complete(usual).await;
        }
        self.answered(request, usual.as_ref());
        if let Some(reply) = usual {
            self.record.answered(reply.to_wire().as_bytes());
            self.server.answer(reply);
        }
        Ok(())
    }

    /// Notes a command.
    fn asked(&mut self, request: &Request) {
        if let Request::Mail { .. } = request {
            self.record.mail_begins();
        }
        let is_line = !matches!(
            request,
            Request::Connect | Request::Chunk | Request::Message { .. }
        );
        if is_line {
            let joined = std::mem::replace(&mut self.is_further, true);
            self.session.pipelined |= joined;
            let line = shown(request, self.server.line());
            self.record.note(Speaker::Client, &line, joined);
        }
        match request {
            Request::Hello { name, .. } => self.session.hello.clone_from(name),
            Request::Login(login) => self.session.user = Some(login.user().to_owned()),
            Request::Bdat { .. } => {
                if let Some(delivery) = &mut self.delivery {
                    delivery.chunks += 1;
                }
            }
            _ => {}
        }
    }

    /// Notes what an answer changes.
    fn answered(&mut self, request: &Request, reply: Option<&Reply>) {
        match request {
            Request::Mail { from, parameters } if reply.is_none_or(Reply::is_success) => {
                self.delivery = Some(Delivery::new(from.as_str(), parameters));
            }
            Request::Rcpt { to, parameters } => {
                if let Some(delivery) = &mut self.delivery {
                    delivery.recipient(to.as_str(), parameters, reply.cloned());
                }
            }
            _ => {}
        }
    }

    /// Keeps the mail, then answers.
    async fn complete(&mut self, usual: Option<Reply>) -> io::Result<()> {
        let Some(delivery) = self.delivery.take() else {
            return Ok(());
        };
        let body = format!("[content of {} octets]", delivery.content.len());
        self.record.note(Speaker::Client, body.as_bytes(), true);
        if let Some(reply) = &usual {
            self.record.answered(reply.to_wire().as_bytes());
        }
        let session = Session {
            chunks: delivery.chunks,
            duration_us: u64::try_from(delivery.start.elapsed().as_micros()).unwrap_or(u64::MAX),
            ..self.session.clone()
        };
        let arrival = Arrival {
            mailbox: session.user.clone().unwrap_or_default(),
            envelope: delivery.envelope,
            session,
            reply: usual,
            raw: delivery.content,
            transcript: self.record.take(),
        };
        if let Err(error) = self.shared.keep(arrival).await {
            let reply = format!("452 4.3.1 The mail could not be kept: {error}");
            if let Ok(reply) = reply.parse() {
                self.server.answer(reply);
            }
        }
        Ok(())
    }
}

/// A command as it may be shown: without secrets.
fn shown(request: &Request, line: &[u8]) -> Vec<u8> {
    match request {
        Request::Challenge(_) | Request::Login(_) => hidden(line),
        _ => line.to_vec(),
    }
}

/// `AUTH PLAIN <hidden, 24 octets>`; of an answer to a challenge only the length.
fn hidden(line: &[u8]) -> Vec<u8> {
    let words: Vec<&[u8]> = line.splitn(3, |octet| *octet == b' ').collect();
    match words.as_slice() {
        [auth, mechanism] if auth.eq_ignore_ascii_case(b"AUTH") => {
            [*auth, b" ", *mechanism].concat()
        }
        [auth, mechanism, secret] if auth.eq_ignore_ascii_case(b"AUTH") => {
            let hidden = format!(" <hidden, {} octets>", secret.len());
            [*auth, b" ", *mechanism, hidden.as_bytes()].concat()
        }
        _ => format!("<hidden, {} octets>", line.len()).into_bytes(),
    }
}
