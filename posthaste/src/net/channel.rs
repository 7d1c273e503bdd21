//! A wire that may be under TLS.

use std::io;
use std::time::{Duration, Instant};

use super::tls::{Engine, Tls};
use super::wire::{Wire, remaining};

/// The largest block of records that is read at once.
const BLOCK: usize = 16 * 1024;

/// A connection, in plain or under TLS.
#[derive(Debug)]
pub(super) struct Channel<W> {
    wire: W,
    /// Stays, whatever fails: without it, what somebody on the way puts in would be read as the server's words.
    engine: Option<Engine>,
    records: Vec<u8>,
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
        let Self { wire, records, .. } = self;
        while engine.is_handshaking() {
            flush(wire, &mut engine, records, deadline).await?;
            if !engine.is_handshaking() {
                break;
            }
            let read = read_records(wire, &mut engine, records, remaining(deadline)?).await;
            if let Err(NoTls::Tls(error)) = read {
                // The alert tells the server why; that it arrives is not needed.
                let _ = flush(wire, &mut engine, records, deadline).await;
                return Err(NoTls::Tls(error));
            }
            if read? == 0 {
                return Err(NoTls::Wire(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        flush(wire, &mut engine, records, deadline).await?;
        let binding = engine.binding();
        self.engine = Some(engine);
        Ok(binding)
    }

    /// Sends some of `bytes`, and says how many.
    pub(super) async fn send(&mut self, bytes: &[u8], limit: Duration) -> io::Result<usize> {
        let Some(engine) = &mut self.engine else {
            return self.wire.send(bytes, limit).await;
        };
        let deadline = Instant::now() + limit;
        let sent = engine.write(bytes)?;
        flush(&mut self.wire, engine, &mut self.records, deadline).await?;
        Ok(sent)
    }

    /// Reads what there is; 0 means that the peer has closed.
    pub(super) async fn receive(&mut self, into: &mut [u8], limit: Duration) -> io::Result<usize> {
        let Self {
            wire,
            engine,
            records,
        } = self;
        let Some(engine) = engine else {
            return wire.receive(into, limit).await;
        };
        let deadline = Instant::now() + limit;
        loop {
            if let Some(n) = engine.read(into)? {
                return Ok(n);
            }
            match read_records(wire, engine, records, remaining(deadline)?).await {
                Ok(_) => {}
                Err(NoTls::Wire(error)) => return Err(error),
                Err(NoTls::Tls(error)) => return Err(invalid(error)),
            }
            // A change of keys may ask for an answer.
            flush(wire, engine, records, deadline).await?;
        }
    }

    /// Reads what has come already, without waiting; 0 if that is nothing.
    ///
    /// # Errors
    ///
    /// When it is not what the peer can have said under TLS.
    pub(super) async fn receive_now(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(engine) = &mut self.engine else {
            return Ok(self.wire.receive_now(into).await);
        };
        self.records.resize(BLOCK, 0);
        let n = self.wire.receive_now(&mut self.records).await;
        match self.records.get(..n).filter(|records| !records.is_empty()) {
            Some(records) => engine.read_records(records).map_err(invalid)?,
            None => return Ok(0),
        }
        Ok(engine.read(into)?.unwrap_or(0))
    }

    /// Sends `bytes` if that can be done without waiting.
    pub(super) fn send_now(&mut self, bytes: &[u8]) {
        let Some(engine) = &mut self.engine else {
            return self.wire.send_now(bytes);
        };
        self.records.clear();
        let wrapped = engine
            .write(bytes)
            .and_then(|_| engine.take_records(&mut self.records));
        if wrapped.is_ok() {
            self.wire.send_now(&self.records);
        }
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
    records: &mut Vec<u8>,
    deadline: Instant,
) -> io::Result<()> {
    records.clear();
    engine.take_records(records)?;
    let mut sent = 0;
    while let Some(rest) = records.get(sent..).filter(|rest| !rest.is_empty()) {
        match wire.send(rest, remaining(deadline)?).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => sent += n,
        }
    }
    Ok(())
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
