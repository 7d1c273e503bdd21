//! The tree of parts.

use super::{Case, Finding, Notes, many};

pub(super) fn check(case: &Case<'_>) -> Option<Finding> {
    let mut notes = Notes::new("Structure");
    for problem in &case.view.problems {
        notes.fail(problem.clone());
    }
    let parts = case.view.tree.all();
    let is_mime = parts.len() > 1 || case.view.header("Content-Type").is_some();
    if is_mime && case.view.header("MIME-Version").is_none() {
        notes.fail("no MIME-Version: some readers show the source");
    }
    let ids = parts.iter().filter_map(|part| part.content_id.as_deref());
    let ids: Vec<_> = ids.collect();
    for tag in case.tags() {
        for (_, value) in tag.attributes() {
            if let Some(id) = value.strip_prefix("cid:")
                && !ids.contains(&decoded(id).as_str())
            {
                notes.fail(format!(
                    "the HTML shows {value}, and no part has this Content-ID"
                ));
            }
        }
    }
    Some(notes.finding(&many(parts.len(), "part")))
}

/// A Content-ID in a URL is percent-encoded (RFC 2392).
fn decoded(id: &str) -> String {
    let mut octets = Vec::with_capacity(id.len());
    let mut rest = id.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = match rest {
            [b'%', high, low, ..] => {
                let digits = [*high, *low];
                std::str::from_utf8(&digits)
                    .ok()
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            }
            _ => None,
        };
        octets.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() {
            rest.get(3..).unwrap_or_default()
        } else {
            after
        };
    }
    String::from_utf8_lossy(&octets).into_owned()
}
