//! Any credentials do, and no secret is kept.

use posthaste::{EmailMessage, Mailer};
use posthaste_inbox::fault::Rule;
use posthaste_inbox::{Inbox, Mail, Want};

use crate::raw::Client;

/// ann and hunter2, in the ways of PLAIN, XOAUTH2 and OAUTHBEARER.
const PLAIN: &str = "AGFubgBodW50ZXIy";
const XOAUTH2: &str = "dXNlcj1hbm4BYXV0aD1CZWFyZXIgaHVudGVyMgEB";
const OAUTHBEARER: &str = "bixhPWFubiwBYXV0aD1CZWFyZXIgaHVudGVyMgEB";

/// Logs in by these lines, sends a mail, and gives it.
fn mail_after(inbox: &Inbox, lines: &[&str]) -> std::sync::Arc<Mail> {
    let mut client = Client::new(inbox);
    let (last, first) = lines.split_last().expect("a line");
    for line in first {
        client.ask(line, 334);
    }
    client.ask(last, 235);
    client.ask("MAIL FROM:<a@example.com>", 250);
    client.ask("RCPT TO:<b@example.com>", 250);
    client.ask("DATA", 354);
    client.ask("x\r\n.", 250);
    inbox
        .private("ann")
        .wait_blocking(Want::any())
        .expect("it is in the box")
}

#[test]
fn any_credentials_do_in_each_way() {
    let inbox = Inbox::builder().start().expect("a free port");
    let (initial, bearer) = (
        format!("AUTH XOAUTH2 {XOAUTH2}"),
        format!("AUTH OAUTHBEARER {OAUTHBEARER}"),
    );
    for lines in [
        &["AUTH PLAIN AGFubgBodW50ZXIy"][..],
        &["AUTH PLAIN", PLAIN],
        &["AUTH LOGIN", "YW5u", "aHVudGVyMg=="],
        &["AUTH LOGIN YW5u", "aHVudGVyMg=="],
        // A digest of anything.
        &[
            "AUTH CRAM-MD5",
            "YW5uIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw",
        ],
        &[initial.as_str()],
        &["AUTH XOAUTH2", XOAUTH2],
        &[bearer.as_str()],
    ] {
        let mail = mail_after(&inbox, lines);
        assert_eq!(mail.session.user.as_deref(), Some("ann"));
        for secret in [
            "aHVudGVyMg",
            PLAIN,
            XOAUTH2,
            OAUTHBEARER,
            "hunter2",
            "YW5uIGI5",
        ] {
            assert!(!mail.transcript.contains(secret), "{:#?}", mail.transcript);
        }
        assert!(mail.transcript.contains("<hidden, "));
    }
}

#[test]
fn secrets_that_make_no_sense_are_hidden_too() {
    let inbox = Inbox::builder().start().expect("a free port");
    let mut client = Client::new(&inbox);
    client.ask("AUTH PLAIN hunter2!", 501);
    client.ask("AUTH LOGIN", 334);
    client.ask("hunter2!", 501);
    client.ask("AUTH XOAUTH9 hunter2", 504);
    client.ask("MAIL FROM:<a@example.com>", 250);
    client.ask("RCPT TO:<b@example.com>", 250);
    client.ask("DATA", 354);
    client.ask("x\r\n.", 250);
    let mail = inbox.wait_blocking(Want::any()).expect("the mail");
    assert!(
        !mail.transcript.contains("hunter2"),
        "{:#?}",
        mail.transcript
    );
    assert!(mail.transcript.contains("AUTH XOAUTH9 <hidden, 7 octets>"));
}

#[tokio::test]
async fn boxes_are_apart() {
    let inbox = Inbox::builder().start().expect("a free port");
    let (ann, bob) = (inbox.private("ann"), inbox.private("bob"));
    let message = EmailMessage::new("For Ann", "x")
        .from("a@example.com")
        .to(["b@example.com"]);
    let report = Mailer::new(ann.settings()).send(&message).await;
    assert_eq!(report.count(), 1, "{report:?}");
    bob.expect_none().await;
    assert_eq!(
        ann.wait(Want::any()).await.expect("the mail").mailbox,
        "ann"
    );
    assert_eq!((ann.mails().await.len(), bob.mails().await.len()), (1, 0));
    inbox.expect_none().await;
}

#[tokio::test]
async fn a_rule_refuses_a_login_in_each_way() {
    let inbox = Inbox::builder().start().expect("a free port");
    inbox.fail(Rule::auth("deny*").reply(535, "5.7.8", "bad credentials"));
    let mut settings = inbox.private("deny-me").settings();
    let message = EmailMessage::new("x", "x")
        .from("a@example.com")
        .to(["b@example.com"]);
    for token in [false, true] {
        if token {
            settings.email_host_token = "token".into();
            settings.email_host_password = "".into();
        }
        let report = Mailer::new(settings.clone()).send(&message).await;
        let error = report.error.expect("refused");
        assert_eq!(error.kind(), posthaste::ErrorKind::Auth, "{error}");
        assert_eq!(
            error.reply().map(posthaste::Reply::code),
            Some(535),
            "{error}"
        );
    }
    assert!(inbox.faults()[0].hits >= 2);
    let report = Mailer::new(inbox.private("allow").settings())
        .send(&message)
        .await;
    assert_eq!(report.count(), 1, "{report:?}");
}
