//! A wire that may be under TLS.

use std::io;
use std::time::{Duration, Instant};

use super::tls::{Engine, Tls};
use super::wire::{Moved, Wire, remaining, send_all};

/// The largest block of records that is read at once.
const BLOCK: usize = 16 * 1024;

/// How many blocks of records without words a quiet peer may have sent.
const MOST_TICKETS: usize = 16;

/// A connection, in plain or under TLS.
#[derive(Debug)]
pub(super) struct Channel<W> {
    wire: W,
    /// Stays, whatever fails: without it, what somebody on the way puts in would be read as the server's words.
    engine: Option<Engine>,
    records: Vec<u8>,
    /// Records that have not left yet. What they hold counts as sent, and nothing else is sent before them.
    waiting: Waiting,
}

/// Bytes that wait to be sent, in their order.
#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    sent: usize,
}

impl Waiting {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// Where more can be added; what was sent is forgotten.
    fn tail(&mut self) -> &mut Vec<u8> {
        if self.is_empty() {
            self.bytes.clear();
            self.sent = 0;
        }
        &mut self.bytes
    }
}

/// Why there is no TLS.
#[derive(Debug)]
pub(super) enum NoTls {
    /// The connection failed.
    Wire(io::Error),
    /// The two ends do not agree, or the certificate is not good.
    Tls(rustls::Error),
}

impl From<io::Error> for NoTls {
    fn from(error: io::Error) -> Self {
        Self::Wire(error)
    }
}

impl<W: Wire> Channel<W> {
    pub(super) fn new(wire: W) -> Self {
        Self {
            wire,
            engine: None,
            records: Vec::new(),
            waiting: Waiting::default(),
        }
    }

    /// Makes a handshake, all within `limit`; gives what a login can be bound to.
    pub(super) async fn start_tls(
        &mut self,
        tls: &Tls,
        limit: Duration,
    ) -> Result<Option<Vec<u8>>, NoTls> {
        let deadline = Instant::now() + limit;
        let mut engine = tls.engine().map_err(NoTls::Tls)?;
        let Self {
            wire,
            records,
            waiting,
            ..
        } = self;
        while engine.is_handshaking() {
            flush(wire, &mut engine, waiting, deadline).await?;
            if !engine.is_handshaking() {
                break;
            }
            let read = read_records(wire, &mut engine, records, remaining(deadline)?).await;
            if let Err(NoTls::Tls(error)) = read {
                // The alert tells the server why; that it arrives is not needed.
                let _ = flush(wire, &mut engine, waiting, deadline).await;
                return Err(NoTls::Tls(error));
            }
            if read? == 0 {
                return Err(NoTls::Wire(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        flush(wire, &mut engine, waiting, deadline).await?;
        let binding = engine.binding();
        self.engine = Some(engine);
        Ok(binding)
    }

    /// Sends some of `bytes`, or receives when the peer takes nothing before it is heard: see [`Wire::exchange`].
    ///
    /// Under TLS, what is said to be sent may still wait here; it leaves by the next call of this or of
    /// [`receive`](Self::receive).
    pub(super) async fn exchange(
        &mut self,
        bytes: &[u8],
        into: &mut [u8],
        limit: Duration,
    ) -> io::Result<Moved> {
        if self.engine.is_none() {
            return self.wire.exchange(bytes, into, limit).await;
        }
        let deadline = Instant::now() + limit;
        loop {
            if let Some(n) = self.decrypted(into)? {
                return Ok(Moved::Received(n));
            }
            if self.waiting.is_empty() {
                let sent = self.encrypt(bytes)?;
                // What does not leave at once is sent with what comes next, or before the next reply is awaited.
                self.push(deadline).await?;
                return Ok(Moved::Sent(sent));
            }
            self.push(deadline).await?;
        }
    }

    /// Reads what there is; 0 means that the peer has closed.
    pub(super) async fn receive(&mut self, into: &mut [u8], limit: Duration) -> io::Result<usize> {
        if self.engine.is_none() {
            return self.wire.receive(into, limit).await;
        }
        let deadline = Instant::now() + limit;
        loop {
            if let Some(n) = self.decrypted(into)? {
                return Ok(n);
            }
            if !self.waiting.is_empty() {
                self.push(deadline).await?;
                continue;
            }
            self.records.resize(BLOCK, 0);
            let limit = remaining(deadline)?;
            let n = self.wire.receive(&mut self.records, limit).await?;
            self.decrypt(n)?;
        }
    }

    /// Reads what has come already, without waiting; 0 if that is nothing, and also if the connection is broken, which
    /// the next operation that waits will tell.
    ///
    /// # Errors
    ///
    /// When it is not what the peer can have said under TLS.
    pub(super) async fn receive_now(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.engine.is_none() {
            let received = self.wire.receive_now(into).unwrap_or_default();
            return Ok(received.unwrap_or(0));
        }
        if let Some(n) = self.decrypted(into)? {
            return Ok(n);
        }
        self.records.resize(BLOCK, 0);
        let received = self.wire.receive_now(&mut self.records);
        match received.unwrap_or_default() {
            None | Some(0) => Ok(0),
            Some(n) => {
                self.decrypt(n)?;
                Ok(self.decrypted(into)?.unwrap_or(0))
            }
        }
    }

    /// Whether the connection is as it was left: open, and the peer has said nothing since. Nothing is waited for.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut block = [0; 4096];
        if self.engine.is_none() {
            return matches!(self.wire.receive_now(&mut block), Ok(None));
        }
        if !matches!(self.decrypted(&mut block), Ok(None)) {
            return false;
        }
        // The peer's tickets to resume the session may come late; they are no words.
        for _ in 0..MOST_TICKETS {
            match self.wire.receive_now(&mut block) {
                Ok(None) => return self.waiting.is_empty(),
                Ok(Some(n)) if n > 0 => {
                    self.records.clear();
                    self.records.extend_from_slice(&block[..n]);
                    let is_silent =
                        self.decrypt(n).is_ok() && matches!(self.decrypted(&mut block), Ok(None));
                    if !is_silent {
                        return false;
                    }
                }
                _ => return false,
            }
        }
        false
    }

    /// Sends `bytes` if that can be done without waiting.
    pub(super) fn send_now(&mut self, bytes: &[u8]) {
        if self.engine.is_none() {
            return self.wire.send_now(bytes);
        }
        // Half a record that waits cannot be left out, and there is nobody to send it.
        if self.waiting.is_empty() && self.encrypt(bytes).is_ok() {
            self.wire.send_now(self.waiting.rest());
        }
    }

    /// What safety the connection has, if it is under TLS.
    #[allow(dead_code, reason = "told by what comes next")]
    pub(super) fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// Plain bytes that have come, if any have.
    fn decrypted(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        match &mut self.engine {
            Some(engine) => engine.read(into),
            None => Ok(None),
        }
    }

    /// Turns some of `bytes` into records that wait; says how many.
    fn encrypt(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(engine) = &mut self.engine else {
            return Ok(0);
        };
        let sent = engine.write(bytes)?;
        engine.take_records(self.waiting.tail())?;
        Ok(sent)
    }

    /// Takes the first `n` octets of `records`; none means that the peer has closed.
    fn decrypt(&mut self, n: usize) -> io::Result<()> {
        let Some(engine) = &mut self.engine else {
            return Ok(());
        };
        let records = self.records.get(..n).unwrap_or_default();
        engine.read_records(records).map_err(invalid)?;
        // A change of keys may ask for an answer.
        engine.take_records(self.waiting.tail())
    }

    /// Sends records that wait until none does, or until the peer has said something.
    async fn push(&mut self, deadline: Instant) -> io::Result<()> {
        self.records.resize(BLOCK, 0);
        while !self.waiting.is_empty() {
            let limit = remaining(deadline)?;
            let Self {
                wire,
                records,
                waiting,
                ..
            } = self;
            match wire.exchange(waiting.rest(), records, limit).await? {
                Moved::Sent(0) => return Err(io::ErrorKind::WriteZero.into()),
                Moved::Sent(n) => waiting.sent += n,
                Moved::Received(n) => return self.decrypt(n),
            }
        }
        Ok(())
    }
}

async fn read_records<W: Wire>(
    wire: &mut W,
    engine: &mut Engine,
    records: &mut Vec<u8>,
    limit: Duration,
) -> Result<usize, NoTls> {
    records.resize(BLOCK, 0);
    let n = wire.receive(records, limit).await?;
    let records = records.get(..n).unwrap_or_default();
    engine.read_records(records).map_err(NoTls::Tls)?;
    Ok(n)
}

/// Sends all records that wait.
async fn flush<W: Wire>(
    wire: &mut W,
    engine: &mut Engine,
    waiting: &mut Waiting,
    deadline: Instant,
) -> io::Result<()> {
    engine.take_records(waiting.tail())?;
    send_all(wire, waiting.rest(), deadline).await?;
    waiting.sent = waiting.bytes.len();
    Ok(())
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
