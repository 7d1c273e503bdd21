//! The page of fault rules.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::response::{Redirect, Response};
use minijinja::context;
use serde::Deserialize;

use super::site::{Problem, Site};
use crate::inbox::Shared;

/// Rules to begin with.
const EXAMPLES: [(&str, &str); 9] = [
    (
        "An address does not exist",
        r#"{"at":"rcpt","rcpt":"gone@*","reply":"550 5.1.1 no such user"}"#,
    ),
    (
        "Invoices are put off twice, then taken",
        r#"{"at":"end","subject":"*invoice*","reply":"451 4.7.1 try again","times":2}"#,
    ),
    (
        "A domain answers late",
        r#"{"at":"rcpt","rcpt":"*@slow.example","delay_ms":3000}"#,
    ),
    (
        "More than ten mails a second are too many",
        r#"{"at":"mail","rate":"10/s","reply":"421 4.7.0 too fast","close":true}"#,
    ),
    (
        "The connection dies in the content",
        r#"{"at":"data","after_bytes":65536,"reset":true}"#,
    ),
    (
        "Stored, but never answered: a retry makes a second one",
        r#"{"at":"end","after_store":true,"drop":true}"#,
    ),
    (
        "A server that is behind the times",
        r#"{"at":"ehlo","hide":["PIPELINING","CHUNKING"]}"#,
    ),
    (
        "A certificate that is over",
        r#"{"at":"starttls","certificate":"expired"}"#,
    ),
    (
        "Two in a hundred commands crawl, the same ones in every run",
        r#"{"at":"any","prob":0.02,"seed":7,"throttle_bps":8000}"#,
    ),
];

/// What an address can ask for by itself.
const ADDRESSES: [(&str, &str); 4] = [
    ("550-5.1.1@fault.test", "is refused with this code"),
    ("once-451-4.7.1@fault.test", "is refused once, then taken"),
    ("delay-3s@fault.test", "is answered late"),
    ("drop@fault.test", "ends the connection"),
];

#[derive(Debug, Deserialize)]
pub(super) struct Rules {
    rules: String,
    clear: Option<String>,
}

/// The page.
pub(super) async fn show(
    site: Site,
    State(_shared): State<Arc<Shared>>,
) -> Result<Response, Problem> {
    page(&site, "", None)
}

/// Takes other rules.
pub(super) async fn change(
    site: Site,
    State(_shared): State<Arc<Shared>>,
    Form(form): Form<Rules>,
) -> Result<Result<Redirect, Response>, Problem> {
    if form.clear.is_some() {
        return Ok(Ok(Redirect::to(&format!("{}/faults", site.base))));
    }
    page(&site, &form.rules, Some("not yet".to_owned())).map(Err)
}

fn page(site: &Site, written: &str, error: Option<String>) -> Result<Response, Problem> {
    let examples: Vec<_> = EXAMPLES
        .into_iter()
        .map(|(what, rule)| context! { what, rule })
        .collect();
    let addresses: Vec<_> = ADDRESSES
        .into_iter()
        .map(|(address, what)| context! { address, what })
        .collect();
    let values = context! {
        written,
        error,
        rows => written.lines().count().clamp(4, 20),
        examples,
        addresses,
    };
    site.page("faults.html", "faults", values)
}
