//! Inputs made to take long, deep or large: work and memory stay in proportion to what is given. No clock
//! is asked; what is quadratic would not end.

mod support;

use posthaste_message::{EmailAttachment, Mailbox};
use support::{bytes, error, message, options, structure};

/// A small attachment.
fn attached() -> EmailAttachment {
    EmailAttachment::bytes("a.bin", b"x")
}

#[test]
fn messages_nest_only_so_deep() {
    let nested = |depth: usize| (0..depth).fold(message(), |inner, _| message().attach(inner));
    assert!(nested(30).render(&options()).is_ok());
    let wrong = error(&nested(31));
    assert!(wrong.to_string().len() < 2_000, "{wrong}");
    assert!(wrong.message().contains("30 deep"), "{wrong}");
}

#[test]
fn long_inputs_are_bounded_or_written_in_full() {
    let long = "a".repeat(1 << 20);
    assert_eq!(error(&message().to([long.as_str()])).field(), "to");
    for unit in [
        "(",
        "\"",
        "\\",
        "<",
        "a@",
        ",",
        "a:",
        "[",
        "=?",
        "(a",
        "é",
        ";",
        "a ",
        "=?utf-8?q?x?= ",
    ] {
        let text = unit.repeat((1 << 18) / unit.len());
        assert!(text.parse::<Mailbox>().is_err());
        assert!(posthaste_message::parse_list(&text).is_err());
        assert!(
            posthaste_message::parse_list(&text[..65_520 / unit.len() * unit.len()])
                .is_ok_and(|list| list.items().len() < 70_000)
                || unit != ","
        );
        let wrong = error(&message().from(text.as_str()));
        assert!(wrong.to_string().len() < 1_000);
        // A subject may be long.
        let bytes = bytes(&message().subject(&text));
        assert!(bytes.len() < 6 * text.len(), "{unit}: {}", bytes.len());
    }
    let params: String = (0..100_000).map(|n| format!("; a{n}=1")).collect();
    let typed = message().attach(attached().mimetype(format!("image/png{params}")));
    assert_eq!(error(&typed).field(), "attachments[0].mimetype");
    let typed = message().alternative("x", format!("text/html{params}"));
    assert_eq!(error(&typed).field(), "alternatives[0].mimetype");
    let name = message().attach(attached().filename("x".repeat(20_000)));
    assert_eq!(error(&name).field(), "attachments[0].filename");
}

#[test]
fn a_hundred_thousand_entries_take_their_own_space() {
    const MANY: usize = 100_000;
    let list = || (0..MANY).map(|index| format!("user{index}@example.com"));
    let sent = message().to(list()).cc(list());
    let size = sent.render(&options()).unwrap().len() as usize;
    assert!(size < 2 * MANY * 28, "{size}");
    assert_eq!(sent.envelope(&options()).unwrap().to.len(), 2 * MANY);
    let mut headers = message();
    for index in 0..MANY {
        headers.headers.push(format!("X-{index}"), "value");
    }
    let size = headers.render(&options()).unwrap().len() as usize;
    assert!(size < MANY * 20, "{size}");
}

#[test]
fn references_to_inline_parts_are_found_in_one_pass() {
    // Each start of a reference inside another must not be read again to the end.
    let html = "cid:".repeat(1 << 20);
    let logo = EmailAttachment::bytes("a.png", b"x").inline("logo@x");
    let sent = message()
        .html(format!("{html} <img src=\"cid:logo@x\">"))
        .attach(logo);
    let rendered = sent.render(&options()).unwrap();
    let bytes = rendered.to_vec().unwrap();
    assert_eq!(
        structure(&bytes),
        "alternative(text/plain, related(text/html, image/png))"
    );
}
