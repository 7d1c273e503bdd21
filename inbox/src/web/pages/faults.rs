//! The page of fault rules.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::context;
use serde::Deserialize;

use super::site::{Problem, Site};
use crate::fault::{Listed, Rule};
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
const ADDRESSES: [(&str, &str); 5] = [
    ("550-5.1.1@fault.test", "is refused with this code"),
    ("once-451-4.7.1@fault.test", "is refused once, then taken"),
    ("delay-3s@fault.test", "is answered late"),
    ("end-554@fault.test", "is taken, but the content is refused"),
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
    State(shared): State<Arc<Shared>>,
) -> Result<Response, Problem> {
    let written: Vec<_> = shared.faults.list().iter().map(json).collect();
    page(&site, &shared, &written.join("\n"), None)
}

/// Takes other rules.
pub(super) async fn change(
    site: Site,
    State(shared): State<Arc<Shared>>,
    Form(form): Form<Rules>,
) -> Result<Response, Problem> {
    let rules = match form.clear {
        Some(_) => Ok(Vec::new()),
        None => read(&form.rules),
    };
    let taken = rules.and_then(|rules| {
        let taken = shared.faults.replace(rules);
        taken.map_err(|error| error.to_string())
    });
    match taken {
        Ok(()) => Ok(Redirect::to(&format!("{}/faults", site.base)).into_response()),
        Err(error) => {
            let page = page(&site, &shared, &form.rules, Some(error))?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// Rules as they are written in the form: as a list, or one on each line.
fn read(written: &str) -> Result<Vec<Rule>, String> {
    if written.trim_start().starts_with('[') {
        return serde_json::from_str(written).map_err(|error| error.to_string());
    }
    let lines = written.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| {
            let rule = serde_json::from_str(line.trim().trim_end_matches(','));
            rule.map_err(|error| format!("in line {}: {error}", at + 1))
        })
        .collect()
}

fn json(listed: &Listed) -> String {
    // A rule is plain data: this does not fail.
    serde_json::to_string(&listed.rule).unwrap_or_default()
}

fn page(
    site: &Site,
    shared: &Shared,
    written: &str,
    error: Option<String>,
) -> Result<Response, Problem> {
    let rules = shared.faults.list();
    let rules: Vec<_> = rules
        .iter()
        .map(|listed| context! { json => json(listed), hits => listed.hits })
        .collect();
    let examples: Vec<_> = EXAMPLES
        .into_iter()
        .map(|(what, rule)| context! { what, rule })
        .collect();
    let addresses: Vec<_> = ADDRESSES
        .into_iter()
        .map(|(address, what)| context! { address, what })
        .collect();
    let values = context! {
        rules,
        written,
        error,
        rows => written.lines().count().clamp(4, 20),
        examples,
        addresses,
    };
    site.page("faults.html", "faults", values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_are_rules() {
        for (_, rule) in EXAMPLES {
            let rules = read(rule).unwrap();
            assert_eq!(rules[0].check(), Ok(()));
        }
        let list = format!("[{},{}]", EXAMPLES[0].1, EXAMPLES[1].1);
        assert_eq!(read(&list).map(|rules| rules.len()), Ok(2));
    }

    #[test]
    fn what_is_no_rule_is_named_by_its_line() {
        let error = read("\n{\"at\":\"rcpt\",\"colour\":1}").unwrap_err();
        assert!(error.starts_with("in line 2: "), "{error}");
        assert!(error.contains("colour"), "{error}");
    }
}
