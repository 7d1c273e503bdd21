//! A Postfix that loses patience with refusals: what it took is what is reported, whatever it cut off.

use std::collections::{BTreeMap, BTreeSet};

use posthaste::EmailMessage;
use posthaste_tests::postfix::Postfix;
use posthaste_tests::server::{REFUSED, Server as _};
use serde_json::Value;

use super::{lines, mailer, message, runtime, send_one};

/// A way to send a batch.
type Way = fn(&Postfix, &[Value]) -> Vec<Value>;

const WAYS: [(&str, Way); 3] = [
    ("program", program),
    ("blocking", blocking),
    ("tokio", tokio),
];

#[test]
fn a_hard_limit_costs_no_message_its_report() {
    for limit in ["1", "2", "3", "7"] {
        let settings = [
            ("smtpd_soft_error_limit", "1"),
            ("smtpd_hard_error_limit", limit),
        ];
        let Some(postfix) = Postfix::start_with(&[], &settings) else {
            return;
        };
        check(&postfix, limit);
    }
}

#[test]
fn a_soft_limit_that_delays_answers_costs_nothing() {
    let settings = [
        ("smtpd_soft_error_limit", "2"),
        ("smtpd_hard_error_limit", "12"),
        // The delay goes on for as many seconds as there were errors, but not beyond this.
        ("smtpd_error_sleep_time", "1s"),
        ("smtpd_junk_command_limit", "3"),
    ];
    let Some(postfix) = Postfix::start_with(&[], &settings) else {
        return;
    };
    let batch = batch("slow", 6);
    let reports = program(&postfix, &batch);
    compare(&postfix, "slow", &batch, &reports);
}

#[test]
fn a_client_that_may_send_no_more_over_one_connection_goes_on_over_another() {
    let settings = [
        ("smtpd_junk_command_limit", "1"),
        ("smtpd_hard_error_limit", "20"),
    ];
    let Some(postfix) = Postfix::start_with(&[], &settings) else {
        return;
    };
    check(&postfix, "junk");
}

fn check(postfix: &Postfix, name: &str) {
    for (way, send) in WAYS {
        let name = format!("{way}.{name}");
        let batch = batch(&name, 30);
        let reports = send(postfix, &batch);
        compare(postfix, &name, &batch, &reports);
    }
}

/// Good messages between refused ones, which come alone, in pairs, and partly refused.
fn batch(name: &str, groups: usize) -> Vec<Value> {
    let [refused, gone] = REFUSED;
    let good = "ann@example.com";
    (0..groups * 4)
        .map(|number| {
            let to: &[_] = match (number % 4, number % 3) {
                (0, _) => &[good],
                (1, 0) => &[refused],
                (1, _) => &[refused, gone],
                (2, 0) => &[refused, good, gone],
                (2, _) => &[good],
                (_, 0) => &[gone],
                _ => &[good, "bob@example.com"],
            };
            let mut message = message(&format!("{name}.{number}"), to);
            message["from_email"] = format!("{name}.{number}@example.com").into();
            message
        })
        .collect()
}

/// What has arrived is what was reported: all that was said to be taken, once, by its own sender; and nothing of what was said
/// to have failed, unless it was said to be in doubt.
fn compare(postfix: &Postfix, name: &str, batch: &[Value], reports: &[Value]) {
    assert_eq!(batch.len(), reports.len());
    let mut arrived: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in postfix.arrived() {
        arrived.entry(one.sender).or_default().push(one.recipient);
    }
    let mut sent = 0;
    for (message, report) in batch.iter().zip(reports) {
        let sender = message["from_email"].as_str().expect("text");
        let mut found = arrived.remove(sender).unwrap_or_default();
        found.sort();
        let meant = strings(&report["accepted"]);
        let in_doubt = report["error"]["in_doubt"] == true;
        let to: BTreeSet<_> = strings(&message["to"]).into_iter().collect();
        if in_doubt {
            assert!(found.iter().all(|one| to.contains(one)), "{report}");
            let once: BTreeSet<_> = found.iter().collect();
            assert_eq!(once.len(), found.len(), "{sender} came twice");
        } else {
            assert_eq!(found, meant, "{sender}: {report}\n{}", postfix.log());
        }
        sent += usize::from(report["status"] == "sent" || report["status"] == "partial");
    }
    let strangers: Vec<_> = arrived
        .keys()
        .filter(|sender| sender.starts_with(name))
        .collect();
    assert!(strangers.is_empty(), "nobody sent {strangers:?}");
    assert!(sent > 0, "{name}: {reports:#?}");
}

fn strings(values: &Value) -> Vec<String> {
    let values = values.as_array().expect("a list").iter();
    let mut strings: Vec<_> = values
        .map(|one| one.as_str().expect("text").to_owned())
        .collect();
    strings.sort();
    strings
}

fn program(postfix: &Postfix, batch: &[Value]) -> Vec<Value> {
    send_one(postfix, lines(batch)).json()
}

fn blocking(postfix: &Postfix, batch: &[Value]) -> Vec<Value> {
    let reports = mailer(postfix).blocking().send_messages(&read(batch));
    reports
        .iter()
        .map(|report| serde_json::to_value(report).expect("JSON"))
        .collect()
}

fn tokio(postfix: &Postfix, batch: &[Value]) -> Vec<Value> {
    let mailer = mailer(postfix);
    let batch = read(batch);
    let reports = runtime().block_on(mailer.send_messages(&batch));
    reports
        .iter()
        .map(|report| serde_json::to_value(report).expect("JSON"))
        .collect()
}

fn read(batch: &[Value]) -> Vec<EmailMessage> {
    let read = |message: &Value| EmailMessage::from_json(message.to_string());
    batch
        .iter()
        .map(|message| read(message).expect("a message"))
        .collect()
}
