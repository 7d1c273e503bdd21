//! Taking mail: the sockets around the state machine of `posthaste-smtp`.

mod connection;
mod deciding;
mod delivery;
mod keeping;
mod record;
mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use posthaste_smtp::server;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use self::connection::Connection;
use crate::fault::MECHANISMS;
use crate::inbox::Shared;
use crate::limits::Limits;
use crate::tls::{Certificates, Tls};

/// How the SMTP side is, and what all its connections share.
#[derive(Debug)]
pub(crate) struct Intake {
    /// What it offers and puts up with.
    server: server::Config,
    pub(crate) limits: Limits,
    pub(crate) tls: Tls,
    /// What it shows when TLS is wanted.
    pub(crate) certificates: Option<Certificates>,
    /// One for each connection that there may be.
    places: Arc<Semaphore>,
    /// How many connections there were.
    connections: AtomicU64,
    /// Octets of messages that are on their way.
    under_way: AtomicU64,
}

impl Intake {
    pub(crate) fn new(limits: Limits, tls: Tls, certificates: Option<Certificates>) -> Self {
        let mut server = server::Config::new("localhost");
        server.mechanisms = MECHANISMS.to_vec();
        server.cleartext_auth = true;
        server.starttls = tls != Tls::Off;
        server.limits.line = limits.line;
        server.limits.auth_line = limits.auth_line;
        server.limits.recipients = limits.recipients;
        server.limits.size = limits.message;
        server.limits.errors = limits.errors;
        Self {
            server,
            limits,
            tls,
            certificates,
            places: Arc::new(Semaphore::new(places(limits) as usize)),
            connections: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
        }
    }

    /// Waits until no connection is left.
    pub(crate) async fn is_empty(&self) {
        // An error: nobody closes it.
        let _ = self.places.acquire_many(places(self.limits)).await;
    }
}

/// As many places as there may be connections; a semaphore has no more than this.
fn places(limits: Limits) -> u32 {
    u32::try_from(limits.connections).unwrap_or(u32::MAX >> 4)
}

/// Takes connections until the inbox stops.
pub(crate) async fn listen(listener: TcpListener, implicit_tls: bool, shared: Arc<Shared>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stopped() => return,
        };
        let Ok((socket, _)) = accepted else {
            // No more files, or a client that has gone already.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let id = shared.smtp.connections.fetch_add(1, Ordering::Relaxed) + 1;
        match Arc::clone(&shared.smtp.places).try_acquire_owned() {
            Ok(place) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let _place = place;
                    tokio::select! {
                        () = Connection::new(socket, id, &shared).run(implicit_tls) => {}
                        () = shared.over() => {}
                    }
                });
            }
            Err(_) => refuse(&socket, implicit_tls),
        }
    }
}

/// Says that there are too many.
fn refuse(socket: &TcpStream, implicit_tls: bool) {
    if !implicit_tls {
        // Who does not take it at once has to do without.
        let _ = socket.try_write(b"421 4.7.0 Too many connections, try again later\r\n");
    }
}
