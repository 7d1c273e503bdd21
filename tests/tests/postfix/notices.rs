//! Notices of delivery (DSN) that a real Postfix sends back to the sender.

use std::fs;

use posthaste_tests::postfix::Postfix;
use posthaste_tests::server::Server as _;
use serde_json::{Value, json};

use super::{message, send_one};

/// A recipient who is accepted, and whose mail cannot be delivered then.
const BOUNCES: (&str, &str) = (
    "virtual_alias_maps",
    "inline:{{bounces@example.com = bounces@elsewhere.example}}",
);

#[test]
fn a_notice_of_success_comes_back_and_names_what_it_was_asked_to() {
    let Some(postfix) = Postfix::start(&["me", "ann"]) else {
        return;
    };
    let dsn = json!({
        "notify": ["success", "failure"], "return": "headers", "envelope_id": "order+7=8",
        "recipients": {"ann@example.com": {"original": "Ann.Old@example.org"}},
    });
    deliver(&postfix, "wanted", &["ann@example.com"], &dsn);
    assert_eq!(postfix.delivered("ann").len(), 1);
    let notice = only_notice(&postfix);
    for text in [
        "report-type=delivery-status",
        "Original-Envelope-Id: order+7=8",
        "Original-Recipient: rfc822;Ann.Old@example.org",
        "Final-Recipient: rfc822; ann@example.com",
        "Action: delivered",
        "Content-Type: text/rfc822-headers",
        "Subject: wanted",
    ] {
        assert!(notice.contains(text), "no {text:?} in\n{notice}");
    }
    assert!(!notice.contains("the body"), "{notice}");
}

#[test]
fn a_notice_of_failure_brings_back_all_if_it_is_asked_to() {
    let Some(postfix) = Postfix::start_with(&["me"], &[BOUNCES]) else {
        return;
    };
    let dsn = json!({"notify": ["failure"], "return": "full"});
    deliver(&postfix, "full", &["bounces@example.com"], &dsn);
    let notice = only_notice(&postfix);
    for text in [
        "Action: failed",
        "Status: 5.4.4",
        "Content-Type: message/rfc822",
        "the body",
    ] {
        assert!(notice.contains(text), "no {text:?} in\n{notice}");
    }
}

#[test]
fn no_notice_comes_back_that_was_forbidden_or_not_asked_for() {
    let Some(postfix) = Postfix::start_with(&["me"], &[BOUNCES]) else {
        return;
    };
    deliver(
        &postfix,
        "1",
        &["bounces@example.com"],
        &json!({"notify": "never"}),
    );
    deliver(
        &postfix,
        "2",
        &["ann@example.com"],
        &json!({"notify": ["failure"]}),
    );
    assert!(postfix.delivered("me").is_empty(), "{}", postfix.log());
}

#[test]
fn each_recipient_may_ask_for_other_notices() {
    let Some(postfix) = Postfix::start(&["me"]) else {
        return;
    };
    let dsn = json!({
        "notify": "never",
        "recipients": {"ann@example.com": {"notify": ["success"]}},
    });
    deliver(
        &postfix,
        "one",
        &["bob@example.com", "ann@example.com", "eve@example.com"],
        &dsn,
    );
    let notice = only_notice(&postfix);
    assert!(notice.contains("rfc822; ann@example.com"), "{notice}");
    assert_eq!(notice.matches("Final-Recipient:").count(), 1, "{notice}");
}

#[test]
fn a_server_without_notices_gets_the_mail_all_the_same() {
    let without = [("smtpd_discard_ehlo_keywords", "dsn")];
    let Some(postfix) = Postfix::start_with(&["me", "ann"], &without) else {
        return;
    };
    let dsn = json!({"notify": ["success"], "envelope_id": "x"});
    deliver(&postfix, "without", &["ann@example.com"], &dsn);
    assert_eq!(postfix.delivered("ann").len(), 1);
    assert!(postfix.delivered("me").is_empty());
}

fn deliver(postfix: &Postfix, subject: &str, to: &[&str], dsn: &Value) {
    let mut message = message(subject, to);
    message["body"] = "the body\n".into();
    message["dsn"] = dsn.clone();
    let ended = send_one(postfix, message).exits(0);
    assert_eq!(ended.statuses(), ["sent"], "{}", postfix.log());
}

/// The only mail for `me`, from nobody as notices are, as it is stored.
fn only_notice(postfix: &Postfix) -> String {
    let files = postfix.delivered("me");
    let [file] = &files[..] else {
        panic!("one notice: {files:?}\n{}", postfix.log());
    };
    let arrived = postfix.arrived();
    assert!(arrived.iter().any(|one| one.sender.is_empty()));
    fs::read_to_string(file).expect("the notice")
}
