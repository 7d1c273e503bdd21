//! The program and the library deliver through a real Postfix, and Python's `email` package reads back what was meant.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use posthaste::{EmailMessage, Mailer, Report, Settings, Status};
use posthaste_tests::postfix::Postfix;
use posthaste_tests::{Ended, Place, Run, mail};
use serde_json::{Value, json};

const SUBJECT: &str = "Grüße aus Zürich: 请查收 📎 (Angebot Nr. 7, gültig bis Monatsende)";
const TEXT: &str = "Hallo Zoë,\n\nim Anhang: „alles“.\n.\n..\n.ende\n\n-- \nJörg\n";
const HTML: &str = "<p>Hallo Zoë,<p><img src=\"cid:logo@example.com\" alt=\"Logo\">\n";
const REPORT: &str = "Übersicht 2026 – Entwurf (1).pdf";
const NOTES: &str = "議事録.txt";

#[test]
fn a_real_message_arrives_as_it_was_meant() {
    let Some(postfix) = Postfix::start(&["zoe", "bob", "ren", "secret"]) else {
        return;
    };
    let place = Place::new();
    write_attachments(place.folder());
    let message = real_message(Path::new("")).to_string();
    let ended = send(&place, &postfix, message).end().exits(0);
    let [report] = &ended.json()[..] else {
        panic!("one report: {ended:?}");
    };
    assert_eq!(report["status"], "sent");
    assert_eq!(
        report["accepted"],
        json!([
            "zoe@example.com",
            "bob@example.com",
            "ren@example.com",
            "secret@example.com"
        ])
    );
    for name in ["zoe", "bob", "ren", "secret"] {
        let mail = only(&postfix, name);
        check_real_message(&mail);
        assert_eq!(mail["delivered_to"], format!("{name}@example.com"));
        assert_eq!(mail["message_id"], report["message_id"]);
    }
    assert_eq!(postfix.count(), 4);
}

#[test]
fn the_library_delivers_the_same_with_and_without_tokio() {
    let Some(postfix) = Postfix::start(&["zoe", "bob", "ren", "secret"]) else {
        return;
    };
    let place = Place::new();
    write_attachments(place.folder());
    let message = real_message(place.folder()).to_string();
    let message = EmailMessage::from_json(message).expect("a message");
    let mailer = mailer(&postfix);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for report in [
        mailer.blocking().send(&message),
        runtime.block_on(mailer.send(&message)),
    ] {
        assert_eq!(report.status(), Status::Sent, "{report:?}");
        assert_eq!(report.accepted.len(), 4);
    }
    for name in ["zoe", "bob", "ren", "secret"] {
        let mails = mail::read(&postfix.delivered(name));
        assert_eq!(mails.len(), 2);
        mails.iter().for_each(check_real_message);
    }
}

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
fn two_hundred_messages_go_over_one_connection_each_exactly_once() {
    let Some(postfix) = Postfix::start(&["ann", "bob"]) else {
        return;
    };
    let messages: Vec<_> = (0..200)
        .map(|number| {
            let to: &[_] = match number % 3 {
                0 => &["ann@example.com"],
                1 => &["bob@example.com"],
                _ => &["ann@example.com", "bob@example.com"],
            };
            message(&format!("n{number}"), to)
        })
        .collect();
    let ended = send_one(&postfix, lines(&messages)).exits(0);
    assert_eq!(ended.statuses(), vec!["sent"; 200]);
    for (name, left_out) in [("ann", 1), ("bob", 0)] {
        let meant: BTreeSet<_> = (0..200)
            .filter(|number| number % 3 != left_out)
            .map(|number| format!("n{number}"))
            .collect();
        let mails = mail::read(&postfix.delivered(name));
        let found: BTreeSet<_> = mails.iter().map(subject).collect();
        assert_eq!(found, meant);
        assert_eq!(mails.len(), meant.len());
    }
    postfix.logs(" mail=200 rcpt=266 data=200 quit=1 ");
}

#[test]
fn a_refused_message_does_not_stop_the_batch() {
    let Some(postfix) = Postfix::start(&["ann"]) else {
        return;
    };
    let ann = &["ann@example.com"];
    let batch = lines(&[
        message("first", ann),
        message("refused", &["refused@example.com"]),
        message("second", ann),
        message("line\r\nBcc: x@example.com", ann),
        message("third", ann),
        message("half", &["later@example.com", "ann@example.com"]),
        message("fourth", ann),
    ]);
    let ended = send_one(&postfix, batch).exits(1);
    assert_eq!(
        ended.statuses(),
        [
            "sent", "failed", "sent", "failed", "sent", "partial", "sent"
        ]
    );
    assert_eq!(ended.json()[3]["error"]["kind"], "invalid");
    let found: Vec<_> = by_subject(&postfix, "ann").into_keys().collect();
    assert_eq!(found, ["first", "fourth", "half", "second", "third"]);
    assert_eq!(postfix.count(), 5);
    postfix.logs(" rset=");
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
        ("data", "data", 554, false),
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
fn a_server_without_extensions_gets_all_that_it_can_take() {
    let none = [(
        "smtpd_discard_ehlo_keywords",
        "pipelining, size, 8bitmime, smtputf8, enhancedstatuscodes, dsn, chunking",
    )];
    let Some(postfix) = Postfix::start_with(&["zoe", "bob", "ren", "secret"], &none) else {
        return;
    };
    let place = Place::new();
    write_attachments(place.folder());
    let batch = lines(&[
        message("jörg", &["jörg@example.com"]),
        real_message(Path::new("")),
    ]);
    let ended = send(&place, &postfix, batch).end().exits(1);
    assert_eq!(ended.statuses(), ["failed", "sent"]);
    let error = &ended.json()[0]["error"];
    assert_eq!(error["temporary"], false, "{error}");
    let text = error["message"].as_str().expect("text");
    assert!(text.contains("SMTPUTF8"), "{text}");
    for name in ["zoe", "bob", "ren", "secret"] {
        let mail = only(&postfix, name);
        check_real_message(&mail);
        assert_eq!(mail["ascii"], true);
    }
    assert_eq!(postfix.count(), 4);
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

#[test]
fn a_server_that_has_enough_of_refusals_is_asked_again_over_a_new_connection() {
    let limit = [("smtpd_hard_error_limit", "2")];
    let Some(postfix) = Postfix::start_with(&["ann"], &limit) else {
        return;
    };
    let mut batch = Vec::new();
    for number in 0..6 {
        batch.push(message("no", &["refused@example.com"]));
        batch.push(message(&format!("yes{number}"), &["ann@example.com"]));
    }
    let ended = send_one(&postfix, lines(&batch)).exits(1);
    let statuses = ended.statuses();
    let found: BTreeSet<_> = by_subject(&postfix, "ann").into_keys().collect();
    // A server that hangs up in the middle of a message may cost that message, never more, and never silently.
    let sent: BTreeSet<_> = statuses
        .iter()
        .zip(&batch)
        .filter(|(status, _)| *status == "sent")
        .map(|(_, message)| subject(message))
        .collect();
    assert_eq!(found, sent);
    assert_eq!(sent.len(), 6, "{:#?}\n{}", ended.json(), postfix.log());
}

#[test]
fn a_server_that_stops_fails_the_rest_for_now() {
    let Some(mut postfix) = Postfix::start(&["ann"]) else {
        return;
    };
    let mut program = send(&Place::new(), &postfix, "").start();
    let mut input = program.stdin.take().expect("a pipe");
    let mut output = BufReader::new(program.stdout.take().expect("a pipe"));
    let mut exchange = |subject: &str| {
        writeln!(input, "{}", message(subject, &["ann@example.com"])).expect("it reads");
        let mut line = String::new();
        output.read_line(&mut line).expect("it answers");
        serde_json::from_str::<Value>(&line).expect("a report")
    };
    assert_eq!(exchange("before")["status"], "sent");
    assert_eq!(only(&postfix, "ann")["subject"], "before");
    postfix.stop();
    for number in 0..3 {
        let report = exchange("after");
        assert_eq!(report["status"], "failed", "{number}: {report}");
        assert_eq!(report["accepted"], json!([]), "{number}: {report}");
        assert_eq!(report["error"]["temporary"], true, "{number}: {report}");
        assert_eq!(report["error"]["in_doubt"], false, "{number}: {report}");
    }
    assert_eq!(report_kind(&exchange("after")), "connect");
    drop(input);
    let status = program.wait().expect("it ends");
    assert_eq!(status.code(), Some(1));
    assert_eq!(postfix.delivered("ann").len(), 1);
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
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

/// All that a mail may have, its attachments in that folder.
fn real_message(folder: &Path) -> Value {
    json!({
        "subject": SUBJECT,
        "body": TEXT,
        "html_message": HTML,
        "from_email": "Jörg Müller-Łukasz <joerg@example.com>",
        "to": ["\"Zoë, the \\\"first\\\"\" <zoe@example.com>", "bob@example.com"],
        "cc": ["山田 蓮 <ren@example.com>"],
        "bcc": ["Sécret <secret@example.com>"],
        "reply_to": ["Büro <office@example.com>"],
        "headers": {"X-Ticket": "Zahl 7 für Ærø"},
        "attachments": [
            {"filename": "logo.png", "content_base64": LOGO, "mimetype": "image/png",
             "disposition": "inline", "content_id": "logo@example.com"},
            {"path": folder.join(REPORT)},
            {"path": folder.join(NOTES)},
        ],
    })
}

/// A PNG of one pixel.
const LOGO: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn write_attachments(folder: &Path) {
    fs::write(folder.join(REPORT), report()).expect("a file");
    fs::write(folder.join(NOTES), notes()).expect("a file");
}

/// Every octet in every neighbourhood that a line-based protocol may stumble over.
fn report() -> Vec<u8> {
    let mut octets = b"%PDF-1.7\n\r\n.\r\n..\r\r\n\n.\n\0".to_vec();
    octets.extend((0..=255u8).flat_map(|octet| [octet, b'\n', octet, b'\r', octet]));
    octets.extend((0..200_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8));
    octets
}

fn notes() -> &'static str {
    "会議の議事録\n.\n. 最初の点\nend without a line end"
}

/// That it is [`real_message`], as a reader sees it.
fn check_real_message(mail: &Value) {
    assert_eq!(mail["defects"], json!([]));
    assert_eq!(mail["subject"], SUBJECT);
    assert_eq!(
        mail["from"],
        json!([["Jörg Müller-Łukasz", "joerg@example.com"]])
    );
    assert_eq!(
        mail["to"],
        json!([
            ["Zoë, the \"first\"", "zoe@example.com"],
            ["", "bob@example.com"]
        ])
    );
    assert_eq!(mail["cc"], json!([["山田 蓮", "ren@example.com"]]));
    assert_eq!(mail["reply_to"], json!([["Büro", "office@example.com"]]));
    assert_eq!(mail["return_path"], "<joerg@example.com>");
    check_headers(mail);
    assert_eq!(
        mail["structure"],
        "multipart/mixed(\
         multipart/alternative(text/plain multipart/related(text/html image/png)) \
         application/pdf text/plain)"
    );
    let top = &mail["tree"]["parts"];
    let [plain, related] = [&top[0]["parts"][0], &top[0]["parts"][1]];
    assert_eq!(plain["text"], TEXT);
    assert_eq!(related["parts"][0]["text"], HTML);
    let logo = &related["parts"][1];
    assert_eq!(logo["base64"], LOGO);
    assert_eq!(logo["disposition"], "inline");
    assert_eq!(logo["content_id"], "<logo@example.com>");
    assert_eq!(logo["filename"], "logo.png");
    for (part, name, octets) in [
        (&top[1], REPORT, report()),
        (&top[2], NOTES, notes().into()),
    ] {
        assert_eq!(part["filename"], name);
        assert_eq!(part["disposition"], "attachment");
        assert_eq!(part["base64"], mail::base64(&octets), "{name}");
    }
}

/// No header but those that were meant, none of them twice, and none with the hidden recipient.
fn check_headers(mail: &Value) {
    let headers = mail["headers"].as_array().expect("a list");
    let mut names: Vec<_> = headers
        .iter()
        .map(|header| header[0].as_str().unwrap())
        .collect();
    names.sort_unstable();
    let meant = [
        "Cc",
        "Content-Type",
        "Date",
        "From",
        "MIME-Version",
        "Message-ID",
        "Reply-To",
        "Subject",
        "To",
        "X-Ticket",
    ];
    assert_eq!(names, meant);
    assert!(
        !headers
            .iter()
            .any(|header| header[1].as_str().unwrap().contains("ecret"))
    );
    assert!(headers.contains(&json!(["X-Ticket", "Zahl 7 für Ærø"])));
    assert!(mail["longest_line"].as_u64().expect("a length") <= 998);
}

fn only(postfix: &Postfix, mailbox: &str) -> Value {
    let files: Vec<PathBuf> = postfix.delivered(mailbox);
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

fn report_kind(report: &Value) -> &str {
    report["error"]["kind"].as_str().unwrap_or_default()
}
