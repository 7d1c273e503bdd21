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
        while engine.is_handshaking() {
            self.flush(&mut engine, deadline).await?;
            if !engine.is_handshaking() {
                break;
            }
            let read = self.read_records(&mut engine, remaining(deadline)?).await;
            if let Err(NoTls::Tls(error)) = read {
                // The alert tells the server why; that it arrives is not needed.
                let _ = self.flush(&mut engine, deadline).await;
                return Err(NoTls::Tls(error));
            }
            if read? == 0 {
                return Err(NoTls::Wire(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        self.flush(&mut engine, deadline).await?;
        let binding = engine.binding();
        self.engine = Some(engine);
        Ok(binding)
    }

    /// Sends some of `bytes`, and says how many.
    pub(super) async fn send(&mut self, bytes: &[u8], limit: Duration) -> io::Result<usize> {
        let Some(mut engine) = self.engine.take() else {
            return self.wire.send(bytes, limit).await;
        };
        let deadline = Instant::now() + limit;
        let sent = engine.write(bytes)?;
        self.flush(&mut engine, deadline).await?;
        self.engine = Some(engine);
        Ok(sent)
    }

    /// Reads what there is; 0 means that the peer has closed.
    pub(super) async fn receive(&mut self, into: &mut [u8], limit: Duration) -> io::Result<usize> {
        let Some(mut engine) = self.engine.take() else {
            return self.wire.receive(into, limit).await;
        };
        let deadline = Instant::now() + limit;
        let received = loop {
            if let Some(n) = engine.read(into)? {
                break n;
            }
            match self.read_records(&mut engine, remaining(deadline)?).await {
                Ok(_) => {}
                Err(NoTls::Wire(error)) => return Err(error),
                Err(NoTls::Tls(error)) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            }
            // A change of keys may ask for an answer.
            self.flush(&mut engine, deadline).await?;
        };
        self.engine = Some(engine);
        Ok(received)
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

    async fn read_records(&mut self, engine: &mut Engine, limit: Duration) -> Result<usize, NoTls> {
        self.records.resize(BLOCK, 0);
        let n = self.wire.receive(&mut self.records, limit).await?;
        let records = self.records.get(..n).unwrap_or_default();
        engine.read_records(records).map_err(NoTls::Tls)?;
        Ok(n)
    }

    /// Sends all records that wait.
    async fn flush(&mut self, engine: &mut Engine, deadline: Instant) -> io::Result<()> {
        self.records.clear();
        engine.take_records(&mut self.records)?;
        let mut sent = 0;
        while let Some(rest) = self.records.get(sent..).filter(|rest| !rest.is_empty()) {
            match self.wire.send(rest, remaining(deadline)?).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => sent += n,
            }
        }
        Ok(())
    }
}
