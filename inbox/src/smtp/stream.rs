//! The server's end of a connection, with or without TLS.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A connection.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// A handshake failed.
    Broken,
}

impl Stream {
    /// Makes the handshake, and says what was agreed on.
    pub(super) async fn start_tls(
        &mut self,
        config: Arc<rustls::ServerConfig>,
    ) -> io::Result<String> {
        let Self::Plain(socket) = std::mem::replace(self, Self::Broken) else {
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
        *self = Self::Tls(Box::new(stream));
        let agreed: Vec<_> = version.into_iter().chain(suite).collect();
        Ok(agreed.join(" ").replace("TLSv1_", "TLS 1."))
    }

    /// Waits for bytes; 0 at the end.
    pub(super) async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(into).await,
            Self::Tls(stream) => stream.read(into).await,
            Self::Broken => Ok(0),
        }
    }

    /// Bytes that are there already.
    pub(super) fn read_now(&self, into: &mut [u8]) -> Option<usize> {
        match self {
            Self::Plain(socket) => socket.try_read(into).ok().filter(|n| *n > 0),
            // What rustls holds would need a second look; it comes with the next read.
            _ => None,
        }
    }

    /// Sends all.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
            Self::Broken => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Says that nothing more will come.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.shutdown().await,
            Self::Tls(stream) => stream.shutdown().await,
            Self::Broken => Ok(()),
        }
    }
}
