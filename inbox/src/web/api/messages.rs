//! Mails as a collection: list, look at, put in, mark, delete.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::json::{Summary, Whole};
use super::problem::Problem;
use super::selection::{Selection, Taken, find, search};
use crate::inbox::Shared;
use crate::mail::{Arrival, Envelope, Id, Mail, Recipient};
use crate::store::Page;

/// At most so many mails are listed at once.
const MOST: usize = 1000;

/// What of the mails to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    q: Option<String>,
    #[serde(rename = "box")]
    mailbox: Option<String>,
    taken: Option<Taken>,
    limit: Option<usize>,
    before: Option<Id>,
    after: Option<Id>,
}

/// Lists mails, newest first.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    listing: Result<Query<Listing>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(listing) = listing?;
    let query = search(
        listing.q.as_deref().unwrap_or_default(),
        listing.mailbox.as_deref(),
        listing.taken.unwrap_or(Taken::Any),
    )?;
    let page = Page {
        before: listing.before,
        after: listing.after,
        limit: listing.limit.unwrap_or(50).min(MOST),
    };
    let found = shared.store.list(&query, page).await?;
    let stats = shared.store.stats().await?;
    let mails = found.mails.iter();
    let glances: Vec<_> = mails.clone().map(|(mail, _)| mail.glance()).collect();
    let messages: Vec<_> = mails
        .zip(&glances)
        .map(|((mail, read), view)| Summary::of(mail, view, *read))
        .collect();
    let oldest = found.mails.last().map(|(mail, _)| mail.id);
    Ok(Json(json!({
        "messages": messages,
        "total": found.total,
        "before": oldest.filter(|_| found.more),
        "unread": stats.unread,
        "dropped": stats.dropped,
        "last": stats.last,
    }))
    .into_response())
}

/// Shows one mail.
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    selection: Result<Query<Selection>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(selection) = selection?;
    let (mail, read) = find(&shared, &id, &selection).await?;
    Ok(Json(Whole::of(&mail, mail.view(), read)).into_response())
}

/// What can be changed of a mail.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    read: bool,
}

/// Notes that a mail was read, or not.
pub(super) async fn mark(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    change: Result<Json<Change>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(change) = change?;
    let (mail, _) = find(&shared, &id, &Selection::default()).await?;
    shared.mark(mail.id, change.read).await?;
    Ok(Json(json!({"id": mail.id, "read": change.read})))
}

/// Deletes one mail.
pub(super) async fn delete_one(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let (mail, _) = find(&shared, &id, &Selection::default()).await?;
    let query = crate::query::Query {
        ids: vec![mail.id],
        ..crate::query::Query::default()
    };
    let gone = shared.delete(&query).await?;
    Ok(Json(json!({"deleted": gone.len()})))
}

/// Deletes the mails that are chosen, or all.
pub(super) async fn delete_all(
    State(shared): State<Arc<Shared>>,
    selection: Result<Query<Selection>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let gone = shared.delete(&selection?.query(Taken::Any)?).await?;
    Ok(Json(json!({"deleted": gone.len()})))
}

/// Puts in a mail that did not come over SMTP. The envelope is in the address; what is not said there is taken from the headers.
pub(super) async fn put_in(
    State(shared): State<Arc<Shared>>,
    said: Result<Query<Vec<(String, String)>>, QueryRejection>,
    body: Body,
) -> Result<Response, Problem> {
    let Query(said) = said?;
    let mut arrival = arrival_of(said)?;
    let limits = shared.smtp.limits;
    let limit = usize::try_from(limits.message).unwrap_or(usize::MAX);
    let limit = if limit == 0 { usize::MAX } else { limit };
    let raw = to_bytes(body, limit).await.map_err(|_| {
        let text = format!("The mail has more than {limit} octets, or its end did not come.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text)
    })?;
    if raw.is_empty() {
        return Err(Problem::bad_request(
            "The body is empty; expected a mail (message/rfc822).",
        ));
    }
    arrival.raw = raw.to_vec();
    complete(&mut arrival, limits.recipients)?;
    let added = shared.keep(arrival).await?;
    let mail = &added.mail;
    let summary = Summary::of(mail, mail.view(), false);
    Ok((StatusCode::CREATED, Json(summary)).into_response())
}

/// What the address says of a mail.
fn arrival_of(said: Vec<(String, String)>) -> Result<Arrival, Problem> {
    let mut arrival = Arrival::put_in("", Envelope::default(), Vec::new());
    for (name, value) in said {
        match &*name {
            "from" => arrival.envelope.mail_from = value,
            "to" => arrival.envelope.recipients.push(accepted(value)),
            "box" => arrival.mailbox = value,
            _ => {
                return Err(Problem::bad_request(format!(
                    "{name} is unknown; expected from, to or box"
                )));
            }
        }
    }
    Ok(arrival)
}

/// Takes from the headers what was not said.
fn complete(arrival: &mut Arrival, most: usize) -> Result<(), Problem> {
    let envelope = &mut arrival.envelope;
    if envelope.mail_from.is_empty() || envelope.recipients.is_empty() {
        let alone = Arrival::put_in("", Envelope::default(), arrival.raw.clone());
        let mail = Mail::new(0, Timestamp::now(), alone);
        let view = mail.view();
        if envelope.mail_from.is_empty() {
            let from = view.from.first();
            envelope.mail_from = from.map(|from| from.address.clone()).unwrap_or_default();
        }
        if envelope.recipients.is_empty() {
            let all = view.to.iter().chain(&view.cc);
            envelope.recipients = all.map(|to| accepted(to.address.clone())).collect();
        }
    }
    if envelope.recipients.len() > most {
        return Err(Problem::bad_request(format!(
            "It has more than {most} recipients."
        )));
    }
    Ok(())
}

fn accepted(address: String) -> Recipient {
    Recipient {
        address,
        reply: None,
        orcpt: None,
        notify: None,
    }
}
