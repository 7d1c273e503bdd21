//! What the server refuses is reported exactly, and only that stays behind.

use posthaste::{EmailMessage, Report, Status};
use posthaste_tests::mail;
use posthaste_tests::postfix::Postfix;
use serde_json::{Value, json};

use super::{by_subject, lines, mailer, message, only, runtime, send_one, subject};

#[test]
fn one_refused_recipient_makes_it_partial() {
    let Some(postfix) = Postfix::start(&["ann", "bob"]) else {
        return;
    };
    let to = ["ann@example.com", "refused@example.com", "bob@example.com"];
    let ended = send_one(&postfix, message("half", &to)).exits(1);
    let report = &ended.json()[0];
    assert_eq!(report["status"], "partial");
    assert_eq!(
        report["accepted"],
        json!(["ann@example.com", "bob@example.com"])
    );
    let [rejected] = &report["rejected"].as_array().expect("a list")[..] else {
        panic!("one is refused: {report}");
    };
    assert_eq!(rejected["recipient"], "refused@example.com");
    assert_eq!(rejected["code"], 550);
    assert_eq!(rejected["enhanced"], "5.1.1");
    let text = rejected["message"].as_str().expect("text");
    assert!(text.contains("no such person"), "{text}");
    assert_eq!(report["error"], Value::Null);
    assert_eq!(only(&postfix, "ann")["subject"], "half");
    assert_eq!(only(&postfix, "bob")["subject"], "half");
    assert_eq!(postfix.count(), 2);
}

#[test]
fn all_refused_is_failed_and_tells_whether_later_may_help() {
    let Some(postfix) = Postfix::start(&[]) else {
        return;
    };
    for (to, temporary, codes) in [
        (
            &["refused@example.com", "gone@example.com"][..],
            false,
            vec![550, 550],
        ),
        (&["someone@elsewhere.example"], false, vec![554]),
        (&["later@example.com"], true, vec![450]),
    ] {
        let ended = send_one(&postfix, message("none", to)).exits(1);
        let report = &ended.json()[0];
        assert_eq!(report["status"], "failed", "{report}");
        assert_eq!(report["accepted"], json!([]));
        let rejected = report["rejected"].as_array().expect("a list");
        let found: Vec<_> = rejected
            .iter()
            .map(|one| one["code"].as_u64().unwrap())
            .collect();
        assert_eq!(found, codes, "{report}");
        let error = &report["error"];
        assert_eq!(error["kind"], "rejected", "{error}");
        assert_eq!(error["phase"], "rcpt", "{error}");
        assert_eq!(error["temporary"], temporary, "{error}");
        assert_eq!(error["in_doubt"], false, "{error}");
    }
    assert_eq!(postfix.count(), 0);
}

#[test]
fn what_is_too_large_is_refused_and_the_next_goes_out() {
    let Some(postfix) = Postfix::start_with(&["ann"], &[("message_size_limit", "20000")]) else {
        return;
    };
    let mut large = message("large", &["ann@example.com"]);
    large["body"] = "All work and no play.\n".repeat(1000).into();
    let small = message("small", &["ann@example.com"]);
    let ended = send_one(&postfix, lines(&[large, small])).exits(1);
    assert_eq!(ended.statuses(), ["failed", "sent"]);
    let error = &ended.json()[0]["error"];
    assert_eq!(error["kind"], "rejected", "{error}");
    assert_eq!(error["phase"], "mail", "{error}");
    assert_eq!(error["temporary"], false, "{error}");
    assert_eq!(only(&postfix, "ann")["subject"], "small");
}

#[test]
fn a_refusal_names_its_phase_and_the_next_goes_out() {
    let settings = [
        // Else a refusal of MAIL waits for RCPT.
        ("smtpd_delay_reject", "no"),
        (
            "smtpd_sender_restrictions",
            "check_sender_access inline:{{mail@example.com = 550 5.7.1 not from you}}",
        ),
        (
            "smtpd_data_restrictions",
            "check_sender_access inline:{{data@example.com = 554 5.7.1 no data}}",
        ),
        (
            "smtpd_end_of_data_restrictions",
            "check_sender_access inline:{{final@example.com = 554 5.7.1 spam}, \
             {busy@example.com = 451 4.3.0 busy}}",
        ),
    ];
    let Some(postfix) = Postfix::start_with(&["ann"], &settings) else {
        return;
    };
    let refusals = [
        ("mail", "mail", 550, false),
        // By BDAT, the command that begins the content ends it, too.
        ("data", "final", 554, false),
        ("final", "final", 554, false),
        ("busy", "final", 451, true),
    ];
    let mut batch = Vec::new();
    for (sender, ..) in refusals {
        let mut refused = message(sender, &["ann@example.com", "bob@example.com"]);
        refused["from_email"] = format!("{sender}@example.com").into();
        batch.push(refused);
        batch.push(message(&format!("after {sender}"), &["ann@example.com"]));
    }
    let ended = send_one(&postfix, lines(&batch)).exits(1);
    assert_eq!(ended.statuses(), ["failed", "sent"].repeat(4));
    for (report, (_, phase, code, temporary)) in ended.json().iter().step_by(2).zip(refusals) {
        let error = &report["error"];
        assert_eq!(error["kind"], "rejected", "{report}");
        assert_eq!(error["phase"], phase, "{report}");
        assert_eq!(error["temporary"], temporary, "{report}");
        assert_eq!(error["in_doubt"], false, "{report}");
        let text = error["message"].as_str().expect("text");
        assert!(text.contains(&code.to_string()), "{report}");
    }
    assert_eq!(by_subject(&postfix, "ann").len(), 4);
    assert_eq!(postfix.count(), 4);
    postfix.logs(" mail=7/8 ");
}

#[test]
fn the_library_reports_each_recipient_with_and_without_tokio() {
    let Some(postfix) = Postfix::start(&["ann"]) else {
        return;
    };
    let mailer = mailer(&postfix);
    let half = message("half", &["refused@example.com", "ann@example.com"]);
    let none = message("none", &["refused@example.com"]);
    let good = message("good", &["ann@example.com"]);
    let messages = [half, none, good]
        .map(|message| EmailMessage::from_json(message.to_string()).expect("a message"));
    let runtime = runtime();
    for reports in [
        mailer.blocking().send_messages(&messages),
        runtime.block_on(mailer.send_messages(&messages)),
    ] {
        let statuses: Vec<_> = reports.iter().map(Report::status).collect();
        assert_eq!(statuses, [Status::Partial, Status::Failed, Status::Sent]);
        assert_eq!(reports.count(), 2);
        assert_eq!(reports[0].rejected[0].reply.code(), 550);
    }
    let found: Vec<_> = mail::read(&postfix.delivered("ann"))
        .iter()
        .map(subject)
        .collect();
    assert_eq!(found.len(), 4);
    assert!(!found.contains(&"none".to_owned()));
}
