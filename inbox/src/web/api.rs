//! What programs ask for.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::inbox::Shared;

/// The routes of the API.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/healthz", get(async || "ok\n"))
}
