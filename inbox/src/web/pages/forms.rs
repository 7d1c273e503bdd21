//! What forms of the pages do. The guard has made sure that they come from our own pages.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use minijinja::context;
use serde::Deserialize;

use super::message;
use super::site::{self, Problem, Site};
use crate::inbox::Shared;
use crate::mail::Id;
use crate::query::Query;
use crate::store::Page;

/// So many mails are deleted in one go.
const BATCH: usize = 1000;

#[derive(Debug, Deserialize)]
pub(super) struct Mark {
    read: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Clear {
    /// The newest mail that was there when it was asked for: what came since stays.
    upto: Id,
}

/// Deletes a mail.
pub(super) async fn delete(
    site: Site,
    Path(id): Path<String>,
    State(shared): State<Arc<Shared>>,
) -> Result<Redirect, Problem> {
    let mail = site::mail(&site, &shared, &id).await?;
    remove(&site, &shared, vec![mail.id]).await?;
    Ok(site.back())
}

/// Marks a mail as read, or as not read.
pub(super) async fn mark(
    site: Site,
    Path(id): Path<String>,
    State(shared): State<Arc<Shared>>,
    Form(mark): Form<Mark>,
) -> Result<Redirect, Problem> {
    let mail = site::mail(&site, &shared, &id).await?;
    let marked = shared.mark(mail.id, mark.read).await;
    marked.map_err(|error| site.failed(error))?;
    Ok(site.back())
}

/// Sends a mail on to those of its recipients whom the relay is for.
pub(super) async fn release(
    site: Site,
    Path(id): Path<String>,
    State(shared): State<Arc<Shared>>,
) -> Result<Redirect, Problem> {
    let mail = site::mail(&site, &shared, &id).await?;
    let Some(relay) = &shared.relay else {
        return Err(site.missing());
    };
    let refused = |why| site.problem(StatusCode::BAD_GATEWAY, "Not sent on", why);
    let to = message::released(&mail, &shared);
    let released = relay.send(&mail, &to).await;
    let released = released.map_err(|error| refused(error.to_string()))?;
    let rejected = released.rejected.iter();
    let rejected: Vec<_> = rejected
        .map(|(address, reply)| format!("{address}: {reply}"))
        .collect();
    if rejected.is_empty() {
        Ok(Redirect::to(&format!("{}/m/{}", site.base, mail.id)))
    } else {
        Err(refused(rejected.join("; ")))
    }
}

/// Asks whether all mails of a list are really to go.
pub(super) async fn ask(
    site: Site,
    State(shared): State<Arc<Shared>>,
) -> Result<Response, Problem> {
    let query = wanted(&site)?;
    let found = shared.store.list(&query, Page::default()).await;
    let found = found.map_err(|error| site.failed(error))?;
    let values = context! { total => found.total, upto => site.stats.last };
    site.page("clear.html", "clear", values)
}

/// Deletes all mails of a list that were there when it was asked.
pub(super) async fn clear(
    site: Site,
    State(shared): State<Arc<Shared>>,
    Form(form): Form<Clear>,
) -> Result<Redirect, Problem> {
    let query = wanted(&site)?;
    let mut before = form.upto.saturating_add(1);
    loop {
        let page = Page {
            before: Some(before),
            limit: BATCH,
            ..Page::default()
        };
        let found = shared.store.list(&query, page).await;
        let found = found.map_err(|error| site.failed(error))?;
        let ids: Vec<_> = found.mails.iter().map(|(mail, _)| mail.id).collect();
        let Some(last) = ids.last() else { break };
        before = *last;
        remove(&site, &shared, ids).await?;
    }
    Ok(site.back())
}

fn wanted(site: &Site) -> Result<Query, Problem> {
    let invalid = |why| site.problem(StatusCode::BAD_REQUEST, "Cannot search", why);
    site.asked.query().map_err(invalid)
}

async fn remove(site: &Site, shared: &Shared, ids: Vec<Id>) -> Result<(), Problem> {
    let query = Query {
        ids,
        ..Query::default()
    };
    let gone = shared.delete(&query).await;
    gone.map_err(|error| site.failed(error))?;
    Ok(())
}
