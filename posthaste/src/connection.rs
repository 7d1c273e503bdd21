//! One connection to a backend, held open for as long as its owner wants.

use std::fmt;
use std::marker::PhantomData;

use posthaste_message::EmailMessage;

use crate::backend::Backend;
use crate::error::{Error, ErrorKind};
use crate::mailer::Mailer;
use crate::mode::{Async, Blocking, Mode, block_on};
use crate::report::{Report, Reports};
use crate::settings::Options;
use crate::trace::Call;

/// One connection to a backend: Django's connection, and its context manager.
///
/// [`Mailer::connection`] and [`get_connection`](crate::get_connection()) make one. Without [`open`](Self::open), each
/// call opens the connection and closes it; between `open` and [`close`](Self::close) all messages go over the same one.
/// Dropping it closes it, too, without waiting for the server's goodbye.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), posthaste::Error> {
/// use posthaste::{EmailMessage, Outbox};
///
/// let outbox = Outbox::new();
/// let mut connection = outbox.mailer().connection()?;
/// connection.open().await?;
/// for name in ["ann", "bob"] {
///     let message = EmailMessage::new("Hello", name).to([format!("{name}@example.com")]);
///     assert_eq!(connection.send(&message).await.count(), 1);
/// }
/// connection.close().await?;
/// assert_eq!(outbox.len(), 2);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "tokio"))] fn main() {}
/// ```
pub struct Connection<M = Async> {
    /// What the settings call the backend.
    name: String,
    backend: Box<dyn Backend>,
    fail_silently: bool,
    mode: PhantomData<M>,
}

impl<M> Connection<M> {
    pub(crate) fn new(name: String, backend: Box<dyn Backend>, fail_silently: bool) -> Self {
        Self {
            name,
            backend,
            fail_silently,
            mode: PhantomData,
        }
    }

    /// Whether the option `fail_silently` asks not to make errors of failed deliveries.
    ///
    /// The short functions obey it; reports tell of every failure all the same.
    #[must_use]
    pub fn fails_silently(&self) -> bool {
        self.fail_silently
    }

    pub(crate) async fn deliver_all(&mut self, messages: &[EmailMessage]) -> Reports {
        if messages.is_empty() {
            return Reports::default();
        }
        let call = Call::new(&self.name);
        let mut reports = self.backend.send_messages(messages).await;
        reports.truncate(messages.len());
        // A backend of a user's own may be wrong; then no message may pass for sent.
        reports.resize_with(messages.len(), || Report::failed(None, no_report()));
        reports.iter().for_each(|report| call.reported(report));
        Reports::from(reports)
    }

    /// Sends all messages, and gives each report as soon as it is known. Each message has one, whatever the backend does.
    pub(crate) async fn deliver_with(
        &mut self,
        messages: &[EmailMessage],
        mut report: impl FnMut(usize, Report) + Send,
    ) {
        if messages.is_empty() {
            return;
        }
        let call = Call::new(&self.name);
        let mut report = |place, one: Report| {
            call.reported(&one);
            report(place, one);
        };
        let mut missing = vec![true; messages.len()];
        let mut once = |place: usize, one: Report| {
            if let Some(missing) = missing.get_mut(place).filter(|missing| **missing) {
                *missing = false;
                report(place, one);
            }
        };
        self.backend.send_messages_with(messages, &mut once).await;
        for (place, _) in missing.iter().enumerate().filter(|(_, missing)| **missing) {
            report(place, Report::failed(None, no_report()));
        }
    }

    pub(crate) async fn deliver(&mut self, message: &EmailMessage) -> Report {
        if message.recipients().next().is_none() {
            return Report::skipped();
        }
        let reports = self.deliver_all(std::slice::from_ref(message)).await;
        let report = reports.into_iter().next();
        report.unwrap_or_else(|| Report::failed(None, no_report()))
    }

    pub(crate) async fn shut(&mut self) -> Result<(), Error> {
        self.backend.close().await
    }
}

fn no_report() -> Error {
    let message = "the backend did not report on this message; it may have been sent";
    Error::new(ErrorKind::Protocol, message).with_in_doubt(true)
}

impl Connection<Async> {
    /// Opens the connection, so that all that follows goes over it. `true` if it was not open before.
    ///
    /// # Errors
    ///
    /// When there is no connection to be had.
    pub async fn open(&mut self) -> Result<bool, Error> {
        self.backend.open().await
    }

    /// Sends one message. One without recipients is skipped, and the backend is not troubled with it.
    pub async fn send(&mut self, message: &EmailMessage) -> Report {
        self.deliver(message).await
    }

    /// Sends all messages, and reports on each in their order. A failure does not keep the others from being sent.
    pub async fn send_messages(&mut self, messages: &[EmailMessage]) -> Reports {
        self.deliver_all(messages).await
    }

    /// Sends several messages, and gives each report to `report` as soon as it is known, with the place of its message.
    ///
    /// Each message has one report. Their order is that of the server's answers, mostly that of the messages.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use posthaste::{EmailMessage, Outbox};
    ///
    /// let outbox = Outbox::new();
    /// let mut connection = outbox.mailer().connection()?;
    /// let messages = ["a@example.com", "b@example.com"].map(|to| EmailMessage::new("Hi", "").to([to]));
    /// let mut sent = 0;
    /// connection.send_messages_with(&messages, |_, report| sent += report.count()).await;
    /// assert_eq!(sent, 2);
    /// # Ok::<(), posthaste::Error>(())
    /// # }).unwrap();
    /// ```
    pub async fn send_messages_with(
        &mut self,
        messages: &[EmailMessage],
        report: impl FnMut(usize, Report) + Send,
    ) {
        self.deliver_with(messages, report).await;
    }

    /// Closes the connection, if it is open. It can be opened again.
    ///
    /// # Errors
    ///
    /// When what was sent may be lost by it.
    pub async fn close(&mut self) -> Result<(), Error> {
        self.shut().await
    }
}

/// The same calls; they block the thread.
impl Connection<Blocking> {
    /// Opens the connection, so that all that follows goes over it. `true` if it was not open before.
    ///
    /// # Errors
    ///
    /// When there is no connection to be had.
    pub fn open(&mut self) -> Result<bool, Error> {
        block_on(self.backend.open())
    }

    /// Sends one message. One without recipients is skipped, and the backend is not troubled with it.
    pub fn send(&mut self, message: &EmailMessage) -> Report {
        block_on(self.deliver(message))
    }

    /// Sends all messages, and reports on each in their order. A failure does not keep the others from being sent.
    pub fn send_messages(&mut self, messages: &[EmailMessage]) -> Reports {
        block_on(self.deliver_all(messages))
    }

    /// Sends several messages, and gives each report to `report` as soon as it is known, with the place of its message.
    ///
    /// Each message has one report. Their order is that of the server's answers, mostly that of the messages.
    ///
    /// # Examples
    ///
    /// ```
    /// use posthaste::{EmailMessage, Outbox};
    ///
    /// let outbox = Outbox::new();
    /// let mut connection = outbox.mailer().blocking().connection()?;
    /// let messages = ["a@example.com", "b@example.com"].map(|to| EmailMessage::new("Hi", "").to([to]));
    /// let mut sent = 0;
    /// connection.send_messages_with(&messages, |_, report| sent += report.count());
    /// assert_eq!(sent, 2);
    /// # Ok::<(), posthaste::Error>(())
    /// ```
    pub fn send_messages_with(
        &mut self,
        messages: &[EmailMessage],
        report: impl FnMut(usize, Report) + Send,
    ) {
        block_on(self.deliver_with(messages, report));
    }

    /// Closes the connection, if it is open. It can be opened again.
    ///
    /// # Errors
    ///
    /// When what was sent may be lost by it.
    pub fn close(&mut self) -> Result<(), Error> {
        block_on(self.shut())
    }
}

impl<M> fmt::Debug for Connection<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// A connection that is about to be made, by [`get_connection`](crate::get_connection()).
///
/// What is not said here comes from the settings.
///
/// # Examples
///
/// ```
/// use posthaste::blocking::get_connection;
///
/// let connection = get_connection().backend("smtp").option("host", "mail.example.com").build()?;
/// # Ok::<(), posthaste::Error>(())
/// ```
#[must_use = "nothing is made before `build`"]
#[derive(Clone)]
pub struct ConnectionBuilder<M = Async> {
    mailer: Option<Mailer>,
    backend: Option<String>,
    options: Vec<(String, String)>,
    mode: PhantomData<M>,
}

impl<M: Mode> ConnectionBuilder<M> {
    pub(crate) fn new() -> Self {
        Self {
            mailer: None,
            backend: None,
            options: Vec::new(),
            mode: PhantomData,
        }
    }

    /// Takes settings and backends from this mailer, not from the current one.
    pub fn mailer(mut self, mailer: &Mailer) -> Self {
        self.mailer = Some(mailer.clone());
        self
    }

    /// Chooses a backend by its name; the name is looked up by `build`.
    pub fn backend(mut self, name: impl Into<String>) -> Self {
        self.backend = Some(name.into());
        self
    }

    /// Sets an option of the backend, such as `host`, `port` or `file_path`; it overrides the settings.
    pub fn option(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.push((name.into(), value.into()));
        self
    }

    /// Makes no errors of failed deliveries.
    pub fn fail_silently(self) -> Self {
        self.option("fail_silently", "true")
    }

    /// Makes the connection. It is not opened yet.
    ///
    /// # Errors
    ///
    /// When the backend is unknown, when an option is, or when its value cannot be used.
    pub fn build(self) -> Result<Connection<M>, Error> {
        let mailer = match self.mailer {
            Some(mailer) => mailer,
            None => Mailer::current()?,
        };
        mailer.connect(self.backend.as_deref(), |options: &mut Options| {
            for (name, value) in &self.options {
                options.set(name.as_str(), value.as_str());
            }
        })
    }
}

impl<M> fmt::Debug for ConnectionBuilder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secrets.
        let names: Vec<_> = self.options.iter().map(|(name, _)| name).collect();
        f.debug_struct("ConnectionBuilder")
            .field("mailer", &self.mailer)
            .field("backend", &self.backend)
            .field("options", &names)
            .finish_non_exhaustive()
    }
}
