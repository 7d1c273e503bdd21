//! Waiting for mail, and what is said when none comes.

use std::time::Duration;

use posthaste::{EmailMessage, blocking};
use posthaste_inbox::fault::Rule;
use posthaste_inbox::{Inbox, Mail, Want};

fn send(inbox: &Inbox, subject: &str, to: &str) {
    let message = EmailMessage::new(
        subject,
        "Your code is 482913.\n\nhttps://example.com/reset?x=1",
    )
    .from("shop@example.com")
    .to([to])
    .attach(("note.txt", "a note"));
    let _ = blocking::Mailer::new(inbox.settings()).send(&message);
}

#[test]
fn each_mail_is_given_once_and_in_order() {
    let inbox = Inbox::builder().start().expect("a free port");
    for (subject, to) in [
        ("one", "ann@example.com"),
        ("two", "bob@example.com"),
        ("three", "ann@example.com"),
    ] {
        send(&inbox, subject, to);
    }
    let ann = || inbox.wait_blocking(Want::to("ann@*").within(Duration::ZERO));
    assert_eq!(ann().expect("the first").view().subject, "one");
    assert_eq!(ann().expect("the third").view().subject, "three");
    assert!(ann().is_err());
    assert_eq!(
        inbox
            .wait_blocking(Want::subject("tw"))
            .expect("the second")
            .id,
        2
    );
    inbox.expect_none_blocking();
}

#[test]
fn a_mail_may_come_later() {
    let inbox = Inbox::builder().start().expect("a free port");
    std::thread::scope(|scope| {
        let waiting =
            scope.spawn(|| inbox.wait_blocking(Want::any().and_text("482913").within_secs(600)));
        send(&inbox, "late", "ann@example.com");
        assert_eq!(
            waiting
                .join()
                .expect("no panic")
                .expect("the mail")
                .view()
                .subject,
            "late"
        );
    });
}

#[test]
fn a_wait_in_vain_says_what_did_come() {
    let inbox = Inbox::builder().start().expect("a free port");
    let want = || Want::to("bob@*").and_subject("Hi").within(Duration::ZERO);
    let error = inbox.wait_blocking(want()).expect_err("nothing is there");
    assert_eq!(
        error.to_string(),
        r#"no mail came to "bob@*" with the subject "Hi" within 0ns; none came at all"#
    );

    send(&inbox, "Hi Ann", "ann@example.com");
    inbox.fail(Rule::rcpt("bob@*").reply(550, "5.1.1", "no such user"));
    send(&inbox, "Hi Bob", "bob@example.com");
    inbox
        .wait_blocking(Want::any().refused())
        .expect("the attempt");
    let error = inbox.wait_blocking(want()).expect_err("nobody took it");
    let lines: Vec<_> = format!("{error:?}").lines().map(str::to_owned).collect();
    assert_eq!(
        lines[1..],
        [
            r#"  #1 "Hi Ann" from <shop@example.com> to ann@example.com"#,
            r#"  #2 "" from <shop@example.com> to bob@example.com (550 5.1.1 no such user); not brought to its end"#,
        ]
    );
}

#[test]
#[should_panic(expected = "no mail was expected, but there is one:\n#1 \"Hello\"")]
fn a_mail_that_nobody_expected_is_shown() {
    let inbox = Inbox::builder().start().expect("a free port");
    send(&inbox, "Hello", "ann@example.com");
    inbox.expect_none_blocking();
}

#[test]
fn assertions_hold() {
    let inbox = Inbox::builder().start().expect("a free port");
    send(&inbox, "Hello", "ann@example.com");
    let mail = inbox.wait_blocking(Want::any()).expect("the mail");
    mail.assert_subject("Hello");
    mail.assert_text_contains("code is 482913");
    mail.assert_attachment("note.txt", b"a note");
    assert_eq!(mail.code(), "482913");
    assert_eq!(mail.link("reset"), "https://example.com/reset?x=1");
}

#[test]
fn assertions_that_fail_say_what_is_there() {
    let inbox = Inbox::builder().start().expect("a free port");
    send(&inbox, "Hello", "ann@example.com");
    let mail = inbox.wait_blocking(Want::any()).expect("the mail");
    let said = |assertion: fn(&Mail)| {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| assertion(&mail)));
        let panic = outcome.expect_err("it fails");
        panic.downcast_ref::<String>().cloned().unwrap_or_default()
    };
    assert_eq!(
        said(|mail| mail.assert_subject("Bye")),
        r#"the subject is "Hello", not "Bye""#
    );
    assert!(said(|mail| mail.assert_text_contains("nothing")).contains("Your code is 482913."));
    assert!(said(|mail| mail.assert_html_contains("x")).contains("there is none"));
    assert!(said(|mail| mail.assert_attachment("other.txt", b"")).contains("note.txt"));
    assert!(said(|mail| drop(mail.link("none"))).contains("https://example.com/reset?x=1"));
}

#[test]
fn a_report_shows_all_and_runs_nothing() {
    let inbox = Inbox::builder().start().expect("a free port");
    send(&inbox, "<script>alert(1)</script>", "ann@example.com");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mail.html");
    inbox.report(&path).expect("it is written");
    let page = std::fs::read_to_string(path).expect("it is there");
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script"));
    assert!(
        page.contains("Your code is 482913.")
            && page.contains("MAIL FROM:&lt;shop@example.com&gt;")
    );
}
