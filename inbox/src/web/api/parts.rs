//! What is in one mail.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::json;
use super::problem::Problem;
use super::selection::{Selection, find};
use crate::check::{self, Finding};
use crate::inbox::Shared;
use crate::mail::Mail;
use crate::view::{Header, Part};

/// What all of these are asked by.
type Chosen = Result<Query<Selection>, QueryRejection>;

/// A browser that is led here keeps it in a file, and runs nothing of it.
const HARMLESS: &str = "sandbox; default-src 'none'";

/// The octets of the mail.
pub(super) async fn raw(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    chosen: Chosen,
) -> Result<Response, Problem> {
    let mail = mail(&shared, &id, chosen).await?;
    let name = format!("attachment; filename=\"{}.eml\"", mail.id);
    Ok(as_file("message/rfc822", &name, mail.raw.to_vec()))
}

/// The octets of a part.
pub(super) async fn part(
    State(shared): State<Arc<Shared>>,
    Path((id, path)): Path<(String, String)>,
    chosen: Chosen,
) -> Result<Response, Problem> {
    let mail = mail(&shared, &id, chosen).await?;
    let bytes = mail
        .part_bytes(&path)
        .ok_or_else(|| Problem::not_found(format!("Mail {} has no part {path}.", mail.id)))?;
    Ok(as_file("application/octet-stream", "attachment", bytes))
}

/// The plain text.
pub(super) async fn text(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    chosen: Chosen,
) -> Result<Response, Problem> {
    let mail = mail(&shared, &id, chosen).await?;
    let text = mail.view().text.clone();
    text.map(as_text)
        .ok_or_else(|| Problem::not_found(format!("Mail {} has no plain text.", mail.id)))
}

/// The HTML, as text: as HTML it would be a page of this server.
pub(super) async fn html(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    chosen: Chosen,
) -> Result<Response, Problem> {
    let mail = mail(&shared, &id, chosen).await?;
    let html = mail.view().html.clone();
    html.map(as_text)
        .ok_or_else(|| Problem::not_found(format!("Mail {} has no HTML.", mail.id)))
}

/// The headers, in order.
pub(super) async fn headers(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    chosen: Chosen,
) -> Result<Json<Vec<Header>>, Problem> {
    let mail = mail(&shared, &id, chosen).await?;
    Ok(Json(mail.view().headers.clone()))
}

/// The parts.
pub(super) async fn tree(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    chosen: Chosen,
) -> Result<Json<Part>, Problem> {
    let mail = mail(&shared, &id, chosen).await?;
    Ok(Json(mail.view().tree.clone()))
}

/// What was said on the connection.
pub(super) async fn transcript(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    chosen: Chosen,
) -> Result<Json<Vec<Value>>, Problem> {
    let mail = mail(&shared, &id, chosen).await?;
    Ok(Json(mail.transcript.iter().map(json::line).collect()))
}

/// What the checks found.
pub(super) async fn checks(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    chosen: Chosen,
) -> Result<Json<Vec<Finding>>, Problem> {
    let mail = mail(&shared, &id, chosen).await?;
    Ok(Json(check::run(&mail)))
}

async fn mail(shared: &Shared, id: &str, chosen: Chosen) -> Result<Arc<Mail>, Problem> {
    let Query(selection) = chosen?;
    let (mail, _) = find(shared, id, &selection).await?;
    Ok(mail)
}

fn as_text(text: String) -> Response {
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

fn as_file(content_type: &str, disposition: &str, bytes: Vec<u8>) -> Response {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CONTENT_DISPOSITION, disposition),
        (CONTENT_SECURITY_POLICY, HARMLESS),
    ];
    (headers, bytes).into_response()
}
