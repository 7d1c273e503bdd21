//! The asynchronous socket, on tokio.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{Handle, Id};
use tokio::time::timeout;

use super::target::Place;
use super::wire::{Moved, Wire, no_address, share, some_addresses, timed_out};

/// A connection of the tokio runtime that polls it, by TCP or a Unix socket.
#[derive(Debug)]
pub(crate) struct TokioWire {
    stream: Stream,
    /// Something was received since the last bytes were sent.
    is_answered: bool,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

/// Does the same with either stream.
macro_rules! either {
    ($stream:expr, $name:ident => $work:expr) => {
        match $stream {
            Stream::Tcp($name) => $work,
            #[cfg(unix)]
            Stream::Unix($name) => $work,
        }
    };
}

impl Wire for TokioWire {
    type Home = Option<Id>;

    fn home() -> Option<Id> {
        Handle::try_current().ok().map(|handle| handle.id())
    }

    async fn connect(place: &Place, bind: Option<IpAddr>, limit: Duration) -> io::Result<Self> {
        let stream = match place {
            Place::Tcp(host, port) => connect_tcp(host, *port, bind, limit).await?,
            Place::Unix(path) => within(limit, connect_unix(path)).await?,
        };
        Ok(Self {
            stream,
            is_answered: false,
        })
    }

    async fn send(&mut self, bytes: &[u8], limit: Duration) -> io::Result<usize> {
        within(limit, async {
            loop {
                if let Some(sent) = self.try_send(bytes)? {
                    return Ok(sent);
                }
                self.ready(Interest::WRITABLE).await?;
            }
        })
        .await
    }

    async fn receive(&mut self, into: &mut [u8], limit: Duration) -> io::Result<usize> {
        within(limit, async {
            loop {
                if let Some(received) = self.try_receive(into)? {
                    return Ok(received);
                }
                if self.is_answered {
                    self.acknowledge();
                }
                self.ready(Interest::READABLE).await?;
            }
        })
        .await
    }

    async fn exchange(
        &mut self,
        bytes: &[u8],
        into: &mut [u8],
        limit: Duration,
    ) -> io::Result<Moved> {
        within(limit, async {
            loop {
                if let Some(sent) = self.try_send(bytes)? {
                    return Ok(Moved::Sent(sent));
                }
                if let Some(received) = self.try_receive(into)? {
                    return Ok(Moved::Received(received));
                }
                self.ready(Interest::READABLE | Interest::WRITABLE).await?;
            }
        })
        .await
    }

    /// The system is asked, and not the runtime: it knows what has come only when it has had its turn, and nothing any
    /// more when it was shut down.
    fn receive_now(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        let mut socket = &*self.socket();
        unless_early(socket.read(into))
    }

    fn send_now(&mut self, bytes: &[u8]) {
        let mut socket = &*self.socket();
        // Best effort by contract: the connection is about to be closed anyway.
        let _ = socket.write(bytes);
    }

    async fn within<T: Send>(
        limit: Option<Duration>,
        work: impl Future<Output = T> + Send,
    ) -> io::Result<T> {
        match limit {
            Some(limit) => timeout(limit, work).await.map_err(|_| timed_out()),
            None => Ok(work.await),
        }
    }
}

impl TokioWire {
    /// Writes some of `bytes`; `None` if it has to wait for that.
    fn try_send(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        let sent = unless_early(either!(&self.stream, stream => stream.try_write(bytes)))?;
        self.is_answered &= sent.is_none();
        Ok(sent)
    }

    /// Reads what there is; `None` if it has to wait for that.
    fn try_receive(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        let received = unless_early(either!(&self.stream, stream => stream.try_read(into)))?;
        self.is_answered |= received.is_some();
        Ok(received)
    }

    async fn ready(&self, interest: Interest) -> io::Result<()> {
        either!(&self.stream, stream => stream.ready(interest).await)?;
        Ok(())
    }

    fn socket(&self) -> SockRef<'_> {
        either!(&self.stream, stream => SockRef::from(stream))
    }

    /// Sends the acknowledgement that TCP puts off. A peer with Nagle's delay waits for it before it says the rest.
    fn acknowledge(&self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Stream::Tcp(stream) = &self.stream {
            // It only saves time; where it fails, the next operation tells.
            let _ = SockRef::from(stream).set_tcp_quickack(true);
        }
    }
}

async fn connect_tcp(
    host: &str,
    port: u16,
    bind: Option<IpAddr>,
    limit: Duration,
) -> io::Result<Stream> {
    let deadline = Instant::now() + limit;
    let addresses = within(limit, resolve(host, port, bind)).await?;
    let mut failure = no_address();
    for (tried, &address) in addresses.iter().enumerate() {
        let limit = share(deadline, addresses.len() - tried)?;
        match within(limit, connect_to(address, bind)).await {
            Ok(stream) => return Ok(Stream::Tcp(stream)),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

async fn connect_to(to: SocketAddr, bind: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = match to {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(from) = bind {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    // Commands are short and each waits for its answer: Nagle's delay would only add to that.
    socket.set_nodelay(true)?;
    socket.connect(to).await
}

/// Looks the host up, on the runtime's threads for blocking work.
async fn resolve(host: &str, port: u16, bind: Option<IpAddr>) -> io::Result<Vec<SocketAddr>> {
    let found = tokio::net::lookup_host((host, port)).await?;
    some_addresses(found, bind)
}

#[cfg(unix)]
async fn connect_unix(path: &Path) -> io::Result<Stream> {
    loop {
        match tokio::net::UnixStream::connect(path).await {
            // The listener's queue is full, and nobody tells when it is not any more.
            Err(error) if is_early(&error) => tokio::time::sleep(Duration::from_millis(5)).await,
            connected => return connected.map(Stream::Unix),
        }
    }
}

#[cfg(not(unix))]
async fn connect_unix(_: &Path) -> io::Result<Stream> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Waits for `work`, but no longer than `limit`.
async fn within<T>(
    limit: Duration,
    work: impl Future<Output = io::Result<T>> + Send,
) -> io::Result<T> {
    timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(timed_out()))
}

/// `None` where one has to wait.
fn unless_early<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if is_early(&error) => Ok(None),
        result => result.map(Some),
    }
}

/// Whether one has to wait.
fn is_early(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
