//! The pages.

use std::sync::Arc;

use axum::Router;

use crate::inbox::Shared;

/// The routes of the pages.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
}
