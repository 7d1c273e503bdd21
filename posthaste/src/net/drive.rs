//! One conversation over one wire: ask the session what is next, move bytes, tell the session.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use posthaste_smtp::{
    Config, Outcome, Phase, Reply, Security, Session, Step, Ticket, Unfinished, Violation,
};

use super::channel::{Channel, NoTls};
use super::clock::{Activity, Clock};
use super::tls::Tls;
use super::wire::{Moved, Wire, remaining};

/// The largest block that is read from a body or from the peer at once.
const BLOCK: usize = 64 * 1024;

/// How long to listen for a last reply after writing has failed.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The body of a message as it is handed to [`drive`].
pub(super) type Body<'a> = dyn Read + Send + 'a;

/// What [`drive`] came to.
#[derive(Debug)]
pub(crate) enum Event {
    /// The mail was taken or refused.
    Done(Ticket, Outcome),
    /// There is nothing to do.
    Idle,
    /// The server has closed the conversation, if `Some` with these words.
    Closed(Option<Reply>),
}

/// Why a conversation cannot go on. The connection is of no more use then.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The connection failed, was closed or was too slow.
    Wire(io::Error),
    /// The server broke the protocol.
    Peer(Violation),
    /// There is no TLS to be had with this server.
    Tls(rustls::Error),
    /// Our own message could not be read.
    Body(io::Error),
}

/// A connection, and the conversation on it.
#[derive(Debug)]
pub(crate) struct Link<W> {
    wire: Channel<W>,
    tls: Option<Tls>,
    /// The conversation; mail is submitted here.
    pub(crate) session: Session,
    phase: Phase,
    clock: Clock,
    buffer: Box<[u8]>,
}

impl<W: Wire> Link<W> {
    /// Begins a conversation on a connected wire. `timeout` replaces each of the standard's time limits; `tls` is how the
    /// connection is made safe when the session asks for it, or at once if the session says so.
    ///
    /// # Errors
    ///
    /// When TLS comes first, and there is none to be had.
    pub(crate) async fn begin(
        wire: W,
        mut config: Config,
        timeout: Option<Duration>,
        tls: Option<Tls>,
    ) -> Result<Self, Fault> {
        let mut wire = Channel::new(wire);
        let mut clock = Clock::new(timeout);
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
            buffer: vec![0; BLOCK].into_boxed_slice(),
        })
    }

    /// Makes the handshake that the session asks for.
    async fn start_tls(&mut self) -> Result<(), Fault> {
        self.phase = Phase::Starttls;
        let Some(tls) = &self.tls else {
            return Err(Fault::Wire(io::ErrorKind::Unsupported.into()));
        };
        let limit = self.clock.left(Activity::Receiving(Phase::Starttls))?;
        let binding = self.wire.start_tls(tls, limit).await?;
        self.session.tls_started(binding);
        Ok(())
    }

    /// What the last awaited reply was, or is, the answer to.
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Gives the conversation up; how far the mail of `ticket` had come.
    pub(crate) fn lost(&mut self, ticket: Ticket) -> Option<Unfinished> {
        let mut unfinished = self.session.lost().into_iter();
        unfinished.find_map(|(of, unfinished)| (of == ticket).then_some(unfinished))
    }

    /// Says QUIT without waiting for an answer. Only for a conversation that is idle.
    pub(crate) fn farewell(&mut self) {
        self.wire.send_now(b"QUIT\r\n");
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
                Ok(Step::Send(_) | Step::Receive(_)) => {}
                Ok(Step::Content(_) | Step::Idle | Step::StartTls) | Err(_) => break,
            }
        }
        Err(Fault::Wire(failure))
    }

    /// Takes what the server says before it has heard all of the body: a refusal ends it early, and a 250 now must not be
    /// taken for the answer to the end later.
    async fn overhear(&mut self) -> Result<bool, Fault> {
        let n = self.wire.receive_now(&mut self.buffer).await?;
        let heard = self.buffer.get(..n).filter(|bytes| !bytes.is_empty());
        heard.inspect(|bytes| self.session.received(bytes));
        Ok(heard.is_some())
    }

    /// Hands the session the next block of the body.
    fn feed(&mut self, body: &mut Option<&mut Body<'_>>) -> Result<(), Fault> {
        let filled = match body {
            Some(body) => fill(body, &mut self.buffer).map_err(Fault::Body)?,
            None => 0,
        };
        self.session.content(&self.buffer[..filled]);
        // A short block is the last one: its end goes out with it, not in a packet of its own.
        if filled < self.buffer.len() {
            self.session.content_end();
        }
        Ok(())
    }
}

/// Carries the conversation on until something has come of it.
///
/// # Errors
///
/// When the connection fails or is too slow, when the server breaks the protocol, and when `body` cannot be read.
pub(crate) async fn drive<W: Wire>(
    link: &mut Link<W>,
    mut body: Option<&mut Body<'_>>,
) -> Result<Event, Fault> {
    link.clock.restart();
    let mut is_long = false;
    loop {
        match link.session.poll().map_err(Fault::Peer)? {
            Step::Send(bytes) => {
                let limit = link.clock.left(Activity::Sending)?;
                match link.wire.exchange(bytes, &mut link.buffer, limit).await {
                    Ok(Moved::Sent(0)) => {
                        return link.last_words(io::ErrorKind::WriteZero.into()).await;
                    }
                    Ok(Moved::Sent(n)) => link.session.sent(n),
                    Ok(Moved::Received(0)) => {
                        return Err(Fault::Wire(io::ErrorKind::UnexpectedEof.into()));
                    }
                    Ok(Moved::Received(n)) => link.session.received(&link.buffer[..n]),
                    Err(failure) => return link.last_words(failure).await,
                }
            }
            Step::Receive(phase) => {
                link.phase = phase;
                let limit = link.clock.left(Activity::Receiving(phase))?;
                match link.wire.receive(&mut link.buffer, limit).await? {
                    0 => return Err(Fault::Wire(io::ErrorKind::UnexpectedEof.into())),
                    n => link.session.received(&link.buffer[..n]),
                }
            }
            Step::StartTls => link.start_tls().await?,
            Step::Content(_) => {
                link.clock.restart();
                // A short body is over before a look at the wire could tell anything.
                if !is_long || !link.overhear().await? {
                    link.feed(&mut body)?;
                }
                is_long = true;
            }
            Step::Done(ticket, outcome) => return Ok(Event::Done(ticket, outcome)),
            Step::Idle => return Ok(Event::Idle),
            Step::Closed(reply) => return Ok(Event::Closed(reply)),
        }
    }
}

/// Fills `block` from `body`; less than a full block means the end.
fn fill(body: &mut Body<'_>, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match body.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl From<NoTls> for Fault {
    fn from(error: NoTls) -> Self {
        match error {
            NoTls::Wire(error) => Self::Wire(error),
            NoTls::Tls(error) => Self::Tls(error),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Wire(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_filled_over_short_reads() {
        let mut body = b"ab".chain(&b"cde"[..]);
        let mut block = [0; 4];
        assert_eq!(fill(&mut body, &mut block).expect("read"), 4);
        assert_eq!(&block, b"abcd");
        assert_eq!(fill(&mut body, &mut block).expect("read"), 1);
        assert_eq!(fill(&mut body, &mut block).expect("read"), 0);
    }
}
