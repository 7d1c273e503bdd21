//! Taking mail: the sockets around the state machine of `posthaste-smtp`.

mod connection;
mod delivery;
mod record;
mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use posthaste_smtp::Mechanism;
use posthaste_smtp::server;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use self::connection::Connection;
use crate::inbox::Shared;

/// How the SMTP side is to be.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// What it offers and puts up with.
    pub(crate) server: server::Config,
    /// How many connections at a time; the next is told 421.
    pub(crate) connections: usize,
    /// How long a client may say nothing.
    pub(crate) idle: Duration,
    /// What it shows when TLS is wanted.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
}

impl Default for Config {
    fn default() -> Self {
        let mut server = server::Config::new("localhost");
        server.mechanisms = vec![
            Mechanism::Plain,
            Mechanism::Login,
            Mechanism::CramMd5,
            Mechanism::Xoauth2,
            Mechanism::OauthBearer,
        ];
        server.cleartext_auth = true;
        Self {
            server,
            connections: 200,
            idle: Duration::from_secs(300),
            tls: None,
        }
    }
}

/// Takes connections until the inbox stops.
pub(crate) async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(shared.smtp.connections));
    let number = AtomicU64::new(0);
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
        let id = number.fetch_add(1, Ordering::Relaxed) + 1;
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let _place = place;
                    tokio::select! {
                        // However it ends, it is over.
                        _ = Connection::new(socket, id, &shared).run() => {}
                        () = shared.stopped() => {}
                    }
                });
            }
            Err(_) => refuse(&socket),
        }
    }
}

/// Says that there are too many.
fn refuse(socket: &TcpStream) {
    // Who does not take it at once has to do without.
    let _ = socket.try_write(b"421 4.7.0 Too many connections, try again later\r\n");
}
