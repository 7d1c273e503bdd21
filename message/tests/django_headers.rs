//! Django's behaviour: the headers of a message.
//!
//! Their order; the subject is always there, lists only if they are not empty, Bcc never; From, To, Cc and Reply-To in
//! `headers` replace what is shown, in any letter case, while the envelope stays; Date and Message-ID may be
//! given; what is refused; encoding and folding. Where Django errs, the right thing: a line end at the end of a value,
//! bad names and dates are refused, and long words stay as they are.

mod support;

use posthaste_message::{Date, EmailMessage, RenderOptions};
use support::{all, bytes_with, error, header, message, names, options, text};

#[test]
fn they_stand_in_djangos_order() {
    let full = message()
        .cc(["c@x"])
        .reply_to(["r@x"])
        .bcc(["b@x"])
        .headers([("X-B", "1"), ("A-C", "2")]);
    let written = text(&full);
    assert_eq!(
        names(&written),
        [
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding",
            "Subject",
            "From",
            "To",
            "Cc",
            "Reply-To",
            "Date",
            "Message-ID",
            "X-B",
            "A-C",
        ]
    );
}

#[test]
fn the_subject_is_written_even_if_empty() {
    assert!(text(&EmailMessage::default()).contains("\r\nSubject:\r\n"));
}

#[test]
fn empty_lists_are_not_written() {
    let written = text(&message().to([""; 0]).bcc(["b@x"]).cc([""]));
    for name in ["To", "Cc", "Bcc", "Reply-To"] {
        assert_eq!(all(&written, name), Vec::<String>::new(), "{name}");
    }
    let shown = text(
        &message()
            .to([""; 0])
            .header("To", "undisclosed-recipients:;"),
    );
    assert_eq!(header(&shown, "To"), "undisclosed-recipients:;");
}

#[test]
fn given_addresses_replace_the_shown_ones_in_any_case() {
    for (name, cased) in [
        ("From", "from"),
        ("To", "TO"),
        ("Cc", "cC"),
        ("Reply-To", "reply-to"),
    ] {
        for given in [name, cased] {
            let message = message()
                .cc(["cc@x"])
                .reply_to(["r@x"])
                .header(given, "Shown <shown@x>");
            let written = text(&message);
            assert_eq!(header(&written, name), "Shown <shown@x>");
            let envelope = message.envelope(&options()).unwrap();
            assert_eq!(envelope.from.unwrap().addr_spec(), "from@example.com");
            let to: Vec<_> = envelope
                .to
                .iter()
                .map(posthaste_message::Mailbox::addr_spec)
                .collect();
            assert_eq!(to, ["to@example.com", "cc@x"]);
        }
    }
}

#[test]
fn date_and_message_id_may_be_given() {
    for (date, id) in [
        ("Date", "Message-ID"),
        ("date", "message-id"),
        ("DATE", "Message-Id"),
    ] {
        let given = message().headers([
            (date, "Fri, 09 Nov 2001 01:08:47 -0000"),
            (id, "<foo@example.com>"),
            ("X", "1"),
        ]);
        let written = text(&given);
        assert_eq!(header(&written, date), "Fri, 09 Nov 2001 01:08:47 -0000");
        assert_eq!(header(&written, id), "<foo@example.com>");
        assert_eq!(
            names(&written)[3..],
            ["Subject", "From", "To", date, id, "X"]
        );
        assert_eq!(
            given.render(&options()).unwrap().message_id(),
            "<foo@example.com>"
        );
    }
}

#[test]
fn a_date_that_is_none_is_refused() {
    for date in [
        "",
        "x",
        "2001-11-09",
        "Fri, 99 Nov 2001 01:08:47 +0000",
        "Mon, 09 Nov 2001 01:08:47 +0000",
        "9 Nov",
    ] {
        assert_eq!(
            error(&message().header("Date", date)).field(),
            "headers.Date",
            "{date}"
        );
    }
    for id in [
        "",
        "x",
        "<>",
        "<a b@c>",
        "<a@b> <c@d>",
        "a@b",
        "<a@b",
        "<ü@b>",
    ] {
        assert_eq!(
            error(&message().header("Message-ID", id)).field(),
            "headers.Message-ID",
            "{id}"
        );
    }
}

#[test]
fn what_has_a_field_of_its_own_is_refused() {
    for name in [
        "Bcc",
        "bCC",
        "Subject",
        "subject",
        "MIME-Version",
        "Content-Type",
        "content-transfer-encoding",
    ] {
        for message in [message(), EmailMessage::default()] {
            let wrong = error(&message.header(name, "a@b.c"));
            assert_eq!(wrong.field(), format!("headers.{name}"));
        }
    }
}

#[test]
fn an_empty_value_is_an_empty_header() {
    assert!(text(&message().header("X-Empty", "")).contains("\r\nX-Empty:\r\n"));
}

#[test]
fn the_date_is_utc_or_that_of_the_offset() {
    assert_eq!(
        header(&text(&message()), "Date"),
        "Mon, 23 Nov 2026 12:00:00 +0000"
    );
    let local = RenderOptions::new(Date::from_unix(support::NOON, -18_000), "x.org", 0);
    let written = String::from_utf8(bytes_with(&message(), &local)).unwrap();
    assert_eq!(header(&written, "Date"), "Mon, 23 Nov 2026 07:00:00 -0500");
}

#[test]
fn the_message_id_names_the_host_in_ascii() {
    for (domain, shown) in [
        ("mail.example.com", "mail.example.com"),
        ("漢字", "xn--p8s937b"),
        ("Host_1", "Host_1"),
        ("[192.0.2.1]", "[192.0.2.1]"),
    ] {
        let options = RenderOptions::new(Date::default(), domain, 7);
        let written = String::from_utf8(bytes_with(&message(), &options)).unwrap();
        assert!(
            header(&written, "Message-ID").ends_with(&format!("@{shown}>")),
            "{written}"
        );
    }
}

#[test]
fn line_ends_are_refused_also_at_the_very_end() {
    for value in [
        "x\n",
        "x\r",
        "x\r\n",
        "x\ny",
        "x\u{b}y",
        "x\u{c}y",
        "x\u{1c}y",
        "x\u{85}y",
        "x\u{2028}y",
        "x\u{2029}",
        "\u{1}",
        "\0",
        "\u{7f}",
    ] {
        assert_eq!(
            error(&message().subject(value)).field(),
            "subject",
            "{value:?}"
        );
        assert_eq!(
            error(&message().header("X-A", value)).field(),
            "headers.X-A",
            "{value:?}"
        );
        for name in [
            "From",
            "Sender",
            "Reply-To",
            "To",
            "Cc",
            "Resent-To",
            "Resent-Cc",
            "Resent-From",
            "Resent-Sender",
        ] {
            let wrong = error(&message().header(name, format!("a@b.c{value}")));
            assert_eq!(wrong.field(), format!("headers.{name}"), "{value:?}");
        }
    }
    assert_eq!(header(&text(&message().subject("a\tb")), "Subject"), "a\tb");
}

#[test]
fn names_that_are_none_are_refused() {
    for name in ["X\nFoo", "X:Foo", "X Foo", "", "Ä"] {
        assert!(
            error(&message().header(name, "x"))
                .field()
                .starts_with("headers."),
            "{name:?}"
        );
    }
}

#[test]
fn bcc_counts_only_for_the_envelope() {
    let broken = message().bcc(["a@b\n"]);
    assert!(broken.render(&options()).is_ok());
    assert_eq!(broken.envelope(&options()).unwrap_err().field(), "bcc");
}

#[test]
fn headers_are_in_utf_8_whatever_the_body() {
    let written = text(
        &message()
            .charset("iso-8859-1")
            .subject("Gżegżółka")
            .body("x"),
    );
    assert!(
        header(&written, "Subject").starts_with("=?utf-8?b?"),
        "{written}"
    );
}

#[test]
fn each_word_is_encoded_as_is_shorter_and_plain_ones_stay() {
    let subject = |value: &str| header(&text(&message().subject(value)), "Subject");
    assert_eq!(subject("Plain Ä text"), "Plain =?utf-8?b?w4Q=?= text");
    assert_eq!(
        subject("Chère Madame Françoise"),
        "=?utf-8?b?Q2jDqHJl?= Madame =?utf-8?q?Fran=C3=A7oise?="
    );
    assert!(subject("Привет, мир").starts_with("=?utf-8?b?"));
}

#[test]
fn lines_are_folded_at_78_and_blanks_are_kept() {
    let value = "Long subject lines that get wrapped should contain a space continuation  character to comply with RFC 822";
    let written = text(&message().subject(value).header("X-Long", value));
    assert_eq!(header(&written, "Subject"), value);
    assert_eq!(header(&written, "X-Long"), value);
    assert!(
        support::split(&written)
            .0
            .split("\r\n")
            .all(|line| line.len() <= 78)
    );
}

#[test]
fn a_long_word_is_never_encoded() {
    for length in [80, 200, 900] {
        let url = format!(
            "<https://example.com/unsubscribe?token={}>",
            "a".repeat(length)
        );
        let written = text(&message().header("List-Unsubscribe", &url).subject(&url));
        assert_eq!(header(&written, "List-Unsubscribe"), url);
        assert_eq!(header(&written, "Subject"), url);
    }
    // What does not fit into 998 octets is encoded at last.
    let written = text(&message().subject("x".repeat(1_200)));
    assert!(header(&written, "Subject").starts_with("=?utf-8?"));
}

#[test]
fn what_is_encoded_already_stays_so() {
    let written = text(&message().subject("=?utf-8?q?=C3=A9?= x"));
    let read = mail_parser::MessageParser::new()
        .parse(written.as_bytes())
        .unwrap();
    assert_eq!(read.subject(), Some("é x"));
}

#[test]
fn blanks_at_the_end_of_an_encoded_value_are_kept() {
    assert_eq!(
        header(&text(&message().subject("é  ")), "Subject"),
        "=?utf-8?q?=C3=A9__?="
    );
}

#[test]
fn long_lists_of_addresses_are_folded() {
    let list: Vec<_> = (0..50)
        .map(|n| format!("\"Name, {n}\" <user{n}@some.example.com>"))
        .collect();
    let written = text(&message().to(list.clone()));
    assert_eq!(header(&written, "To"), list.join(", "));
    assert!(
        support::split(&written)
            .0
            .split("\r\n")
            .all(|line| line.len() <= 78)
    );
}
