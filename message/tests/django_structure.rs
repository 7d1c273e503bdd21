//! Django's behaviour: how the parts of a message are nested.
//!
//! One text; alternatives; attachments; what is empty is left out; nothing at all is an empty text; one alternative alone
//! still has its multipart; boundaries. Beyond Django: MIME-Version always stands at the root, and parts that the
//! HTML shows go into multipart/related.

mod support;

use posthaste_message::{EmailAttachment, EmailMessage, Transfer};
use support::{all, bytes, bytes_with, header, message, options, split, structure, text};

fn shape(message: &EmailMessage) -> String {
    structure(&bytes(message))
}

fn logo(id: &str) -> EmailAttachment {
    EmailAttachment::bytes("logo.png", b"\x89PNG").inline(id)
}

#[test]
fn one_body_is_one_part() {
    assert_eq!(shape(&message()), "text/plain");
    assert_eq!(shape(&message().content_subtype("html")), "text/html");
    assert_eq!(
        shape(&message().content_subtype("x-markdown")),
        "text/x-markdown"
    );
    assert_eq!(
        header(&text(&message()), "Content-Type"),
        "text/plain; charset=\"utf-8\""
    );
}

#[test]
fn alternatives_follow_the_body_in_order() {
    let both = message().html("<p>").alternative("x", "text/x-amp-html");
    assert_eq!(
        shape(&both),
        "alternative(text/plain, text/html, text/x-amp-html)"
    );
}

#[test]
fn an_empty_body_is_left_out() {
    let empty = message().body("");
    assert_eq!(shape(&empty.clone().html("<p>")), "alternative(text/html)");
    assert_eq!(
        shape(&empty.clone().attach(("a.pdf", "x"))),
        "mixed(application/pdf)"
    );
    assert_eq!(
        shape(&empty.html("<p>").attach(("a.pdf", "x"))),
        "mixed(alternative(text/html), application/pdf)"
    );
}

#[test]
fn attachments_follow_all_the_rest() {
    let attached = message().attach(("a.pdf", "x")).attach(("b.png", b"x"));
    assert_eq!(
        shape(&attached),
        "mixed(text/plain, application/pdf, image/png)"
    );
    assert_eq!(
        shape(&attached.html("<p>")),
        "mixed(alternative(text/plain, text/html), application/pdf, image/png)"
    );
}

#[test]
fn nothing_at_all_is_an_empty_text() {
    let nothing = EmailMessage::default();
    assert_eq!(shape(&nothing), "text/plain");
    assert_eq!(split(&text(&nothing)).1, "\r\n");
}

#[test]
fn mime_version_stands_once_at_the_root_always() {
    let empty = message().body("");
    for sent in [
        message(),
        empty.clone(),
        empty.clone().html("x"),
        empty.attach(("a.pdf", "x")),
        message().attach(message().html("x")),
    ] {
        assert_eq!(header(&text(&sent), "MIME-Version"), "1.0");
    }
}

#[test]
fn boundaries_look_like_djangos_and_differ() {
    let written = text(&message().html("<p>").attach(("a.pdf", "x")));
    let boundaries: Vec<_> = written
        .match_indices("boundary=\"")
        .map(|(at, _)| &written[at + 10..at + 46])
        .collect();
    assert_eq!(boundaries.len(), 2);
    assert_ne!(boundaries[0], boundaries[1]);
    for boundary in boundaries {
        let digits = boundary
            .strip_prefix("===============")
            .and_then(|rest| rest.strip_suffix("=="))
            .unwrap();
        assert!(digits.len() == 19 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    }
}

#[test]
fn parts_that_the_html_shows_go_with_it() {
    let html = "<img src=\"cid:a@x\"><img src='cid:b%40x'><p style=\"background: url(cid:a@x)\">";
    let sent = message()
        .html(html)
        .attach(logo("a@x"))
        .attach(("c.pdf", "x"))
        .attach(logo("<b@x>"));
    assert_eq!(
        shape(&sent),
        "mixed(alternative(text/plain, related(text/html, image/png, image/png)), application/pdf)"
    );
    let written = text(&sent);
    assert!(written.contains("Content-ID: <a@x>\r\n") && written.contains("Content-ID: <b@x>\r\n"));
    let alone = message().html(html).attach(logo("a@x"));
    assert_eq!(
        shape(&alone),
        "alternative(text/plain, related(text/html, image/png))"
    );
    let body = message()
        .content_subtype("html")
        .body(html)
        .attach(logo("a@x"));
    assert_eq!(shape(&body), "related(text/html, image/png)");
    assert_eq!(
        shape(&body.attach(("a.pdf", "x"))),
        "mixed(related(text/html, image/png), application/pdf)"
    );
}

#[test]
fn related_tells_the_type_of_its_first_part() {
    let written = text(&message().html("<img src=\"cid:a@x\">").attach(logo("a@x")));
    let start = written.find("multipart/related").unwrap();
    let value = written[start..start + 200].replace("\r\n ", " ");
    assert!(value.contains("; type=\"text/html\""), "{value}");
}

#[test]
fn what_no_html_shows_stays_in_mixed() {
    let mixed = "mixed(alternative(text/plain, text/html), image/png)";
    assert_eq!(shape(&message().html("<p>").attach(logo("a@x"))), mixed);
    assert_eq!(
        shape(&message().html("cid:a@xy").attach(logo("a@x"))),
        mixed
    );
    let apart = logo("a@x").disposition("attachment");
    assert_eq!(
        shape(&message().html("<img src=\"cid:a@x\">").attach(apart)),
        mixed
    );
    // A plain text shows nothing.
    assert_eq!(
        shape(&message().body("cid:a@x").attach(logo("a@x"))),
        "mixed(text/plain, image/png)"
    );
}

#[test]
fn each_shown_part_stands_once() {
    let twice = message()
        .html("<img src=\"cid:a@x\"><img src=\"cid:a@x\">")
        .alternative("cid:a@x", "text/html")
        .attach(logo("a@x"));
    assert_eq!(
        shape(&twice),
        "alternative(text/plain, related(text/html, image/png), text/html)"
    );
    let same = message()
        .html("<img src=\"cid:a@x\">")
        .attach(logo("a@x"))
        .attach(logo("a@x"));
    assert_eq!(
        shape(&same),
        "mixed(alternative(text/plain, related(text/html, image/png)), image/png)"
    );
}

#[test]
fn all_parts_around_8bit_declare_it() {
    let mut raw = options();
    raw.transfer = Transfer::EightBit;
    let sent = message()
        .html("Grüße <img src=\"cid:a@x\">")
        .attach(logo("a@x"))
        .attach(("a.pdf", "x"));
    let written = String::from_utf8(bytes_with(&sent, &raw)).unwrap();
    assert_eq!(header(&written, "Content-Transfer-Encoding"), "8bit");
    assert_eq!(
        written
            .matches("Content-Transfer-Encoding: 8bit\r\n")
            .count(),
        4
    );
    assert_eq!(
        all(&text(&sent), "Content-Transfer-Encoding"),
        Vec::<String>::new()
    );
}
