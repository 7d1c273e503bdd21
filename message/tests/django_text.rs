//! Django's behaviour: texts, that is the body and the alternatives of a text type.
//!
//! All line ends become one kind, and the last line is ended; short ASCII lines go as they are, others as quoted-printable or
//! base64, whichever is shorter; the charset is declared as it was given and decides the octets; text that it cannot
//! hold is an error. Where Django errs, the right thing: quoted-printable lines have at most 76 octets, the
//! choice looks at the whole text, and controls are encoded. 8-bit octets go only if they are asked for.

mod support;

use encodify::{base64, qp};
use posthaste_message::{EmailMessage, Transfer};
use support::{bytes, bytes_with, error, header, message, options, split, text};

/// The encoding of a body and what is written of it.
fn written(body: &str) -> (String, String) {
    let text = text(&message().body(body));
    (
        header(&text, "Content-Transfer-Encoding"),
        split(&text).1.to_owned(),
    )
}

#[test]
fn all_line_ends_become_crlf_and_the_last_line_is_ended() {
    for (body, lines) in [
        ("x", "x\r\n"),
        ("", "\r\n"),
        ("a\n", "a\r\n"),
        ("a\rb\nc\r\nd", "a\r\nb\r\nc\r\nd\r\n"),
        ("\n\n", "\r\n\r\n"),
        ("a\n\r", "a\r\n\r\n"),
    ] {
        assert_eq!(
            written(body),
            ("7bit".to_owned(), lines.to_owned()),
            "{body:?}"
        );
    }
}

#[test]
fn other_breaks_end_no_line() {
    for c in ["\u{b}", "\u{c}", "\u{85}", "\u{2028}"] {
        let (encoding, octets) = written(&format!("a{c}b"));
        let read = match encoding.as_str() {
            "base64" => base64::MIME.decode(octets.trim_end()).unwrap(),
            _ => qp::BODY.decode(&octets).unwrap().into_owned(),
        };
        assert_eq!(read, format!("a{c}b\r\n").as_bytes());
    }
}

#[test]
fn ascii_lines_of_up_to_78_go_as_they_are() {
    let line = "x".repeat(78);
    assert_eq!(written(&line).0, "7bit");
    assert_eq!(written(&format!("{line}\n{line}\n")).0, "7bit");
    assert_eq!(written(&format!("{line}x")).0, "quoted-printable");
}

#[test]
fn the_shorter_encoding_is_taken_by_the_whole_text() {
    assert_eq!(written("Жижа и жук").0, "base64");
    assert_eq!(
        written("Rødgrød med fløde, sagde han til os alle sammen").0,
        "quoted-printable"
    );
    // Django looks at ten lines alone.
    let late = format!("{}{}", "plain\n".repeat(10), "Привет, мир\n".repeat(100));
    assert_eq!(written(&late).0, "base64");
}

#[test]
fn encoded_lines_have_at_most_76_octets() {
    for body in [
        "é ".repeat(300),
        "x".repeat(3_000),
        format!("{} ", "x".repeat(90)),
        "a=".repeat(200),
        "Жук ".repeat(300),
        "\t".repeat(200),
    ] {
        let (encoding, octets) = written(&body);
        assert_ne!(encoding, "7bit");
        assert!(
            octets.split("\r\n").all(|line| line.len() <= 76),
            "{octets}"
        );
    }
}

#[test]
fn base64_holds_crlf() {
    let (_, octets) = written("Жук\nжаба");
    assert_eq!(
        base64::MIME.decode(octets.trim_end()).unwrap(),
        "Жук\r\nжаба\r\n".as_bytes()
    );
}

#[test]
fn blanks_at_line_ends_survive() {
    assert_eq!(written("a \nb\t").1, "a \r\nb\t\r\n");
    assert_eq!(
        written("un caffè al bar \nb\t").1,
        "un caff=C3=A8 al bar=20\r\nb=09\r\n"
    );
}

#[test]
fn the_charset_is_declared_as_given() {
    for (given, declared) in [
        ("utf-8", "utf-8"),
        ("UTF-8", "UTF-8"),
        ("utf8", "utf-8"),
        ("latin-1", "iso-8859-1"),
        ("ascii", "us-ascii"),
        ("koi8-r", "koi8-r"),
        ("ISO-8859-1", "ISO-8859-1"),
        ("", "utf-8"),
    ] {
        let kind = header(&text(&message().charset(given)), "Content-Type");
        assert_eq!(
            kind,
            format!("text/plain; charset=\"{declared}\""),
            "{given}"
        );
    }
    let mut latin = options();
    latin.charset = "iso-8859-1".to_owned();
    let read = String::from_utf8(bytes_with(
        &message().body("Grüße an alle, die hier sind"),
        &latin,
    ))
    .unwrap();
    assert!(
        read.contains("charset=\"iso-8859-1\"") && read.contains("Gr=FC=DFe"),
        "{read}"
    );
    let own = String::from_utf8(bytes_with(&message().charset("utf-8"), &latin)).unwrap();
    assert!(own.contains("charset=\"utf-8\""));
}

#[test]
fn the_charset_is_that_of_all_texts() {
    let sent = message()
        .charset("koi8-r")
        .body("Жук")
        .html("<p>Жук")
        .attach(("a.txt", "Жук"));
    let read = text(&sent);
    assert_eq!(read.matches("charset=\"koi8-r\"").count(), 3);
    assert!(!read.contains("utf-8"), "{read}");
    let declared = message().alternative("x", "text/html; charset=x; a=b");
    assert!(text(&declared).contains("Content-Type: text/html; a=\"b\"; charset=\"utf-8\"\r\n"));
}

#[test]
fn text_that_the_charset_cannot_hold_is_an_error() {
    for (charset, body) in [
        ("us-ascii", "é"),
        ("iso-8859-1", "€"),
        ("koi8-r", "日"),
        ("iso-2022-jp", "é🦀"),
    ] {
        assert_eq!(
            error(&message().charset(charset).body(body)).field(),
            "body"
        );
        assert_eq!(
            error(&message().charset(charset).html(body)).field(),
            "alternatives[0].content"
        );
        assert_eq!(
            error(&message().charset(charset).attach(("a.txt", body))).field(),
            "attachments[0].content"
        );
    }
    assert_eq!(error(&message().charset("nix")).field(), "charset");
}

#[test]
fn eight_bit_octets_go_only_if_asked_for() {
    let mut raw = options();
    raw.transfer = Transfer::EightBit;
    for (charset, octets) in [
        ("iso-8859-1", &b"Gr\xfc\xdfe\r\n"[..]),
        ("utf-8", "Grüße\r\n".as_bytes()),
    ] {
        let sent = message().charset(charset).body("Grüße");
        let written = bytes_with(&sent, &raw);
        assert!(written.ends_with(octets));
        assert!(String::from_utf8_lossy(&written).contains("Content-Transfer-Encoding: 8bit\r\n"));
        assert!(sent.render(&raw).unwrap().is_8bit());
        assert!(bytes(&sent).is_ascii());
    }
    let long = message().body("ü".repeat(40));
    assert!(bytes_with(&long, &raw).is_ascii());
}

#[test]
fn iso_2022_jp_is_7bit() {
    let written = text(&message().charset("iso-2022-jp").body("日本語"));
    assert_eq!(header(&written, "Content-Transfer-Encoding"), "7bit");
    assert_eq!(split(&written).1, "\u{1b}$BF|K\\8l\u{1b}(B\r\n");
}

#[test]
fn controls_are_encoded() {
    for c in ["\0", "\u{1}", "\u{1b}", "\u{7f}"] {
        let (encoding, octets) = written(&format!("a text with {c}"));
        assert_eq!(encoding, "quoted-printable");
        assert!(
            octets
                .bytes()
                .all(|byte| byte >= 32 || byte == b'\r' || byte == b'\n')
        );
    }
}

#[test]
fn from_and_dots_at_line_starts_stay() {
    assert_eq!(
        written("From me\nFrom you\n.\n..\n>From").1,
        "From me\r\nFrom you\r\n.\r\n..\r\n>From\r\n"
    );
}

#[test]
fn alternatives_of_text_may_be_utf_8_bytes() {
    let sent = message().alternative("é".as_bytes(), "text/html");
    assert_eq!(bytes(&sent), bytes(&message().html("é")));
    let wrong = error(&message().alternative(b"\xff", "text/html"));
    assert_eq!(wrong.field(), "alternatives[0].content");
    assert!(text(&message().alternative(b"\xff", "application/x")).contains("\r\n\r\n/w==\r\n"));
    for kind in ["", "html", "multipart/mixed", "message/rfc822"] {
        assert_eq!(
            error(&message().alternative("x", kind)).field(),
            "alternatives[0].mimetype"
        );
    }
}

#[test]
fn a_body_may_be_of_any_subtype_but_only_of_one() {
    for subtype in ["", "pl ain", "plain; charset=x", "plain\n", "a/b"] {
        assert_eq!(
            error(&message().content_subtype(subtype)).field(),
            "content_subtype"
        );
    }
    let _ = EmailMessage::default();
}
