//! Sending a mail on.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::selection::{Selection, find};
use crate::inbox::Shared;

/// At most so many recipients at a time.
const MOST: usize = 100;

/// Whom to send it to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    to: Vec<String>,
}

/// Sends a mail on to the relay, if there is one and it is for these recipients.
pub(super) async fn release(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    release: Result<Json<Release>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Some(relay) = &shared.relay else {
        let text = "This inbox sends nothing on: it was started without a relay.";
        return Err(Problem::new(StatusCode::FORBIDDEN, text));
    };
    let Json(Release { to }) = release?;
    if to.is_empty() || to.len() > MOST {
        return Err(Problem::bad_request(format!(
            "to: expected 1 to {MOST} recipients"
        )));
    }
    if let Some(address) = to.iter().find(|address| !relay.allows(address)) {
        let text = format!("Mail may not be sent on to {address}.");
        return Err(Problem::new(StatusCode::FORBIDDEN, text));
    }
    let (mail, _) = find(&shared, &id, &Selection::default()).await?;
    let released = relay.send(&mail, &to).await.map_err(|error| {
        let text = format!("The relay did not take it: {error}");
        Problem::new(StatusCode::BAD_GATEWAY, text)
    })?;
    let rejected = released.rejected.iter().map(|(address, reply)| {
        json!({"address": address, "code": reply.code(), "message": reply.message()})
    });
    Ok(Json(json!({
        "accepted": released.accepted,
        "rejected": rejected.collect::<Vec<_>>(),
    })))
}
