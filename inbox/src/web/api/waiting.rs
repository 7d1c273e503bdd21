//! Waiting for mail, over HTTP.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::json::{Whole, row};
use super::problem::Problem;
use super::selection::{Taken, search};
use crate::fault::Pattern;
use crate::inbox::Shared;
use crate::mail::{Id, Mail};
use crate::store::{Page, StoreError};
use crate::wait;

/// Nobody waits longer.
const LONGEST: u64 = 10 * 60 * 1000;
/// At most so many mails are waited for.
const MOST: usize = 1000;
/// So many that are not what was waited for are told of.
const OTHERS: usize = 20;

/// What to wait for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    to: Option<String>,
    from: Option<String>,
    subject: Option<String>,
    q: Option<String>,
    #[serde(rename = "box")]
    mailbox: Option<String>,
    taken: Option<Taken>,
    after: Option<Id>,
    count: Option<usize>,
    timeout_ms: Option<u64>,
}

/// Answers when the mail is there, or the time is over.
pub(super) async fn wait(
    State(shared): State<Arc<Shared>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(wanted) = wanted?;
    let query = search(
        &wanted.text()?,
        wanted.mailbox.as_deref(),
        wanted.taken.unwrap_or(Taken::Yes),
    )?;
    let count = wanted.count.unwrap_or(1).clamp(1, MOST);
    let limit = wanted.timeout_ms.unwrap_or(5000).min(LONGEST);
    let which = wait::Wanted {
        query: &query,
        fits: &|mail| wanted.fits(mail),
        after: wanted.after,
        count,
    };
    let mails = shared.wait(&which, Duration::from_millis(limit)).await?;
    let messages: Vec<_> = mails
        .iter()
        .map(|mail| Whole::of(mail, mail.view(), false))
        .collect();
    if mails.len() >= count {
        let after = mails.last().map(|mail| mail.id);
        return Ok(Json(json!({"messages": messages, "after": after})).into_response());
    }
    let others = others(&shared, &wanted, &mails).await?;
    let came = format!("{} of {count} came within {limit} ms", mails.len());
    let problem = Problem::new(StatusCode::REQUEST_TIMEOUT, came)
        .with("messages", json!(messages))
        .with("others", json!(others));
    Ok(problem.into_response())
}

/// The newest of what came instead.
async fn others(
    shared: &Shared,
    wanted: &Wanted,
    mails: &[Arc<Mail>],
) -> Result<Vec<Value>, StoreError> {
    let page = Page {
        before: None,
        after: wanted.after,
        limit: OTHERS,
    };
    let found = shared.store.list(&Default::default(), page).await?;
    let others = found.mails.iter().map(|(mail, _)| mail);
    Ok(others
        .filter(|other| mails.iter().all(|mail| mail.id != other.id))
        .map(|other| row(other))
        .collect())
}

impl Wanted {
    /// What of it is a search.
    fn text(&self) -> Result<String, Problem> {
        let mut text = self.q.clone().unwrap_or_default();
        if let Some(subject) = &self.subject {
            if subject.contains('"') {
                return Err(Problem::bad_request(
                    "subject: may have no quotes in it; use q",
                ));
            }
            let _ = write!(text, " subject:\"{subject}\"");
        }
        Ok(text)
    }

    /// Whether it is from and to whom it has to be. A search would take `ann@example.community` for `ann@example.com`.
    fn fits(&self, mail: &Mail) -> bool {
        let is_for = |wanted: &Option<String>, address: &str| {
            let wanted = wanted.as_deref().map(Pattern::new);
            wanted.is_none_or(|wanted| wanted.fits(address))
        };
        let author = mail.view().from.first().map(|from| from.address.clone());
        let mut recipients = mail.envelope.recipients.iter();
        (self.to.is_none() || recipients.any(|to| is_for(&self.to, &to.address)))
            && (is_for(&self.from, &mail.envelope.mail_from)
                || is_for(&self.from, &author.unwrap_or_default()))
    }
}
