//! How an inbox is to be.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use crate::inbox::{Inbox, Shared};
use crate::smtp;
#[cfg(feature = "sqlite")]
use crate::store::Sqlite;
use crate::store::{Memory, Retention, Store};

/// How an [`Inbox`] is to be. At first: a free port of 127.0.0.1, and mails in memory.
#[derive(Clone, Debug)]
pub struct Builder {
    smtp: SocketAddr,
    retention: Retention,
    db: Option<PathBuf>,
    config: smtp::Config,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            smtp: (Ipv4Addr::LOCALHOST, 0).into(),
            retention: Retention::default(),
            db: None,
            config: smtp::Config::default(),
        }
    }

    /// Where it takes mail; port 0 is a free one.
    #[must_use]
    pub fn smtp(mut self, address: SocketAddr) -> Self {
        self.smtp = address;
        self
    }

    /// What it keeps at most.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Keeps mails in this file, which is made if it is not there. Beside it stands a lock, and a log while it is in use.
    #[cfg(feature = "sqlite")]
    #[must_use]
    pub fn db(mut self, path: impl Into<PathBuf>) -> Self {
        self.db = Some(path.into());
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// When the address is taken or not of this machine, there are no threads to be had, or the file is no database of an
    /// inbox, is in use, or cannot be written.
    pub fn start(self) -> io::Result<Inbox> {
        let smtp = TcpListener::bind(self.smtp)?;
        smtp.set_nonblocking(true)?;
        let address = smtp.local_addr()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("posthaste-inbox")
            .enable_all()
            .build()?;
        let store = self.store()?;
        let shared = Arc::new(Shared::new(store, self.config));
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(smtp)?
        };
        runtime.spawn(smtp::listen(listener, Arc::clone(&shared)));
        Ok(Inbox::new(shared, address, runtime))
    }

    fn store(&self) -> io::Result<Arc<dyn Store>> {
        #[cfg(feature = "sqlite")]
        if let Some(path) = &self.db {
            let store = Sqlite::open(path, self.retention).map_err(io::Error::other)?;
            return Ok(Arc::new(store));
        }
        Ok(Arc::new(Memory::new(self.retention)))
    }
}
