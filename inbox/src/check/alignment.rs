//! DMARC (RFC 7489): the domain of From, against those that vouch for the mail.

use super::{Case, Finding, Notes, dkim};

pub(super) fn check(case: &Case<'_>) -> Option<Finding> {
    let [from] = case.view.from.as_slice() else {
        return None;
    };
    let from = domain(&from.address)?;
    let envelope = domain(&case.mail.envelope.mail_from);
    let signed = signers(case);
    let mut notes = Notes::new("DMARC alignment");
    let is_aligned = |domain: &String| is_aligned(domain, &from);
    let by_spf = envelope.as_ref().is_some_and(is_aligned);
    let by_dkim = signed.iter().any(is_aligned);
    if !by_spf && !by_dkim {
        let envelope = envelope.unwrap_or_else(|| "<>".to_owned());
        let signed = if signed.is_empty() {
            "nothing".to_owned()
        } else {
            signed.join(", ")
        };
        notes.look(format!(
            "From {from}, but MAIL FROM {envelope}, and signed by {signed}"
        ));
    }
    let by = match (by_spf, by_dkim) {
        (true, true) => "by SPF and DKIM",
        (true, false) => "by SPF",
        _ => "by DKIM",
    };
    Some(notes.finding(&format!("From {from} can pass {by}")))
}

fn signers(case: &Case<'_>) -> Vec<String> {
    let headers = case.view.headers.iter();
    let signatures = headers.filter(|header| header.name.eq_ignore_ascii_case("DKIM-Signature"));
    signatures
        .filter_map(|header| dkim::tag(&header.value, "d"))
        .map(|domain| domain.to_lowercase())
        .collect()
}

fn domain(address: &str) -> Option<String> {
    let (_, domain) = address.rsplit_once('@')?;
    (!domain.is_empty()).then(|| domain.trim_end_matches('.').to_lowercase())
}

/// One is the other or below it. Two that are below a third may be aligned as well: that is known only from a list of public suffixes.
fn is_aligned(one: &str, other: &str) -> bool {
    one == other || one.ends_with(&format!(".{other}")) || other.ends_with(&format!(".{one}"))
}
