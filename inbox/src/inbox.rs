//! An inbox that is running.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use posthaste::Settings;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::builder::Builder;
use crate::event::{Event, Events};
use crate::mail::Arrival;
use crate::smtp;
use crate::store::{Added, Store, StoreError};
use crate::web::{self, Access, Token};

/// An SMTP server on this machine that keeps every mail it is given. It stops when it is dropped.
///
/// It runs on threads of its own, for blocking and asynchronous code alike.
pub struct Inbox {
    shared: Arc<Shared>,
    smtp: SocketAddr,
    web: Option<SocketAddr>,
    /// Dropped in the background: who drops an inbox may be a task of another runtime.
    runtime: Option<Runtime>,
}

/// What all parts of an inbox share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) smtp: smtp::Config,
    pub(crate) access: Access,
    pub(crate) events: Events,
    /// Where mail is taken.
    place: OnceLock<SocketAddr>,
    /// Turns true when the inbox stops.
    stop: watch::Sender<bool>,
}

impl Inbox {
    /// An inbox of your choice.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(
        shared: Arc<Shared>,
        smtp: SocketAddr,
        web: Option<SocketAddr>,
        runtime: Runtime,
    ) -> Self {
        // It is told only once.
        let _ = shared.place.set(smtp);
        Self {
            shared,
            smtp,
            web,
            runtime: Some(runtime),
        }
    }

    /// Where it takes mail.
    pub fn smtp_address(&self) -> SocketAddr {
        self.smtp
    }

    /// Where it shows its page, if it does.
    pub fn web_address(&self) -> Option<SocketAddr> {
        self.web
    }

    /// What to open in a browser; with the token, if there is one.
    pub fn web_url(&self) -> Option<String> {
        let address = self.web?;
        Some(match &self.shared.access.token {
            Some(Token(token)) => format!("http://{address}/?token={token}"),
            None => format!("http://{address}/"),
        })
    }

    /// The page and the API, to mount in an application of your own: `app.nest("/dev/mail", inbox.router())`.
    pub fn router(&self) -> axum::Router {
        web::router(Arc::clone(&self.shared))
    }

    /// Settings by which a [`Mailer`](posthaste::Mailer) sends to it.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.email_host = self.smtp.ip().to_string();
        settings.email_port = Some(self.smtp.port());
        settings
    }

    /// The mails.
    pub fn store(&self) -> &dyn Store {
        &*self.shared.store
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.shared.stop.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("smtp", &self.smtp)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(store: Arc<dyn Store>, smtp: smtp::Config, access: Access) -> Self {
        Self {
            store,
            smtp,
            access,
            events: Events::new(),
            place: OnceLock::new(),
            stop: watch::Sender::new(false),
        }
    }

    /// Keeps a mail, and tells of it.
    pub(crate) async fn keep(&self, arrival: Arrival) -> Result<Added, StoreError> {
        let added = self.store.add(arrival).await?;
        self.tell(Event::Mail(Arc::clone(&added.mail)));
        if !added.dropped.is_empty() {
            self.tell(Event::Dropped(added.dropped.as_slice().into()));
        }
        Ok(added)
    }

    /// Where mail is taken, once it is.
    pub(crate) fn smtp_address(&self) -> Option<SocketAddr> {
        self.place.get().copied()
    }

    pub(crate) fn tell(&self, event: Event) {
        self.events.tell(event);
    }

    /// Waits until the inbox stops.
    pub(crate) async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // An error: the sender is gone, and so is the inbox.
        let _ = stop.wait_for(|stopped| *stopped).await;
    }
}
