//! Each check, by a mail that it has something to say about and one that is fine.

mod common;

use common::{arrival, lines};
use jiff::Timestamp;
use posthaste_inbox::Mail;
use posthaste_inbox::check::{Finding, Key, Verdict, run, run_with};
use posthaste_inbox::mail::Arrival;

const FINE: &str = r#"<!doctype html><html lang="en"><head><title>x</title></head><body>
<table role="presentation"><tr><td style="color:#333;background-color:#fff"><img src="cid:a@b" alt="Logo">
<p>Hello Ann, your order is here.</p><a href="https://example.com/order">See it</a></td></tr></table></body></html>"#;

/// A mail of these headers, with text and HTML.
fn letter(headers: &[&str], text: &str, html: &str) -> String {
    let mut all = vec![
        "Date: Wed, 25 Nov 2026 12:00:00 +0000",
        "From: Shop <shop@example.com>",
        "To: ann@example.com",
        "Subject: Your order",
        "Message-ID: <1@example.com>",
        "MIME-Version: 1.0",
        "Content-Type: multipart/related; boundary=r",
    ];
    for header in headers {
        let name = header.split_inclusive(':').next().unwrap_or_default();
        all.retain(|old| !old.starts_with(name));
        all.push(header);
    }
    all.extend([
        "",
        "--r",
        "Content-Type: multipart/alternative; boundary=a",
        "",
    ]);
    all.extend(["--a", "Content-Type: text/plain; charset=utf-8", "", text]);
    let html = html.replace('\n', "\r\n");
    all.extend([
        "--a",
        "Content-Type: text/html; charset=utf-8",
        "",
        &html,
        "--a--",
    ]);
    all.extend([
        "--r",
        "Content-Type: image/png",
        "Content-ID: <a@b>",
        "Content-Transfer-Encoding: base64",
        "",
        "AAAA",
        "--r--",
    ]);
    lines(&all)
}

fn html(html: &str) -> Mail {
    common::mail(letter(&[], "x", html))
}

fn headers(headers: &[&str]) -> Mail {
    common::mail(letter(
        headers,
        "Hello Ann, your order is here. https://example.com/order",
        FINE,
    ))
}

fn changed(change: impl FnOnce(&mut Arrival)) -> Mail {
    let mut arrival = arrival(letter(&[], "x", FINE));
    change(&mut arrival);
    Mail::new(1, Timestamp::UNIX_EPOCH, arrival)
}

fn find(mail: &Mail, check: &str) -> Option<Finding> {
    run(mail).into_iter().find(|finding| finding.check == check)
}

/// Asserts that a check says nothing but this.
#[track_caller]
fn says(mail: &Mail, check: &str, verdict: Verdict, text: &str) {
    let finding = find(mail, check).unwrap_or_else(|| panic!("no {check}"));
    let told = format!("{} {:?}", finding.summary, finding.details);
    assert!(
        finding.verdict == verdict && told.contains(text),
        "{finding:?}"
    );
}

#[track_caller]
fn is_fine(mail: &Mail, check: &str) {
    let finding = find(mail, check).unwrap_or_else(|| panic!("no {check}"));
    assert!(
        finding.verdict == Verdict::Ok && finding.details.is_empty(),
        "{finding:?}"
    );
}

#[test]
fn a_good_mail_is_good() {
    for finding in run(&headers(&[])) {
        assert!(
            finding.verdict == Verdict::Ok || finding.check == "Compatibility",
            "{finding:?}"
        );
    }
    assert!(run(&common::mail("")).len() > 2);
}

#[test]
fn clipping() {
    let of = |octets: usize| html(&format!("{FINE}{}", "x".repeat(octets - FINE.len())));
    is_fine(&of(90 * 1024 - 1), "Gmail clipping");
    says(
        &of(90 * 1024),
        "Gmail clipping",
        Verdict::Look,
        "90.0 kB of 102 kB",
    );
    says(&of(102 * 1024 - 1), "Gmail clipping", Verdict::Look, "near");
    says(
        &of(102 * 1024),
        "Gmail clipping",
        Verdict::Fail,
        "102.0 kB of 102 kB",
    );
    assert!(find(&common::mail("\r\nHello"), "Gmail clipping").is_none());
}

#[test]
fn text_and_html() {
    is_fine(&headers(&[]), "Text and HTML");
    says(
        &html(FINE),
        "Text and HTML",
        Verdict::Look,
        "only in the HTML: Hello Ann",
    );
    let alone = common::mail("Content-Type: text/html\r\n\r\n<p>Hi");
    says(&alone, "Text and HTML", Verdict::Look, "no plain text");
}

#[test]
fn list_unsubscribe() {
    let check = "List-Unsubscribe";
    assert!(find(&headers(&[]), check).is_none());
    let one_click = "List-Unsubscribe-Post: List-Unsubscribe=One-Click";
    let url = "List-Unsubscribe: <mailto:u@example.com>, <https://example.com/u>";
    is_fine(&headers(&[url, one_click]), check);
    says(
        &headers(&[url]),
        check,
        Verdict::Look,
        "no List-Unsubscribe-Post",
    );
    says(
        &headers(&[url, "List-Unsubscribe-Post: yes"]),
        check,
        Verdict::Fail,
        "`yes`",
    );
    says(
        &headers(&["List-Unsubscribe: <mailto:u@example.com>", one_click]),
        check,
        Verdict::Look,
        "no https URL",
    );
    says(
        &headers(&["List-Unsubscribe: https://example.com/u", one_click]),
        check,
        Verdict::Fail,
        "angle brackets",
    );
    says(
        &headers(&["List-Id: <news.example.com>"]),
        check,
        Verdict::Look,
        "no List-Unsubscribe",
    );
    says(
        &html("<a href='https://example.com/x'>Unsubscribe</a>"),
        check,
        Verdict::Look,
        "no List-Unsubscribe",
    );
    let unsigned = "DKIM-Signature: v=1; h=From:List-Unsubscribe; b=x";
    says(
        &headers(&[url, one_click, unsigned]),
        check,
        Verdict::Fail,
        "cover List-Unsubscribe-Post",
    );
}

#[test]
fn links() {
    let link = |url: &str, text: &str| html(&format!("<a href=\"{url}\">{text}</a>"));
    for (url, text) in [
        ("https://example.com/x", "Read more"),
        ("https://www.example.com/x", "example.com"),
        ("https://example.com/", "shop.example.com/x"),
        ("mailto:ann@example.com", "ann@example.com"),
        ("https://example.com/", "invoice.pdf"),
        ("https://user@example.com:8443/", "https://example.com"),
        ("tel:+4930123456", "Call"),
        ("#top", "Top"),
    ] {
        is_fine(&link(url, text), "Links");
    }
    for (url, text, verdict, why) in [
        ("http://example.com/", "x", Verdict::Look, "not encrypted"),
        (
            "https://localhost:3000/x",
            "x",
            Verdict::Look,
            "only you can reach",
        ),
        ("https://[::1]/x", "x", Verdict::Look, "only you can reach"),
        (
            "https://192.168.1.2/x",
            "x",
            Verdict::Look,
            "only you can reach",
        ),
        (
            "https://shop.test/x",
            "x",
            Verdict::Look,
            "only you can reach",
        ),
        (
            "https://t.example.net/x",
            "www.example.com",
            Verdict::Fail,
            "shown as www.example.com",
        ),
        (
            "https://example.com@evil.example/",
            "https://example.com/",
            Verdict::Fail,
            "shown as example.com",
        ),
        (
            "https://example.com.evil.example/",
            "example.com",
            Verdict::Fail,
            "shown as",
        ),
        ("/order/1", "x", Verdict::Fail, "relative"),
        (
            "javascript:alert(1)",
            "x",
            Verdict::Fail,
            "opened by no reader",
        ),
        (
            "https://example.com/{{ id }}",
            "x",
            Verdict::Fail,
            "not filled in",
        ),
    ] {
        says(&link(url, text), "Links", verdict, why);
    }
    assert!(find(&common::mail("\r\nHello"), "Links").is_none());
}

#[test]
fn headers_that_have_to_be_there() {
    is_fine(&headers(&[]), "Headers");
    for (header, verdict, why) in [
        ("Subject:", Verdict::Look, "no Subject"),
        ("Message-ID: <1>", Verdict::Look, "no domain"),
        ("From:", Verdict::Fail, "nobody in From"),
        ("Date: tomorrow", Verdict::Fail, "`tomorrow` is no date"),
        ("To: ann", Verdict::Fail, "`ann` is no address"),
        ("Bcc: x@example.com", Verdict::Fail, "all recipients see"),
        ("Subject: Grüße", Verdict::Fail, "Subject is not ASCII"),
    ] {
        let mail = headers(&[header]);
        let finding = find(&mail, "Headers").expect("a finding");
        assert!(
            finding.verdict >= verdict && format!("{finding:?}").contains(why),
            "{finding:?}"
        );
    }
    let twice = common::mail(lines(&["Subject: a", "subject: b", "", ""]));
    says(&twice, "Headers", Verdict::Fail, "2 times Subject");
    says(&twice, "Headers", Verdict::Fail, "no Date");
    is_fine(
        &{
            let mut arrival = arrival(letter(&["Subject: Grüße"], "x", FINE));
            arrival.envelope.smtputf8 = true;
            Mail::new(1, Timestamp::UNIX_EPOCH, arrival)
        },
        "Headers",
    );
}

#[test]
fn lines_and_their_ends() {
    let with = |text: &str| common::mail(format!("Subject: x\r\n\r\n{text}\r\n"));
    is_fine(&with(&"x".repeat(998)), "Lines");
    says(
        &with(&"x".repeat(999)),
        "Lines",
        Verdict::Fail,
        "the longest has 999",
    );
    says(
        &with("a\nb"),
        "Lines",
        Verdict::Fail,
        "an LF without CR in line 3",
    );
    says(
        &with("a\rb"),
        "Lines",
        Verdict::Fail,
        "a CR without LF in line 3",
    );
    says(&with("a\0b"), "Lines", Verdict::Fail, "a NUL in line 3");
}

#[test]
fn charsets() {
    let part = |kind: &str, body: &[u8], is_8bit: bool| {
        let head = format!("Content-Transfer-Encoding: 8bit\r\nContent-Type: {kind}\r\n\r\n");
        let mut arrival = arrival([head.as_bytes(), body].concat());
        arrival.envelope.body = is_8bit.then(|| "8BITMIME".to_owned());
        Mail::new(1, Timestamp::UNIX_EPOCH, arrival)
    };
    let check = "Charset";
    let text = "grüße".as_bytes();
    is_fine(&part("text/plain; charset=utf-8", text, true), check);
    is_fine(&part("text/plain", b"plain", false), check);
    says(
        &part("text/plain; charset=utf-8", text, false),
        check,
        Verdict::Fail,
        "BODY=8BITMIME was not said",
    );
    says(
        &part("text/plain", text, true),
        check,
        Verdict::Fail,
        "names no charset",
    );
    says(
        &part("text/plain; charset=us-ascii", text, true),
        check,
        Verdict::Fail,
        "says us-ascii",
    );
    says(
        &part("text/plain; charset=x-none", text, true),
        check,
        Verdict::Fail,
        "nobody knows",
    );
    says(
        &part("text/plain; charset=utf-8", b"gr\xfc", true),
        check,
        Verdict::Fail,
        "not all utf-8",
    );
    let meta = b"<meta charset=latin1><p>x";
    says(
        &part("text/html; charset=utf-8", meta, true),
        check,
        Verdict::Look,
        "the HTML says latin1",
    );
    let seven = changed(|arrival| {
        arrival.envelope.body = Some("8BITMIME".to_owned());
        arrival.raw = "Content-Type: text/plain; charset=utf-8\r\n\r\ngrüße".into();
    });
    says(&seven, check, Verdict::Fail, "says 7bit");
}

#[test]
fn size() {
    let of = |octets: usize| common::mail("\r\n".to_owned() + &"x".repeat(octets - 2));
    is_fine(&of(10 << 20), "Size");
    says(&of((10 << 20) + 2), "Size", Verdict::Look, "10240.0 kB");
    says(&of((25 << 20) + 2), "Size", Verdict::Fail, "25 MB");
    let image = headers(&[]);
    let finding = find(&image, "Size").expect("a size");
    assert!(finding.summary.contains(" kB"), "{finding:?}");
}

#[test]
fn structure() {
    is_fine(&headers(&[]), "Structure");
    says(
        &html("<img src='cid:nobody@x'>"),
        "Structure",
        Verdict::Fail,
        "no part has this Content-ID",
    );
    is_fine(&html("<img src='cid:a%40b'>"), "Structure");
    let open = common::mail(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx",
    );
    says(&open, "Structure", Verdict::Fail, "does not end");
    let old = common::mail("Content-Type: text/plain\r\n\r\nx");
    says(&old, "Structure", Verdict::Fail, "no MIME-Version");
}

#[test]
fn accessibility() {
    let check = "Accessibility";
    is_fine(&html(FINE), check);
    let body = |inner: &str| html(&format!("<html lang=en>\n<body>\n{inner}</body></html>"));
    is_fine(
        &body(
            "<img src=x alt=''><table><tr><th>A</th></tr></table><p style='color:#767676;background:white'>x</p>",
        ),
        check,
    );
    says(&html("<p>x</p>"), check, Verdict::Look, "no lang");
    says(
        &body("<img src=x>"),
        check,
        Verdict::Look,
        "an image without alt in line 3",
    );
    says(
        &body("<table><tr><td>A</td></tr></table>"),
        check,
        Verdict::Look,
        "in line 3 has no role",
    );
    says(
        &body("<p style='color:#777;background-color:#ffffff'>x</p>"),
        check,
        Verdict::Look,
        "a contrast of 4.4",
    );
    says(
        &body("<p style='color: RGB(200, 200, 200)' bgcolor=white>x</p>"),
        check,
        Verdict::Look,
        "a contrast of 1.6",
    );
    says(
        &body("<a href='https://example.com'><img src=x alt=''></a>"),
        check,
        Verdict::Look,
        "has no text",
    );
}

#[test]
fn markup() {
    is_fine(&html(FINE), "HTML");
    is_fine(&html("<p>a<p>b<ul><li>c<li>d</ul><br><img src=x>"), "HTML");
    for (text, why) in [
        ("<div>\n<b>x</div>", "<b> in line 2 is not closed"),
        ("<div>x", "<div> in line 1 is not closed"),
        ("x</span>", "</span> closes nothing"),
        ("<p id=a>x</p><p id=a>y</p>", "a second id `a`"),
        ("<script>x</script>", "<script> in line 1"),
        ("<p onclick=x()>x</p>", "onclick in line 1"),
    ] {
        says(&html(text), "HTML", Verdict::Look, why);
    }
}

#[test]
fn compatibility() {
    let check = "Compatibility";
    let plain = html("<b>x</b>");
    is_fine(&plain, check);
    let summary = find(&plain, check).expect("a finding").summary;
    assert!(summary.contains("data of caniemail.com, 20"), "{summary}");
    for (text, why) in [
        (
            "\n<p style='display:flex'>x</p>",
            "display:flex (line 2): not in ",
        ),
        (
            "<style>p { gap: 1px }</style>",
            "gap, column-gap, row-gap (line 1)",
        ),
        (
            "<style>@media (prefers-color-scheme: dark) { p { top: 0 } }</style>",
            "@media (prefers-color-scheme)",
        ),
        ("<style>p:has(b) { top: 0 }</style>", ":has()"),
        (
            "<p style='width:calc(1px + 2vmin)'>x</p>",
            "CSS calc() function",
        ),
        ("<p style='width:calc(1px + 2vmin)'>x</p>", "vmin unit"),
        ("<video></video>", "<video> element"),
        ("<input type=radio>", "radio"),
        (
            "<img src='https://example.com/x.avif?y'>",
            "AVIF image format",
        ),
    ] {
        says(&html(text), check, Verdict::Look, why);
    }
}

#[test]
fn alignment() {
    let check = "DMARC alignment";
    let from = |from: &str, signer: &str| {
        let from = format!("From: {from}");
        let signature = format!("DKIM-Signature: v=1; d={signer}; b=x");
        let mut all = vec![from.as_str()];
        if !signer.is_empty() {
            all.push(&signature);
        }
        headers(&all)
    };
    is_fine(&from("a@example.com", ""), check);
    is_fine(&from("a@mail.EXAMPLE.com", ""), check);
    is_fine(&from("a@other.example", "other.example"), check);
    says(
        &from("a@other.example", ""),
        check,
        Verdict::Look,
        "MAIL FROM example.com, and signed by nothing",
    );
    says(
        &from("a@notexample.com", "third.example"),
        check,
        Verdict::Look,
        "signed by third.example",
    );
    assert!(find(&from("a@a.example, b@b.example", ""), check).is_none());
}

#[test]
fn dkim() {
    let rsa = Key::parse(include_str!("dkim/rsa.pem")).expect("a key");
    let edwards = Key::parse(include_str!("dkim/ed25519.txt")).expect("a key");
    let signed = |octets: &[u8], keys: &[Key]| {
        let findings = run_with(&common::mail(octets), keys);
        let found = findings.into_iter().find(|finding| finding.check == "DKIM");
        found.map(|finding| (finding.verdict, finding.summary))
    };
    let both = [rsa.clone(), edwards.clone()];
    for (mail, key, other) in [
        (&include_bytes!("dkim/relaxed.eml")[..], &rsa, &edwards),
        (&include_bytes!("dkim/simple.eml")[..], &rsa, &edwards),
        (&include_bytes!("dkim/ed25519.eml")[..], &edwards, &rsa),
    ] {
        let good = Some((Verdict::Ok, "good by the key given".to_owned()));
        assert_eq!(signed(mail, &both), good);
        assert_eq!(signed(mail, std::slice::from_ref(key)), good);
        let (verdict, summary) = signed(mail, std::slice::from_ref(other)).expect("a finding");
        assert!(
            verdict == Verdict::Fail && summary.contains("no key"),
            "{summary}"
        );
        assert_eq!(signed(mail, &[]).expect("a finding").0, Verdict::Ok);

        let text = String::from_utf8(mail.to_vec()).expect("text");
        let (verdict, summary) =
            signed(text.replace("Hello", "Hullo").as_bytes(), &[]).expect("a finding");
        assert!(
            verdict == Verdict::Fail && summary.contains("the body"),
            "{summary}"
        );
        let subject = text.replace("Folded", "Other");
        assert_eq!(
            signed(subject.as_bytes(), &both).expect("a finding").0,
            Verdict::Fail
        );
        // A second From in front of all is not the one that was signed; h= names it once more than it is there.
        let second = text.clone() + "";
        let second = format!("From: evil@example.net\r\n{second}");
        assert_eq!(
            signed(second.as_bytes(), &both).expect("a finding").0,
            Verdict::Fail
        );
    }
    let relaxed = String::from_utf8(include_bytes!("dkim/relaxed.eml").to_vec()).expect("text");
    let respaced = relaxed
        .replace("Shop  <", "Shop <")
        .replace("and   spaced", "and spaced");
    assert_eq!(
        signed(respaced.as_bytes(), &both).expect("a finding").0,
        Verdict::Ok
    );
    let old = "DKIM-Signature: v=1; a=rsa-sha1; d=x; h=from; bh=x; b=y\r\n\r\n";
    assert!(
        signed(old.as_bytes(), &[])
            .expect("a finding")
            .1
            .contains("rsa-sha1")
    );
    let bare = "DKIM-Signature: v=1; a=rsa-sha256; d=x; h=to; bh=x; b=y\r\n\r\n";
    assert!(
        signed(bare.as_bytes(), &[])
            .expect("a finding")
            .1
            .contains("From is not signed")
    );
    assert_eq!(signed(b"From: x@y\r\n\r\n", &[]), None);
    for text in [
        "",
        "p=",
        "v=DKIM1; p=AAAA",
        "-----BEGIN PUBLIC KEY-----\nAAAA",
    ] {
        assert!(Key::parse(text).is_err(), "{text}");
    }
}
