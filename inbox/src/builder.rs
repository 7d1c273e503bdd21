//! How an inbox is to be.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::fault::{Profile, Rule, Rules};
use crate::inbox::{Inbox, Place, Shared};
use crate::limits::Limits;
use crate::relay::Relay;
use crate::smtp;
use crate::store::Sqlite;
use crate::store::{Memory, Retention, Store};
use crate::tls::{Certificates, Tls};
use crate::web::{self, Access, Token};

/// How an [`Inbox`] is to be. At first: a free port of 127.0.0.1, no TLS, no faults, and mails in memory.
#[must_use = "an inbox begins when it is started"]
#[derive(Clone, Debug)]
pub struct Builder {
    smtp: SocketAddr,
    smtps: Option<SocketAddr>,
    allow_remote: bool,
    tls: Tls,
    authority: Option<PathBuf>,
    web: Option<SocketAddr>,
    access: Access,
    relay: Option<Relay>,
    retention: Retention,
    db: Option<PathBuf>,
    limits: Limits,
    rules: Vec<Rule>,
    seed: u64,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            smtp: (Ipv4Addr::LOCALHOST, 0).into(),
            smtps: None,
            allow_remote: false,
            tls: Tls::Off,
            authority: None,
            web: None,
            access: Access::default(),
            relay: None,
            retention: Retention::default(),
            db: None,
            limits: Limits::default(),
            rules: Vec::new(),
            seed: 0,
        }
    }

    /// Where it takes mail; port 0 is a free one. An address of this machine alone, unless [`allow_remote`](Self::allow_remote) says otherwise.
    pub fn smtp(mut self, address: SocketAddr) -> Self {
        self.smtp = address;
        self
    }

    /// Takes mail at this address, too, where TLS comes first.
    pub fn smtps(mut self, address: SocketAddr) -> Self {
        self.smtps = Some(address);
        self
    }

    /// Lets it listen where other machines may reach it. Whoever does can fill its store, and sees nothing of it.
    pub fn allow_remote(mut self, allow: bool) -> Self {
        self.allow_remote = allow;
        self
    }

    /// Whether it offers STARTTLS, with a certificate that it makes itself: `true`, `false`, or a [`Tls`].
    ///
    /// [`Inbox::settings`] name the authority that has signed it.
    pub fn tls(mut self, tls: impl Into<Tls>) -> Self {
        self.tls = tls.into();
        self
    }

    /// Keeps the authority that signs its certificates in this directory, so that it is the same next time. Without it, there
    /// is a new one each time.
    pub fn authority(mut self, directory: impl AsRef<Path>) -> Self {
        self.authority = Some(directory.as_ref().to_owned());
        self
    }

    /// Where it shows its web page and answers programs over HTTP; port 0 is a free one. At first there is no page.
    ///
    /// At an address that other machines reach, all who ask have to know a [token](Self::token).
    pub fn web(mut self, address: SocketAddr) -> Self {
        self.web = Some(address);
        self
    }

    /// A name by which the page may be asked for, besides `localhost` and this machine's loopback addresses.
    pub fn host(mut self, name: impl Into<String>) -> Self {
        self.access.hosts.push(name.into());
        self
    }

    /// What all have to know who ask for the page. One is made up where the address needs it and none is given.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.access.token = Some(Token(token.into()));
        self
    }

    /// Lets [`Inbox::router`] show the page in an application that is built for release, too.
    pub fn allow_in_release(mut self) -> Self {
        self.access.in_release = true;
        self
    }

    /// Lets mails be sent on, by hand and over HTTP, to this server.
    pub fn relay(mut self, relay: Relay) -> Self {
        self.relay = Some(relay);
        self
    }

    /// What it keeps at most.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Keeps mails in this file, which is made if it is not there. Beside it stands a lock, and a log while it is in use.
    pub fn db(mut self, path: impl Into<PathBuf>) -> Self {
        self.db = Some(path.into());
        self
    }

    /// What it puts up with.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Faults that it makes, behind those that were named before.
    pub fn faults(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.rules.extend(rules);
        self
    }

    /// How it behaves, by a name: more faults, behind those that were named before.
    pub fn profile(self, profile: Profile) -> Self {
        self.faults(profile.rules())
    }

    /// Where chance begins, for faults that have no seed of their own: 0, so that each run is the same.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// When an address is taken, not of this machine, or reachable from others though that is not allowed; when a fault makes
    /// no sense; when there are no threads to be had, or the authority cannot be kept in its directory; when the file is no
    /// database of an inbox, is in use, or cannot be written.
    pub fn start(self) -> io::Result<Inbox> {
        let smtp = self.bind(self.smtp)?;
        let smtps = self.smtps.map(|address| self.bind(address)).transpose()?;
        let page = self.web.map(bind).transpose()?;
        let address = smtp.local_addr()?;
        let place = Place {
            smtp: Some(address),
            smtps: smtps.as_ref().map(TcpListener::local_addr).transpose()?,
            web: page.as_ref().map(TcpListener::local_addr).transpose()?,
        };
        let rules = Rules::new(self.seed);
        rules
            .replace(self.rules.clone())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let access = self.access_at(place.web)?;
        let store = self.store()?;
        let shared = Arc::new(Shared::new(
            store,
            self.intake()?,
            rules,
            access,
            self.relay,
            place,
        ));
        let runtime = runtime()?;
        let mut listeners = Vec::new();
        {
            let _inside = runtime.enter();
            let sockets = [Some((smtp, false)), smtps.map(|smtps| (smtps, true))];
            for (socket, implicit_tls) in sockets.into_iter().flatten() {
                let listener = tokio::net::TcpListener::from_std(socket)?;
                let listening = smtp::listen(listener, implicit_tls, Arc::clone(&shared));
                listeners.push(runtime.spawn(listening));
            }
            if let Some(page) = page {
                let listener = tokio::net::TcpListener::from_std(page)?;
                runtime.spawn(web::serve(listener, Arc::clone(&shared)));
            }
        }
        Ok(Inbox::new(shared, address, listeners, runtime))
    }

    /// Listens for mail, if others cannot reach it or may.
    fn bind(&self, address: SocketAddr) -> io::Result<TcpListener> {
        if !address.ip().is_loopback() && !self.allow_remote {
            let problem = format!(
                "{address} can be reached from other machines; allow_remote would allow it"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        bind(address)
    }

    fn store(&self) -> io::Result<Arc<dyn Store>> {
        if let Some(path) = &self.db {
            let store = Sqlite::open(path, self.retention).map_err(io::Error::other)?;
            return Ok(Arc::new(store));
        }
        Ok(Arc::new(Memory::new(self.retention)))
    }

    /// Who may see the page at this address.
    fn access_at(&self, web: Option<SocketAddr>) -> io::Result<Access> {
        let mut access = self.access.clone();
        if web.is_some_and(|address| !address.ip().is_loopback()) && access.token.is_none() {
            access.token = Some(Token::random()?);
        }
        Ok(access)
    }

    fn intake(&self) -> io::Result<smtp::Intake> {
        let wants_tls = self.tls != Tls::Off || self.smtps.is_some();
        let certificates =
            wants_tls.then(|| Certificates::make(self.authority.as_deref(), self.smtp.ip()));
        Ok(smtp::Intake::new(
            self.limits,
            self.tls,
            certificates.transpose()?,
        ))
    }
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("posthaste-inbox")
        .enable_all()
        .build()
}

/// Listens. An error names the address.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
