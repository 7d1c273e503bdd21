//! How an inbox is to be.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::fault::{Profile, Rule, Rules};
use crate::inbox::{Inbox, Shared};
use crate::limits::Limits;
use crate::smtp;
use crate::store::{Memory, Retention};
use crate::tls::{Certificates, Tls};

/// How an [`Inbox`] is to be. At first: a free port of 127.0.0.1, no TLS, no faults, and mails in memory.
#[must_use = "an inbox begins when it is started"]
#[derive(Clone, Debug)]
pub struct Builder {
    smtp: SocketAddr,
    smtps: Option<SocketAddr>,
    allow_remote: bool,
    tls: Tls,
    authority: Option<PathBuf>,
    retention: Retention,
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
            retention: Retention::default(),
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

    /// What it keeps at most.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
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
    /// no sense; when there are no threads to be had, or the authority cannot be kept in its directory.
    pub fn start(self) -> io::Result<Inbox> {
        let smtp = self.bind(self.smtp)?;
        let smtps = self.smtps.map(|address| self.bind(address)).transpose()?;
        let rules = Rules::new(self.seed);
        rules
            .replace(self.rules.clone())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let runtime = runtime()?;
        let store = Arc::new(Memory::new(self.retention));
        let shared = Arc::new(Shared::new(store, self.intake()?, rules));
        let smtp = listen(smtp, false, &runtime, &shared)?;
        let smtps = smtps
            .map(|listener| listen(listener, true, &runtime, &shared))
            .transpose()?;
        Ok(Inbox::new(shared, smtp, smtps, runtime))
    }

    fn bind(&self, address: SocketAddr) -> io::Result<TcpListener> {
        if !address.ip().is_loopback() && !self.allow_remote {
            let problem = format!(
                "{address} can be reached from other machines; allow_remote would allow it"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
        let listener = TcpListener::bind(address).map_err(named)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
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

/// Takes mail at a socket, whose address it gives.
fn listen(
    listener: TcpListener,
    implicit_tls: bool,
    runtime: &Runtime,
    shared: &Arc<Shared>,
) -> io::Result<SocketAddr> {
    let address = listener.local_addr()?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    runtime.spawn(smtp::listen(listener, implicit_tls, Arc::clone(shared)));
    Ok(address)
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("posthaste-inbox")
        .enable_all()
        .build()
}
