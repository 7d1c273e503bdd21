//! Django's behaviour: attachments.
//!
//! The type is given or guessed; a name may be absent; files; texts as text and as bytes; other types in base64; parameters; how
//! names are written; whole messages; parts with a disposition, id and headers of their own. Beyond Django: attached
//! bytes are kept, also those of a text, and a file is read when the message is.

mod support;

use std::fs;

use encodify::base64;
use posthaste_message::{EmailAttachment, EmailMessage};
use support::{bytes, error, error_with, message, options, structure, text};

/// The headers and the octets of the only attachment.
fn part(attachment: impl Into<EmailAttachment>) -> (String, String) {
    let text = text(&message().body("").attach(attachment));
    let start = text.find("\r\n--").unwrap() + 2;
    let part = &text[start..text.rfind("\r\n--").unwrap()];
    let (head, body) = part.split_once("\r\n\r\n").unwrap();
    (head.replace("\r\n ", " "), body.to_owned())
}

fn kind(name: &str) -> String {
    let (head, _) = part((name, vec![0_u8]));
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Type: "));
    line.unwrap().to_owned()
}

#[test]
fn the_type_is_guessed_from_the_name() {
    for (name, guessed) in [
        ("a.png", "image/png"),
        ("A.PDF", "application/pdf"),
        ("a.zip", "application/zip"),
        ("a.tar.gz", "application/x-tar"),
        ("a.tgz", "application/x-tar"),
        ("a.gz", "application/octet-stream"),
        ("a.svg", "image/svg+xml"),
        ("a.ico", "image/vnd.microsoft.icon"),
        ("a", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
        ("", "application/octet-stream"),
        (
            "a.docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
    ] {
        assert_eq!(kind(name), guessed, "{name}");
    }
    assert!(
        part(("a.js", "x"))
            .0
            .contains("Content-Type: text/javascript; charset=\"utf-8\"")
    );
    assert!(
        part(("a.png", "x", "text/x"))
            .0
            .contains("Content-Type: text/x;"),
        "the given type wins"
    );
}

#[test]
fn a_name_may_be_absent() {
    let (head, body) = part(EmailAttachment::new(b"x").mimetype("image/png"));
    assert!(
        head.contains("Content-Type: image/png\r\n")
            && head.ends_with("Content-Disposition: attachment"),
        "{head}"
    );
    assert_eq!(body, "eA==\r\n");
    assert!(
        part(EmailAttachment::new(b"x"))
            .0
            .contains("application/octet-stream")
    );
    assert!(part(EmailAttachment::new("x")).0.contains("text/plain"));
}

#[test]
fn a_file_goes_under_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("täxt.txt");
    fs::write(&path, "one\r\n").unwrap();
    let mut sent = message();
    sent.attach_file(&path);
    let written = text(&sent);
    assert!(
        written.contains("filename*=utf-8''t%C3%A4xt.txt")
            && written.contains("\r\n\r\none\r\n\r\n--"),
        "{written}"
    );
    let (head, _) = part(
        EmailAttachment::path(&path)
            .filename("b.csv")
            .mimetype("text/x"),
    );
    assert!(head.contains("filename=\"b.csv\"") && head.contains("text/x"));
    fs::write(&path, "two").unwrap();
    assert!(
        text(&sent).contains("two"),
        "it is read when the message is rendered"
    );
}

#[test]
fn a_large_file_streams_and_its_bytes_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.bin");
    let octets: Vec<u8> = (0..3_000_001_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    fs::write(&path, &octets).unwrap();
    let sent = message()
        .attach(EmailAttachment::path(&path))
        .attach(("after.txt", "after\r\n"));
    let written = bytes(&sent);
    let read = mail_parser::MessageParser::new().parse(&written).unwrap();
    assert!(read.attachment(0).unwrap().contents() == octets);
    assert_eq!(read.attachment(1).unwrap().contents(), b"after\r\n");
    let rendered = sent.render(&options()).unwrap();
    fs::write(&path, &octets[1..]).unwrap();
    assert_eq!(
        rendered.to_vec().unwrap_err().field(),
        "attachments[0].path"
    );
    assert!(rendered.write_to(&mut Vec::new()).is_err());
    fs::write(&path, [&octets[..], b"x"].concat()).unwrap();
    assert!(rendered.to_vec().is_err(), "it grew");
    fs::remove_file(&path).unwrap();
    assert!(rendered.to_vec().is_err(), "it is gone");
    fs::write(&path, &octets).unwrap();
    assert!(rendered.to_vec().unwrap() == written);
}

#[test]
fn a_large_text_file_keeps_its_bytes_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.csv");
    for (line, kind) in [("naïve,1\n", "text/csv"), ("na\u{ef}ve\r", "text/csv")] {
        let octets = line.repeat(200_000).into_bytes();
        fs::write(&path, &octets).unwrap();
        let written = bytes(&message().attach(EmailAttachment::path(&path)));
        assert_eq!(structure(&written), format!("mixed(text/plain, {kind})"));
        let read = mail_parser::MessageParser::new().parse(&written).unwrap();
        assert!(read.attachment(0).unwrap().contents() == octets);
    }
    // One octet that is no UTF-8, at the end of many.
    fs::write(&path, ["ä".repeat(700_000).as_bytes(), b"\xff"].concat()).unwrap();
    let written = bytes(&message().attach(EmailAttachment::path(&path)));
    assert_eq!(
        structure(&written),
        "mixed(text/plain, application/octet-stream)"
    );
}

#[test]
fn what_is_no_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for path in [
        folder.path().to_owned(),
        folder.path().join("none"),
        "/dev/zero".into(),
        "/dev/null".into(),
        "".into(),
        "a\0b".into(),
    ] {
        let wrong = error(&message().attach(EmailAttachment::path(&path).filename("x")));
        assert_eq!(wrong.field(), "attachments[0].path", "{}", path.display());
    }
    let mut closed = options();
    closed.allow_files = false;
    assert_eq!(
        error_with(
            &message().attach(EmailAttachment::path("/etc/hostname")),
            &closed
        )
        .field(),
        "attachments[0].path"
    );
}

#[test]
fn text_given_as_utf_8_bytes_stays_text_with_its_bytes() {
    for octets in [
        "a\r\nb\r\n",
        "a\nb\n",
        "a\rb",
        "no end",
        "",
        "é",
        "trailing \r\n",
        "\0",
        "\u{feff}x",
    ] {
        let (head, body) = part(("a.csv", octets.as_bytes().to_vec()));
        assert!(
            head.contains("Content-Type: text/csv; charset=\"utf-8\"\r\n"),
            "{head}"
        );
        if head.contains("base64") {
            assert_eq!(
                base64::MIME.decode(body.trim_end()).unwrap(),
                octets.as_bytes()
            );
        } else {
            assert_eq!(body, octets);
        }
    }
    assert!(part(("a.csv", b"a\r\nb\r\n".to_vec())).0.contains("7bit"));
}

#[test]
fn long_lines_of_text_go_as_base64() {
    let fits = "x".repeat(998);
    assert!(
        part(("a.txt", fits.clone().into_bytes()))
            .0
            .contains("7bit")
    );
    assert!(
        part(("a.txt", format!("{fits}x").into_bytes()))
            .0
            .contains("base64")
    );
}

#[test]
fn text_bytes_that_are_no_utf_8_are_mere_bytes() {
    let (head, body) = part(("a.txt", vec![0xff, 0xfe]));
    assert!(
        head.contains("Content-Type: application/octet-stream\r\n"),
        "{head}"
    );
    assert_eq!(body, "//4=\r\n");
    let (head, body) = part(("a.txt", vec![0xff], "text/plain; charset=iso-8859-1"));
    assert!(
        head.contains("text/plain; charset=\"iso-8859-1\""),
        "the charset was told: {head}"
    );
    assert_eq!(body, "/w==\r\n");
}

#[test]
fn other_types_are_base64_also_of_text() {
    let (head, body) = part(("a.json", "{\"é\": 1}"));
    assert!(
        head.contains("Content-Type: application/json\r\n"),
        "{head}"
    );
    assert_eq!(
        base64::MIME.decode(body.trim_end()).unwrap(),
        "{\"é\": 1}".as_bytes()
    );
    assert!(head.contains("Content-Disposition: attachment; filename=\"a.json\""));
}

#[test]
fn an_empty_attachment_is_an_empty_part() {
    for content in [
        EmailAttachment::bytes("a.bin", b""),
        EmailAttachment::text("a.txt", ""),
    ] {
        assert_eq!(part(content).1, "");
    }
}

#[test]
fn parameters_of_the_type_are_kept() {
    let (head, _) = part(("a.ics", "x", "text/calendar; method=REQUEST; charset=x"));
    assert!(
        head.contains("Content-Type: text/calendar; method=\"REQUEST\"; charset=\"utf-8\""),
        "{head}"
    );
    for kind in ["text", "pdf", "a/b/c", "a/b; c"] {
        assert_eq!(
            error(&message().attach(("a", "x", kind))).field(),
            "attachments[0].mimetype"
        );
    }
}

#[test]
fn names_are_quoted_or_written_by_rfc_2231() {
    let shown = |name: &str| {
        let (head, _) = part((name, "x", "image/png"));
        let start = head.find("attachment; ").unwrap() + 12;
        head[start..].lines().next().unwrap().to_owned()
    };
    assert_eq!(shown("test.txt"), "filename=\"test.txt\"");
    assert_eq!(shown("a b;c.txt"), "filename=\"a b;c.txt\"");
    assert_eq!(shown("ä.txt"), "filename*=utf-8''%C3%A4.txt");
    assert_eq!(shown("../a/b\\c"), "filename*=us-ascii''..%2Fa%2Fb%5Cc");
    assert!(shown(&"x".repeat(100)).starts_with("filename*0*=us-ascii''xxx"));
    assert!(shown(&"é".repeat(100)).contains("; filename*1*=%C3%A9"));
}

#[test]
fn a_message_may_be_attached() {
    let inner = message().subject("Ünner").bcc(["hidden@x"]).html("<p>");
    for attachment in [
        EmailAttachment::from(inner.clone()),
        ("x.eml", inner.clone()).into(),
        ("a.txt", inner.clone()).into(),
    ] {
        let written = bytes(&message().attach(attachment));
        assert_eq!(
            structure(&written),
            "mixed(text/plain, message/rfc822[alternative(text/plain, text/html)])"
        );
        assert!(!String::from_utf8_lossy(&written).contains("hidden"));
    }
    let wrong = message().attach(EmailAttachment::from(inner).mimetype("text/plain"));
    assert_eq!(error(&wrong).field(), "attachments[0].mimetype");
    let (head, _) = part(EmailAttachment::from(message()));
    assert!(head.contains("Content-Transfer-Encoding: 7bit"), "{head}");
}

#[test]
fn a_message_may_be_attached_as_text_or_bytes() {
    let mail = "Subject: x\nBcc: kept@x\n\nGrüße\n";
    for attachment in [
        EmailAttachment::bytes("a.eml", mail),
        EmailAttachment::text("a.eml", mail),
        EmailAttachment::new(mail).mimetype("message/rfc822"),
    ] {
        let written = bytes(&message().attach(attachment));
        assert_eq!(
            structure(&written),
            "mixed(text/plain, message/rfc822[none])"
        );
        let text = String::from_utf8(written).unwrap();
        assert!(
            text.contains("Subject: x\r\nBcc: kept@x\r\n\r\nGrüße\r\n"),
            "{text}"
        );
        assert_eq!(
            text.matches("Content-Transfer-Encoding: 8bit\r\n").count(),
            2
        );
    }
    let (head, body) = part(EmailAttachment::text("a.eml", "Subject: x\n\ny"));
    assert!(head.contains("7bit"));
    assert_eq!(body, "Subject: x\r\n\r\ny\r\n");
    // What may not go as it is goes as a mere file, for a message may not be encoded.
    let long = format!("Subject: x\n\n{}", "x".repeat(999));
    for bad in [long.as_str(), "Subject: x\n\n\0"] {
        let (head, body) = part(EmailAttachment::text("a.eml", bad));
        assert!(head.contains("application/octet-stream"));
        assert_eq!(
            base64::MIME.decode(body.trim_end()).unwrap(),
            bad.as_bytes()
        );
    }
    assert_eq!(
        error(&message().attach(("a", "x", "message/partial; id=1"))).field(),
        "attachments[0].mimetype"
    );
}

#[test]
fn a_part_may_have_its_own_disposition_id_and_headers() {
    let own = EmailAttachment::bytes("a.png", b"x")
        .inline("<a@x>")
        .header("X-A", "é")
        .header("Content-Language", "de");
    let (head, _) = part(own);
    for line in [
        "Content-Disposition: inline; filename=\"a.png\"",
        "Content-ID: <a@x>",
        "X-A: =?utf-8?b?w6k=?=",
        "Content-Language: de",
    ] {
        assert!(head.contains(line), "{head}");
    }
    let mut id = EmailAttachment::bytes("a.png", b"x");
    id.content_id = Some("a@x".to_owned());
    assert!(part(id.clone()).0.contains("Content-Disposition: inline"));
    assert!(
        part(id.disposition("attachment"))
            .0
            .contains("Content-Disposition: attachment")
    );
}

#[test]
fn pairs_and_triples_are_attachments() {
    assert_eq!(
        EmailAttachment::from(("a", "x")),
        EmailAttachment::text("a", "x")
    );
    assert_eq!(
        EmailAttachment::from(("a", vec![1_u8])),
        EmailAttachment::bytes("a", [1])
    );
    assert_eq!(
        EmailAttachment::from(("a", "x", "t/y")),
        EmailAttachment::text("a", "x").mimetype("t/y")
    );
    let _ = EmailMessage::default();
}
