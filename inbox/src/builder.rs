//! How an inbox is to be.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use crate::inbox::{Inbox, Shared};
use crate::smtp;
use crate::store::{Memory, Retention};

/// How an [`Inbox`] is to be. At first: a free port of 127.0.0.1, and mails in memory.
#[derive(Clone, Debug)]
pub struct Builder {
    smtp: SocketAddr,
    retention: Retention,
    config: smtp::Config,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            smtp: (Ipv4Addr::LOCALHOST, 0).into(),
            retention: Retention::default(),
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

    /// Starts it.
    ///
    /// # Errors
    ///
    /// When the address is taken or not of this machine, or there are no threads to be had.
    pub fn start(self) -> io::Result<Inbox> {
        let smtp = TcpListener::bind(self.smtp)?;
        smtp.set_nonblocking(true)?;
        let address = smtp.local_addr()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("posthaste-inbox")
            .enable_all()
            .build()?;
        let store = Arc::new(Memory::new(self.retention));
        let shared = Arc::new(Shared::new(store, self.config));
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(smtp)?
        };
        runtime.spawn(smtp::listen(listener, Arc::clone(&shared)));
        Ok(Inbox::new(shared, address, runtime))
    }
}
