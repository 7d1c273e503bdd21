//! Django's functions, to be awaited.

use std::future::IntoFuture;

use posthaste_message::{Address, EmailMessage};

use crate::backend::BoxFuture;
use crate::connection::ConnectionBuilder;
use crate::error::Error;
use crate::mode::Async;
use crate::sending::{self, Payload, Sending};

/// Prepares a mail: Django's `send_mail`. It goes out when the value is awaited, and can be refined before.
///
/// An empty `from` stands for the setting `DEFAULT_FROM_EMAIL`. Addresses are given as `&str`, `String`,
/// `("Name", "address")` or [`Mailbox`](crate::Mailbox).
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), posthaste::Error> {
/// # let outbox = posthaste::Outbox::new();
/// # outbox.mailer().scope(async {
/// use posthaste::send_mail;
///
/// let report = send_mail("Hi", "text", "a@example.com", ["b@example.com"])
///     .html_message("<p>text")
///     .await?;
/// assert_eq!(report.count(), 1);
/// # Ok(())
/// # }).await
/// # }
/// ```
pub fn send_mail(
    subject: impl Into<String>,
    body: impl Into<String>,
    from: impl Into<Address>,
    to: impl IntoIterator<Item: Into<Address>>,
) -> Sending<'static, EmailMessage> {
    send(sending::message(subject, body, from, to))
}

/// Prepares a message to be sent: Django's `EmailMessage.send`.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), posthaste::Error> {
/// # let outbox = posthaste::Outbox::new();
/// # outbox.mailer().scope(async {
/// use posthaste::EmailMessage;
///
/// let message = EmailMessage::new("Minutes", "attached").to(["ann@example.com"]).attach(("minutes.txt", "…"));
/// let report = posthaste::send(message).await?;
/// assert_eq!(report.accepted.len(), 1);
/// # Ok(())
/// # }).await
/// # }
/// ```
pub fn send(message: EmailMessage) -> Sending<'static, EmailMessage> {
    Sending::new(message)
}

/// Prepares many mails, all over one connection: Django's `send_mass_mail`. A failed one does not keep the others from
/// being sent.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), posthaste::Error> {
/// # let outbox = posthaste::Outbox::new();
/// # outbox.mailer().scope(async {
/// use posthaste::send_mass_mail;
///
/// let reports = send_mass_mail([
///     ("Subject", "Here is the message", "from@example.com", vec!["first@example.com", "other@example.com"]),
///     ("Another subject", "Here is another", "from@example.com", vec!["second@example.com"]),
/// ])
/// .await?;
/// assert_eq!(reports.count(), 2);
/// # Ok(())
/// # }).await
/// # }
/// ```
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

/// Prepares a mail to the people in the setting `ADMINS`: Django's `mail_admins`.
///
/// It comes from `SERVER_EMAIL`, and `EMAIL_SUBJECT_PREFIX` stands before its subject. When the setting is empty, nothing
/// is done: the report says [`Skipped`](crate::Status::Skipped).
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), posthaste::Error> {
/// use posthaste::{Outbox, Settings, mail_admins};
///
/// let mut settings = Settings::default();
/// settings.admins = vec!["Ann <ann@example.com>".into()];
/// let outbox = Outbox::new();
/// let report = outbox.mailer_for(settings).scope(async { mail_admins("Disk", "is full").await }).await?;
/// assert_eq!(report.count(), 1);
/// assert_eq!(outbox.messages()[0].subject, "[Django] Disk");
/// # Ok(())
/// # }
/// ```
pub fn mail_admins(
    subject: impl Into<String>,
    body: impl Into<String>,
) -> Sending<'static, EmailMessage> {
    Sending::to_admins(subject, body)
}

/// Prepares a mail to the people in the setting `MANAGERS`: Django's `mail_managers`. See [`mail_admins`].
pub fn mail_managers(
    subject: impl Into<String>,
    body: impl Into<String>,
) -> Sending<'static, EmailMessage> {
    Sending::to_managers(subject, body)
}

/// Prepares a connection: Django's `get_connection`.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), posthaste::Error> {
/// # let outbox = posthaste::Outbox::new();
/// # outbox.mailer().scope(async {
/// use posthaste::{get_connection, send_mail};
///
/// let mut connection = get_connection().backend("locmem").build()?;
/// connection.open().await?;
/// let one = send_mail("One", "", "a@example.com", ["b@example.com"]).connection(&mut connection).await?;
/// let two = send_mail("Two", "", "a@example.com", ["b@example.com"]).connection(&mut connection).await?;
/// assert_eq!(one.count() + two.count(), 2);
/// connection.close().await?;
/// # Ok(())
/// # }).await
/// # }
/// ```
pub fn get_connection() -> ConnectionBuilder<Async> {
    ConnectionBuilder::new()
}

impl<'c, P: Payload> IntoFuture for Sending<'c, P, Async> {
    type Output = Result<P::Outcome, Error>;
    type IntoFuture = BoxFuture<'c, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
