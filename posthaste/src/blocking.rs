//! The same names without a runtime: every call blocks the thread until it is done.
//!
//! The types are those of the crate's root, with another marker; only [`Mailer`] is one of its own. What is
//! awaited there ends in [`send`](Sending::send) here.
//!
//! ```
//! use posthaste::Outbox;
//! use posthaste::blocking::send_mail;
//!
//! let outbox = Outbox::new();
//! outbox.mailer().blocking().scope(|| {
//!     let report = send_mail("Hello", "How are you?", "a@example.com", ["b@example.com"]).send()?;
//!     assert_eq!(report.count(), 1);
//!     Ok::<(), posthaste::Error>(())
//! })?;
//! assert_eq!(outbox.messages()[0].subject, "Hello");
//! # Ok::<(), posthaste::Error>(())
//! ```

use posthaste_message::{Address, EmailMessage};

use crate::error::Error;
use crate::mode::{Blocking, block_on};
use crate::report::{Report, Reports};
use crate::scope;
use crate::sending::{self, Sending as AnySending};
use crate::settings::Settings;

/// A connection whose calls block; see [`crate::Connection`].
pub type Connection = crate::connection::Connection<Blocking>;

/// A connection that is about to be made; see [`crate::ConnectionBuilder`].
pub type ConnectionBuilder = crate::connection::ConnectionBuilder<Blocking>;

/// A mail, or many, about to be sent; see [`crate::Sending`].
pub type Sending<'c, P> = AnySending<'c, P, Blocking>;

/// A mailer whose calls block; see [`crate::Mailer`].
///
/// ```
/// use posthaste::blocking::Mailer;
/// use posthaste::{EmailMessage, Settings};
///
/// let mut settings = Settings::default();
/// settings.email_backend = "dummy".into();
/// let mailer = Mailer::new(settings);
/// let message = EmailMessage::new("Hello", "How are you?").to(["ann@example.com"]);
/// assert_eq!(mailer.send(&message).count(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Mailer(crate::Mailer);

impl From<crate::Mailer> for Mailer {
    fn from(mailer: crate::Mailer) -> Self {
        Self(mailer)
    }
}

impl Mailer {
    /// A mailer with these settings. They are checked when a connection is made.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self(crate::Mailer::new(settings))
    }

    /// A mailer with the settings of the environment and of the settings file.
    ///
    /// # Errors
    ///
    /// When a setting cannot be used; see [`Settings::from_env`].
    pub fn from_env() -> Result<Self, Error> {
        crate::Mailer::from_env().map(Self)
    }

    /// The same mailer, sending by the named one of the settings: Django's `using`.
    #[must_use]
    pub fn using(&self, alias: impl Into<String>) -> Self {
        Self(self.0.using(alias))
    }

    /// Makes a connection. It is not opened yet.
    ///
    /// # Errors
    ///
    /// When no mailer of that name is configured, when the backend is unknown, or when an option cannot be used.
    pub fn connection(&self) -> Result<Connection, Error> {
        self.0.connect(None, |_| ())
    }

    /// Sends one message. One without recipients is skipped.
    ///
    /// The backend `smtp` keeps the connection for the next one. A connection that is to be used for some messages and
    /// closed afterwards is made by [`connection`](Self::connection).
    ///
    /// What goes wrong is in the report, also when no connection could be made.
    pub fn send(&self, message: &EmailMessage) -> Report {
        block_on(self.0.deliver::<Blocking>(message))
    }

    /// Sends all messages over one connection, and reports on each in their order. A failure does not keep the others
    /// from being sent.
    pub fn send_messages(&self, messages: &[EmailMessage]) -> Reports {
        block_on(self.0.deliver_all::<Blocking>(messages))
    }

    /// Runs `work`; the short functions use this mailer in it, on this thread.
    pub fn scope<T>(&self, work: impl FnOnce() -> T) -> T {
        scope::within(&self.0, work)
    }
}

/// Prepares a mail; see [`crate::send_mail`](crate::send_mail()).
pub fn send_mail(
    subject: impl Into<String>,
    body: impl Into<String>,
    from: impl Into<Address>,
    to: impl IntoIterator<Item: Into<Address>>,
) -> Sending<'static, EmailMessage> {
    send(sending::message(subject, body, from, to))
}

/// Prepares a message to be sent; see [`crate::send`](crate::send()).
pub fn send(message: EmailMessage) -> Sending<'static, EmailMessage> {
    Sending::new(message)
}

/// Prepares many mails, all over one connection; see [`crate::send_mass_mail`](crate::send_mass_mail()).
pub fn send_mass_mail<S, B, F, T>(
    mails: impl IntoIterator<Item = (S, B, F, T)>,
) -> Sending<'static, Vec<EmailMessage>>
where
    S: Into<String>,
    B: Into<String>,
    F: Into<Address>,
    T: IntoIterator<Item: Into<Address>>,
{
    Sending::new(sending::messages(mails))
}

/// Prepares a mail to the people in `ADMINS`; see [`crate::mail_admins`](crate::mail_admins()).
pub fn mail_admins(
    subject: impl Into<String>,
    body: impl Into<String>,
) -> Sending<'static, EmailMessage> {
    Sending::to_admins(subject, body)
}

/// Prepares a mail to the people in `MANAGERS`; see [`crate::mail_managers`](crate::mail_managers()).
pub fn mail_managers(
    subject: impl Into<String>,
    body: impl Into<String>,
) -> Sending<'static, EmailMessage> {
    Sending::to_managers(subject, body)
}

/// Prepares a connection; see [`crate::get_connection`](crate::get_connection()).
pub fn get_connection() -> ConnectionBuilder {
    ConnectionBuilder::new()
}
