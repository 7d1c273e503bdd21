//! What a hostile user may try with addresses: names that bring addresses of their own, and texts that
//! one reader takes for another address than the next.

mod support;

use posthaste_message::{Address, Mailbox};
use support::{error, header, message, options, text};

#[test]
fn a_display_name_brings_no_address() {
    for name in [
        "a@evil.org,",
        "x <a@evil.org>",
        "x\" <a@evil.org>, \"y",
        "a@evil.org>",
        "<a@evil.org",
        "g: a@evil.org;",
        "(",
        ")",
        "\\",
        "\\\"",
        "\"",
        "a,b",
        "é, b@evil.org",
        "é\" <a@evil.org>",
        "=?utf-8?q?x_=3Ca=40evil.org=3E?=",
        "=?utf-8?q?a=40evil.org=2C?= x",
        "=?utf-8?q?=22?= <a@evil.org>",
        "é =?utf-8?q?x?=",
        "x =?",
        "?= x",
        "a@evil.org \u{a0}",
        "\u{ff20}evil.org",
    ] {
        for long in [
            "",
            " with a very long name that will certainly not fit on one line of a header, I am sure of that",
        ] {
            let name = format!("{name}{long}");
            let sent = message()
                .to([(name.as_str(), "to@good.org")])
                .from((name.as_str(), "from@good.org"));
            let text = text(&sent);
            let read = mail_parser::MessageParser::new()
                .parse(text.as_bytes())
                .unwrap();
            for (list, address) in [(read.to(), "to@good.org"), (read.from(), "from@good.org")] {
                let list: Vec<_> = list.unwrap().iter().collect();
                assert_eq!(list.len(), 1, "{text}");
                assert_eq!(list[0].address.as_deref(), Some(address), "{text}");
            }
            let reread = posthaste_message::parse_list(&header(&text, "To")).unwrap();
            let mailboxes: Vec<_> = reread.mailboxes().collect();
            assert_eq!(mailboxes.len(), 1);
            assert_eq!(mailboxes[0].addr_spec(), "to@good.org");
            let envelope = sent.envelope(&options()).unwrap();
            assert_eq!(envelope.to[0].addr_spec(), "to@good.org");
        }
    }
}

#[test]
fn header_and_envelope_name_the_same_mailbox() {
    for text in [
        "\"a@evil.org x\"@good.org",
        "\"foo@evil.org> ORCPT=admin@x.org\"@good.org",
        "\"a\\\"b\"@good.org",
        "Ann (x@evil.org) <a@good.org>",
        "(comment) a@good.org (x)",
        "a@good.org (@evil.org)",
        "g: a@good.org;",
        "\"g: a@evil.org;\" <a@good.org>",
        "a@BÜCHER.example",
        "a@bücher。example",
        "a@faß.example",
        "root",
    ] {
        let sent = message().to([text]);
        let envelope = sent.envelope(&options()).unwrap();
        let shown = posthaste_message::parse_list(&header(&support::text(&sent), "To")).unwrap();
        let shown: Vec<_> = shown.mailboxes().map(Mailbox::addr_spec).collect();
        assert_eq!(shown, [envelope.to[0].addr_spec()], "{text}");
        assert!(!envelope.to[0].domain().unwrap_or_default().contains("evil"));
    }
}

#[test]
fn addresses_that_read_in_two_ways_are_refused() {
    for text in [
        "user@good.org(x)evil.org",
        "a@evil.org x@good.org",
        "<a@evil.org> <b@good.org>",
        "a@evil.org,b@good.org",
        "<@evil.org:a@good.org>",
        "a@good.org@evil.org",
        "\"a\"b@good.org",
        "a\"b\"@good.org",
        "a@[1.2.3.4",
        "a@good.org;",
        "a@b c",
        "a @good.org",
        "a@ good.org",
        "a@evil.org\u{ff0c}good.org",
        "a@good.org\u{ff20}evil.org",
        "a@good\u{2100}.org",
        "a@good.org\u{ff1a}25",
        "a@good.org\u{ff0f}x",
        "a@xn--bücher-kva.example",
        "a@ü..example",
        "a@ü.",
        "a@\u{200b}",
        "=?utf-8?q?x?=",
        "=?utf-8?q?x?=@good.org",
        "=?utf-8?q?a=40evil.org=3E?=@good.org",
        "\"=?utf-8?q?x?=\"@good.org",
        "a@=?utf-8?q?x?=",
        "a@\u{ad}",
        "a@é\u{3000}x.org",
        "a\u{3000}b@good.org",
    ] {
        assert!(message().to([text]).envelope(&options()).is_err(), "{text}");
        assert!(text.parse::<Mailbox>().is_err(), "{text}");
        assert!(Address::from(("Ann", text)).mailbox().is_err(), "{text}");
    }
    assert!(error(&message().to(["user@good.org(x)evil.org"])).field() == "to");
}
