//! Dovecot takes mail by LMTP over a Unix socket, and answers for each recipient.

use std::collections::BTreeSet;

use posthaste::{EmailMessage, Mailer, Settings};
use posthaste_tests::dovecot::{BROKEN, Dovecot, OTHER, USER};
use posthaste_tests::server::REFUSED;
use posthaste_tests::{Place, Run};
use serde_json::{Value, json};

use super::{lines, message, runtime};

#[test]
fn each_recipient_has_an_answer_of_its_own() {
    let Some(dovecot) = Dovecot::start("plain") else {
        return;
    };
    let batch = batch("program");
    let ended = send(&dovecot, lines(&batch)).end().exits(1);
    check(&dovecot, "program", &ended.json());
}

#[test]
fn the_library_reports_the_same_with_and_without_tokio() {
    let Some(dovecot) = Dovecot::start("plain") else {
        return;
    };
    let mut settings = Settings::default();
    settings.email_host = dovecot.lmtp_socket().display().to_string();
    settings.email_lmtp = true;
    let mailer = Mailer::new(settings);
    let read = |batch: Vec<Value>| -> Vec<_> {
        let read = |message: &Value| EmailMessage::from_json(message.to_string());
        batch
            .iter()
            .map(|message| read(message).expect("a message"))
            .collect()
    };
    for way in ["blocking", "tokio"] {
        let batch = read(batch(way));
        let reports = match way {
            "blocking" => mailer.blocking().send_messages(&batch),
            _ => runtime().block_on(mailer.send_messages(&batch)),
        };
        let reports = serde_json::to_value(reports).expect("JSON");
        check(&dovecot, way, reports.as_array().expect("a list"));
    }
}

/// Messages that are taken for all, for some and for nobody; the server says so at RCPT or in the end.
fn batch(way: &str) -> Vec<Value> {
    let from = |name: &str, to: &[&str]| {
        let mut message = message(name, to);
        message["from_email"] = format!("{way}.{name}@example.com").into();
        message
    };
    vec![
        from("all", &[USER, OTHER]),
        from("none", &[REFUSED[0], REFUSED[1]]),
        from("broken-first", &[BROKEN, USER]),
        from("broken-between", &[USER, BROKEN, OTHER]),
        from("both", &[REFUSED[0], BROKEN, USER]),
        from("only-broken", &[BROKEN]),
        from("one", &[OTHER]),
    ]
}

fn check(dovecot: &Dovecot, way: &str, reports: &[Value]) {
    let fates: [(&str, &str, &[&str], &[&str]); 7] = [
        ("all", "sent", &[USER, OTHER], &[]),
        ("none", "failed", &[], &[REFUSED[0], REFUSED[1]]),
        ("broken-first", "partial", &[USER], &[BROKEN]),
        ("broken-between", "partial", &[USER, OTHER], &[BROKEN]),
        ("both", "partial", &[USER], &[REFUSED[0], BROKEN]),
        ("only-broken", "failed", &[], &[BROKEN]),
        ("one", "sent", &[OTHER], &[]),
    ];
    let arrived = dovecot.arrived();
    assert_eq!(reports.len(), fates.len(), "by {way}");
    for ((name, status, taken, refused), report) in fates.into_iter().zip(reports) {
        assert_eq!(
            report["status"],
            status,
            "{name} by {way}: {report}\n{}",
            dovecot.log()
        );
        assert_eq!(
            report["accepted"],
            json!(taken),
            "{name} by {way}: {report}"
        );
        let rejected = report["rejected"].as_array().expect("a list").iter();
        let rejected: BTreeSet<_> = rejected
            .filter_map(|one| one["recipient"].as_str())
            .collect();
        assert_eq!(
            rejected,
            BTreeSet::from_iter(refused.iter().copied()),
            "{report}"
        );
        let receipts = report["receipts"].as_array().into_iter().flatten();
        let receipts: Vec<_> = receipts.map(|one| &one["recipient"]).collect();
        assert_eq!(receipts, taken, "each has its own answer: {report}");
        let sender = format!("{way}.{name}@example.com");
        let mut found: Vec<_> = arrived
            .iter()
            .filter(|one| one.sender == sender)
            .map(|one| one.recipient.as_str())
            .collect();
        found.sort_unstable();
        assert_eq!(found, taken, "{name} by {way}\n{}", dovecot.log());
    }
}

/// `posthaste send --json` by LMTP.
fn send(dovecot: &Dovecot, input: String) -> Run {
    Place::new()
        .posthaste(["send", "--json"])
        .env("EMAIL_BACKEND", "smtp")
        .env("EMAIL_LMTP", "yes")
        .env("EMAIL_HOST", dovecot.lmtp_socket())
        .env("EMAIL_TIMEOUT", "60")
        .input(input)
}
