//! Django's behaviour: addresses in headers.
//!
//! Lists are joined, an entry may hold several addresses, empty entries leave no trace; names are quoted or
//! encoded; domains become IDNA, ASCII ones stay as they are; local parts alone and quoted ones are taken; groups pass.
//! Where Django errs, the right thing: broken addresses are refused, other addresses of a header keep
//! their groups beside an IDNA one, and a local part beyond ASCII is written as SMTPUTF8 wants it, never encoded.

mod support;

use posthaste_message::EmailMessage;
use support::{error, header, message, options, text};

fn to(entries: &[&str]) -> String {
    let written = text(&message().to(entries.iter().copied()));
    header(&written, "To")
}

#[test]
fn entries_are_joined_and_may_hold_several() {
    assert_eq!(
        to(&["a@b.c", "d@e.f, Ann <g@h.i>"]),
        "a@b.c, d@e.f, Ann <g@h.i>"
    );
}

#[test]
fn empty_entries_leave_no_comma() {
    assert_eq!(to(&["a@b.c", "", "d@e.f", ""]), "a@b.c, d@e.f");
}

#[test]
fn all_address_headers_are_treated_as_such() {
    for name in [
        "From",
        "Sender",
        "Reply-To",
        "To",
        "Cc",
        "Resent-From",
        "Resent-Sender",
        "Resent-To",
        "Resent-Cc",
    ] {
        let written = text(&message().header(name, "\"Sürname, Firstname\" <to@bücher.example>"));
        assert_eq!(
            header(&written, name),
            "=?utf-8?q?S=C3=BCrname=2C_Firstname?= <to@xn--bcher-kva.example>"
        );
    }
}

#[test]
fn names_are_quoted_or_encoded_as_they_need() {
    for (entry, shown) in [
        ("A Name <to@x.org>", "A Name <to@x.org>"),
        ("\"A Name\" <to@x.org>", "A Name <to@x.org>"),
        ("\"to@other.org\" <to@x.org>", "\"to@other.org\" <to@x.org>"),
        ("\"A, B\" <to@x.org>", "\"A, B\" <to@x.org>"),
        (
            "\"A \\\"B\\\" C\" <to@x.org>",
            "\"A \\\"B\\\" C\" <to@x.org>",
        ),
        (
            "Firstname Sürname <to@x.org>",
            "=?utf-8?q?Firstname_S=C3=BCrname?= <to@x.org>",
        ),
        (
            "\"Sürname, Firstname\" <to@x.org>",
            "=?utf-8?q?S=C3=BCrname=2C_Firstname?= <to@x.org>",
        ),
    ] {
        assert_eq!(to(&[entry]), shown);
    }
    let pair = text(&message().to([("Sürname, \"F\"", "to@x.org")]));
    let read = mail_parser::MessageParser::new()
        .parse(pair.as_bytes())
        .unwrap();
    assert_eq!(
        read.to().unwrap().first().unwrap().name.as_deref(),
        Some("Sürname, \"F\"")
    );
}

#[test]
fn domains_beyond_ascii_become_idna() {
    for (entry, shown) in [
        ("to@éxample.com", "to@xn--xample-9ua.com"),
        (
            "To Example <to@éxample.com>",
            "To Example <to@xn--xample-9ua.com>",
        ),
        ("a@faß.example", "a@fass.example"),
        ("a@BÜCHER.Example", "a@xn--bcher-kva.example"),
        ("a@Example.COM", "a@Example.COM"),
        ("a@xn--BCHER-kva.example", "a@xn--BCHER-kva.example"),
    ] {
        assert_eq!(to(&[entry]), shown);
        let envelope = message().to([entry]).envelope(&options()).unwrap();
        assert!(shown.contains(&envelope.to[0].addr_spec()));
    }
}

#[test]
fn an_idna_domain_leaves_the_other_entries_alone() {
    assert_eq!(
        to(&["team: a@b.c, \"X, Y\" <d@e.f>;, g@ü.example"]),
        "team: a@b.c, \"X, Y\" <d@e.f>;, g@xn--tda.example"
    );
}

#[test]
fn a_domain_that_idna_cannot_write_is_refused() {
    let long = format!("a@{}.example", "ü".repeat(70));
    for entry in ["a@xn--ü.example", long.as_str(), "a@ü..example"] {
        assert_eq!(error(&message().to([entry])).field(), "to", "{entry}");
    }
}

#[test]
fn a_local_part_may_stand_alone_or_in_quotes() {
    for entry in [
        "root",
        "webmaster",
        "\"a b\"@x.org",
        "\"q@q\"@x.org",
        "Ann <root>",
        "a@[192.0.2.1]",
    ] {
        assert_eq!(to(&[entry]), entry);
        let envelope = message().to([entry]).envelope(&options()).unwrap();
        assert!(entry.contains(&envelope.to[0].addr_spec()));
    }
}

#[test]
fn a_local_part_beyond_ascii_needs_smtputf8() {
    let sent = message().to(["jörg@bücher.example"]);
    assert_eq!(header(&text(&sent), "To"), "jörg@xn--bcher-kva.example");
    let rendered = sent.render(&options()).unwrap();
    assert!(rendered.needs_smtputf8() && rendered.is_8bit());
    assert!(!sent.envelope(&options()).unwrap().to[0].is_ascii());
    let plain = message().to(["Jörg <joerg@bücher.example>"]);
    assert!(!plain.render(&options()).unwrap().needs_smtputf8());
    let within = message().attach(sent);
    assert!(within.render(&options()).unwrap().needs_smtputf8());
}

#[test]
fn broken_addresses_are_refused() {
    for entry in [
        "a@@b", "to@", "@x", "a@b..c", "<a@b.c", "a b@c.d", " ", "(x)",
    ] {
        assert_eq!(error(&message().to([entry])).field(), "to", "{entry}");
        assert_eq!(
            error(&message().from(entry)).field(),
            "from_email",
            "{entry}"
        );
        assert_eq!(
            error(&message().reply_to([entry])).field(),
            "reply_to",
            "{entry}"
        );
    }
}

#[test]
fn groups_pass() {
    for entry in ["name: a@b, c@d;", "undisclosed-recipients:;"] {
        assert_eq!(to(&[entry]), entry);
    }
    assert_eq!(
        text(&EmailMessage::default().header("To", "Ü: a@b;"))
            .matches("\r\nTo: =?utf-8?b?w5w=?= : a@b;\r\n")
            .count(),
        1
    );
}
