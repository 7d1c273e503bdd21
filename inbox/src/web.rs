//! The web side: pages for people, JSON for programs, and one guard before both.

mod api;
mod guard;
mod pages;
mod server;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::{Router, middleware};

use crate::inbox::Shared;

pub(crate) use guard::{Access, Token};
pub(crate) use server::serve;

/// So many octets a request may bring, where its route does not say otherwise.
const BODY: usize = 64 * 1024;

/// Everything that an inbox answers over HTTP, behind its guard.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let guard = middleware::from_fn_with_state(Arc::clone(&shared), guard::check);
    Router::new()
        .merge(pages::routes())
        .merge(api::routes())
        .layer(DefaultBodyLimit::max(BODY))
        .layer(guard)
        .with_state(shared)
}

/// What an application shows that is built for release and has not said that it may.
pub(crate) fn closed() -> Router {
    let text = "The inbox is not shown by an application that is built for release. Builder::allow_in_release would allow it.\n";
    Router::new().fallback(move || async move { (StatusCode::NOT_FOUND, text) })
}
