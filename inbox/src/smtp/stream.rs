//! The server's end of a connection, with or without TLS, and as fast as a fault lets it be.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// So long a client may take to end a connection that is over.
const LINGER: Duration = Duration::from_millis(500);

/// A connection.
#[derive(Debug)]
pub(super) struct Stream {
    link: Link,
    pace: Pace,
    /// Something was sent since something was last heard.
    has_spoken: bool,
}

#[derive(Debug)]
enum Link {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// A handshake failed, or it was cut.
    Broken,
}

/// How slow it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// What is heard after something was said comes so late.
    pub(super) latency: Duration,
    /// Octets a second, either way.
    pub(super) throttle: Option<u64>,
}

impl Pace {
    /// How much may pass at once: what comes in a twentieth of a second.
    fn portion(self, most: usize) -> usize {
        let portion = self.throttle.map(|octets| octets.div_ceil(20).max(1));
        let portion = portion.and_then(|octets| usize::try_from(octets).ok());
        portion.unwrap_or(most).min(most)
    }

    /// Waits as long as so many octets take.
    async fn passed(self, octets: usize) {
        if let Some(each_second) = self.throttle {
            sleep(Duration::from_secs_f64(octets as f64 / each_second as f64)).await;
        }
    }
}

impl Stream {
    pub(super) fn new(socket: TcpStream) -> Self {
        // Answers are small; who waits for them should not wait for more.
        let _ = socket.set_nodelay(true);
        Self {
            link: Link::Plain(socket),
            pace: Pace::default(),
            has_spoken: false,
        }
    }

    /// How slow it is, to be changed.
    pub(super) fn pace(&mut self) -> &mut Pace {
        &mut self.pace
    }

    /// Makes the handshake, and says what was agreed on.
    pub(super) async fn start_tls(
        &mut self,
        config: Arc<rustls::ServerConfig>,
    ) -> io::Result<String> {
        let Link::Plain(socket) = std::mem::replace(&mut self.link, Link::Broken) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let stream = TlsAcceptor::from(config).accept(socket).await?;
        let (_, connection) = stream.get_ref();
        let version = connection
            .protocol_version()
            .map(|version| format!("{version:?}"));
        let suite = connection
            .negotiated_cipher_suite()
            .map(|suite| format!("{:?}", suite.suite()));
        self.link = Link::Tls(Box::new(stream));
        let agreed: Vec<_> = version.into_iter().chain(suite).collect();
        Ok(agreed.join(" ").replace("TLSv1_", "TLS 1."))
    }

    /// Waits for bytes; 0 at the end. What comes of an end of waiting is no loss: nothing was read then.
    pub(super) async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let portion = self.pace.portion(into.len());
        let into = into.get_mut(..portion).unwrap_or_default();
        match &mut self.link {
            Link::Plain(socket) => socket.read(into).await,
            Link::Tls(stream) => stream.read(into).await,
            Link::Broken => Ok(0),
        }
    }

    /// Waits as long as it would take a slow connection to bring what was just read.
    pub(super) async fn arrived(&mut self, octets: usize) {
        if std::mem::take(&mut self.has_spoken) && !self.pace.latency.is_zero() {
            sleep(self.pace.latency).await;
        }
        self.pace.passed(octets).await;
    }

    /// Bytes that are there already.
    pub(super) fn read_now(&self, into: &mut [u8]) -> Option<usize> {
        match &self.link {
            Link::Plain(socket) if self.pace.throttle.is_none() => {
                socket.try_read(into).ok().filter(|n| *n > 0)
            }
            // What rustls holds would need a second look; it comes with the next read.
            _ => None,
        }
    }

    /// Sends all.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.has_spoken = true;
        for portion in bytes.chunks(self.pace.portion(bytes.len()).max(1)) {
            match &mut self.link {
                Link::Plain(socket) => socket.write_all(portion).await?,
                Link::Tls(stream) => {
                    stream.write_all(portion).await?;
                    stream.flush().await?;
                }
                Link::Broken => return Err(io::ErrorKind::NotConnected.into()),
            }
            self.pace.passed(portion.len()).await;
        }
        Ok(())
    }

    /// Says that nothing more will come, and waits a little for the client to do so, too: what it still sends would make the
    /// system reset the connection, and the client might lose the last answer.
    pub(super) async fn end(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        match &mut self.link {
            Link::Plain(socket) => socket.shutdown().await?,
            Link::Tls(stream) => stream.shutdown().await?,
            Link::Broken => {}
        }
        let rest = async { while matches!(self.read(buffer).await, Ok(1..)) {} };
        // Whoever does not end it has it ended.
        let _ = timeout(LINGER, rest).await;
        Ok(())
    }

    /// Closes it at once, without a word; by RST if it is to look broken.
    pub(super) fn cut(&mut self, by_reset: bool) {
        let socket = match &self.link {
            Link::Plain(socket) => Some(socket),
            Link::Tls(stream) => Some(stream.get_ref().0),
            Link::Broken => None,
        };
        if by_reset && let Some(socket) = socket {
            // If that fails, it is only closed.
            let _ = socket.set_zero_linger();
        }
        self.link = Link::Broken;
    }
}
