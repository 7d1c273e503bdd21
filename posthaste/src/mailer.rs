//! Settings and backends, put together.

use std::sync::Arc;

use posthaste_message::EmailMessage;

use crate::backend::{Backend, Context, Io, Registry, Renderer};
use crate::backends;
use crate::backends::smtp::Inspector;
use crate::blocking;
use crate::check::Diagnosis;
use crate::connection::Connection;
use crate::error::Error;
#[cfg(feature = "tokio")]
use crate::mode::Async;
use crate::mode::Mode;
use crate::net::StdWire;
#[cfg(feature = "tokio")]
use crate::net::TokioWire;
use crate::outbox::Outbox;
use crate::pool::Pools;
use crate::report::{Report, Reports};
use crate::scope::{self, Scoped};
use crate::settings::{Options, Secret, Settings};
use crate::token::{TokenProvider, TokenRequest, Tokens};

/// The name of the mailer that is used when no other is asked for.
const DEFAULT: &str = "default";

/// Sends messages as its settings say, by the backends that it knows.
///
/// Cloning it is cheap; clones send over the same connections, which are kept for a while. The backends `smtp`, `console`, `file`, `locmem` and `dummy` are there from the start.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use posthaste::{EmailMessage, Mailer, Settings, Status};
///
/// let mut settings = Settings::default();
/// settings.email_backend = "dummy".into();
/// let mailer = Mailer::new(settings);
///
/// let message = EmailMessage::new("Hello", "How are you?").to(["ann@example.com"]);
/// assert_eq!(mailer.send(&message).await.status(), Status::Sent);
/// # }
/// # #[cfg(not(feature = "tokio"))] fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct Mailer(Arc<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    settings: Settings,
    registry: Registry,
    outbox: Outbox,
    alias: String,
    allow_files: bool,
    /// Shared by all clones.
    pools: Arc<Pools>,
    tokens: Option<Tokens>,
}

impl Inner {
    fn context<'a, M: Mode>(&'a self, options: &'a Options) -> Context<'a> {
        Context {
            settings: &self.settings,
            alias: &self.alias,
            options,
            outbox: &self.outbox,
            io: M::IO,
            allow_files: self.allow_files,
            pools: &self.pools,
            is_pooled: false,
            tokens: self.tokens.as_ref(),
        }
    }
}

impl Mailer {
    /// A mailer with these settings. They are checked when a connection is made.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(Inner {
            settings,
            registry: backends::registry(),
            outbox: Outbox::new(),
            alias: DEFAULT.to_owned(),
            allow_files: true,
            pools: Arc::default(),
            tokens: None,
        }))
    }

    /// A mailer with the settings of the environment and of the settings file.
    ///
    /// # Errors
    ///
    /// When a setting cannot be used; see [`Settings::from_env`].
    pub fn from_env() -> Result<Self, Error> {
        Settings::from_env().map(Self::new)
    }

    /// The mailer that the short functions use here: that of the [scope](Self::scope), else the one that was
    /// [set](Self::set_default), else one with the settings of the environment, made once.
    ///
    /// # Errors
    ///
    /// When it has to be made from the environment, and a setting there cannot be used.
    pub fn current() -> Result<Self, Error> {
        scope::current()
    }

    /// Makes this the mailer that the short functions use everywhere but in a [scope](Self::scope).
    pub fn set_default(self) {
        scope::set_default(self);
    }

    /// Makes this the mailer that the short functions use while `future` runs.
    ///
    /// Scopes in one process do not meet, so that tests can run side by side. A task that is spawned inside has to be
    /// scoped again.
    pub fn scope<F: IntoFuture>(&self, future: F) -> Scoped<F::IntoFuture> {
        Scoped::new(self.clone(), future.into_future())
    }

    /// Gives a kind of backend a name that settings can use; a name that is taken already is replaced.
    ///
    /// ```
    /// use posthaste::backends::ConsoleBackend;
    /// use posthaste::{Mailer, Settings};
    ///
    /// let mut settings = Settings::default();
    /// settings.email_backend = "stderr".into();
    /// let mailer = Mailer::new(settings).register("stderr", |ctx| {
    ///     Ok(Box::new(ConsoleBackend::new(ctx.renderer(), std::io::stderr())))
    /// });
    /// assert!(mailer.blocking().connection().is_ok());
    /// ```
    #[must_use]
    pub fn register(
        self,
        name: &str,
        make: impl Fn(&Context<'_>) -> Result<Box<dyn Backend>, Error> + Send + Sync + 'static,
    ) -> Self {
        self.change(|inner| inner.registry.insert(name, Arc::new(make)))
    }

    /// The same mailer, sending by the named one of the settings: Django's `using`.
    ///
    /// A name that is not configured is told when a connection is made.
    #[must_use]
    pub fn using(&self, alias: impl Into<String>) -> Self {
        // What tells one mailer's connections from another's is in the options.
        self.clone().keep_pools(|inner| inner.alias = alias.into())
    }

    /// Says whether attachments may be files of this machine; they may, unless this says otherwise. Refuse it to messages
    /// that come from people who are not trusted.
    #[must_use]
    pub fn allow_files(self, allow: bool) -> Self {
        self.keep_pools(|inner| inner.allow_files = allow)
    }

    /// Logs in by OAuth 2.0 access tokens of this provider (OAUTHBEARER or XOAUTH2, as the server offers).
    ///
    /// It is asked by the SMTP backend of each mailer that has a user name (`EMAIL_HOST_USER`) and neither password, token
    /// nor token command. When the server refuses a token it is asked once more.
    #[must_use]
    pub fn token_provider(self, provider: impl TokenProvider + 'static) -> Self {
        self.change(|inner| inner.tokens = Some(Tokens::new(provider)))
    }

    /// Logs in by the tokens that a function gives: [`token_provider`](Self::token_provider) for those that do not await.
    /// On tokio it must not block.
    ///
    /// ```
    /// use posthaste::{Mailer, Settings};
    ///
    /// let mut settings = Settings::default();
    /// settings.email_host_user = "ann@example.com".into();
    /// let mailer = Mailer::new(settings).token_from(|request| {
    ///     let token = if request.is_refused { "a new token" } else { "the last token" };
    ///     Ok(token.into())
    /// });
    /// ```
    #[must_use]
    pub fn token_from(
        self,
        function: impl Fn(TokenRequest<'_>) -> Result<Secret, Error> + Send + Sync + 'static,
    ) -> Self {
        self.change(|inner| inner.tokens = Some(Tokens::from_function(function)))
    }

    /// Lets the backend `locmem` store into `outbox`.
    pub(crate) fn with_outbox(self, outbox: Outbox) -> Self {
        self.change(|inner| inner.outbox = outbox)
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Where the backend `locmem` of this mailer stores.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    /// The same mailer without a runtime: its calls block the thread.
    #[must_use]
    pub fn blocking(&self) -> blocking::Mailer {
        blocking::Mailer::from(self.clone())
    }

    /// What messages are rendered with when this mailer sends them.
    #[must_use]
    pub fn renderer(&self) -> Renderer {
        Renderer::new(&self.0.settings, self.0.allow_files)
    }

    /// Makes a connection of its own: by the named backend with what the settings say for it, or by that of the settings.
    pub(crate) fn connect<M: Mode>(
        &self,
        backend: Option<&str>,
        change: impl FnOnce(&mut Options),
    ) -> Result<Connection<M>, Error> {
        self.make(backend, false, change)
    }

    /// Makes a connection for one call, from those that are kept if the backend keeps any.
    pub(crate) fn borrow<M: Mode>(
        &self,
        change: impl FnOnce(&mut Options),
    ) -> Result<Connection<M>, Error> {
        self.make(None, true, change)
    }

    fn make<M: Mode>(
        &self,
        backend: Option<&str>,
        is_pooled: bool,
        change: impl FnOnce(&mut Options),
    ) -> Result<Connection<M>, Error> {
        let inner = &*self.0;
        let (name, mut options) = match backend {
            Some(name) => inner.settings.options_of(name),
            None => inner.settings.mailer(&inner.alias)?,
        };
        change(&mut options);
        let context = Context {
            is_pooled,
            ..inner.context::<M>(&options)
        };
        let backend = inner.registry.make(&name, &context)?;
        let fail_silently = options.flag("fail_silently")?.unwrap_or(false);
        Ok(Connection::new(name, backend, fail_silently))
    }

    /// Looks at the server of the mailer in use.
    pub(crate) async fn inspect<M: Mode>(&self) -> Result<Diagnosis, Error> {
        let inner = &*self.0;
        let (name, options) = inner.settings.mailer(&inner.alias)?;
        if name != "smtp" {
            let message = format!(
                "the backend {name:?} has no server that could be looked at; it takes smtp"
            );
            return Err(Error::invalid("EMAIL_BACKEND", message));
        }
        let domain = self.renderer().options().domain;
        let inspector = Inspector::new(&inner.context::<M>(&options), &domain)?;
        Ok(match M::IO {
            Io::Blocking => inspector.look::<StdWire>().await,
            #[cfg(feature = "tokio")]
            Io::Tokio => inspector.look::<TokioWire>().await,
        })
    }

    /// Sends one message.
    pub(crate) async fn deliver<M: Mode>(&self, message: &EmailMessage) -> Report {
        if message.recipients().next().is_none() {
            return Report::skipped();
        }
        match self.borrow::<M>(|_| ()) {
            Ok(mut connection) => connection.deliver(message).await,
            Err(error) => Report::failed(None, error),
        }
    }

    /// Sends all messages over one connection.
    pub(crate) async fn deliver_all<M: Mode>(&self, messages: &[EmailMessage]) -> Reports {
        match self.borrow::<M>(|_| ()) {
            Ok(mut connection) => connection.deliver_all(messages).await,
            Err(error) => {
                let failed = messages.iter().map(|_| Report::failed(None, error.clone()));
                Reports::from(failed.collect::<Vec<_>>())
            }
        }
    }

    /// The same mailer but for one thing. It shares no connections with what it was: they may be made otherwise now.
    fn change(self, change: impl FnOnce(&mut Inner)) -> Self {
        self.keep_pools(|inner| {
            inner.pools = Arc::default();
            change(inner);
        })
    }

    /// The same mailer but for one thing that makes no difference to connections.
    fn keep_pools(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

#[cfg(feature = "tokio")]
impl Mailer {
    /// Makes a connection. It is not opened yet.
    ///
    /// # Errors
    ///
    /// When no mailer of that name is configured, when the backend is unknown, or when an option cannot be used.
    pub fn connection(&self) -> Result<Connection<Async>, Error> {
        self.connect(None, |_| ())
    }

    /// Sends one message. One without recipients is skipped.
    ///
    /// The backend `smtp` keeps the connection for the next one. A connection that is to be used for some messages and
    /// closed afterwards is made by [`connection`](Self::connection).
    ///
    /// What goes wrong is in the report, also when no connection could be made.
    pub async fn send(&self, message: &EmailMessage) -> Report {
        self.deliver::<Async>(message).await
    }

    /// Looks at the mail server: connects and logs in as for a message, and sends none.
    ///
    /// That the server cannot be reached or does not let us in is in the [`Diagnosis`], with what to change.
    ///
    /// # Errors
    ///
    /// When no mailer of that name is configured, when its backend is not `smtp`, or when an option cannot be used.
    pub async fn check(&self) -> Result<Diagnosis, Error> {
        self.inspect::<Async>().await
    }

    /// Sends all messages over one connection, and reports on each in their order. A failure does not keep the others
    /// from being sent.
    pub async fn send_messages(&self, messages: &[EmailMessage]) -> Reports {
        self.deliver_all::<Async>(messages).await
    }
}
