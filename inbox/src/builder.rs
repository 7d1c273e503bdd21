//! How an inbox is to be.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use crate::inbox::{Inbox, Shared};
use crate::smtp;
use crate::store::{Memory, Retention};
use crate::web::{self, Access, Token};

/// How an [`Inbox`] is to be. At first: a free port of 127.0.0.1, and mails in memory.
#[derive(Clone, Debug)]
pub struct Builder {
    smtp: SocketAddr,
    web: Option<SocketAddr>,
    access: Access,
    retention: Retention,
    config: smtp::Config,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            smtp: (Ipv4Addr::LOCALHOST, 0).into(),
            web: None,
            access: Access::default(),
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

    /// Where it shows its web page and answers programs over HTTP; port 0 is a free one. At first there is no page.
    ///
    /// At an address that other machines reach, all who ask have to know a [token](Self::token).
    #[must_use]
    pub fn web(mut self, address: SocketAddr) -> Self {
        self.web = Some(address);
        self
    }

    /// A name by which the page may be asked for, besides `localhost` and this machine's loopback addresses.
    #[must_use]
    pub fn host(mut self, name: impl Into<String>) -> Self {
        self.access.hosts.push(name.into());
        self
    }

    /// What all have to know who ask for the page. One is made up where the address needs it and none is given.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.access.token = Some(Token(token.into()));
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
        let intake = bind(self.smtp)?;
        let page = self.web.map(bind).transpose()?;
        let smtp_address = intake.local_addr()?;
        let web_address = page.as_ref().map(TcpListener::local_addr).transpose()?;
        let mut access = self.access;
        if web_address.is_some_and(|address| !address.ip().is_loopback()) && access.token.is_none()
        {
            access.token = Some(Token::random()?);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("posthaste-inbox")
            .enable_all()
            .build()?;
        let store = Arc::new(Memory::new(self.retention));
        let shared = Arc::new(Shared::new(store, self.config, access));
        {
            let _inside = runtime.enter();
            let listener = tokio::net::TcpListener::from_std(intake)?;
            runtime.spawn(smtp::listen(listener, Arc::clone(&shared)));
            if let Some(page) = page {
                let listener = tokio::net::TcpListener::from_std(page)?;
                runtime.spawn(web::serve(listener, Arc::clone(&shared)));
            }
        }
        Ok(Inbox::new(shared, smtp_address, web_address, runtime))
    }
}

/// Listens. An error names the address.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
