//! What programs ask for. `openapi.json` describes it; a test compares the two.

mod events;
mod faults;
mod json;
mod messages;
mod parts;
mod problem;
mod release;
mod selection;
mod waiting;

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use self::problem::Problem;
use crate::inbox::Shared;

/// What describes the API (OpenAPI 3.1).
const DOCUMENT: &str = include_str!("api/openapi.json");

/// The routes of the API.
pub(super) fn routes() -> Router<Arc<Shared>> {
    table()
        .into_iter()
        .fold(Router::new(), |router, (path, methods)| {
            router.route(path, methods)
        })
        .route("/api/{*path}", axum::routing::any(unknown))
}

fn table() -> Vec<(&'static str, MethodRouter<Arc<Shared>>)> {
    vec![
        (
            "/api/v1/messages",
            get(messages::list)
                .post(messages::put_in)
                .delete(messages::delete_all)
                .layer(axum::extract::DefaultBodyLimit::disable()),
        ),
        (
            "/api/v1/messages/{id}",
            get(messages::show)
                .patch(messages::mark)
                .delete(messages::delete_one),
        ),
        ("/api/v1/messages/{id}/release", post(release::release)),
        ("/api/v1/messages/{id}/raw", get(parts::raw)),
        ("/api/v1/messages/{id}/text", get(parts::text)),
        ("/api/v1/messages/{id}/html", get(parts::html)),
        ("/api/v1/messages/{id}/headers", get(parts::headers)),
        ("/api/v1/messages/{id}/tree", get(parts::tree)),
        ("/api/v1/messages/{id}/parts/{path}", get(parts::part)),
        ("/api/v1/messages/{id}/transcript", get(parts::transcript)),
        ("/api/v1/messages/{id}/checks", get(parts::checks)),
        (
            "/api/v1/faults",
            get(faults::list)
                .put(faults::replace)
                .post(faults::push)
                .delete(faults::delete),
        ),
        ("/api/v1/wait", get(waiting::wait)),
        ("/api/v1/events", get(events::stream)),
        ("/api/v1/info", get(info)),
        ("/api/v1/openapi.json", get(document)),
        ("/healthz", get(async || "ok\n")),
    ]
}

/// What is kept, and where it comes in.
async fn info(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, Problem> {
    let stats = shared.store.stats().await?;
    let boxes: Vec<_> = stats
        .boxes
        .iter()
        .map(|(name, mails)| json!({"name": name, "messages": mails}))
        .collect();
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "smtp": shared.place.smtp.map(|address| address.to_string()),
        "web": shared.place.web.map(|address| address.to_string()),
        "relay": shared.relay.is_some(),
        "messages": stats.mails,
        "unread": stats.unread,
        "octets": stats.octets,
        "dropped": stats.dropped,
        "last": stats.last,
        "boxes": boxes,
    })))
}

async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}

async fn unknown() -> Problem {
    Problem::not_found("There is nothing here; /api/v1/openapi.json says what there is.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_the_routes_that_there_are() {
        let document: Value = serde_json::from_str(DOCUMENT).expect("JSON");
        let described = document["paths"].as_object().expect("an object");
        let mut described: Vec<_> = described.keys().map(String::as_str).collect();
        described.sort_unstable();
        let mut routes: Vec<_> = table().iter().map(|(path, _)| *path).collect();
        routes.sort_unstable();
        assert_eq!(described, routes);
    }
}
