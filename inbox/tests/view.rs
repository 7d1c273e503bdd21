//! What a reader sees of a mail, however broken or hostile it is.

mod common;

use common::{arrival, lines, mail, recipient};
use jiff::Timestamp;
use posthaste_inbox::Mail;
use posthaste_inbox::view::{Side, differences};
use proptest::prelude::*;

fn newsletter() -> Mail {
    let raw = lines(&[
        "Date: Wed, 25 Nov 2026 12:00:00 +0000",
        "From: =?utf-8?q?Caf=C3=A9?= <shop@example.com>",
        "To: Ann <Ann@example.com>, team: bob@example.com, cy@example.com;",
        "Subject: =?utf-8?q?Your_code_is?=",
        " =?utf-8?q?_482913?=",
        "Message-ID: <1@example.com>",
        "X-Tags: welcome, test",
        "Content-Type: multipart/mixed; boundary=\"a b\"",
        "",
        "nobody reads this",
        "--a b",
        "Content-Type: multipart/alternative; boundary=in",
        "",
        "--in",
        "",
        "Hello, see https://example.com/x.",
        "--inner is no end",
        "--in",
        "Content-Type: text/html; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "<p>Gr=C3=BC=C3=9Fe <a href=3D\"https://example.com/y\">there</a>=",
        "<img src=3D\"https://t.example/p.gif\">",
        "--in--",
        "--a b",
        "Content-Type: application/pdf; name=\"=?utf-8?q?r=C3=A9sum=C3=A9?=.pdf\"",
        "Content-Disposition: attachment; filename*0*=utf-8''r%C3%A9su; filename*1=me.pdf",
        "Content-Transfer-Encoding: base64",
        "Content-ID: <logo@example.com>",
        "",
        "SGVsbG8=",
        "--a b--",
        "nor this",
    ]);
    let mut arrival = arrival(raw);
    let recipients = &mut arrival.envelope.recipients;
    recipients.push(recipient("hidden@example.com", "250 ok"));
    Mail::new(1, Timestamp::UNIX_EPOCH, arrival)
}

#[test]
fn headers_are_decoded() {
    let mail = newsletter();
    let view = mail.view();
    assert_eq!(view.subject, "Your code is 482913");
    assert_eq!(view.from[0].name.as_deref(), Some("Café"));
    let to: Vec<_> = view.to.iter().map(|to| to.address.as_str()).collect();
    assert_eq!(to, ["Ann@example.com", "bob@example.com", "cy@example.com"]);
    assert_eq!(
        view.date.as_deref(),
        Some("Wed, 25 Nov 2026 12:00:00 +0000")
    );
    assert_eq!(view.message_id.as_deref(), Some("1@example.com"));
    let header = view.header("subject").expect("a subject");
    assert_eq!(
        header.raw,
        " =?utf-8?q?Your_code_is?=\r\n =?utf-8?q?_482913?="
    );
    assert_eq!(view.tags().collect::<Vec<_>>(), ["welcome", "test"]);
    assert_eq!(view.bcc, ["hidden@example.com"]);
    assert_eq!(view.codes, ["482913"]);
}

#[test]
fn bodies_and_attachments_are_told_apart() {
    let mail = newsletter();
    let view = mail.view();
    let text = view.text.as_deref();
    assert_eq!(
        text,
        Some("Hello, see https://example.com/x.\n--inner is no end")
    );
    assert_eq!(view.html_text(), Some("Grüße there"));
    assert_eq!(view.remote, 1);
    let links: Vec<_> = view.links.iter().map(|link| link.url.as_str()).collect();
    assert_eq!(links, ["https://example.com/y", "https://example.com/x"]);
    let [pdf] = view.attachments.as_slice() else {
        panic!("one attachment: {:?}", view.attachments);
    };
    assert_eq!(pdf.path, "1.2");
    assert_eq!(pdf.content_type, "application/pdf");
    assert_eq!(pdf.file_name.as_deref(), Some("résume.pdf"));
    assert_eq!(pdf.content_id.as_deref(), Some("logo@example.com"));
    assert_eq!(pdf.size, 5);
    assert_eq!(mail.part_bytes("1.2").as_deref(), Some(&b"Hello"[..]));
    assert!(mail.part_bytes("1.3").is_none() && mail.part_bytes("").is_none());
    assert!(view.problems.is_empty(), "{:?}", view.problems);
}

#[test]
fn a_mail_in_a_mail_is_a_part_with_parts() {
    let raw = lines(&[
        "Subject: Fwd",
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--b",
        "",
        "See below.",
        "--b",
        "Content-Type: message/rfc822",
        "",
        "Subject: inner",
        "",
        "Hi",
        "--b--",
    ]);
    let mail = mail(raw);
    let view = mail.view();
    assert_eq!(view.text.as_deref(), Some("See below."));
    assert_eq!(view.attachments[0].content_type, "message/rfc822");
    let inner = view.part("1.2.1").expect("the inner mail");
    assert_eq!(inner.content_type, "text/plain");
    assert_eq!(mail.part_bytes("1.2.1").as_deref(), Some(&b"Hi"[..]));
    let bytes = mail.part_bytes("1.2");
    assert_eq!(bytes.as_deref(), Some(&b"Subject: inner\r\n\r\nHi"[..]));
}

#[test]
fn broken_mails_show_what_is_there() {
    let empty = mail("");
    assert!(empty.view().subject.is_empty() && empty.view().headers.is_empty());
    let only_body = mail("\r\nHello");
    assert_eq!(only_body.view().text.as_deref(), Some("Hello"));
    let bare_lf = mail("Subject: a\n b\n\nx\n");
    assert_eq!(bare_lf.view().subject, "a b");
    assert_eq!(bare_lf.view().text.as_deref(), Some("x\n"));
    let no_boundary = mail("Content-Type: multipart/mixed\r\n\r\nHello");
    assert_eq!(no_boundary.view().text.as_deref(), Some("Hello"));
    assert_eq!(no_boundary.view().problems.len(), 1);
    let open = mail("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello");
    assert_eq!(open.view().text.as_deref(), Some("Hello"));
    assert_eq!(open.view().problems.len(), 1);
}

#[test]
fn depth_has_a_limit() {
    let nested = |depth: usize| {
        let mut raw = String::from("Subject: deep\r\n");
        for level in 0..depth {
            raw +=
                &format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
        }
        mail(raw + "\r\nHello")
    };
    let right = nested(49);
    assert_eq!(right.view().tree.all().len(), 50);
    assert_eq!(right.view().text.as_deref(), Some("Hello"));
    for deep in [nested(50), nested(2_000)] {
        assert_eq!(deep.view().tree.all().len(), 50);
        let problems = &deep.view().problems;
        assert!(
            problems.iter().any(|text| text.contains("50 parts")),
            "{problems:?}"
        );
    }
    let mails = mail("Content-Type: message/rfc822\r\n\r\n".repeat(2_000));
    assert_eq!(mails.view().tree.all().len(), 50);
}

#[test]
fn parts_have_a_limit() {
    let flat = |parts: usize| {
        let head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
        mail(head.to_owned() + &"--b\r\n\r\nx\r\n".repeat(parts) + "--b--\r\n")
    };
    let right = flat(999);
    assert_eq!(right.view().tree.all().len(), 1_000);
    assert!(right.view().problems.is_empty());
    for many in [flat(1_000), flat(100_000)] {
        assert_eq!(many.view().tree.all().len(), 1_000);
        assert_eq!(
            many.view().problems,
            ["more than 1,000 parts; the rest are not shown"]
        );
    }
}

#[test]
fn header_blocks_have_a_limit() {
    let with = |octets: usize| {
        let start = "Subject: Hi\r\nX-A: ";
        mail(start.to_owned() + &"a".repeat(octets - start.len() - 2) + "\r\n\r\nHello")
    };
    let right = with(1 << 20);
    assert!(right.view().problems.is_empty());
    let long = with((1 << 20) + 1);
    assert_eq!(long.view().subject, "Hi");
    assert_eq!(long.view().text.as_deref(), Some("Hello"));
    assert_eq!(long.view().problems.len(), 1);
    let many = mail("a:\n".repeat(1 << 20) + "\nHello");
    assert_eq!(many.view().text.as_deref(), Some("Hello"));
    assert_eq!(many.view().problems.len(), 1);
}

#[test]
fn text_and_html_are_compared() {
    let both = |text: &str, html: &str| {
        let raw = lines(&[
            "Content-Type: multipart/alternative; boundary=b",
            "",
            "--b",
            "",
            text,
            "--b",
            "Content-Type: text/html",
            "",
            html,
            "--b--",
        ]);
        differences(mail(raw).view())
            .into_iter()
            .map(|found| (found.only_in, found.what))
            .collect::<Vec<_>>()
    };
    let text = "Hello Ann,\r\n\r\nyour order of 3 cups is on\r\nits way. See https://example.com/order/.\r\n";
    let html = "<p>Hello <b>Ann</b>,<p>your order of 3 cups is on its way. \
        See <a href='https://example.com/order'>here</a>.";
    assert_eq!(both(text, html), []);
    assert_eq!(
        both(text, &html.replace("here", "here. Or call us")),
        [(Side::Html, "Or call us.".to_owned())]
    );
    assert_eq!(
        both(text, &html.replace("3 cups", "4 cups")),
        [
            (Side::Html, "your order of 4 cups is on its way.".to_owned()),
            (Side::Text, "your order of 3 cups is on".to_owned()),
        ]
    );
    assert_eq!(
        both(text, &html.replace("/order'", "/other'")),
        [
            (Side::Html, "https://example.com/other".to_owned()),
            (Side::Text, "https://example.com/order/".to_owned()),
        ]
    );
    assert!(differences(mail("\r\nHello").view()).is_empty());
}

/// A reader that goes over the rest of these at each piece would not come to an end.
#[test]
fn long_nonsense_is_read_in_a_moment() {
    for piece in [
        "=?AA?q?",
        "=?utf-8?b?",
        "(",
        "<",
        "\"",
        ",",
        "a;b=c;",
        "\\",
        "x@",
        "a*0=b;",
    ] {
        for name in [
            "Subject",
            "To",
            "Content-Type",
            "Content-Disposition",
            "Message-ID",
        ] {
            let value = piece.repeat((1 << 18) / piece.len());
            let mail = mail(format!("{name}: {value}\r\n\r\nx"));
            assert_eq!(mail.view().headers.len(), 1, "{name} {piece}");
        }
    }
    for piece in [
        "<a href=x>",
        "<div style='display:none'>",
        "</b>",
        "<",
        "<!--",
        "&",
        "<p x",
        "https://x.y ",
        "code 1234 ",
    ] {
        let body = piece.repeat((1 << 18) / piece.len());
        let mail = mail(format!("Content-Type: text/html\r\n\r\n{body}"));
        assert!(mail.view().html.is_some());
        posthaste_inbox::check::run(&mail);
    }
}

/// Pieces that mails are made of, so that random mails are nearly right.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        prop::sample::select(vec![
            "Content-Type: multipart/mixed; boundary=b\r\n",
            "Content-Type: multipart/alternative; boundary=\"b\"\n",
            "Content-Type: message/rfc822\r\n",
            "Content-Type: text/html; charset=\"\r\n",
            "Content-Transfer-Encoding: base64\r\n",
            "Content-Transfer-Encoding: quoted-printable\r\n",
            "Content-Disposition: attachment; filename*0*=utf-8''%e\r\n",
            "Subject: =?utf-8?q?=C3=?= =?x?b?!?=\r\n",
            "To: a: <b@c>, \"d\\\" (e(f)) <g@h>; ,\r\n",
            "List-Unsubscribe: <mailto:x>, <https://y>\r\n",
            "DKIM-Signature: v=1; a=rsa-sha256; d=x; s=y; bh=z; b=; h=from:;\r\n",
            "\r\n",
            "\n",
            "\r\n\r\n",
            "\r\n--b\r\n",
            "--b--\r\n",
            "=3D=\r\n=Z",
            "<a href='http://x'>y</b><style>p{color:red}</style><img alt=",
            "<!--[if mso]><table><td style='color:#fff;background:#ffe'>x",
            "your code is 123456 ",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn nothing_panics(pieces in prop::collection::vec(piece(), 0..40)) {
        let mail = mail(pieces.concat());
        let view = mail.view();
        for part in view.tree.all() {
            let bytes = mail.part_bytes(&part.path).expect("each part has octets");
            prop_assert_eq!(bytes.len(), part.size);
        }
        differences(view);
        posthaste_inbox::check::run(&mail);
    }
}
