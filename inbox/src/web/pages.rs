//! The pages. They are made here, work without script, and have nothing in them that a mail wrote but text.

mod about;
mod assets;
mod faults;
mod forms;
mod frame;
mod list;
mod message;
mod panels;
mod parts;
mod render;
mod site;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::inbox::Shared;

/// The routes of the pages.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(list::show))
        .route("/m/{id}", get(message::show))
        .route("/m/{id}/{tab}", get(message::show_tab))
        .route("/m/{id}/frame", get(frame::show))
        .route("/m/{id}/raw.eml", get(parts::raw))
        .route("/m/{id}/part/{path}", get(parts::show))
        .route("/m/{id}/delete", post(forms::delete))
        .route("/m/{id}/mark", post(forms::mark))
        .route("/m/{id}/release", post(forms::release))
        .route("/clear", get(forms::ask).post(forms::clear))
        .route("/faults", get(faults::show).post(faults::change))
        .route("/about", get(about::show))
        .route("/ui/{file}", get(assets::file))
        .fallback(site::nothing_here)
}
