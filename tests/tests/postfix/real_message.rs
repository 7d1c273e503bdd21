//! The main job: a message with all that one may have is delivered, and read back as it was meant.

use std::fs;
use std::path::Path;

use posthaste::{EmailMessage, Status};
use posthaste_tests::postfix::Postfix;
use posthaste_tests::{Place, mail};
use serde_json::{Value, json};

use super::{lines, mailer, message, only, runtime, send};

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
    let runtime = runtime();
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
        // Only where the server takes texts in 8 bits.
        .filter(|name| *name != "Content-Transfer-Encoding")
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
