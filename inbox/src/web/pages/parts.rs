//! The octets of a mail, and of its parts. None of them is ever shown as a page of ours.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::inbox::Shared;
use crate::mail::Mail;
use crate::view::Part;

/// What a browser may show: it has no script in it, whatever is done to it.
const PICTURES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// Whether a part of this type is shown rather than saved.
pub(super) fn is_picture(media_type: &str) -> bool {
    PICTURES.contains(&media_type)
}

/// The mail, octet by octet.
pub(super) async fn raw(Path(id): Path<String>, State(shared): State<Arc<Shared>>) -> Response {
    let Some(mail) = find(&shared, &id).await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = headers(
        "message/rfc822",
        &format!("attachment; filename=\"{}.eml\"", mail.id),
    );
    (headers, mail.raw.to_vec()).into_response()
}

/// A part of it.
pub(super) async fn show(
    Path((id, path)): Path<(String, String)>,
    State(shared): State<Arc<Shared>>,
) -> Response {
    let content = find(&shared, &id).await.and_then(|mail| {
        let part = at(&mail.view().tree, &path)?;
        Some((headers_of(part), mail.part_bytes(&path)?))
    });
    content.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        IntoResponse::into_response,
    )
}

/// The mail of this number.
pub(super) async fn find(shared: &Shared, id: &str) -> Option<Arc<Mail>> {
    shared.store.get(id.parse().ok()?).await.ok()?
}

fn at<'a>(part: &'a Part, path: &str) -> Option<&'a Part> {
    if part.path == path {
        return Some(part);
    }
    part.children.iter().find_map(|child| at(child, path))
}

fn headers_of(part: &Part) -> HeaderMap {
    let name = part.file_name.as_deref().unwrap_or("part");
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    if is_picture(&part.content_type) {
        headers(
            &part.content_type,
            &format!("inline; filename*=UTF-8''{name}"),
        )
    } else {
        let disposition = format!("attachment; filename*=UTF-8''{name}");
        headers("application/octet-stream", &disposition)
    }
}

fn headers(media_type: &str, disposition: &str) -> HeaderMap {
    let pairs = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_DISPOSITION, disposition),
        (
            header::CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let pairs = pairs.into_iter().filter_map(|(name, value)| {
        // All are ASCII by now.
        Some((name, HeaderValue::from_str(value).ok()?))
    });
    pairs.collect()
}
