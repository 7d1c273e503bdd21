//! The language of searches.

use std::fmt;
use std::str::FromStr;

use crate::mail::{Id, Mail};

/// What to look for. An empty one finds all.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only these mails, where any are named.
    pub ids: Vec<Id>,
    /// Only mails of this box.
    pub mailbox: Option<String>,
    /// Only mails that the server took (`Some(true)`), or did not.
    pub taken: Option<bool>,
}

impl Query {
    /// Whether it finds a mail.
    pub fn matches(&self, mail: &Mail, _is_read: bool) -> bool {
        (self.ids.is_empty() || self.ids.contains(&mail.id))
            && self
                .mailbox
                .as_ref()
                .is_none_or(|name| *name == mail.mailbox)
            && self.taken.is_none_or(|taken| taken == mail.is_taken())
    }
}

/// Why a text is no query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidQuery(pub String);

impl fmt::Display for InvalidQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidQuery {}

impl FromStr for Query {
    type Err = InvalidQuery;

    fn from_str(_text: &str) -> Result<Self, InvalidQuery> {
        Ok(Self::default())
    }
}
