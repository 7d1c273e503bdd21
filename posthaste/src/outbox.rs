//! Where the mail of a test lands.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use posthaste_message::{EmailMessage, Envelope};

use crate::mailer::Mailer;
use crate::settings::Settings;

/// The messages that the backend `locmem` was given: Django's `mail.outbox`, but one for each test.
///
/// Clones share the same messages.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), posthaste::Error> {
/// use posthaste::{Outbox, send_mail};
///
/// async fn register(name: &str) -> Result<(), posthaste::Error> {
///     send_mail("Welcome", name, "shop@example.com", ["ann@example.com"]).await?;
///     Ok(())
/// }
///
/// let outbox = Outbox::new();
/// outbox.mailer().scope(register("Ann")).await?;
///
/// let mails = outbox.messages();
/// assert_eq!(mails.len(), 1);
/// assert_eq!(mails[0].subject, "Welcome");
/// assert_eq!(mails[0].to, ["ann@example.com"]);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "tokio"))] fn main() {}
/// ```
#[derive(Clone, Debug, Default)]
pub struct Outbox(Arc<Mutex<Vec<OutboxMessage>>>);

/// A message in an [`Outbox`], with what is known of its sending. It derefs to the message.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OutboxMessage {
    /// The message, as it was when it was sent.
    pub message: EmailMessage,
    /// Who it went to, those in `bcc` too.
    pub envelope: Envelope,
    /// The `Message-ID` of its report, with angle brackets.
    pub message_id: String,
    /// The mailer it was sent by; `default` if no other was asked for.
    pub sent_using: String,
}

impl Deref for OutboxMessage {
    type Target = EmailMessage;

    fn deref(&self) -> &EmailMessage {
        &self.message
    }
}

impl Outbox {
    /// An empty outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A mailer that stores all mail here, with Django's default settings.
    #[must_use]
    pub fn mailer(&self) -> Mailer {
        self.mailer_for(Settings::default())
    }

    /// A mailer with these settings that stores all mail here, whatever backend they name: what Django's test runner does.
    #[must_use]
    pub fn mailer_for(&self, settings: Settings) -> Mailer {
        Mailer::new(settings.with_every_backend("locmem")).with_outbox(self.clone())
    }

    /// Copies of all messages, in the order of their sending.
    #[must_use]
    pub fn messages(&self) -> Vec<OutboxMessage> {
        self.lock().clone()
    }

    /// All messages; the outbox is empty afterwards.
    #[must_use]
    pub fn take(&self) -> Vec<OutboxMessage> {
        std::mem::take(&mut *self.lock())
    }

    /// How many messages there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether nothing was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Forgets all messages.
    pub fn clear(&self) {
        self.lock().clear();
    }

    pub(crate) fn push(&self, message: OutboxMessage) {
        self.lock().push(message);
    }

    /// A test that panicked has left a whole list behind: nothing is changed in two steps.
    fn lock(&self) -> MutexGuard<'_, Vec<OutboxMessage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
