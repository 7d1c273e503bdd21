//! What a backend is, and what it is made from.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use posthaste_message::{Date, EmailMessage, Mailbox, RenderOptions, Transfer};

use crate::error::Error;
use crate::outbox::Outbox;
use crate::pool::Pools;
use crate::report::Report;
use crate::settings::{Options, Origin, Settings};
use crate::token::Tokens;

/// A future that an object-safe trait can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One connection to something that takes mail.
///
/// A backend sends, stores, prints or forgets messages. Only [`send_messages`](Self::send_messages) has to be written.
/// [`Mailer::register`](crate::Mailer::register) gives it a name that settings can use, and
/// [`testing::conformance`](crate::testing::conformance) checks it.
///
/// # Examples
///
/// A backend that counts.
///
/// ```
/// use posthaste::{Backend, BoxFuture, EmailMessage, Mailer, Report, Settings};
///
/// struct Counter(usize);
///
/// impl Backend for Counter {
///     fn send_messages<'a>(&'a mut self, messages: &'a [EmailMessage]) -> BoxFuture<'a, Vec<Report>> {
///         self.0 += messages.len();
///         Box::pin(async { messages.iter().map(|_| Report::sent("<1@example.com>", vec![])).collect() })
///     }
/// }
///
/// let mut settings = Settings::default();
/// settings.email_backend = "counter".into();
/// let mailer = Mailer::new(settings).register("counter", |_| Ok(Box::new(Counter(0))));
/// let message = EmailMessage::new("Hello", "").to(["a@example.com"]);
/// assert_eq!(mailer.blocking().send(&message).count(), 1);
/// ```
pub trait Backend: Send {
    /// Opens the connection, so that more than one batch goes over it. `true` if it was not open before.
    ///
    /// # Errors
    ///
    /// When there is no connection to be had.
    fn open(&mut self) -> BoxFuture<'_, Result<bool, Error>> {
        Box::pin(async { Ok(false) })
    }

    /// Closes the connection, if it is open.
    ///
    /// # Errors
    ///
    /// When what was sent may be lost by it. A server that does not answer a goodbye is no error.
    fn close(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    /// Sends all messages and returns one report for each, in their order.
    ///
    /// A message that fails is reported, and the next one is tried all the same. If the connection is not open, it is
    /// opened and, at the end, closed.
    fn send_messages<'a>(&'a mut self, messages: &'a [EmailMessage]) -> BoxFuture<'a, Vec<Report>>;

    /// Sends all messages as [`send_messages`](Self::send_messages) does, and gives each report to `report` as soon as it is
    /// known, with the place of its message. Each message has one report; their order is that of the answers.
    ///
    /// By default the reports come when all messages are sent.
    fn send_messages_with<'a>(
        &'a mut self,
        messages: &'a [EmailMessage],
        report: &'a mut (dyn FnMut(usize, Report) + Send),
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let reports = self.send_messages(messages).await;
            for (place, one) in reports.into_iter().enumerate() {
                report(place, one);
            }
        })
    }
}

/// How a backend has to wait.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io {
    /// By blocking the thread: its futures are ready when they are first polled. There is no runtime.
    Blocking,
    /// On tokio.
    #[cfg(feature = "tokio")]
    Tokio,
}

/// What a backend is made from.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// All settings.
    pub settings: &'a Settings,
    /// The name of the mailer, `default` if no other was asked for.
    pub alias: &'a str,
    /// The options of this mailer.
    pub options: &'a Options,
    /// Where messages go that are to be looked at by a test.
    pub outbox: &'a Outbox,
    /// How to wait.
    pub io: Io,
    /// Whether attachments may be files of this machine.
    pub allow_files: bool,
    /// Where the mailer keeps connections.
    pub(crate) pools: &'a Pools,
    /// Whether the connection is for one call only, and may be one that is kept.
    pub(crate) is_pooled: bool,
    /// Where tokens to log in with come from.
    pub(crate) tokens: Option<&'a Tokens>,
}

impl Context<'_> {
    /// What is needed to render messages according to the settings.
    #[must_use]
    pub fn renderer(&self) -> Renderer {
        Renderer::new(self.settings, self.allow_files)
    }
}

/// Makes the options to render a message with: a backend keeps one and asks it anew for each message.
#[derive(Clone, Debug)]
pub struct Renderer {
    default_from: String,
    charset: String,
    localtime: bool,
    transfer: Transfer,
    allow_files: bool,
}

impl Renderer {
    pub(crate) fn new(settings: &Settings, allow_files: bool) -> Self {
        Self {
            default_from: settings.default_from_email.clone(),
            charset: settings.default_charset.clone(),
            localtime: settings.email_use_localtime,
            transfer: Transfer::SevenBit,
            allow_files,
        }
    }

    /// Lets text go as 8bit, for places that need not survive a mail server of the last century.
    #[must_use]
    pub fn eight_bit(mut self) -> Self {
        self.transfer = Transfer::EightBit;
        self
    }

    /// Options with this moment's date, this machine's name and a seed that nobody can guess.
    #[must_use]
    pub fn options(&self) -> RenderOptions {
        let mut options = RenderOptions::new(Date::default(), domain(), 0);
        self.renew(&mut options);
        options.default_from.clone_from(&self.default_from);
        options.charset.clone_from(&self.charset);
        options.transfer = self.transfer;
        options.allow_files = self.allow_files;
        options
    }

    /// Sets date and seed anew, so that the same options serve for the next message.
    pub(crate) fn renew(&self, options: &mut RenderOptions) {
        options.date = now(self.localtime);
        options.seed = seed();
    }
}

/// Makes backends of one kind.
pub(crate) type Factory =
    Arc<dyn Fn(&Context<'_>) -> Result<Box<dyn Backend>, Error> + Send + Sync>;

/// The backends by name.
#[derive(Clone, Default)]
pub(crate) struct Registry(BTreeMap<String, Factory>);

impl Registry {
    /// Adds a kind of backend, or replaces the one of this name.
    pub(crate) fn insert(&mut self, name: &str, factory: Factory) {
        self.0.insert(name.to_owned(), factory);
    }

    /// Makes a backend.
    ///
    /// # Errors
    ///
    /// When there is no such name, or the backend cannot be made.
    pub(crate) fn make(&self, name: &str, ctx: &Context<'_>) -> Result<Box<dyn Backend>, Error> {
        match self.0.get(name) {
            Some(factory) => factory(ctx),
            None => Err(self.unknown(name, ctx)),
        }
    }

    fn unknown(&self, name: &str, ctx: &Context<'_>) -> Error {
        let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let known = known.join(", ");
        let field = match ctx.settings.mailers.contains_key(ctx.alias) {
            true => format!("mailers.{}.backend", ctx.alias),
            false => "EMAIL_BACKEND".to_owned(),
        };
        let mut entries = ctx.settings.entries();
        let origin = match entries.find(|entry| entry.name == field) {
            Some(entry) if entry.origin != Origin::Default => format!(" ({})", entry.origin),
            _ => String::new(),
        };
        let message = format!("no backend is called {name:?}{origin}; expected one of {known}");
        Error::invalid(field, message)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// This moment, in UTC or in the system's time zone.
fn now(localtime: bool) -> Date {
    let now = Timestamp::now();
    let offset = if localtime {
        TimeZone::system().to_offset(now).seconds()
    } else {
        0
    };
    Date::from_unix(now.as_second(), offset)
}

/// This machine's name, as it may stand in a `Message-ID` and behind EHLO.
fn domain() -> &'static str {
    static DOMAIN: OnceLock<String> = OnceLock::new();
    DOMAIN.get_or_init(|| {
        let name = hostname::get().unwrap_or_default();
        usable(&name.to_string_lossy()).unwrap_or_else(|| "localhost".to_owned())
    })
}

/// The host name with its non-ASCII labels encoded, if it is a host name at all.
fn usable(name: &str) -> Option<String> {
    let mailbox = Mailbox::new(None, &format!("x@{}", name.trim_end_matches('.'))).ok()?;
    let domain = mailbox.domain()?;
    let of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (domain.len() < 254 && domain.bytes().all(of_a_name)).then(|| domain.to_owned())
}

/// A number that nobody can guess.
pub(crate) fn seed() -> u64 {
    // The standard library keeps random keys too; they serve where the system gives no numbers.
    getrandom::u64().unwrap_or_else(|_| RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_encoded_or_not_used() {
        assert_eq!(
            usable("mail.example.com.").as_deref(),
            Some("mail.example.com")
        );
        assert_eq!(usable("elżbieta").as_deref(), Some("xn--elbieta-xwb"));
        for bad in ["", "a b", "a\nb", "a@b", "(x)"] {
            assert_eq!(usable(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn dates_may_have_the_local_offset() {
        assert!(now(false).to_string().ends_with("+0000"));
    }

    #[test]
    fn seeds_differ() {
        assert_ne!(seed(), seed());
    }
}
