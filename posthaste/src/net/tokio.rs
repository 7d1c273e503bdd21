//! The asynchronous socket, on tokio.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::target::{Place, Target};
use super::wire::{Wire, no_address, share, some_addresses, timed_out};

/// A TCP connection of the tokio runtime that polls it.
#[derive(Debug)]
pub(crate) struct TokioWire(TcpStream);

impl Wire for TokioWire {
    async fn connect(at: &Target, limit: Duration) -> io::Result<Self> {
        let deadline = Instant::now() + limit;
        let addresses = within(limit, resolve(at)).await?;
        let mut failure = no_address();
        for (tried, &address) in addresses.iter().enumerate() {
            let limit = share(deadline, addresses.len() - tried)?;
            match within(limit, TcpStream::connect(address)).await {
                Ok(stream) => {
                    // Commands are short and each waits for its answer: Nagle's delay would only add to that.
                    stream.set_nodelay(true)?;
                    return Ok(Self(stream));
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn send(&mut self, bytes: &[u8], limit: Duration) -> io::Result<usize> {
        let stream = &self.0;
        within(limit, async {
            loop {
                stream.writable().await?;
                match stream.try_write(bytes) {
                    Err(error) if is_early(&error) => {}
                    result => return result,
                }
            }
        })
        .await
    }

    async fn receive(&mut self, into: &mut [u8], limit: Duration) -> io::Result<usize> {
        let stream = &self.0;
        within(limit, async {
            loop {
                stream.readable().await?;
                match stream.try_read(into) {
                    Err(error) if is_early(&error) => {}
                    result => return result,
                }
            }
        })
        .await
    }

    async fn receive_now(&mut self, into: &mut [u8]) -> usize {
        // What has come is known to the runtime only when it has had its turn.
        yield_now().await;
        self.0.try_read(into).unwrap_or(0)
    }

    fn send_now(&mut self, bytes: &[u8]) {
        // Best effort by contract: the connection is about to be closed anyway.
        let _ = self.0.try_write(bytes);
    }
}

/// Looks the host up, on the runtime's threads for blocking work.
async fn resolve(at: &Target) -> io::Result<Vec<SocketAddr>> {
    let Place::Tcp(host, port) = &at.place else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let found = tokio::net::lookup_host((host.as_str(), *port)).await?;
    Ok(some_addresses(found))
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

/// Whether readiness was announced too early, so that one has to wait again.
fn is_early(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
