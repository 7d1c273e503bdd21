//! List-Unsubscribe with one click (RFC 8058), as large providers ask for of mail to many.

use super::{Case, Finding, Notes};

pub(super) fn check(case: &Case<'_>) -> Option<Finding> {
    let mut notes = Notes::new("List-Unsubscribe");
    let Some(targets) = case.header("List-Unsubscribe") else {
        if !is_bulk(case) {
            return None;
        }
        notes.look("this seems to go to many, and has no List-Unsubscribe");
        return Some(notes.finding(""));
    };
    let urls = bracketed(targets);
    let starts = |scheme: &str| {
        urls.iter()
            .any(|url| url.to_ascii_lowercase().starts_with(scheme))
    };
    if urls.is_empty() {
        notes.fail("List-Unsubscribe has no URL in angle brackets (RFC 2369)");
    } else if !starts("https:") {
        notes.look("no https URL in List-Unsubscribe: one click is not possible");
    }
    match case.header("List-Unsubscribe-Post") {
        Some("List-Unsubscribe=One-Click") => {}
        Some(other) => notes.fail(format!(
            "List-Unsubscribe-Post is `{other}`, not `List-Unsubscribe=One-Click`"
        )),
        None => notes.look("no List-Unsubscribe-Post: readers are led to a page"),
    }
    covered(case, &mut notes);
    Some(notes.finding("one click (RFC 8058)"))
}

/// RFC 8058 section 4: a signature has to cover both headers.
fn covered(case: &Case<'_>, notes: &mut Notes) {
    let Some(signature) = case.header("DKIM-Signature") else {
        return;
    };
    let signed = super::dkim::tag(signature, "h")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let signed: Vec<_> = signed.split(':').map(str::trim).collect();
    for name in ["List-Unsubscribe", "List-Unsubscribe-Post"] {
        if case.view.header(name).is_some() && !signed.contains(&name.to_ascii_lowercase().as_str())
        {
            notes.fail(format!("the DKIM signature does not cover {name}"));
        }
    }
}

fn is_bulk(case: &Case<'_>) -> bool {
    let precedence = case.header("Precedence").unwrap_or_default();
    let says_so = |link: &crate::view::Link| {
        let text = format!("{} {}", link.text, link.url).to_lowercase();
        text.contains("unsubscribe")
    };
    case.header("List-Id").is_some()
        || matches!(precedence, "bulk" | "list")
        || case.view.links.iter().any(says_so)
}

fn bracketed(value: &str) -> Vec<&str> {
    let parts = value.split('<').skip(1);
    parts
        .filter_map(|part| part.split_once('>'))
        .map(|(url, _)| url.trim())
        .collect()
}
