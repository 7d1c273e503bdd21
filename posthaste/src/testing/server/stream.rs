//! The server's end of a connection, with or without TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How long a client may take to notice that the server has closed.
const FAREWELL: Duration = Duration::from_secs(2);

/// A connection.
pub(super) struct Stream {
    raw: TcpStream,
    tls: Option<Box<StreamOwned<ServerConnection, TcpStream>>>,
}

impl Stream {
    pub(super) fn new(raw: TcpStream) -> io::Result<Self> {
        // Answers are small, and a piece that a test wants to be a piece has to leave as one.
        raw.set_nodelay(true)?;
        Ok(Self { raw, tls: None })
    }

    /// Makes the handshake.
    pub(super) fn start_tls(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, self.raw.try_clone()?);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        self.tls = Some(Box::new(stream));
        Ok(())
    }

    /// Waits for bytes; 0 at the end.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls.read(into),
            None => self.raw.read(into),
        }
    }

    /// Bytes that are there already; none if nothing is.
    pub(super) fn read_now(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        self.raw.set_nonblocking(true)?;
        let read = self.read(into);
        self.raw.set_nonblocking(false)?;
        match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            read => read.map(Some),
        }
    }

    /// Sends all, in pieces of at most so many bytes.
    pub(super) fn write(&mut self, bytes: &[u8], piece: usize) -> io::Result<()> {
        for piece in bytes.chunks(piece.max(1)) {
            match &mut self.tls {
                Some(tls) => tls.write_all(piece).and_then(|()| tls.flush())?,
                None => self.raw.write_all(piece)?,
            }
        }
        Ok(())
    }

    /// Says that nothing more will come.
    pub(super) fn end(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.conn.send_close_notify();
            tls.flush()?;
        }
        self.raw.shutdown(Shutdown::Write)
    }

    /// Passes over what still comes until the client has gone, for a while: a socket that is closed before all was read resets
    /// the connection, and the client may lose what it was told.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        self.raw.set_read_timeout(Some(FAREWELL))?;
        let mut buffer = [0; 16 * 1024];
        while self.raw.read(&mut buffer)? > 0 {}
        Ok(())
    }

    /// Has the connection reset when it is dropped.
    pub(super) fn reset(&mut self) -> io::Result<()> {
        socket2::SockRef::from(&self.raw).set_linger(Some(Duration::ZERO))
    }
}
