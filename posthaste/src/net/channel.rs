//! A wire that may be under TLS.

use std::io;
use std::time::{Duration, Instant};

use super::tls::{Engine, Safety, Tls};
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

    /// Reads what has come already, without waiting; 0 means that the peer has closed. `None` if it is nothing, and also if
    /// the connection is broken, which the next operation that waits will tell.
    ///
    /// # Errors
    ///
    /// When it is not what the peer can have said under TLS.
    pub(super) async fn receive_now(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        if self.engine.is_none() {
            return Ok(self.wire.receive_now(into).unwrap_or_default());
        }
        if let Some(n) = self.decrypted(into)? {
            return Ok(Some(n));
        }
        self.records.resize(BLOCK, 0);
        let received = self.wire.receive_now(&mut self.records);
        if let Some(n) = received.unwrap_or_default() {
            self.decrypt(n)?;
            return self.decrypted(into);
        }
        Ok(None)
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

    /// What is known of the connection's safety; nothing if it is in plain.
    pub(super) fn safety(&self) -> Option<Safety> {
        self.engine.as_ref().map(Engine::safety)
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::thread::{self, JoinHandle};

    use rustls::pki_types::PrivateKeyDer;
    use rustls::pki_types::pem::PemObject;
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    use super::super::both::for_both_wires;
    use super::super::connect::connect;
    use super::super::target::{Place, Target};
    use super::super::tls::Files;
    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const MUCH: usize = 8 << 20;

    for_both_wires! {
        reads_while_it_writes,
        what_is_said_to_be_sent_leaves_before_a_reply_is_awaited,
        is_quiet_until_something_is_said,
        tells_what_was_agreed_on,
    }

    type Peer = StreamOwned<ServerConnection, TcpStream>;

    /// A channel under TLS, and what its peer gives when it has done `script`.
    async fn secured<W: Wire, T: Send + 'static>(
        script: impl FnOnce(&mut Peer) -> T + Send + 'static,
    ) -> (Channel<W>, JoinHandle<T>) {
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![key.cert.der().clone()],
                PrivateKeyDer::from_pem_slice(key.signing_key.serialize_pem().as_bytes())
                    .expect("PEM"),
            )
            .expect("a key that fits");
        let folder = tempfile::tempdir().expect("a folder");
        let ca = folder.path().join("root.pem");
        std::fs::write(&ca, key.cert.pem()).expect("written");
        let files = Files {
            ca: Some(ca),
            own: None,
        };
        let tls = Tls::new("localhost", &files).expect("usable files");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let peer = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a client");
            let connection = ServerConnection::new(Arc::new(config)).expect("a server");
            script(&mut StreamOwned::new(connection, stream))
        });
        let target = Target::new(Place::Tcp("127.0.0.1".to_owned(), port));
        let mut channel = Channel::new(connect::<W>(&target, LONG).await.expect("connected"));
        channel.start_tls(&tls, LONG).await.expect("agreed");
        (channel, peer)
    }

    fn hear(peer: &mut Peer, length: usize) -> Vec<u8> {
        let mut heard = vec![0; length];
        peer.read_exact(&mut heard).expect("as many octets");
        heard
    }

    async fn receive_all<W: Wire>(channel: &mut Channel<W>, length: usize) -> Vec<u8> {
        let (mut all, mut block) = (Vec::new(), [0; 4096]);
        while all.len() < length {
            let n = channel.receive(&mut block, LONG).await.expect("received");
            assert!(n > 0, "closed");
            all.extend_from_slice(&block[..n]);
        }
        all
    }

    /// The peer reads nothing before we have read all that it says, and that is more than all buffers hold.
    async fn reads_while_it_writes<W: Wire>() {
        let (mut channel, peer) = secured::<W, _>(|peer| {
            peer.write_all(&vec![b'y'; MUCH]).expect("written");
            peer.flush().expect("written");
            hear(peer, MUCH).iter().all(|octet| *octet == b'x')
        })
        .await;
        let (block, mut into) = (vec![b'x'; 64 << 10], vec![0; 64 << 10]);
        let (mut sent, mut received) = (0, 0);
        while sent < MUCH {
            let rest = &block[..block.len().min(MUCH - sent)];
            match channel
                .exchange(rest, &mut into, LONG)
                .await
                .expect("no deadlock")
            {
                Moved::Sent(n) => sent += n,
                Moved::Received(n) => received += n,
            }
        }
        let rest = receive_all(&mut channel, MUCH - received).await;
        assert_eq!(received + rest.len(), MUCH);
        // The last records leave before the end is awaited.
        let _ = channel.receive(&mut into, LONG).await;
        assert!(peer.join().expect("no panic"));
    }

    async fn what_is_said_to_be_sent_leaves_before_a_reply_is_awaited<W: Wire>() {
        let (mut channel, peer) = secured::<W, _>(|peer| {
            // The client writes until nobody takes any more, and what it says then waits in the channel.
            let heard = hear(peer, 4);
            peer.write_all(b"250 ok\r\n").expect("written");
            heard
        })
        .await;
        let sent = channel.exchange(b"MAIL", &mut [0; 9], LONG).await;
        assert_eq!(sent.expect("sent"), Moved::Sent(4));
        assert_eq!(receive_all(&mut channel, 8).await, b"250 ok\r\n");
        assert_eq!(peer.join().expect("no panic"), b"MAIL");
    }

    async fn is_quiet_until_something_is_said<W: Wire>() {
        let (mut channel, peer) = secured::<W, _>(|peer| {
            hear(peer, 4);
            // Two answers, one of which nobody asked for.
            peer.write_all(b"250 ok\r\n421 bye\r\n").expect("written");
        })
        .await;
        // The tickets that have come with the handshake, or come now, are no words.
        assert!(channel.is_quiet());
        let sent = channel.exchange(b"MAIL", &mut [0; 9], LONG).await;
        assert_eq!(sent.expect("sent"), Moved::Sent(4));
        let mut some = [0; 8];
        assert_eq!(channel.receive(&mut some, LONG).await.expect("received"), 8);
        assert!(!channel.is_quiet(), "what is decrypted already counts, too");
        peer.join().expect("no panic");
    }

    async fn tells_what_was_agreed_on<W: Wire>() {
        let (channel, peer) = secured::<W, _>(|peer| peer.read(&mut [0; 1]).is_ok()).await;
        let safety = channel.safety().expect("it is under TLS");
        assert_eq!(safety.version, "TLSv1_3");
        assert!(safety.cipher.starts_with("TLS13_AES"), "{safety:?}");
        assert_eq!(safety.certificates.len(), 1);
        assert!(!safety.is_resumed);
        drop(channel);
        peer.join().expect("no panic");
    }
}
