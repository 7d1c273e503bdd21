//! The language of searches.

mod common;

use common::{arrival, lines, recipient};
use jiff::Timestamp;
use posthaste_inbox::Mail;
use posthaste_inbox::query::Query;

fn order() -> Mail {
    let raw = lines(&[
        "From: Café <shop@example.com>",
        "To: Ann Müller <ann@example.net>",
        "Cc: cy@example.net",
        "Reply-To: help@example.com",
        "Message-ID: <77@example.com>",
        "Subject: Your order report",
        "X-Tags: Billing, eu",
        "List-Id: <news.example.com>",
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--b",
        "Content-Type: text/html",
        "",
        "<p>Hello <b>there</b>, your code is 4829: <a href=#>https://example.com/x</a> 认证码.</p><!-- secret -->",
        "--b",
        "Content-Type: application/pdf; name=invoice.pdf",
        "",
        "x",
        "--b--",
    ]);
    let mut arrival = arrival(raw);
    arrival.mailbox = "ann".to_owned();
    arrival.session.user = Some("Ann".to_owned());
    arrival.envelope.recipients = vec![
        recipient("ann@example.net", "250 2.1.5 ok"),
        recipient("hidden@example.org", "550 5.1.1 no"),
    ];
    let received = "2026-11-25T12:30:00Z".parse().expect("a time");
    Mail::new(7, received, arrival)
}

fn finds(query: &str) -> bool {
    let query: Query = query.parse().unwrap_or_else(|error| panic!("{error}"));
    query.matches(&order(), false)
}

#[test]
fn words_and_phrases() {
    for query in [
        "",
        "  ",
        "order",
        "ORD rep",
        "\"your order\"",
        "cafe",
        "Müller",
        "muller",
        "ann@example.net",
        "hello there",
        "\"hello there\"",
        "认证",
        "invoice.pdf",
        "https://example.com/x",
        "\"order:report\" -nobody",
        "-\"order your\"",
        "!nobody",
        "\"re\"port",
    ] {
        assert!(finds(query), "{query}");
    }
    for query in [
        "port",
        "\"order your\"",
        "-order",
        "order nobody",
        "secret",
        "-to:ann",
        "ann@example.com",
        "\"hello there me\"",
    ] {
        assert!(!finds(query), "{query}");
    }
}

#[test]
fn fields() {
    for query in [
        "from:shop",
        "from:cafe",
        "to:ann",
        "TO:\"ann muller\"",
        "cc:cy",
        "bcc:hidden",
        "rcpt:ann",
        "rcpt:hidden",
        "addressed:shop",
        "addressed:hidden",
        "subject:order",
        "body:hello",
        "file:invoice",
        "reply-to:help",
        "message-id:77@example.com",
        "header:List-Id",
        "header:list-id=news",
        "has:attachment",
        "has:html",
        "has:link",
        "has:code",
        "has:tag",
        "is:unread",
        "is:taken",
        "is:tagged",
        "before:2026-11-26",
        "after:2026-11-25",
        "before:2026-11-25T12:31",
        "after:2026-11-25T13:30:00+01:00",
        "larger:100",
        "smaller:1k",
        "smaller:5MB",
        "tag:billing",
        "tag:EU",
        "box:ann",
        "user:ann",
        "code:550",
        "code:5",
        "code:5.1.1",
        "code:250",
        "to:ann has:attachment -is:read",
    ] {
        assert!(finds(query), "{query}");
        let opposite = format!("-{query}");
        assert!(!finds(&opposite), "{opposite}");
    }
    for query in [
        "from:ann",
        "to:shop",
        "to:cy",
        "cc:ann",
        "bcc:ann",
        "rcpt:cy",
        "subject:hello",
        "body:order",
        "file:hello",
        "reply-to:shop",
        "header:X-None",
        "header:list-id=old",
        "has:inline",
        "has:text",
        "is:read",
        "is:refused",
        "before:2026-11-25",
        "after:2026-11-26",
        "before:1h larger:1M",
        "smaller:100",
        "tag:bill",
        "box:Ann",
        "user:an",
        "code:4",
    ] {
        assert!(!finds(query), "{query}");
    }
}

#[test]
fn a_time_ago() {
    let query: Query = "after:2h".parse().expect("a query");
    let mut mail = order();
    mail.received = Timestamp::now();
    assert!(query.matches(&mail, false));
    mail.received = Timestamp::UNIX_EPOCH;
    assert!(!query.matches(&mail, false));
}

#[test]
fn is_read_and_the_fields_of_the_query_itself() {
    let mut query: Query = "is:read".parse().expect("a query");
    assert!(query.matches(&order(), true) && !query.matches(&order(), false));
    query.ids = vec![7];
    query.mailbox = Some("ann".to_owned());
    query.taken = Some(true);
    assert!(query.matches(&order(), true));
    query.taken = Some(false);
    assert!(!query.matches(&order(), true));
    query.taken = None;
    query.ids = vec![8];
    assert!(!query.matches(&order(), true));
}

#[test]
fn errors_name_the_word() {
    for (query, word, why) in [
        ("ok foo:bar", "`foo:bar`", "there is no field of this name"),
        ("ok -larger:ten", "`-larger:ten`", "no size"),
        ("larger:99999999999G", "`larger:99999999999G`", "no size"),
        ("has:wings", "`has:wings`", "attachment, inline"),
        ("is:odd", "`is:odd`", "read, unread"),
        ("before:soon x", "`before:soon`", "no time"),
        ("before:2026-13-01", "`before:2026-13-01`", "no time"),
        ("before:é", "`before:é`", "no time"),
        ("code:5xx", "`code:5xx`", "no code"),
        ("code:5.1", "`code:5.1`", "no code"),
        ("to:", "`to:`", "nothing after the colon"),
        ("a \"b c", "`\"b c`", "a quotation mark is missing"),
        ("- x", "`-`", "no letter or digit"),
        ("to:!!", "`to:!!`", "no letter or digit"),
        ("header:=x", "`header:=x`", "no name of a header"),
    ] {
        let error = query.parse::<Query>().expect_err(query).to_string();
        assert!(
            error.starts_with(word) && error.contains(why),
            "{query}: {error}"
        );
    }
    assert!("a".repeat(4097).parse::<Query>().is_err());
}
