//! `posthaste render`, and a message as JSON.

use std::fs;

use posthaste_tests::{Ended, Place};

fn render(place: &Place, json: &str) -> Ended {
    place.posthaste(["render"]).input(json).end()
}

/// What a message comes out as.
fn rendered(json: &str) -> String {
    let ended = render(&Place::new(), json).exits(0);
    assert_eq!(ended.stderr, "");
    ended.text().to_owned()
}

/// Checks that a message is refused with one line that has these texts in it.
#[track_caller]
fn refused(json: &str, texts: &[&str]) {
    render(&Place::new(), json).refuses(texts);
}

#[test]
fn writes_lines_that_end_in_crlf_and_no_bcc() {
    let text = rendered(
        r#"{"subject": "Hi", "body": "a\nb", "to": ["a@x.org"], "cc": ["c@x.org"], "bcc": ["s@x.org"]}"#,
    );
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert!(
        text.contains("\r\nTo: a@x.org\r\nCc: c@x.org\r\n") && text.ends_with("\r\n\r\na\r\nb\r\n"),
        "{text}"
    );
    assert!(
        !text.contains("s@x.org") && !text.to_lowercase().contains("bcc"),
        "{text}"
    );
}

#[test]
fn reads_a_file_or_standard_input() {
    let place = Place::new();
    place.write("m.json", r#"{"subject": "from a file"}"#);
    let ended = place.posthaste(["render", "m.json"]).end().exits(0);
    assert!(ended.text().contains("Subject: from a file\r\n"));
    let ended = place
        .posthaste(["render", "-"])
        .input(r#"{"subject": "piped"}"#)
        .end()
        .exits(0);
    assert!(ended.text().contains("Subject: piped\r\n"));
    let pretty = "\u{feff}{\n  \"subject\":\n    \"pretty\"\n}\n";
    assert!(rendered(pretty).contains("Subject: pretty\r\n"));
}

#[test]
fn the_default_sender_and_charset_come_from_the_settings() {
    assert!(rendered("{}").contains("From: webmaster@localhost\r\n"));
    assert!(
        rendered(r#"{"from_email": null, "charset": null}"#)
            .contains("From: webmaster@localhost\r\n")
    );
    let place = Place::new();
    let run = place.posthaste(["render"]).input(r#"{"body": "é"}"#);
    let ended = run
        .env("DEFAULT_FROM_EMAIL", "Me <me@x.org>")
        .env("DEFAULT_CHARSET", "iso-8859-1")
        .end()
        .exits(0);
    assert!(
        ended.text().contains("From: Me <me@x.org>\r\n")
            && ended.text().contains("charset=\"iso-8859-1\"")
    );
}

#[test]
fn every_key_has_its_place() {
    let text = rendered(
        r#"{"subject": "S", "body": "text", "from_email": "Ann <a@x.org>", "to": ["t@x.org"], "cc": ["c@x.org"],
            "reply_to": ["r@x.org"], "headers": {"X-B": "2", "X-A": ["1", "one"], "X-None": null},
            "html_message": "<p>short", "alternatives": [{"content": "<p>long", "mimetype": "text/html"}],
            "attachments": [{"filename": "a.txt", "content": "plain", "mimetype": "text/plain"},
                            {"filename": "a.bin", "content_base64": "AAEC"}],
            "content_subtype": "plain", "charset": "utf-8"}"#,
    );
    let mut at = 0;
    let parts = [
        "From: Ann <a@x.org>",
        "Cc: c@x.org",
        "Reply-To: r@x.org",
        "X-B: 2",
        "X-A: 1",
        "X-A: one",
    ];
    for part in parts.into_iter().chain([
        "text\r\n",
        "<p>short",
        "<p>long",
        "filename=\"a.txt\"",
        "plain",
        "AAEC",
    ]) {
        at += text[at..]
            .find(part)
            .unwrap_or_else(|| panic!("no {part:?} behind {at} in {text}"));
    }
    assert!(!text.contains("X-None"));
}

#[test]
fn an_inline_image_has_its_content_id() {
    let text = rendered(
        r#"{"html_message": "<img src=\"cid:logo@x.org\">", "attachments": [{"filename": "a.png",
            "content_base64": "iVBO", "mimetype": "image/png", "disposition": "inline", "content_id": "logo@x.org"}]}"#,
    );
    assert!(
        text.contains("Content-ID: <logo@x.org>\r\n")
            && text.contains("Content-Disposition: inline"),
        "{text}"
    );
}

#[test]
fn a_path_is_relative_to_the_working_directory() {
    let place = Place::new();
    place.write("report.pdf", b"%PDF");
    let json = r#"{"attachments": [{"path": "report.pdf"}]}"#;
    let ended = render(&place, json).exits(0);
    assert!(
        ended.text().contains("Content-Type: application/pdf") && ended.text().contains("JVBERg==")
    );
    let ended = render(
        &place,
        r#"{"attachments": [{"path": "report.pdf", "mimetype": "x/y"}]}"#,
    )
    .exits(0);
    assert!(ended.text().contains("Content-Type: x/y"));
    place
        .posthaste(["render", "--no-files"])
        .input(json)
        .end()
        .refuses(&["attachments[0].path", "not allowed"]);
    place
        .posthaste(["--no-files", "render"])
        .input(json)
        .end()
        .refuses(&["attachments[0].path", "not allowed"]);
}

#[test]
fn a_large_file_comes_out_whole() {
    let place = Place::new();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    place.write("large.bin", &bytes);
    let ended = render(&place, r#"{"attachments": [{"path": "large.bin"}]}"#).exits(0);
    assert!(ended.stdout.len() > 4_000_000 && ended.stdout.len() < 4_200_000);
}

#[test]
fn what_cannot_be_rendered_is_refused() {
    refused(r#"{"subject": "a\nBcc: x@x.org"}"#, &["subject: "]);
    refused(r#"{"headers": {"X-A": "a\r\nX-B: b"}}"#, &["X-A"]);
    refused(r#"{"headers": {"X A": "a"}}"#, &["headers"]);
    refused(r#"{"headers": {"X-A": 1}}"#, &["headers.X-A", "number"]);
    refused(r#"{"from_email": "a@@b"}"#, &["from_email"]);
    refused(r#"{"colour": "red"}"#, &["colour", "unknown", "subject"]);
    refused(r#"{"subject": "a", "subject": "b"}"#, &["subject", "twice"]);
    refused(
        r#"{"attachments": [{"filename": "a", "content_base64": "%%"}]}"#,
        &["attachments[0].content_base64", "base64"],
    );
    refused(
        r#"{"attachments": [{"path": "gone"}]}"#,
        &["attachments[0].path", "gone", "No such file"],
    );
    refused(r#"{"charset": "klingon"}"#, &["charset", "klingon"]);
    refused(r#"{"charset": "us-ascii", "body": "é"}"#, &["body"]);
    refused(r#"{"to": "a@x.org"}"#, &["to: ", "list"]);
}

#[test]
fn only_one_message_can_be_rendered() {
    refused("[{}]", &["message", "list", "object"]);
    refused("{}\n{}", &["message", "trailing"]);
    refused("", &["message", "JSON"]);
    refused("hello", &["message", "JSON"]);
}

#[test]
fn nothing_of_an_error_can_steer_a_terminal() {
    refused("{\"\\u001b[31m\\n\": 1}", &["\\u{1b}[31m\\n"]);
    let place = Place::new();
    place
        .posthaste(["render", "a\u{1b}[31m\nb"])
        .end()
        .refuses(&["a\\u{1b}[31m\\nb", "No such file"]);
    place
        .posthaste(["render", "--a\u{7}"])
        .end()
        .refuses(&["--a"]);
}

#[test]
fn nothing_is_sent() {
    let place = Place::new();
    let run = place
        .posthaste(["render"])
        .env("EMAIL_BACKEND", "file")
        .env("EMAIL_FILE_PATH", "mails");
    let _ = run.input(r#"{"to": ["a@x.org"]}"#).end().exits(0);
    assert!(fs::metadata(place.path("mails")).is_err());
}
