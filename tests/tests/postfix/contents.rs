//! Texts and addresses that are hard on a line-based protocol arrive unchanged.

use std::collections::BTreeSet;

use posthaste_tests::mail;
use posthaste_tests::postfix::Postfix;
use serde_json::json;

use super::{by_subject, lines, message, only, send_one, texts};

#[test]
fn dots_long_lines_and_odd_bodies_arrive_unchanged() {
    let Some(postfix) = Postfix::start(&["ann"]) else {
        return;
    };
    let long = "x".repeat(5000);
    let bodies = [
        ".\n".to_owned(),
        "..\n.\n...\n.a\n\n.\n\n\n".to_owned(),
        format!(".{}\n", "y".repeat(997)),
        format!("{long}\n.{long}\n"),
        format!("{}\n", "ä.".repeat(2000)),
        "Ende ohne Zeilenende: ß".to_owned(),
        "trailing blanks  \nand tabs\t\n \nFrom here on\n>From there\n".to_owned(),
        "=20 =\n=3D=\n".to_owned(),
        String::new(),
    ];
    let messages: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(number, body)| {
            let mut message = message(&format!("{number}"), &["ann@example.com"]);
            message["body"] = body.as_str().into();
            message["attachments"] =
                json!([{"filename": "same.txt", "content": body, "mimetype": "text/plain"}]);
            message
        })
        .collect();
    let ended = send_one(&postfix, lines(&messages)).exits(0);
    assert_eq!(ended.statuses(), vec!["sent"; bodies.len()]);
    let mails = by_subject(&postfix, "ann");
    assert_eq!(mails.len(), bodies.len());
    for (number, body) in bodies.iter().enumerate() {
        let mail = &mails[&number.to_string()];
        assert_eq!(mail["defects"], json!([]), "{body:.60?}");
        let parts = texts(&mail["tree"]);
        // An empty body is left out beside an attachment.
        let copies = if body.is_empty() { 1 } else { 2 };
        assert_eq!(parts.len(), copies, "{mail:#}");
        for text in parts {
            // A text that does not end in a line end gets one.
            assert!(
                text == body || text.strip_suffix('\n') == Some(body),
                "{body:.60?} became {text:.60?}"
            );
        }
    }
}

#[test]
fn empty_and_8bit_mails_and_other_charsets_arrive() {
    let Some(postfix) = Postfix::start(&["ann"]) else {
        return;
    };
    let empty = json!({"from_email": "me@example.com", "to": ["ann@example.com"]});
    let latin = json!({"from_email": "me@example.com", "to": ["ann@example.com"], "subject": "latin",
        "body": "Füße, Señor\n", "charset": "iso-8859-1"});
    let many = json!({"from_email": "me@example.com", "to": ["ann@example.com"], "subject": "many",
        "body": "Ελλάδα 日本 ß\n", "html_message": "<p>Ελλάδα\n"});
    let ended = send_one(&postfix, lines(&[empty, latin, many])).exits(0);
    assert_eq!(ended.statuses(), ["sent"; 3]);
    let mails = by_subject(&postfix, "ann");
    assert_eq!(mails.keys().collect::<Vec<_>>(), ["", "latin", "many"]);
    assert_eq!(
        mails[""]["tree"]["text"].as_str().expect("text").trim(),
        "",
        "{:#}",
        mails[""]
    );
    assert_eq!(mails["latin"]["tree"]["charset"], "iso-8859-1");
    assert_eq!(mails["latin"]["tree"]["text"], "Füße, Señor\n");
    assert_eq!(
        texts(&mails["many"]["tree"]),
        ["Ελλάδα 日本 ß\n", "<p>Ελλάδα\n"]
    );
    for mail in mails.values() {
        assert_eq!(mail["defects"], json!([]), "{mail:#}");
    }
}

#[test]
fn a_local_part_in_utf_8_goes_out_by_smtputf8() {
    let Some(postfix) = Postfix::start(&["jörg", "ann"]) else {
        return;
    };
    let mut message = message("für Jörg", &["Jörg <jörg@example.com>", "ann@example.com"]);
    message["from_email"] = "Zoë <zoë@example.com>".into();
    let ended = send_one(&postfix, message).exits(0);
    assert_eq!(
        ended.json()[0]["accepted"],
        json!(["jörg@example.com", "ann@example.com"])
    );
    for name in ["jörg", "ann"] {
        let mail = only(&postfix, name);
        assert_eq!(mail["subject"], "für Jörg");
        assert_eq!(mail["from"], json!([["Zoë", "zoë@example.com"]]));
        assert_eq!(
            mail["to"],
            json!([["Jörg", "jörg@example.com"], ["", "ann@example.com"]])
        );
        let received = mail["received"].as_str().expect("a header");
        assert!(received.contains("UTF8SMTP"), "{received}");
    }
}

#[test]
fn odd_addresses_reach_whom_they_name() {
    let Some(postfix) = Postfix::start(&[]) else {
        return;
    };
    let to = [
        "\"two words\"@example.com",
        "\"a;b\\\"c\"@example.com",
        "o'neil+tag=x/y@example.com",
        "Ann <ann@BÜCHER.example>",
    ];
    let ended = send_one(&postfix, message("odd", &to)).exits(0);
    assert_eq!(
        ended.json()[0]["accepted"].as_array().map(Vec::len),
        Some(4)
    );
    let mails = mail::read(&postfix.delivered("rest"));
    let found: BTreeSet<_> = mails
        .iter()
        .map(|mail| mail["delivered_to"].as_str().expect("a header"))
        .collect();
    let meant = [
        "\"two words\"@example.com",
        "\"a;b\\\"c\"@example.com",
        "o'neil+tag=x/y@example.com",
        "ann@xn--bcher-kva.example",
    ];
    assert_eq!(found, BTreeSet::from(meant));
}
