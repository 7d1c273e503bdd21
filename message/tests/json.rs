//! A message as JSON: what is read, what is refused and how the error names the place.

mod support;

use posthaste_message::{
    Content, Dsn, EmailAlternative, EmailAttachment, EmailMessage, Notify, RenderError, Return,
};
use support::{bytes, header, options, text};

fn read(json: &str) -> EmailMessage {
    EmailMessage::from_json(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn refused(json: &str) -> RenderError {
    match EmailMessage::from_json(json) {
        Ok(message) => panic!("{json} was read as {message:?}"),
        Err(error) => error,
    }
}

const FULL: &str = r#"{"subject": "Hello", "body": "text", "from_email": "Ann <a@example.com>",
     "to": ["b@example.com"], "cc": ["c@example.com"], "bcc": ["d@example.com"], "reply_to": ["e@example.com"],
     "headers": {"X-Foo": "bar", "A-First": ["1", "2"]},
     "attachments": [{"filename": "a.txt", "content": "text", "mimetype": "text/plain"},
                     {"filename": "a.png", "content_base64": "iVBO", "mimetype": "image/png",
                      "disposition": "inline", "content_id": "logo@example.com"},
                     {"path": "report.pdf"}],
     "alternatives": [{"content": "<p>hi</p>", "mimetype": "text/html"}], "html_message": "<p>first</p>",
     "content_subtype": "plain", "charset": "utf-8"}"#;

#[test]
fn all_keys_are_read() {
    let message = read(FULL);
    assert_eq!(message.subject, "Hello");
    assert_eq!(message.body, "text");
    assert_eq!(message.from_email.as_ref().unwrap(), "Ann <a@example.com>");
    assert_eq!(message.to, ["b@example.com"]);
    assert_eq!(message.cc, ["c@example.com"]);
    assert_eq!(message.bcc, ["d@example.com"]);
    assert_eq!(message.reply_to, ["e@example.com"]);
    let headers: Vec<_> = message.headers.iter().collect();
    assert_eq!(
        headers,
        [("X-Foo", "bar"), ("A-First", "1"), ("A-First", "2")]
    );
    let logo = EmailAttachment::bytes("a.png", [0x89, b'P', b'N'])
        .mimetype("image/png")
        .inline("logo@example.com");
    assert_eq!(
        message.attachments,
        [
            ("a.txt", "text", "text/plain").into(),
            logo,
            EmailAttachment::path("report.pdf")
        ]
    );
    assert_eq!(message.content_subtype, "plain");
    assert_eq!(message.charset.as_deref(), Some("utf-8"));
}

#[test]
fn html_message_comes_before_the_alternatives() {
    let message = read(FULL);
    assert_eq!(
        message.alternatives,
        [
            EmailAlternative::new("<p>first</p>", "text/html"),
            EmailAlternative::new("<p>hi</p>", "text/html")
        ]
    );
}

#[test]
fn what_is_absent_or_null_is_empty() {
    assert_eq!(read("{}"), EmailMessage::default());
    let keys = [
        "subject",
        "body",
        "from_email",
        "to",
        "cc",
        "bcc",
        "reply_to",
        "headers",
        "attachments",
        "alternatives",
        "html_message",
        "content_subtype",
        "charset",
        "dsn",
        "require_tls",
        "mt_priority",
    ];
    for key in keys {
        assert_eq!(
            read(&format!("{{\"{key}\": null}}")),
            EmailMessage::default()
        );
    }
    let nulls = r#"{"attachments": [{"filename": null, "content": "x", "content_base64": null, "path": null,
        "mimetype": null, "disposition": null, "content_id": null, "headers": null}], "headers": {"X": null}}"#;
    assert_eq!(
        read(nulls),
        EmailMessage::default().attach(EmailAttachment::new("x"))
    );
    let written = text(&EmailMessage::from_json("{}").unwrap());
    assert_eq!(header(&written, "From"), "webmaster@localhost");
}

#[test]
fn unknown_and_doubled_keys_are_named() {
    for (json, field) in [
        (r#"{"Subject": "x"}"#, "Subject"),
        (r#"{"sender": null}"#, "sender"),
        (r#"{"subject": "x", "subject": "x"}"#, "subject"),
        (r#"{"subject": null, "s\u0075bject": "x"}"#, "subject"),
        (r#"{"headers": {"X": "1", "X": "2"}}"#, "headers.X"),
        (
            r#"{"attachments": [{"content": "x", "name": "y"}]}"#,
            "attachments[0].name",
        ),
        (
            r#"{"attachments": [{"content": "x", "content": "y"}]}"#,
            "attachments[0].content",
        ),
        (
            r#"{"attachments": [{"content": "x"}, {"content": "x", "path": "y"}]}"#,
            "attachments[1].path",
        ),
        (
            r#"{"attachments": [{"content": "x", "content_base64": "eA=="}]}"#,
            "attachments[0].content_base64",
        ),
        (
            r#"{"attachments": [{"filename": "x"}]}"#,
            "attachments[0].content",
        ),
        (r#"{"attachments": [{}]}"#, "attachments[0].content"),
        (
            r#"{"alternatives": [{"content": "x"}]}"#,
            "alternatives[0].mimetype",
        ),
        (
            r#"{"alternatives": [{"mimetype": "text/html"}]}"#,
            "alternatives[0].content",
        ),
        (
            r#"{"alternatives": [{"content": "x", "mimetype": "text/html", "path": "y"}]}"#,
            "alternatives[0].path",
        ),
        (
            r#"{"attachments": [{"message": {"subjct": "x"}}]}"#,
            "attachments[0].message.subjct",
        ),
        (r#"{"dsn": {"notfy": []}}"#, "dsn.notfy"),
        (r#"{"dsn": {"notify": []}}"#, "dsn.notify"),
        (r#"{"dsn": {"notify": "always"}}"#, "dsn.notify"),
        (r#"{"dsn": {"notify": ["delay", "x"]}}"#, "dsn.notify[1]"),
        (r#"{"dsn": {"return": "all"}}"#, "dsn.return"),
        (
            r#"{"dsn": {"recipients": {"a@b": {"orcpt": "c@d"}}}}"#,
            "dsn.recipients.a@b.orcpt",
        ),
        (
            r#"{"dsn": {"recipients": {"a@b": {}, "a@b": {}}}}"#,
            "dsn.recipients.a@b",
        ),
        (r#"{"mt_priority": 1000}"#, "mt_priority"),
        (r#"{"mt_priority": 1.5}"#, "mt_priority"),
        (r#"{"\u0000\n": 1}"#, "\\u{0}\\n"),
    ] {
        assert_eq!(refused(json).field(), field, "{json}");
    }
    assert!(
        refused(r#"{"x": 1}"#)
            .message()
            .contains("known are subject, body, from_email")
    );
}

#[test]
fn values_of_the_wrong_kind_are_named() {
    for (json, field, found) in [
        (r#"{"subject": 1}"#, "subject", "a number"),
        (r#"{"subject": true}"#, "subject", "true or false"),
        (r#"{"body": ["x"]}"#, "body", "a list"),
        (r#"{"from_email": {"a": 1}}"#, "from_email", "an object"),
        (r#"{"to": "a@b.c"}"#, "to", "a string"),
        (r#"{"to": [["a@b.c"]]}"#, "to[0]", "a list"),
        (r#"{"to": ["a@b.c", null]}"#, "to[1]", "null"),
        (r#"{"bcc": {"a": "b"}}"#, "bcc", "an object"),
        (r#"{"headers": [["X", "1"]]}"#, "headers", "a list"),
        (r#"{"headers": {"X": 1}}"#, "headers.X", "a number"),
        (r#"{"headers": {"X": -1.5e3}}"#, "headers.X", "a number"),
        (
            r#"{"headers": {"X": ["1", 2]}}"#,
            "headers.X[1]",
            "a number",
        ),
        (r#"{"headers": {"X": {}}}"#, "headers.X", "an object"),
        (r#"{"attachments": ["x"]}"#, "attachments[0]", "a string"),
        (r#"{"attachments": {}}"#, "attachments", "an object"),
        (
            r#"{"attachments": [{"content": 1}]}"#,
            "attachments[0].content",
            "a number",
        ),
        (
            r#"{"attachments": [{"content": "x", "headers": []}]}"#,
            "attachments[0].headers",
            "a list",
        ),
        (r#"{"alternatives": [null]}"#, "alternatives[0]", "null"),
        (r#"{"html_message": 1}"#, "html_message", "a number"),
        (r#"{"charset": 8}"#, "charset", "a number"),
        (r#"{"dsn": "never"}"#, "dsn", "a string"),
        (r#"{"dsn": {"notify": 1}}"#, "dsn.notify", "a number"),
        (r#"{"dsn": {"notify": [1]}}"#, "dsn.notify[0]", "a number"),
        (
            r#"{"dsn": {"recipients": ["a@b"]}}"#,
            "dsn.recipients",
            "a list",
        ),
        (r#"{"require_tls": "yes"}"#, "require_tls", "a string"),
        (r#"{"mt_priority": "1"}"#, "mt_priority", "a string"),
        ("[]", "message", "a list"),
        ("null", "message", "null"),
        ("\"x\"", "message", "a string"),
        ("1", "message", "a number"),
    ] {
        let error = refused(json);
        assert_eq!(error.field(), field, "{json}");
        assert!(
            error
                .message()
                .starts_with(&format!("is {found}; expected")),
            "{error}"
        );
    }
}

#[test]
fn what_is_no_json_is_an_error_of_the_message() {
    for json in [
        &b""[..],
        b" ",
        b"{",
        b"{\"subject\": \"x\"",
        b"{'subject': 1}",
        b"{\"subject\": \"x\",}",
        b"{} {}",
        b"{}x",
        b"nul",
        b"\xff",
        b"{\"subject\": \"\xff\"}",
        b"{\"subject\": \"\xc3\"}",
        b"{\"subject\": \"\xed\xa0\x80\"}",
        b"{\"subject\": \"a\nb\"}",
        b"{\"subject\": \"\\ud800\"}",
        b"{\"subject\": \"\\x\"}",
        b"\xef\xbb\xbf{}",
        b"{\"subject\": 1e999}",
        b"{\"subject\": NaN}",
    ] {
        let error = EmailMessage::from_json(json).unwrap_err();
        assert_eq!(
            error.field(),
            "message",
            "{}",
            String::from_utf8_lossy(json)
        );
        assert!(error.message().starts_with("is no JSON: "), "{error}");
    }
}

#[test]
fn base64_is_read_strictly_but_for_blanks() {
    let content = |text: &str| {
        let json = serde_json::json!({"attachments": [{"content_base64": text}]}).to_string();
        EmailMessage::from_json(json).map(|message| message.attachments[0].content.clone())
    };
    assert_eq!(
        content("AAEC\r\n/w==\n").unwrap(),
        Content::Bytes(vec![0, 1, 2, 255])
    );
    assert_eq!(content("").unwrap(), Content::Bytes(Vec::new()));
    for text in [
        "A", "AA", "AAE", "A===", "AA==AA==", "AAE_", "AA-_", "Ä", "AAEC=", "AB==",
    ] {
        assert_eq!(
            content(text).unwrap_err().field(),
            "attachments[0].content_base64",
            "{text}"
        );
    }
}

#[test]
fn deep_nesting_is_an_error_without_a_deep_stack() {
    for (open, close) in [
        ("[", "]"),
        ("{\"a\":", "}"),
        (r#"{"attachments":[{"message":"#, "}]}"),
    ] {
        for depth in [10_000, 1_000_000] {
            let json = format!("{}{}", open.repeat(depth), close.repeat(depth));
            assert_eq!(refused(&json).field(), "message");
            let inside = format!("{{\"to\": {json}}}");
            assert_eq!(refused(&inside).field(), "message");
            assert_eq!(refused(&open.repeat(depth)).field(), "message");
        }
    }
    let error = serde_json::from_str::<EmailMessage>(&"[".repeat(10_000)).unwrap_err();
    assert!(error.to_string().contains("recursion"), "{error}");
}

#[test]
fn a_hundred_megabytes_of_text_are_read() {
    let large = "x".repeat(100_000_000);
    let json = format!("{{\"body\": \"{large}\", \"to\": [\"a@b.c\"]}}");
    let message = read(&json);
    assert_eq!(message.body.len(), large.len());
    let error = refused(&format!("{{\"{large}\": 1}}"));
    assert!(error.to_string().len() < 1_000);
    let error = refused(&format!("{{\"subject\": \"{large}"));
    assert!(error.to_string().len() < 1_000);
}

#[test]
fn a_million_small_values_are_an_error() {
    for unit in ["1,", "[],", "{},", "\"\",", "null,"] {
        let values = unit.repeat(1_500_000);
        let values = values.trim_end_matches(',');
        for json in [
            format!("{{\"to\": [{values}]}}"),
            format!("[{values}]"),
            format!("{{\"x\": {{\"y\": [{values}]}}}}"),
        ] {
            let error = refused(&json);
            assert!(
                error.message().contains("more than 1000000 values"),
                "{error}"
            );
        }
    }
    let many = "\"a@b.c\",".repeat(900_000);
    assert_eq!(
        read(&format!("{{\"to\": [{}]}}", many.trim_end_matches(',')))
            .to
            .len(),
        900_000
    );
}

#[test]
fn charset_and_body_are_named() {
    let wrong = |json: &str| {
        let message = read(json);
        message.render(&options()).unwrap_err().field().to_owned()
    };
    assert_eq!(wrong(r#"{"charset": "nix"}"#), "charset");
    assert_eq!(wrong(r#"{"charset": "utf-16"}"#), "charset");
    assert_eq!(wrong(r#"{"charset": "us-ascii", "body": "é"}"#), "body");
    assert_eq!(wrong(r#"{"charset": "iso-8859-1", "body": "€"}"#), "body");
    assert_eq!(
        wrong(r#"{"charset": "koi8-r", "html_message": "日"}"#),
        "alternatives[0].content"
    );
    for charset in [
        "utf-8",
        "UTF-8",
        "us-ascii",
        "iso-8859-1",
        "windows-1252",
        "koi8-r",
        "iso-2022-jp",
        "gb18030",
        "euc-kr",
        "x-mac-cyrillic",
    ] {
        let message = read(&format!(r#"{{"charset": "{charset}", "body": "x"}}"#));
        let kind = header(&text(&message), "Content-Type");
        assert_eq!(kind, format!("text/plain; charset=\"{charset}\""));
    }
    // True ISO 8859-1, not the Windows charset that browsers mean by it.
    let message = read(r#"{"charset": "iso-8859-1", "body": "\u0080"}"#);
    assert!(
        String::from_utf8(bytes(&message))
            .unwrap()
            .ends_with("\r\n\r\n=80\r\n")
    );
}

#[test]
fn a_path_is_read_when_the_message_is_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.bin");
    let json = serde_json::json!({"body": "x", "attachments": [{"path": path, "mimetype": "application/x-report"}]});
    let message = read(&json.to_string());
    let error = message.render(&options()).unwrap_err();
    assert_eq!(error.field(), "attachments[0].path");
    std::fs::write(&path, b"\x00\x01").unwrap();
    let written = text(&message);
    assert!(
        written.contains("Content-Type: application/x-report\r\n"),
        "{written}"
    );
    assert!(
        written.contains("filename=\"report.bin\"") && written.contains("\r\n\r\nAAE=\r\n"),
        "{written}"
    );
    let mut closed = options();
    closed.allow_files = false;
    assert_eq!(
        message.render(&closed).unwrap_err().field(),
        "attachments[0].path"
    );
}

#[test]
fn what_is_written_is_read_back() {
    let message = read(FULL);
    let json = serde_json::to_string(&message).unwrap();
    assert_eq!(read(&json), message);
    assert_eq!(
        serde_json::from_str::<EmailMessage>(&json).unwrap(),
        message
    );
    assert!(
        !json.contains("html_message") && !json.contains("null"),
        "{json}"
    );
    let nested = EmailMessage::new("outer", "").attach(message.clone());
    assert_eq!(read(&serde_json::to_string(&nested).unwrap()), nested);
    assert_eq!(
        serde_json::to_string(&EmailMessage::default()).unwrap(),
        r#"{"subject":"","body":""}"#
    );
    let pair = EmailMessage::default().to([("A, B <x@y>", "a@b.c")]);
    let again = read(&serde_json::to_string(&pair).unwrap());
    assert_eq!(
        again.to[0].mailbox().unwrap(),
        pair.to[0].mailbox().unwrap()
    );
}

#[test]
fn what_is_asked_of_servers_is_read_and_written() {
    let json = r#"{"subject":"","body":"","to":["b@example.com","c@example.com"],"dsn":{"notify":["success","failure"],"return":"headers","envelope_id":"order 7","recipients":{"c@example.com":{"notify":"never","original":"list@example.com"}}},"require_tls":true,"mt_priority":-3}"#;
    let message = read(json);
    let dsn = Dsn::new()
        .notify(Notify::FAILURE | Notify::SUCCESS)
        .returns(Return::Headers)
        .envelope_id("order 7")
        .notify_for("c@example.com", Notify::NEVER)
        .original_for("c@example.com", "list@example.com");
    let expected = EmailMessage::default()
        .to(["b@example.com", "c@example.com"])
        .dsn(dsn)
        .require_tls(true)
        .mt_priority(-3);
    assert_eq!(message, expected);
    assert_eq!(serde_json::to_string(&message).unwrap(), json);
}
