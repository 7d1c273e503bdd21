//! Where access tokens come from.

pub(crate) mod command;

use std::fmt;
use std::sync::Arc;

use crate::backend::{BoxFuture, Io};
use crate::error::Error;
use crate::settings::Secret;

/// Gives out OAuth 2.0 access tokens to log in with; see [`Mailer::token_provider`](crate::Mailer::token_provider).
///
/// It is asked for each new connection, so it should remember its token for as long as that is good. When the server
/// refuses a token it is asked once more, and then [`is_refused`](TokenRequest::is_refused) says so.
///
/// # Examples
///
/// A provider that awaits its tokens. [`Mailer::token_from`](crate::Mailer::token_from) is shorter for one that does not.
///
/// ```
/// use posthaste::{BoxFuture, Error, Mailer, Secret, Settings, TokenProvider, TokenRequest};
///
/// struct Identity;
///
/// impl Identity {
///     async fn fetch(&self, user: &str) -> Result<String, Error> {
///         Ok(format!("a token for {user}"))
///     }
/// }
///
/// impl TokenProvider for Identity {
///     fn token<'a>(&'a self, request: TokenRequest<'a>) -> BoxFuture<'a, Result<Secret, Error>> {
///         Box::pin(async move { Ok(self.fetch(request.user).await?.into()) })
///     }
/// }
///
/// let mut settings = Settings::default();
/// settings.email_host_user = "ann@example.com".into();
/// let mailer = Mailer::new(settings).token_provider(Identity);
/// ```
pub trait TokenProvider: Send + Sync {
    /// Gives a token.
    ///
    /// # Errors
    ///
    /// When there is none to be had. The messages that wait for it fail with this error.
    fn token<'a>(&'a self, request: TokenRequest<'a>) -> BoxFuture<'a, Result<Secret, Error>>;
}

/// What a token is wanted for.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct TokenRequest<'a> {
    /// The name to log in with.
    pub user: &'a str,
    /// The mail server.
    pub host: &'a str,
    /// Whether the server refused the last token, so that only a new one is of use.
    pub is_refused: bool,
    /// How to wait: by blocking the thread, or on tokio.
    pub io: Io,
}

/// A provider that is shared.
#[derive(Clone)]
pub(crate) struct Tokens(Arc<dyn TokenProvider>);

impl Tokens {
    pub(crate) fn new(provider: impl TokenProvider + 'static) -> Self {
        Self(Arc::new(provider))
    }

    /// Of a function that does not wait, or that may block where it does.
    pub(crate) fn from_function(
        function: impl Fn(TokenRequest<'_>) -> Result<Secret, Error> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Function(function))
    }

    pub(crate) async fn token(&self, request: TokenRequest<'_>) -> Result<Secret, Error> {
        self.0.token(request).await
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

struct Function<F>(F);

impl<F> TokenProvider for Function<F>
where
    F: Fn(TokenRequest<'_>) -> Result<Secret, Error> + Send + Sync,
{
    fn token<'a>(&'a self, request: TokenRequest<'a>) -> BoxFuture<'a, Result<Secret, Error>> {
        Box::pin(async move { (self.0)(request) })
    }
}
