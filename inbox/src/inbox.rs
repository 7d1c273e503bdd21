//! An inbox that is running.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use posthaste::Settings;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::builder::Builder;
use crate::event::{Event, Events, Listener};
use crate::fault::Rules;
use crate::mail::{Arrival, Envelope, Id};
use crate::query::Query;
use crate::relay::Relay;
use crate::smtp;
use crate::store::{Added, Store, StoreError};
use crate::testing::Given;
use crate::tls::{Certificates, Tls};
use crate::web::{self, Access, Token};

/// An SMTP server on this machine that keeps every mail it is given. It stops when it is dropped.
///
/// It runs on threads of its own, for blocking and asynchronous code alike.
pub struct Inbox {
    pub(crate) shared: Arc<Shared>,
    /// Which mails were waited for.
    pub(crate) given: Arc<Given>,
    smtp: SocketAddr,
    /// What listens for mail.
    listeners: Vec<JoinHandle<()>>,
    /// Dropped in the background: who drops an inbox may be a task of another runtime.
    runtime: Option<Runtime>,
}

/// What all parts of an inbox share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) smtp: smtp::Intake,
    pub(crate) faults: Rules,
    pub(crate) access: Access,
    pub(crate) relay: Option<Relay>,
    pub(crate) events: Events,
    pub(crate) place: Place,
    /// Places for those who listen to events over HTTP.
    pub(crate) listeners: Arc<Semaphore>,
    stop: watch::Sender<Stop>,
}

/// Whether an inbox stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    No,
    /// Mails that were begun may still come to their end; nothing else is begun.
    Soon,
    Now,
}

/// Where an inbox is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub(crate) smtp: Option<SocketAddr>,
    pub(crate) smtps: Option<SocketAddr>,
    pub(crate) web: Option<SocketAddr>,
}

/// So many may listen to events over HTTP at a time.
const LISTENERS: usize = 64;

impl Inbox {
    /// An inbox of your choice.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(
        shared: Arc<Shared>,
        smtp: SocketAddr,
        listeners: Vec<JoinHandle<()>>,
        runtime: Runtime,
    ) -> Self {
        Self {
            shared,
            given: Arc::default(),
            smtp,
            listeners,
            runtime: Some(runtime),
        }
    }

    /// Where it takes mail.
    pub fn smtp_address(&self) -> SocketAddr {
        self.smtp
    }

    /// Where it takes mail under TLS from the first octet on.
    pub fn smtps_address(&self) -> Option<SocketAddr> {
        self.shared.place.smtps
    }

    /// The file with the certificate of the authority that has signed its own, for clients to trust; none without TLS.
    pub fn authority(&self) -> Option<&Path> {
        let certificates = self.shared.smtp.certificates.as_ref();
        certificates.map(Certificates::authority)
    }

    /// Where it shows its page, if it does.
    pub fn web_address(&self) -> Option<SocketAddr> {
        self.shared.place.web
    }

    /// What to open in a browser; with the token, if there is one.
    pub fn web_url(&self) -> Option<String> {
        let address = self.web_address()?;
        Some(match &self.shared.access.token {
            Some(Token(token)) => format!("http://{address}/?token={token}"),
            None => format!("http://{address}/"),
        })
    }

    /// The page and the API, to mount in an application of your own: `app.nest("/dev/mail", inbox.router())`.
    ///
    /// It has its guard with it: it answers to names of this machine alone, and to those that [`Builder::host`] adds. An
    /// application that is built for release shows nothing of it, unless [`Builder::allow_in_release`] is said.
    pub fn router(&self) -> axum::Router {
        if cfg!(debug_assertions) || self.shared.access.in_release {
            web::router(Arc::clone(&self.shared))
        } else {
            web::closed()
        }
    }

    /// Settings by which a [`Mailer`](posthaste::Mailer) sends to it; by STARTTLS if it offers that.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.email_host = self.smtp.ip().to_string();
        settings.email_port = Some(self.smtp.port());
        settings.email_use_tls = self.shared.smtp.tls != Tls::Off;
        settings.email_ssl_cafile = self.authority().map(Path::to_owned);
        settings
    }

    /// Settings by which a mailer sends to [`smtps_address`](Self::smtps_address); none without it.
    pub fn smtps_settings(&self) -> Option<Settings> {
        let mut settings = self.settings();
        settings.email_port = Some(self.smtps_address()?.port());
        settings.email_use_tls = false;
        settings.email_use_ssl = true;
        Some(settings)
    }

    /// Stops it: connections on which no mail is on its way are told 421; the others may bring theirs to its end, if that
    /// takes no longer than `grace`.
    pub async fn stop(mut self, grace: Duration) {
        if let Some(ended) = self.end(grace) {
            // An error: whoever was to tell is gone, and so is the inbox.
            let _ = ended.await;
        }
    }

    /// [`stop`](Self::stop) for code that blocks.
    pub fn stop_blocking(mut self, grace: Duration) {
        if let Some(ended) = self.end(grace) {
            while !ended.is_finished() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Begins to stop. What it gives ends when nothing is left, or time is over.
    fn end(&mut self, grace: Duration) -> Option<JoinHandle<()>> {
        let (shared, listeners) = (
            Arc::clone(&self.shared),
            std::mem::take(&mut self.listeners),
        );
        // Its own runtime: whoever waits may be on one without a clock, or on none.
        let ended = self.handle()?.spawn(async move {
            shared.stop.send_replace(Stop::Soon);
            for listener in listeners {
                // The port is free when it has ended.
                let _ = listener.await;
            }
            let _ = tokio::time::timeout(grace, shared.smtp.is_empty()).await;
        });
        Some(ended)
    }

    /// Tells what happens from now on.
    pub fn listen(&self) -> Listener {
        self.shared.events.listener()
    }

    /// Puts in a mail that does not come over SMTP, in the place of another if there is one. Waits on this thread; gives its
    /// number.
    ///
    /// # Errors
    ///
    /// When the store cannot keep it.
    ///
    /// # Panics
    ///
    /// On a thread of an asynchronous runtime, which must not wait.
    pub fn put_blocking(
        &self,
        mailbox: &str,
        envelope: Envelope,
        raw: Vec<u8>,
        instead_of: Option<Id>,
    ) -> Result<Id, StoreError> {
        let arrival = Arrival::put_in(mailbox, envelope, raw);
        self.wait_for(self.shared.replace(arrival, instead_of))
    }

    /// Deletes a mail. Waits on this thread.
    ///
    /// # Errors
    ///
    /// When the store cannot do it.
    ///
    /// # Panics
    ///
    /// On a thread of an asynchronous runtime, which must not wait.
    pub fn delete_blocking(&self, id: Id) -> Result<(), StoreError> {
        let query = Query {
            ids: vec![id],
            ..Query::default()
        };
        self.wait_for(self.shared.delete(&query)).map(|_| ())
    }

    fn wait_for<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let runtime = self.runtime.as_ref();
        runtime
            .ok_or_else(|| StoreError("the inbox has stopped".to_owned()))?
            .block_on(work)
    }

    /// What it runs on; none when it has stopped.
    pub(crate) fn handle(&self) -> Option<&Runtime> {
        self.runtime.as_ref()
    }

    /// The mails.
    pub fn store(&self) -> &dyn Store {
        &*self.shared.store
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.shared.stop.send_replace(Stop::Now);
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
    pub(crate) fn new(
        store: Arc<dyn Store>,
        smtp: smtp::Intake,
        faults: Rules,
        access: Access,
        relay: Option<Relay>,
        place: Place,
    ) -> Self {
        Self {
            store,
            smtp,
            faults,
            access,
            relay,
            events: Events::new(),
            place,
            listeners: Arc::new(Semaphore::new(LISTENERS)),
            stop: watch::Sender::new(Stop::No),
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

    /// Keeps a mail in the place of another, and tells of it in this order: so a page that shows the other can go on to it.
    async fn replace(&self, arrival: Arrival, old: Option<Id>) -> Result<Id, StoreError> {
        let id = self.keep(arrival).await?.mail.id;
        if let Some(old) = old {
            self.tell(Event::Replaced(old, id));
            let query = Query {
                ids: vec![old],
                ..Query::default()
            };
            self.delete(&query).await?;
        }
        Ok(id)
    }

    /// Deletes what a query finds, and tells of it.
    pub(crate) async fn delete(&self, query: &Query) -> Result<Vec<Id>, StoreError> {
        let gone = self.store.delete(query).await?;
        if !gone.is_empty() {
            self.tell(Event::Deleted(gone.as_slice().into()));
        }
        Ok(gone)
    }

    /// Notes that a mail was read, or not, and tells of it. Says whether there is such a mail.
    pub(crate) async fn mark(&self, id: Id, read: bool) -> Result<bool, StoreError> {
        let is_there = self.store.mark(id, read).await?;
        if is_there {
            self.tell(Event::Marked(id, read));
        }
        Ok(is_there)
    }

    pub(crate) fn tell(&self, event: Event) {
        self.events.tell(event);
    }

    /// Tells when the inbox stops.
    pub(crate) fn stopping(&self) -> watch::Receiver<Stop> {
        self.stop.subscribe()
    }

    /// Waits until the inbox begins to stop.
    pub(crate) async fn stopped(&self) {
        // An error: the sender is gone, and so is the inbox.
        let _ = self.stopping().wait_for(|stop| *stop != Stop::No).await;
    }

    /// Waits until nothing may go on.
    pub(crate) async fn over(&self) {
        let _ = self.stopping().wait_for(|stop| *stop == Stop::Now).await;
    }
}
