//! The blocking socket. Its futures block and are ready at the first poll, so no runtime is needed.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use super::target::Place;
use super::wire::{Moved, Wire, no_address, remaining, share, some_addresses, timed_out};
use crate::mode::block_until;

/// The longest wait of one system call. A time limit is many of them, so that it need not be told to the system anew
/// before each call.
const READ_SLICE: Duration = Duration::from_secs(1);

/// How long a peer may take nothing before we look whether it says something.
const WRITE_SLICE: Duration = Duration::from_millis(10);

/// A blocking connection, by TCP or a Unix socket.
#[derive(Debug)]
pub(crate) struct StdWire {
    socket: Socket,
    is_tcp: bool,
    /// What the system was told last.
    read_slice: Option<Duration>,
    write_slice: Option<Duration>,
    /// Something was received since the last bytes were sent.
    is_answered: bool,
}

impl Wire for StdWire {
    type Home = ();

    fn home() {}

    async fn connect(place: &Place, bind: Option<IpAddr>, limit: Duration) -> io::Result<Self> {
        match place {
            Place::Tcp(host, port) => connect_tcp(host, *port, bind, limit).map(Self::tcp),
            Place::Unix(path) => connect_unix(path, limit).map(Self::unix),
        }
    }

    async fn send(&mut self, bytes: &[u8], limit: Duration) -> io::Result<usize> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(sent) = self.try_send(bytes, remaining(deadline)?)? {
                return Ok(sent);
            }
        }
    }

    async fn receive(&mut self, into: &mut [u8], limit: Duration) -> io::Result<usize> {
        let deadline = Instant::now() + limit;
        if self.is_answered && self.is_tcp {
            acknowledge(&self.socket);
        }
        loop {
            let slice = remaining(deadline)?.min(READ_SLICE);
            if self.read_slice != Some(slice) {
                self.socket.set_read_timeout(Some(slice))?;
                self.read_slice = Some(slice);
            }
            match (&self.socket).read(into) {
                Err(error) if is_early(&error) => {}
                result => {
                    self.is_answered = true;
                    return result;
                }
            }
        }
    }

    async fn exchange(
        &mut self,
        bytes: &[u8],
        into: &mut [u8],
        limit: Duration,
    ) -> io::Result<Moved> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(sent) = self.try_send(bytes, remaining(deadline)?)? {
                return Ok(Moved::Sent(sent));
            }
            if let Some(received) = self.receive_now(into)? {
                return Ok(Moved::Received(received));
            }
        }
    }

    fn receive_now(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        self.socket.set_nonblocking(true)?;
        let received = (&self.socket).read(into);
        self.socket.set_nonblocking(false)?;
        match received {
            Ok(n) => {
                self.is_answered = true;
                Ok(Some(n))
            }
            Err(error) if is_early(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn send_now(&mut self, bytes: &[u8]) {
        if self.socket.set_nonblocking(true).is_ok() {
            // Best effort by contract: the connection is about to be closed anyway.
            let _ = (&self.socket).write(bytes);
        }
    }

    async fn within<T: Send>(
        limit: Option<Duration>,
        work: impl Future<Output = T> + Send,
    ) -> io::Result<T> {
        let deadline = limit.map(|limit| Instant::now() + limit);
        block_until(work, deadline).ok_or_else(timed_out)
    }
}

impl StdWire {
    fn tcp(socket: Socket) -> Self {
        Self {
            socket,
            is_tcp: true,
            read_slice: None,
            write_slice: None,
            is_answered: false,
        }
    }

    fn unix(socket: Socket) -> Self {
        Self {
            is_tcp: false,
            ..Self::tcp(socket)
        }
    }

    /// Writes some of `bytes`; `None` if the peer takes nothing for a moment.
    fn try_send(&mut self, bytes: &[u8], limit: Duration) -> io::Result<Option<usize>> {
        let slice = limit.min(WRITE_SLICE);
        if self.write_slice != Some(slice) {
            self.socket.set_write_timeout(Some(slice))?;
            self.write_slice = Some(slice);
        }
        match (&self.socket).write(bytes) {
            Err(error) if is_early(&error) => Ok(None),
            result => {
                self.is_answered = false;
                result.map(Some)
            }
        }
    }
}

/// Sends the acknowledgement that TCP puts off. A peer with Nagle's delay waits for it before it says the rest.
fn acknowledge(socket: &Socket) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // It only saves time; where it fails, the next operation tells.
    let _ = socket.set_tcp_quickack(true);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = socket;
}

fn connect_tcp(host: &str, port: u16, bind: Option<IpAddr>, limit: Duration) -> io::Result<Socket> {
    let deadline = Instant::now() + limit;
    let addresses = resolve(host, port, bind, limit)?;
    let mut failure = no_address();
    for (tried, &address) in addresses.iter().enumerate() {
        let limit = share(deadline, addresses.len() - tried)?;
        match connect_to(address, bind, limit) {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = as_time_out(error),
        }
    }
    Err(failure)
}

fn connect_to(to: SocketAddr, bind: Option<IpAddr>, limit: Duration) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    if let Some(from) = bind {
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    socket.connect_timeout(&to.into(), limit)?;
    // Commands are short and each waits for its answer: Nagle's delay would only add to that.
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

fn connect_unix(path: &Path, limit: Duration) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // The limit of writing is also that of waiting for a place in the listener's queue.
    socket.set_write_timeout(Some(limit))?;
    let connected = socket.connect(&SockAddr::unix(path)?);
    connected.map_err(as_time_out)?;
    Ok(socket)
}

/// Looks the host up. The system's resolver knows no time limit, so it works in a thread that is left behind when it is late.
fn resolve(
    host: &str,
    port: u16,
    bind: Option<IpAddr>,
    limit: Duration,
) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse() {
        return some_addresses(std::iter::once(SocketAddr::new(address, port)), bind);
    }
    let (found, answer) = mpsc::sync_channel(1);
    let host = host.to_owned();
    thread::Builder::new()
        .name("posthaste-resolve".to_owned())
        .spawn(move || {
            let addresses = (host.as_str(), port).to_socket_addrs();
            // Nobody listens any more when the time limit has passed.
            let _ = found.send(addresses.and_then(|found| some_addresses(found, bind)));
        })?;
    answer.recv_timeout(limit).map_err(|_| timed_out())?
}

/// Whether nothing was done, but only because there was no time.
fn is_early(error: &io::Error) -> bool {
    // Windows says TimedOut where Unix says WouldBlock.
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// Unix calls a time-out of a socket `WouldBlock`; everyone above wants to hear `TimedOut`.
fn as_time_out(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => timed_out(),
        _ => error,
    }
}
