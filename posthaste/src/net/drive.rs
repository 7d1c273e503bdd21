//! One conversation over one wire: ask the session what is next, move bytes, tell the session.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use posthaste_smtp::{Config, Outcome, Phase, Reply, Security, Session, Step, Ticket, Violation};

use super::channel::{Channel, NoTls};
use super::clock::{Activity, Clock};
use super::tls::{Safety, Tls};
use super::wire::{Moved, Wire, remaining};
use crate::trace::Trace;

/// The largest block that is read from the peer at once.
const BLOCK: usize = 64 * 1024;

/// How long to listen for a last reply after writing has failed.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The contents of the mails that were submitted.
pub(crate) trait Contents: Send {
    /// The next piece of this mail's content.
    fn next(&mut self, ticket: Ticket) -> Piece<'_>;
}

/// A piece of a content.
pub(crate) enum Piece<'c> {
    /// Some octets.
    Some(&'c [u8]),
    /// There are no more.
    End,
    /// There are more, and they cannot be had.
    Unreadable,
}

/// For conversations without mail.
pub(crate) struct NoContents;

impl Contents for NoContents {
    fn next(&mut self, _: Ticket) -> Piece<'_> {
        Piece::Unreadable
    }
}

/// What [`drive`] came to.
#[derive(Debug)]
pub(crate) enum Event {
    /// The mail was taken or refused.
    Done(Ticket, Outcome),
    /// All is sent, and an answer is awaited, as [`Link::tells_waiting`] asked to be told once.
    Waiting,
    /// There is nothing to do.
    Idle,
    /// The server has closed the conversation, if `Some` with these words.
    Closed(Option<Reply>),
}

/// Why a conversation cannot go on. The connection is of no more use then.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The connection failed, was closed or was too slow.
    Wire(Arc<io::Error>),
    /// The server broke the protocol.
    Peer(Violation),
    /// There is no TLS to be had with this server.
    Tls(rustls::Error),
}

/// A connection, and the conversation on it.
#[derive(Debug)]
pub(crate) struct Link<W: Wire> {
    wire: Channel<W>,
    tls: Option<Tls>,
    /// The conversation; mail is submitted here.
    pub(crate) session: Session,
    phase: Phase,
    clock: Clock,
    /// Whether to come back once before an answer is waited for.
    pub(crate) tells_waiting: bool,
    buffer: Box<[u8]>,
    /// Where the wire was made.
    pub(crate) home: W::Home,
    /// Who is told of what happens.
    pub(crate) trace: Trace,
}

impl<W: Wire> Link<W> {
    /// Begins a conversation on a connected wire. `timeout` replaces each of the standard's time limits, and at `deadline`
    /// everything has to be [over](Self::until); `tls` is how the connection is made safe when the session asks for it, or at once if the session says so.
    ///
    /// # Errors
    ///
    /// When TLS comes first, and there is none to be had.
    pub(crate) async fn begin(
        wire: W,
        mut config: Config,
        timeout: Option<Duration>,
        deadline: Option<Instant>,
        tls: Option<Tls>,
    ) -> Result<Self, Fault> {
        let mut wire = Channel::new(wire);
        let mut clock = Clock::new(timeout);
        clock.until(deadline);
        if let (Security::Tls(binding), Some(tls)) = (&mut config.security, &tls) {
            let limit = clock.left(Activity::Receiving(Phase::Starttls))?;
            *binding = wire.start_tls(tls, limit).await?;
        }
        Ok(Self {
            wire,
            tls,
            session: Session::new(config),
            phase: Phase::Greeting,
            clock,
            tells_waiting: false,
            buffer: vec![0; BLOCK].into_boxed_slice(),
            home: W::home(),
            trace: Trace::default(),
        })
    }

    /// Sets the time at which everything has to be over, or takes it away.
    pub(crate) fn until(&mut self, deadline: Option<Instant>) {
        self.clock.until(deadline);
    }

    /// Whether the conversation is as idle as it was left, as far as can be seen without waiting: open, and not a word said.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.session.is_idle() && self.wire.is_quiet()
    }

    /// Makes the handshake that the session asks for.
    async fn start_tls(&mut self) -> Result<(), Fault> {
        self.phase = Phase::Starttls;
        let Some(tls) = &self.tls else {
            return Err(io::Error::from(io::ErrorKind::Unsupported).into());
        };
        let limit = self.clock.left(Activity::Receiving(Phase::Starttls))?;
        let binding = self.wire.start_tls(tls, limit).await?;
        self.session.tls_started(binding);
        Ok(())
    }

    /// Tells that the server has let us in.
    pub(crate) fn has_opened(&mut self) {
        let wire = &self.wire;
        self.trace.opened(&self.session, &|| wire.safety());
    }

    /// What is known of the connection's safety; nothing if it is in plain.
    pub(crate) fn safety(&self) -> Option<Safety> {
        self.wire.safety()
    }

    /// What the last awaited reply was, or is, the answer to.
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Says QUIT without waiting for an answer. Only for a conversation that is idle.
    pub(crate) fn farewell(&mut self) {
        self.wire.send_now(b"QUIT\r\n");
        self.trace.quit();
    }

    /// Reads what the server may have said before it stopped reading: a 421 or a 5xx explains more than "broken pipe".
    async fn last_words(&mut self, failure: io::Error) -> Result<Event, Fault> {
        let deadline = Instant::now() + self.clock.limit(Activity::Sending).min(LAST_WORDS);
        while let Ok(limit) = remaining(deadline) {
            match self.wire.receive(&mut self.buffer, limit).await {
                Ok(0) | Err(_) => break,
                Ok(n) => self.session.received(&self.buffer[..n]),
            }
            match self.session.poll() {
                Ok(Step::Done(ticket, outcome)) => return Ok(Event::Done(ticket, outcome)),
                Ok(Step::Closed(reply)) => return Ok(Event::Closed(reply)),
                Ok(Step::Send(_) | Step::Receive(_) | Step::Content(_)) => {}
                Ok(Step::Idle | Step::StartTls) | Err(_) => break,
            }
        }
        Err(failure.into())
    }

    /// Takes what the server says before it has heard all of the body: a refusal ends it early, and a 250 now must not be
    /// taken for the answer to the end later. From a server that has closed its direction no answer can come, so nothing
    /// more is sent to it: the mail would be in doubt at the end.
    async fn overhear(&mut self) -> Result<bool, Fault> {
        match self.wire.receive_now(&mut self.buffer).await? {
            None => Ok(false),
            Some(0) => Err(closed()),
            Some(n) => {
                let heard = self.buffer.get(..n).unwrap_or_default();
                self.session.received(heard);
                Ok(true)
            }
        }
    }

    /// Hands the session the next piece of a content.
    fn feed(&mut self, contents: &mut dyn Contents, ticket: Ticket) {
        match contents.next(ticket) {
            Piece::Some(bytes) => self.session.content(bytes),
            Piece::End => self.session.content_end(),
            Piece::Unreadable => self.session.content_failed(),
        }
    }
}

/// Carries the conversation on until something has come of it.
///
/// # Errors
///
/// When the connection fails or is too slow, and when the server breaks the protocol.
pub(crate) async fn drive<W: Wire>(
    link: &mut Link<W>,
    contents: &mut dyn Contents,
) -> Result<Event, Fault> {
    let event = converse(link, contents).await;
    link.trace.hear(&mut link.session);
    event
}

async fn converse<W: Wire>(
    link: &mut Link<W>,
    contents: &mut dyn Contents,
) -> Result<Event, Fault> {
    link.clock.restart();
    let (mut feeding, mut heard) = (None, link.session.replies());
    loop {
        let step = link.session.poll().map_err(Fault::Peer)?;
        match step {
            Step::Send(bytes) => {
                let limit = link.clock.left(Activity::Sending)?;
                match link.wire.exchange(bytes, &mut link.buffer, limit).await {
                    Ok(Moved::Sent(0)) => {
                        return link.last_words(io::ErrorKind::WriteZero.into()).await;
                    }
                    Ok(Moved::Sent(n)) => link.session.sent(n),
                    Ok(Moved::Received(0)) => return Err(closed()),
                    Ok(Moved::Received(n)) => link.session.received(&link.buffer[..n]),
                    Err(failure) => return link.last_words(failure).await,
                }
            }
            Step::Receive(phase) => {
                link.trace.hear(&mut link.session);
                link.phase = phase;
                if std::mem::take(&mut link.tells_waiting) {
                    return Ok(Event::Waiting);
                }
                let limit = link.clock.left(Activity::Receiving(phase))?;
                match link.wire.receive(&mut link.buffer, limit).await? {
                    0 => return Err(closed()),
                    n => link.session.received(&link.buffer[..n]),
                }
            }
            Step::StartTls => link.start_tls().await?,
            Step::Content(ticket) => {
                link.clock.restart();
                // A short content is over before a look at the wire could tell anything.
                if feeding != Some(ticket) || !link.overhear().await? {
                    link.feed(contents, ticket);
                }
                feeding = Some(ticket);
            }
            Step::Done(ticket, outcome) => return Ok(Event::Done(ticket, outcome)),
            Step::Idle => return Ok(Event::Idle),
            Step::Closed(reply) => return Ok(Event::Closed(reply)),
        }
        // Each reply has its own time, also where many are awaited.
        if std::mem::replace(&mut heard, link.session.replies()) != heard {
            link.clock.restart();
        }
    }
}

fn closed() -> Fault {
    io::Error::from(io::ErrorKind::UnexpectedEof).into()
}

impl From<NoTls> for Fault {
    fn from(error: NoTls) -> Self {
        match error {
            NoTls::Wire(error) => error.into(),
            NoTls::Tls(error) => Self::Tls(error),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Wire(Arc::new(error))
    }
}
