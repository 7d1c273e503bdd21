//! Who logs in, and with which token.

use std::time::{Duration, Instant};

use posthaste_smtp::Credentials;

use super::options::Server;
use crate::backend::{Context, Io};
use crate::error::{Error, ErrorKind, Phase};
use crate::net::{Link, Place, Wire};
use crate::settings::{Options, Secret, words};
use crate::token::command::TokenCommand;
use crate::token::{TokenRequest, Tokens};

/// How long a program may take to print a token, if nothing else is said.
const USUAL_LIMIT: Duration = Duration::from_secs(60);

/// Who logs in, and how.
#[derive(Debug)]
pub(super) enum Login {
    /// With a password, or a token that never changes.
    Fixed(Credentials),
    /// With the token of the moment.
    Tokens {
        user: String,
        tokens: Tokens,
        io: Io,
    },
}

impl Login {
    /// As in Django, a login is meant only if both name and password are given. A token means one without doubt.
    ///
    /// # Errors
    ///
    /// When an option cannot be used, or two of them exclude each other.
    pub(super) fn new(ctx: &Context<'_>) -> Result<Option<Self>, Error> {
        let options = ctx.options;
        let given = |name: &&str| {
            options
                .secret(name)
                .is_some_and(|secret| !secret.is_empty())
        };
        let mut secrets = ["password", "token", "token_command"]
            .into_iter()
            .filter(given);
        let (first, second) = (secrets.next(), secrets.next());
        if let (Some(first), Some(second)) = (first, second) {
            let message = format!("stands for {first}; set only one of them");
            return Err(Error::invalid(options.field(second), message));
        }
        let user = options.string("username").unwrap_or_default();
        let login = match (first, ctx.tokens) {
            (Some(name), _) if user.is_empty() && name != "password" => {
                let message = "a token needs a name to log in with; set username, too";
                return Err(Error::invalid(options.field(name), message));
            }
            _ if user.is_empty() => return Ok(None),
            (Some("token_command"), _) => Self::of_tokens(ctx, user, command(options)?),
            (Some(name), _) => fixed(options, user, name)?,
            (None, Some(tokens)) => Self::of_tokens(ctx, user, tokens.clone()),
            (None, None) => return Ok(None),
        };
        Ok(Some(login))
    }

    fn of_tokens(ctx: &Context<'_>, user: &str, tokens: Tokens) -> Self {
        Self::Tokens {
            user: user.to_owned(),
            tokens,
            io: ctx.io,
        }
    }

    /// Whether it is by a token.
    pub(super) fn is_by_token(&self) -> bool {
        match self {
            Self::Fixed(credentials) => credentials.is_token(),
            Self::Tokens { .. } => true,
        }
    }
}

fn fixed(options: &Options, user: &str, name: &str) -> Result<Login, Error> {
    let secret = options.secret(name).unwrap_or_default();
    let credentials = match name {
        "token" => Credentials::token(user, secret.expose()),
        _ => Credentials::password(user, secret.expose()),
    };
    credentials.map(Login::Fixed).map_err(|error| {
        let is_user = error.what() == "user name";
        let name = if is_user { "username" } else { name };
        Error::invalid(options.field(name), error.problem())
    })
}

fn command(options: &Options) -> Result<Tokens, Error> {
    let field = options.field("token_command");
    let text = options.secret("token_command").unwrap_or_default();
    let Some(words) = words(text.expose()) else {
        let message = "expected a program and its arguments; a quote is open, or a control character is in it";
        return Err(Error::invalid(field, message));
    };
    let limit = options.duration("timeout")?.unwrap_or(USUAL_LIMIT);
    Ok(Tokens::new(TokenCommand::new(words, limit, field)))
}

impl Server {
    /// Connects, hears the greeting, says hello, makes the connection safe and logs in. A token that is refused is asked
    /// for anew, once, and told over a new connection.
    ///
    /// # Errors
    ///
    /// When any of that fails, or is not done when `deadline` passes.
    pub(super) async fn connect<W: Wire>(
        &self,
        deadline: Option<Instant>,
    ) -> Result<Link<W>, Error> {
        let (user, token) = match &self.login {
            None => return self.dial(None, deadline).await,
            Some(Login::Fixed(credentials)) => {
                return self.dial(Some(credentials.clone()), deadline).await;
            }
            Some(Login::Tokens { user, .. }) => (user, self.token::<W>(false, deadline).await?),
        };
        let refusal = match self.dial(Some(credentials(user, &token)?), deadline).await {
            Err(error) if is_refusal(&error) => error,
            result => return result,
        };
        let fresh = self.token::<W>(true, deadline).await?;
        if fresh == token {
            return Err(refusal);
        }
        let again = self.dial(Some(credentials(user, &fresh)?), deadline).await;
        again.map_err(|error| match is_refusal(&error) {
            true => {
                let message = format!("{} (with a fresh token, too)", error.message());
                error.with_message(message)
            }
            false => error,
        })
    }

    async fn token<W: Wire>(
        &self,
        is_refused: bool,
        deadline: Option<Instant>,
    ) -> Result<Secret, Error> {
        let Some(Login::Tokens { user, tokens, io }) = &self.login else {
            return Ok(Secret::default());
        };
        let host = match &self.target.place {
            Place::Tcp(host, _) => host.as_str(),
            Place::Unix(_) => "localhost",
        };
        let token = tokens.token(TokenRequest {
            user,
            host,
            is_refused,
            io: *io,
        });
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        let token = W::within(deadline.map(left), token).await;
        let token = token.unwrap_or_else(|error| {
            let message = "there was no time left to get a token";
            let late = Error::new(ErrorKind::Timeout, message).with_temporary(true);
            Err(late.with_source(error))
        });
        token.map_err(|error| match error.phase() {
            Some(_) => error,
            None => error.with_phase(Phase::Auth),
        })
    }
}

fn credentials(user: &str, token: &Secret) -> Result<Credentials, Error> {
    Credentials::token(user, token.expose()).map_err(|error| {
        let message = format!(
            "the token cannot be used: {}: {}",
            error.what(),
            error.problem()
        );
        Error::new(ErrorKind::Auth, message).with_phase(Phase::Auth)
    })
}

/// Whether the server did not like the token. A refusal that may pass says nothing of it.
fn is_refusal(error: &Error) -> bool {
    let is_final = |reply: &posthaste_smtp::Reply| reply.is_permanent();
    error.kind() == ErrorKind::Auth && error.reply().is_some_and(is_final)
}
