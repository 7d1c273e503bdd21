//! The blocking socket. Its futures block and are ready at the first poll, so no runtime is needed.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::target::{Place, Target};
use super::wire::{Wire, no_address, remaining, share, some_addresses, timed_out};

/// A blocking TCP connection.
#[derive(Debug)]
pub(crate) struct StdWire(TcpStream);

impl Wire for StdWire {
    async fn connect(at: &Target, limit: Duration) -> io::Result<Self> {
        let deadline = Instant::now() + limit;
        let addresses = resolve(at, limit)?;
        let mut failure = no_address();
        for (tried, address) in addresses.iter().enumerate() {
            let limit = share(deadline, addresses.len() - tried)?;
            match TcpStream::connect_timeout(address, limit) {
                Ok(stream) => {
                    // Commands are short and each waits for its answer: Nagle's delay would only add to that.
                    stream.set_nodelay(true)?;
                    return Ok(Self(stream));
                }
                Err(error) => failure = as_time_out(error),
            }
        }
        Err(failure)
    }

    async fn send(&mut self, bytes: &[u8], limit: Duration) -> io::Result<usize> {
        let deadline = Instant::now() + limit;
        loop {
            self.0.set_write_timeout(Some(remaining(deadline)?))?;
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(as_time_out),
            }
        }
    }

    async fn receive(&mut self, into: &mut [u8], limit: Duration) -> io::Result<usize> {
        let deadline = Instant::now() + limit;
        loop {
            self.0.set_read_timeout(Some(remaining(deadline)?))?;
            match self.0.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(as_time_out),
            }
        }
    }

    async fn receive_now(&mut self, into: &mut [u8]) -> usize {
        if self.0.set_nonblocking(true).is_err() {
            return 0;
        }
        let received = self.0.read(into);
        // Only a socket that is gone refuses; the next operation tells of it.
        let _ = self.0.set_nonblocking(false);
        received.unwrap_or(0)
    }

    fn send_now(&mut self, bytes: &[u8]) {
        if self.0.set_nonblocking(true).is_ok() {
            // Best effort by contract: the connection is about to be closed anyway.
            let _ = self.0.write(bytes);
        }
    }
}

/// Looks the host up. The system's resolver knows no time limit, so it works in a thread that is left behind when it is late.
fn resolve(at: &Target, limit: Duration) -> io::Result<Vec<SocketAddr>> {
    let Place::Tcp(host, port) = at.place.clone() else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (found, answer) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("posthaste-resolve".to_owned())
        .spawn(move || {
            // Nobody listens any more when the time limit has passed.
            let _ = found.send((host.as_str(), port).to_socket_addrs().map(some_addresses));
        })?;
    answer.recv_timeout(limit).map_err(|_| timed_out())?
}

/// Unix calls a time-out of a socket `WouldBlock`; everyone above wants to hear `TimedOut`.
fn as_time_out(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => timed_out(),
        _ => error,
    }
}
