//! The program and the library deliver through a real Postfix, and Python's `email` package reads back what was meant.

mod batches;
mod contents;
mod limits;
mod lmtp;
mod login;
mod notices;
mod real_message;
mod refusals;
mod tls;

use std::collections::BTreeMap;

use posthaste::{Mailer, Settings};
use posthaste_tests::postfix::Postfix;
use posthaste_tests::{Ended, Place, Run, mail};
use serde_json::{Value, json};
use tokio::runtime::{self, Runtime};

/// `posthaste send --json` to this server.
fn send(place: &Place, postfix: &Postfix, input: impl Into<Vec<u8>>) -> Run {
    place
        .posthaste(["send", "--json"])
        .env("EMAIL_BACKEND", "smtp")
        .env("EMAIL_HOST", "127.0.0.1")
        .env("EMAIL_PORT", postfix.port().to_string())
        .env("EMAIL_TIMEOUT", "60")
        .input(input)
}

/// The same, from nowhere in particular.
fn send_one(postfix: &Postfix, input: impl ToString) -> Ended {
    send(&Place::new(), postfix, input.to_string()).end()
}

fn mailer(postfix: &Postfix) -> Mailer {
    let mut settings = Settings::default();
    "127.0.0.1".clone_into(&mut settings.email_host);
    settings.email_port = Some(postfix.port());
    Mailer::new(settings)
}

fn message(subject: &str, to: &[&str]) -> Value {
    json!({"subject": subject, "body": "text\n", "from_email": "me@example.com", "to": to})
}

fn lines(messages: &[Value]) -> String {
    messages
        .iter()
        .map(|message| format!("{message}\n"))
        .collect()
}

fn only(postfix: &Postfix, mailbox: &str) -> Value {
    let files = postfix.delivered(mailbox);
    assert_eq!(files.len(), 1, "mails for {mailbox}");
    mail::read(&files).remove(0)
}

fn by_subject(postfix: &Postfix, mailbox: &str) -> BTreeMap<String, Value> {
    let mails = mail::read(&postfix.delivered(mailbox));
    let count = mails.len();
    let found: BTreeMap<_, _> = mails
        .into_iter()
        .map(|mail| (subject(&mail), mail))
        .collect();
    assert_eq!(found.len(), count, "no mail came twice");
    found
}

fn subject(mail: &Value) -> String {
    mail["subject"].as_str().unwrap_or_default().to_owned()
}

/// The texts of all parts, in order.
fn texts(part: &Value) -> Vec<&str> {
    match &part["parts"] {
        Value::Array(parts) => parts.iter().flat_map(texts).collect(),
        _ => part["text"].as_str().into_iter().collect(),
    }
}

fn runtime() -> Runtime {
    let mut builder = runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}
