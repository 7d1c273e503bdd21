//! Django's behaviour: making a message.
//!
//! All arguments may be absent; the sender falls back to the default; a list of addresses is a list, never one text;
//! every field may be changed until the message goes; `recipients`; `body_contains`; a message may be rendered
//! often, each time with its own date and id; anything like a text is taken.

mod support;

use std::borrow::Cow;

use posthaste_message::{
    Address, Date, EmailAttachment, EmailMessage, Headers, Mailbox, RenderOptions,
};
use support::{header, message, names, options, split, text};

#[test]
fn all_arguments_may_be_absent() {
    let written = text(&EmailMessage::default());
    assert_eq!(header(&written, "Subject"), "");
    assert_eq!(header(&written, "From"), "webmaster@localhost");
    assert_eq!(split(&written).1, "\r\n");
    assert_eq!(EmailMessage::default().recipients().count(), 0);
    assert_eq!(EmailMessage::new("", ""), EmailMessage::default());
}

#[test]
fn an_absent_or_empty_sender_is_the_default_one() {
    let mut options = options();
    options.default_from = "Site <site@example.com>".to_owned();
    for message in [
        EmailMessage::new("x", "y"),
        EmailMessage::new("x", "y").from(""),
        EmailMessage::new("x", "y").from(("", "")),
    ] {
        let message = message.to(["a@b.c"]);
        let bytes = support::bytes_with(&message, &options);
        assert_eq!(
            header(&String::from_utf8(bytes).unwrap(), "From"),
            "Site <site@example.com>"
        );
        assert_eq!(
            message
                .envelope(&options)
                .unwrap()
                .from
                .unwrap()
                .addr_spec(),
            "site@example.com"
        );
    }
}

#[test]
fn a_list_of_addresses_is_no_text() {
    // In Rust the compiler refuses it, in JSON the reader.
    for field in ["to", "cc", "bcc", "reply_to"] {
        let error = EmailMessage::from_json(format!("{{\"{field}\": \"a@b.c\"}}")).unwrap_err();
        assert_eq!(error.field(), field);
        assert!(error.message().contains("expected a list"));
    }
}

#[test]
fn lists_may_be_arrays_vectors_and_iterators() {
    let array = message().to(["a@b.c", "d@e.f"]);
    let vector = message().to(vec!["a@b.c".to_owned(), "d@e.f".to_owned()]);
    let iterator = message().to(["a", "d"]
        .iter()
        .zip(["b.c", "e.f"])
        .map(|(user, host)| format!("{user}@{host}")));
    assert_eq!(array, vector);
    assert_eq!(array, iterator);
}

#[test]
fn every_field_may_be_changed_before_it_goes() {
    let mut message = EmailMessage::default();
    message.subject = "S".into();
    message.body = "B".into();
    message.from_email = Some("f@x.org".into());
    message.to = vec!["t@x.org".into()];
    message.cc = vec!["c@x.org".into()];
    message.bcc = vec!["b@x.org".into()];
    message.reply_to = vec!["r@x.org".into()];
    message.headers = Headers::from([("X-A", "1")]);
    message.push_attachment(("a.txt", "x"));
    message.attach_alternative("<p>", "text/html");
    message.content_subtype = "html".into();
    message.charset = Some("us-ascii".into());
    let chained = EmailMessage::default()
        .subject("S")
        .body("B")
        .from_email("f@x.org")
        .to(["t@x.org"])
        .cc(["c@x.org"])
        .bcc(["b@x.org"])
        .reply_to(["r@x.org"])
        .headers([("X-A", "1")])
        .attach(("a.txt", "x"))
        .alternative("<p>", "text/html")
        .content_subtype("html")
        .charset("us-ascii");
    assert_eq!(message, chained);
    let written = text(&message);
    for (name, value) in [
        ("Subject", "S"),
        ("From", "f@x.org"),
        ("To", "t@x.org"),
        ("Cc", "c@x.org"),
        ("Reply-To", "r@x.org"),
        ("X-A", "1"),
    ] {
        assert_eq!(header(&written, name), value);
    }
}

#[test]
fn recipients_are_to_cc_bcc_without_empty_ones() {
    let message = EmailMessage::default()
        .to(["a@x", "", "b@x"])
        .cc(["", "a@x"])
        .bcc(["c@x", "c@x"]);
    let all: Vec<_> = message.recipients().map(Address::as_text).collect();
    assert_eq!(all, ["a@x", "b@x", "a@x", "c@x", "c@x"]);
    let envelope = message.envelope(&options()).unwrap();
    assert_eq!(
        envelope
            .to
            .iter()
            .map(Mailbox::addr_spec)
            .collect::<Vec<_>>(),
        all
    );
    assert_eq!(EmailMessage::default().to([""]).recipients().count(), 0);
}

#[test]
fn body_contains_looks_at_all_texts_and_only_at_these() {
    let message = EmailMessage::new("x", "some text here");
    assert!(message.body_contains("text") && !message.body_contains("nix"));
    let both = message
        .clone()
        .html("<p>other text")
        .alternative(b"text".to_vec(), "TEXT/plain");
    assert!(
        both.body_contains("text") && !both.body_contains("some") && !both.body_contains("other")
    );
    let image = message
        .clone()
        .alternative(vec![0, 1], "image/png")
        .alternative("nothing", "application/x");
    assert!(image.body_contains("text"));
    assert!(
        !message
            .clone()
            .alternative(vec![0xff], "text/html")
            .body_contains("text")
    );
    assert!(message.body_contains(""));
    assert!(
        message
            .attach(("a.txt", "no such thing"))
            .body_contains("text")
    );
}

#[test]
fn a_message_may_be_rendered_often_each_time_anew() {
    let message = message();
    let render = |unix, seed| {
        let options = RenderOptions::new(Date::from_unix(unix, 0), "x.org", seed);
        String::from_utf8(message.render(&options).unwrap().into_vec().unwrap()).unwrap()
    };
    let (one, two) = (render(0, 1), render(60, 2));
    assert_ne!(header(&one, "Date"), header(&two, "Date"));
    assert_ne!(header(&one, "Message-ID"), header(&two, "Message-ID"));
    assert_ne!(
        header(&render(0, 3), "Message-ID"),
        header(&one, "Message-ID")
    );
    assert_eq!(render(0, 1), one);
}

#[test]
fn anything_like_a_text_is_taken() {
    let mailbox: Mailbox = "Ann <a@b.c>".parse().unwrap();
    let owned = "x".to_owned();
    let message = EmailMessage::new(Cow::from("lazy"), owned.clone())
        .from(&mailbox)
        .to([
            Address::from(&owned),
            Address::from(mailbox.clone()),
            ("Bob", "b@c.d").into(),
        ])
        .header(owned, Cow::from("y"));
    let written = text(&message);
    assert_eq!(header(&written, "To"), "x, Ann <a@b.c>, Bob <b@c.d>");
    assert_eq!(header(&written, "x"), "y");
}

#[test]
fn rendering_changes_nothing() {
    let message = message()
        .attach(EmailAttachment::text("a.txt", "x"))
        .html("<p>");
    let before = message.clone();
    let written = text(&message);
    assert_eq!(message, before);
    assert_eq!(names(&written)[0], "MIME-Version");
}
