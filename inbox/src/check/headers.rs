//! Headers that have to be there, and only once (RFC 5322 section 3.6).

use mail_parser::DateTime;

use super::{Case, Finding, Notes};

const ONCE: [&str; 12] = [
    "Date",
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Subject",
    "MIME-Version",
];

pub(super) fn check(case: &Case<'_>) -> Option<Finding> {
    let mut notes = Notes::new("Headers");
    for name in ONCE {
        let count = count(case, name);
        if count > 1 {
            notes.fail(format!("{count} times {name}"));
        }
    }
    for name in ["Date", "From"] {
        if count(case, name) == 0 {
            notes.fail(format!("no {name}"));
        }
    }
    for name in ["Message-ID", "Subject", "To"] {
        let value = case.header(name).unwrap_or_default();
        if value.is_empty() && !(name == "To" && count(case, "Cc") > 0) {
            notes.look(format!("no {name}"));
        }
    }
    values(case, &mut notes);
    Some(notes.finding("all there"))
}

fn values(case: &Case<'_>, notes: &mut Notes) {
    if case.view.from.is_empty() && count(case, "From") > 0 {
        notes.fail("nobody in From");
    }
    let date = case.view.date.as_deref();
    if let Some(date) =
        date.filter(|date| DateTime::parse_rfc822(date).is_none_or(|date| !date.is_valid()))
    {
        notes.fail(format!("`{date}` is no date"));
    }
    let addresses = case
        .view
        .from
        .iter()
        .chain(&case.view.to)
        .chain(&case.view.cc);
    for address in addresses.chain(&case.view.reply_to) {
        let is_whole = address
            .address
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
        if !is_whole {
            // A word alone is read as a name.
            let name = address.name.as_deref().unwrap_or_default();
            let shown = if address.address.is_empty() {
                name
            } else {
                &address.address
            };
            notes.fail(format!("`{shown}` is no address"));
        }
    }
    let id = case.view.message_id.as_deref().unwrap_or("@");
    if !id.contains('@') {
        notes.look(format!("the Message-ID `{id}` has no domain"));
    }
    if case.view.header("Bcc").is_some() {
        notes.fail("there is a Bcc, which all recipients see");
    }
    let raw = case
        .view
        .headers
        .iter()
        .find(|header| !header.raw.is_ascii());
    if let Some(header) = raw.filter(|_| !case.mail.envelope.smtputf8) {
        notes.fail(format!(
            "{} is not ASCII, and SMTPUTF8 was not said",
            header.name
        ));
    }
}

fn count(case: &Case<'_>, name: &str) -> usize {
    let headers = case.view.headers.iter();
    headers
        .filter(|header| header.name.eq_ignore_ascii_case(name))
        .count()
}
