//! What this inbox is, and how to send to it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::response::Response;
use minijinja::{Value, context};

use super::render::octets;
use super::site::{Problem, Site};
use crate::inbox::Shared;

/// The words that a search knows.
const WORDS: [(&str, &str); 14] = [
    ("from: to: cc: subject:", "where a word is"),
    ("body: file:", "in the text, in the name of an attachment"),
    ("rcpt:", "a recipient of the envelope"),
    ("bcc:", "a recipient that no header names"),
    ("header:NAME=words", "any header"),
    ("has:attachment", "or inline, html, text, link, code, tag"),
    ("is:unread", "or read, taken, refused, tagged"),
    (
        "before:2026-12-01 after:2h",
        "when it came: a day, a time, or so long ago",
    ),
    ("larger:1M smaller:10k", "its size"),
    ("box:NAME user:NAME", "who logged in"),
    ("tag:NAME", "with this tag"),
    ("code:550", "an answer of the server: 550, 5, 5.1.1"),
    ("\"two words\"", "exactly these words"),
    ("-word -to:ann", "not this"),
];

/// The page.
pub(super) async fn show(
    site: Site,
    State(_shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let api = format!("http://{}{}/api/v1", host.unwrap_or("localhost"), site.base);
    let stats = &site.stats;
    let figures = [
        ("Mail is taken at", site.smtp.clone()),
        ("Mails", stats.mails.to_string()),
        ("Not read", stats.unread.to_string()),
        ("Their size", octets(stats.octets)),
        ("Dropped, to make room", stats.dropped.to_string()),
        ("Newest number", stats.last.to_string()),
    ];
    let figures: Vec<_> = figures
        .into_iter()
        .map(|(name, value)| context! { name, value })
        .collect();
    let words: Vec<_> = WORDS
        .into_iter()
        .map(|(word, what)| context! { word, what })
        .collect();
    let values = context! {
        figures,
        words,
        wait => format!("curl '{api}/wait?to=ann@example.com&timeout_ms=5000'"),
        version => env!("CARGO_PKG_VERSION"),
        ..setup(&site)
    };
    site.page("about.html", "about", values)
}

/// How to send to it.
pub(super) fn setup(site: &Site) -> Value {
    let (host, port) = site.smtp.rsplit_once(':').unwrap_or((&site.smtp, ""));
    let host = host.trim_matches(['[', ']']);
    let settings = [
        "EMAIL_BACKEND=smtp".to_owned(),
        format!("EMAIL_HOST={host}"),
        format!("EMAIL_PORT={port}"),
        "EMAIL_HOST_USER=".to_owned(),
    ];
    let command =
        format!("EMAIL_HOST={host} EMAIL_PORT={port} posthaste sendtestemail ann@example.com");
    context! { settings, command }
}
