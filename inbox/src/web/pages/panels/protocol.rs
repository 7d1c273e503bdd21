//! The views of how a mail came: what was said, by envelope, headers and transcript.

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use crate::mail::Mail;
use crate::transcript::{Line, Speaker};
use crate::web::pages::list;

/// So many lines of a transcript are shown.
const LINES: usize = 2000;

/// A line of the envelope.
#[derive(Debug, Default, Serialize)]
struct Said {
    name: &'static str,
    value: String,
    mark: Option<String>,
    kind: &'static str,
}

/// Envelope and headers.
pub(super) fn headers(mail: &Mail) -> Value {
    let headers = mail.view().headers.iter();
    let headers: Vec<_> = headers
        .map(|header| {
            let raw = header.raw.trim();
            let raw = (raw != header.value.trim()).then_some(raw);
            context! { name => &header.name, value => &header.value, raw }
        })
        .collect();
    context! {
        envelope => Serde(envelope(mail)),
        headers,
    }
}

fn envelope(mail: &Mail) -> Vec<Said> {
    let envelope = &mail.envelope;
    let mut lines = vec![said("MAIL FROM", list::sender(mail))];
    for recipient in &envelope.recipients {
        let accepted = recipient.is_accepted();
        lines.push(Said {
            name: "RCPT TO",
            value: recipient.address.clone(),
            mark: recipient.reply.as_ref().map(ToString::to_string),
            kind: if accepted { "ok" } else { "fail" },
        });
        let parameters = [
            ("… ORCPT", &recipient.orcpt),
            ("… NOTIFY", &recipient.notify),
        ];
        lines.extend(given(parameters));
    }
    lines.extend(given([
        ("BODY", &envelope.body),
        ("SIZE", &envelope.size.map(|size| size.to_string())),
        ("RET", &envelope.ret),
        ("ENVID", &envelope.envid),
        ("SMTPUTF8", &envelope.smtputf8.then(|| "yes".to_owned())),
        (
            "REQUIRETLS",
            &envelope.require_tls.then(|| "yes".to_owned()),
        ),
        (
            "MT-PRIORITY",
            &envelope.priority.map(|value| value.to_string()),
        ),
        ("EHLO", &Some(mail.session.hello.clone())),
    ]));
    lines
}

fn said(name: &'static str, value: String) -> Said {
    Said {
        name,
        value,
        ..Said::default()
    }
}

/// The lines of what was said.
fn given<'a>(values: impl IntoIterator<Item = (&'static str, &'a Option<String>)>) -> Vec<Said> {
    let values = values.into_iter();
    values
        .filter_map(|(name, value)| Some(said(name, value.clone()?)))
        .collect()
}

/// What was said on the connection, up to the answer to this mail.
pub(super) fn transcript(mail: &Mail) -> Value {
    let lines: Vec<_> = mail.transcript.iter().take(LINES + 1).collect();
    let shown: Vec<_> = lines
        .iter()
        .take(LINES)
        .enumerate()
        .map(|(at, line)| {
            // The first of a write has no mark of its own.
            let next = lines.get(at + 1);
            context! { joins => next.is_some_and(|next| next.joined), ..line_value(line) }
        })
        .collect();
    context! {
        cut => (lines.len() > LINES).then_some(LINES),
        lines => shown,
    }
}

fn line_value(line: &Line) -> Value {
    context! {
        at => format!("{:.6}", line.at.as_secs_f64()),
        who => match line.speaker {
            Speaker::Client => "c",
            Speaker::Server => "s",
            Speaker::Event => "e",
        },
        text => &line.text,
        joined => line.joined,
    }
}
