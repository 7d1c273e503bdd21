//! Django's behaviour: addresses in the envelope.
//!
//! Each entry is exactly one mailbox, without its name and comments, its domain in IDNA; what is refused and what is taken;
//! the sender is `from_email`, never a header; recipients are to, cc and bcc.

mod support;

use posthaste_message::{EmailMessage, Mailbox};
use support::{message, options};

fn one(address: &str) -> Result<Mailbox, String> {
    let envelope = message().to([address]).envelope(&options());
    envelope
        .map(|mut envelope| envelope.to.remove(0))
        .map_err(|error| {
            assert_eq!(error.field(), "to");
            error.to_string()
        })
}

#[test]
fn the_name_and_comments_are_dropped() {
    for (entry, spec) in [
        ("Ann <a@b.c>", "a@b.c"),
        ("\"A, B\" <a@b.c>", "a@b.c"),
        ("a@b.c (x)", "a@b.c"),
        ("Jörg <j@bücher.example>", "j@xn--bcher-kva.example"),
    ] {
        assert_eq!(one(entry).unwrap().addr_spec(), spec);
    }
}

#[test]
fn all_that_django_refuses_is_refused() {
    for entry in [
        " ",
        "a@b, c@d",
        "@",
        "to@",
        "@x",
        "a b@c.d",
        "a@@b",
        "a@b..c",
        ".a@b",
        "a.@b",
        "a..b@c",
        "a,b@c",
        "A <a@b.c",
        "a@b.c;",
        "x <a@b> y",
        "a@b.c\r\n",
        "a\n@b.c",
        "\"a\nb\"@c.d",
        "\"a\rb\"@c.d",
        "a@b, ",
        "g: a@b, c@d;",
        "g:;",
        "<>",
    ] {
        let error = one(entry).unwrap_err();
        assert!(error.starts_with("to: \""), "{error}");
    }
    // An empty entry is no recipient at all.
    assert!(
        message()
            .to([""])
            .envelope(&options())
            .unwrap()
            .to
            .is_empty()
    );
}

#[test]
fn all_that_django_takes_is_taken() {
    for (entry, spec) in [
        ("root", "root"),
        ("<a@b.c>", "a@b.c"),
        ("a@[1.2.3.4]", "a@[1.2.3.4]"),
        ("\"a b\"@c.d", "\"a b\"@c.d"),
        ("a@b.c (x)", "a@b.c"),
        ("a@-b.c", "a@-b.c"),
        ("a@b_c.d", "a@b_c.d"),
        ("g: a@b.c;", "a@b.c"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
    ] {
        assert_eq!(one(entry).unwrap().addr_spec(), spec);
    }
    let label = format!("a@{}.example", "x".repeat(64));
    assert_eq!(one(&label).unwrap().addr_spec(), label);
}

#[test]
fn the_sender_is_from_email_never_the_header() {
    let message = message()
        .header("From", "Shown <shown@x.org>")
        .header("Sender", "s@x.org");
    let envelope = message.envelope(&options()).unwrap();
    assert_eq!(envelope.from.unwrap().addr_spec(), "from@example.com");
    let named = EmailMessage::default().from("Ann <ann@ü.example>");
    assert_eq!(
        named
            .envelope(&options())
            .unwrap()
            .from
            .unwrap()
            .addr_spec(),
        "ann@xn--tda.example"
    );
    let error = EmailMessage::default()
        .from("a@b, c@d")
        .envelope(&options())
        .unwrap_err();
    assert_eq!(error.field(), "from_email");
}

#[test]
fn the_null_sender_is_none() {
    let bounce = message().from("<>").header("From", "mailer@example.com");
    assert_eq!(bounce.envelope(&options()).unwrap().from, None);
    assert!(bounce.render(&options()).is_ok());
}

#[test]
fn recipients_are_all_three_lists_in_order() {
    let message = message()
        .cc(["c@x", "to@example.com"])
        .bcc(["b@x"])
        .header("To", "other@x");
    let envelope = message.envelope(&options()).unwrap();
    let to: Vec<_> = envelope.to.iter().map(Mailbox::addr_spec).collect();
    assert_eq!(to, ["to@example.com", "c@x", "to@example.com", "b@x"]);
    for (field, broken) in [
        ("to", message.clone().to(["@"])),
        ("cc", message.clone().cc(["@"])),
        ("bcc", message.clone().bcc(["@"])),
    ] {
        assert_eq!(broken.envelope(&options()).unwrap_err().field(), field);
    }
}
