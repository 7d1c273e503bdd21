//! Which mails a request is about.

use std::sync::Arc;

use serde::Deserialize;

use super::problem::Problem;
use crate::inbox::Shared;
use crate::mail::{Id, Mail};
use crate::query::Query;
use crate::store::Page;

/// The parameters that choose mails.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Selection {
    /// A search, as in the page.
    pub(super) q: Option<String>,
    /// A box.
    #[serde(rename = "box")]
    pub(super) mailbox: Option<String>,
    /// Whether the server took them.
    pub(super) taken: Option<Taken>,
}

/// Whether the server took a mail.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Taken {
    /// It did.
    Yes,
    /// It refused it.
    No,
    /// Either.
    Any,
}

impl Selection {
    /// `otherwise` is for who does not say whether the mails were taken.
    pub(super) fn query(&self, otherwise: Taken) -> Result<Query, Problem> {
        search(
            self.q.as_deref().unwrap_or_default(),
            self.mailbox.as_deref(),
            self.taken.unwrap_or(otherwise),
        )
    }
}

/// A search, in a box or in all.
pub(super) fn search(text: &str, mailbox: Option<&str>, taken: Taken) -> Result<Query, Problem> {
    let mut query: Query = text.parse()?;
    if let Some(name) = mailbox {
        query.mailbox = Some(name.to_owned());
    }
    match taken {
        Taken::Yes => query.taken = Some(true),
        Taken::No => query.taken = Some(false),
        Taken::Any => {}
    }
    Ok(query)
}

/// The mail of a number, or the newest that is chosen by `latest`; and whether it was read.
pub(super) async fn find(
    shared: &Shared,
    id: &str,
    selection: &Selection,
) -> Result<(Arc<Mail>, bool), Problem> {
    let mut query = selection.query(Taken::Any)?;
    if id != "latest" {
        let id: Id = id.parse().map_err(|_| {
            Problem::not_found(format!(
                "{id:?} is no number of a mail; expected one, or latest"
            ))
        })?;
        query.ids = vec![id];
    }
    let page = Page {
        limit: 1,
        ..Page::default()
    };
    let found = shared.store.list(&query, page).await?;
    let first = found.mails.into_iter().next();
    first.ok_or_else(|| Problem::not_found(format!("There is no such mail: {id}")))
}
