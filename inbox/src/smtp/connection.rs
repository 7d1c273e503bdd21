//! One connection: the state machine's steps over a socket.

use std::io;
use std::time::Duration;

use posthaste_smtp::Reply;
use posthaste_smtp::server::{Config, Server, Step};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::delivery::Delivery;
use super::record::Record;
use super::stream::Stream;
use crate::fault::{Act, Certificate, Ending, Step as Place};
use crate::inbox::{Shared, Stop};
use crate::mail::Session;
use crate::tls::Tls;
use crate::transcript::Speaker;

/// So much is read at once.
const BLOCK: usize = 64 * 1024;
/// Answers are held back while the client is still talking, up to so many octets.
const HELD_BACK: usize = 8 * 1024;

/// The connection is over.
pub(super) struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// A connection that is going on.
pub(super) struct Connection<'i> {
    pub(super) stream: Stream,
    pub(super) server: Server,
    pub(super) shared: &'i Shared,
    pub(super) session: Session,
    pub(super) record: Record,
    pub(super) delivery: Option<Delivery<'i>>,
    /// What a fault at the connection's beginning does to the greeting.
    pub(super) greeting: Option<Act>,
    /// What a fault wants to be shown in the next handshake.
    pub(super) certificate: Option<Certificate>,
    /// A command came since the last piece of octets was read.
    pub(super) is_further: bool,
    /// The client was asked for a secret.
    pub(super) is_asked: bool,
    /// So many octets of answers that are not sent yet are in the record.
    noted: usize,
    buffer: Box<[u8]>,
    stop: watch::Receiver<Stop>,
}

impl<'i> Connection<'i> {
    pub(super) fn new(socket: TcpStream, id: u64, shared: &'i Shared) -> Self {
        let mut connection = Self {
            stream: Stream::new(socket),
            server: Server::new(shared.smtp.server.clone()),
            shared,
            session: Session {
                id,
                ..Session::default()
            },
            record: Record::new(shared.smtp.limits.transcript),
            delivery: None,
            greeting: None,
            certificate: None,
            is_further: false,
            is_asked: false,
            noted: 0,
            buffer: vec![0; BLOCK].into_boxed_slice(),
            stop: shared.stopping(),
        };
        connection.server = Server::new(connection.config());
        connection
    }

    /// What is offered now.
    pub(super) fn config(&self) -> Config {
        let mut config = self.shared.smtp.server.clone();
        config.nonce = self.session.id.to_string();
        config.tls = self.session.tls.is_some();
        if self.shared.smtp.tls == Tls::Required && !config.tls {
            config.mechanisms.clear();
        }
        config
    }

    /// Talks until the end. What was begun and not brought to an end is kept.
    pub(super) async fn run(mut self, implicit_tls: bool) {
        // However it ends, it is over.
        let _ = self.talk(implicit_tls).await;
        self.stream.cut(false);
        self.give_up().await;
    }

    async fn talk(&mut self, implicit_tls: bool) -> Result<(), Over> {
        self.greeting = self.meet(Place::Connect).await?;
        if let Some(act) = &self.greeting {
            self.cut_if(act.ending)?;
        }
        if implicit_tls {
            self.begin_with_tls().await?;
        }
        loop {
            match self.server.poll() {
                Step::Send(_) => self.answer_when_asked().await?,
                Step::Receive => self.hear().await?,
                Step::Decide(request) => self.decide(&request).await?,
                Step::Content(piece) => {
                    let most = self.shared.smtp.limits.under_way;
                    let came = self
                        .delivery
                        .as_mut()
                        .map(|delivery| delivery.came(piece, most));
                    if let Some(came) = came {
                        self.content_came(came).await?;
                    }
                }
                Step::StartTls => {
                    self.shake_hands().await?;
                    self.server.tls_started();
                }
                Step::Closed => return Ok(self.stream.end(&mut self.buffer).await?),
            }
        }
    }

    async fn begin_with_tls(&mut self) -> Result<(), Over> {
        let act = self.meet(Place::StartTls).await?.unwrap_or_default();
        self.cut_if(act.ending)?;
        if act.certificate == Some(Certificate::Refuse) {
            return Err(Over);
        }
        self.certificate = act.certificate;
        self.shake_hands().await?;
        self.server = Server::new(self.config());
        Ok(())
    }

    async fn shake_hands(&mut self) -> Result<(), Over> {
        let certificates = self.shared.smtp.certificates.as_ref().ok_or(Over)?;
        let config = certificates.shown(self.certificate);
        let limit = self.shared.smtp.limits.idle;
        let agreed = timeout(limit, self.stream.start_tls(config))
            .await
            .map_err(|_| Over)??;
        self.record.note(Speaker::Event, agreed.as_bytes(), false);
        self.session.tls = Some(agreed);
        self.session.user = None;
        Ok(())
    }

    /// Sends the answers, unless the client has more to say first.
    async fn answer_when_asked(&mut self) -> Result<(), Over> {
        if self.server.unsent().len() < HELD_BACK
            && let Some(n) = self.stream.read_now(&mut self.buffer)
        {
            self.received(n);
            return Ok(());
        }
        self.flush().await
    }

    /// Sends what was said.
    pub(super) async fn flush(&mut self) -> Result<(), Over> {
        self.note_answers();
        let unsent = self.server.unsent();
        let n = unsent.len();
        if n > 0 {
            self.stream.write(unsent).await?;
            self.server.sent(n);
        }
        self.noted = 0;
        Ok(())
    }

    async fn hear(&mut self) -> Result<(), Over> {
        let is_idle = self.delivery.is_none();
        let stopped = async {
            let _ = self.stop.wait_for(|stop| *stop != Stop::No).await;
        };
        let read = timeout(
            self.shared.smtp.limits.idle,
            self.stream.read(&mut self.buffer),
        );
        let read = tokio::select! {
            biased;
            () = stopped, if is_idle => None,
            read = read => Some(read),
        };
        let Some(read) = read else {
            self.part(b"421 4.3.2 This inbox stops\r\n");
            return Ok(());
        };
        match read {
            Ok(Ok(n @ 1..)) => {
                self.stream.arrived(n).await;
                self.received(n);
                Ok(())
            }
            Ok(_) => Err(Over),
            Err(_) => {
                self.part(b"421 4.4.2 You have said nothing for too long\r\n");
                Ok(())
            }
        }
    }

    /// Says a last word.
    fn part(&mut self, word: &[u8]) {
        self.server.say(word);
        self.server.close();
    }

    fn received(&mut self, n: usize) {
        self.is_further = false;
        self.server
            .received(self.buffer.get(..n).unwrap_or_default());
    }

    /// Puts the answers into the record that are not in it yet.
    pub(super) fn note_answers(&mut self) {
        let unsent = self.server.unsent();
        if let Some(answers @ [_, ..]) = unsent.get(self.noted..) {
            self.record.answered(answers, self.noted > 0);
        }
        self.noted = unsent.len();
    }

    /// Puts an answer into the record that will be said later.
    pub(super) fn note_ahead(&mut self, reply: &Reply) {
        let joined = !self.server.unsent().is_empty();
        self.record.answered(reply.to_wire().as_bytes(), joined);
    }

    /// What was said until now is in the record.
    pub(super) fn is_noted(&mut self) {
        self.noted = self.server.unsent().len();
    }

    /// Sends what was said, then waits.
    pub(super) async fn pause(&mut self, delay: Duration) -> Result<(), Over> {
        if !delay.is_zero() {
            self.flush().await?;
            sleep(delay).await;
        }
        Ok(())
    }

    /// Ends the connection without an answer, if that is the end it takes.
    pub(super) fn cut_if(&mut self, ending: Option<Ending>) -> Result<(), Over> {
        match ending {
            None | Some(Ending::Close) => Ok(()),
            Some(ending) => {
                self.stream.cut(ending == Ending::Reset);
                Err(Over)
            }
        }
    }
}
