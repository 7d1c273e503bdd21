//! Mail goes in by Posthaste's own client, and is kept as it was sent.

use std::time::Duration;

use posthaste::{EmailMessage, Mailer};
use posthaste_inbox::transcript::Speaker;
use posthaste_inbox::{Inbox, Want};

use crate::raw::Client;

#[tokio::test]
async fn a_mail_is_kept_with_its_envelope() {
    let inbox = Inbox::builder().start().expect("a free port");
    let message = EmailMessage::new("Hello", "Are you there?")
        .from("shop@example.com")
        .to(["ann@example.com"])
        .bcc(["hidden@example.com"]);
    let report = Mailer::new(inbox.settings()).send(&message).await;
    assert_eq!(report.count(), 1, "{report:?}");

    let mail = inbox.wait(Want::any()).await.expect("the mail");
    assert_eq!(mail.envelope.mail_from, "shop@example.com");
    assert_eq!(
        mail.envelope.rcpt_to(),
        ["ann@example.com", "hidden@example.com"]
    );
    mail.assert_subject("Hello");
    assert!(mail.transcript.contains("MAIL FROM:<shop@example.com>"));
    assert!(mail.session.chunks > 0 && mail.session.pipelined);
}

#[test]
fn what_was_said_about_the_mail_is_kept() {
    let inbox = Inbox::builder().start().expect("a free port");
    let mut client = Client::new(&inbox);
    client.ask(
        "MAIL FROM:<a@example.com> SIZE=12 BODY=8BITMIME RET=HDRS ENVID=x1 MT-PRIORITY=-2 SMTPUTF8",
        250,
    );
    client.ask(
        "RCPT TO:<bøb@example.com> NOTIFY=SUCCESS,FAILURE ORCPT=utf-8;bob@example.com",
        250,
    );
    client.ask("DATA", 354);
    client.ask("Subject: x\r\n.", 250);

    let mail = inbox.wait_blocking(Want::any()).expect("the mail");
    let envelope = &mail.envelope;
    assert_eq!(envelope.body.as_deref(), Some("8BITMIME"));
    assert_eq!(
        (envelope.ret.as_deref(), envelope.envid.as_deref()),
        (Some("HDRS"), Some("x1"))
    );
    assert_eq!(
        (envelope.size, envelope.priority, envelope.smtputf8),
        (Some(12), Some(-2), true)
    );
    let to = &envelope.recipients[0];
    assert_eq!(to.address, "bøb@example.com");
    assert_eq!(to.notify.as_deref(), Some("SUCCESS,FAILURE"));
    assert_eq!(to.orcpt.as_deref(), Some("utf-8;bob@example.com"));
    assert_eq!(mail.session.hello, "client.example");
}

#[test]
fn the_transcript_is_what_was_said_with_its_boundaries() {
    let inbox = Inbox::builder().start().expect("a free port");
    let mut client = Client::new(&inbox);
    client.say(
        "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nBDAT 2\r\nx\nBDAT 3 LAST\r\nyz\n",
    );
    for _ in 0..4 {
        assert_eq!(client.code(), 250);
    }
    client.ask("MAIL FROM:<c@example.com>", 250);
    client.ask("RCPT TO:<d@example.com>", 250);
    client.ask("DATA", 354);
    client.ask("x\r\n.", 250);

    let first = inbox.wait_blocking(Want::any()).expect("the first mail");
    assert_eq!(&*first.raw, b"x\nyz\n");
    let said = |speaker| {
        let lines = first
            .transcript
            .iter()
            .filter(move |line| line.speaker == speaker);
        lines
            .map(|line| (line.text.as_str(), line.joined))
            .collect::<Vec<_>>()
    };
    let expected = [
        ("EHLO client.example", false),
        ("MAIL FROM:<a@example.com>", false),
        ("RCPT TO:<b@example.com>", true),
        ("BDAT 2", true),
        ("[content of 2 octets]", true),
        ("BDAT 3 LAST", true),
        ("[content of 3 octets]", true),
    ];
    assert_eq!(said(Speaker::Client), expected);
    let server = said(Speaker::Server);
    assert_eq!(server[0], ("220 localhost ready", false));
    // All four in one write.
    assert_eq!(
        server[server.len() - 4..],
        [
            ("250 2.1.0 Sender ok", false),
            ("250 2.1.5 Recipient ok", true),
            ("250 2.0.0 Go on", true),
            ("250 2.0.0 Taken", true),
        ]
    );
    let times: Vec<Duration> = first.transcript.iter().map(|line| line.at).collect();
    assert!(times.is_sorted());

    let second = inbox.wait_blocking(Want::any()).expect("the second mail");
    let lines: Vec<_> = second
        .transcript
        .lines
        .iter()
        .map(|line| line.text.as_str())
        .collect();
    assert_eq!(
        lines,
        [
            "MAIL FROM:<c@example.com>",
            "250 2.1.0 Sender ok",
            "RCPT TO:<d@example.com>",
            "250 2.1.5 Recipient ok",
            "DATA",
            "354 Go on, and end with a dot",
            "[content of 3 octets]",
            "250 2.0.0 Taken",
        ]
    );
    assert!(std::sync::Arc::ptr_eq(
        &first.transcript.opening,
        &second.transcript.opening
    ));
}

#[test]
fn only_this_machine_may_come_unless_others_are_allowed() {
    let everywhere = "0.0.0.0:0".parse().expect("an address");
    let error = Inbox::builder()
        .smtp(everywhere)
        .start()
        .expect_err("not allowed");
    assert!(
        error
            .to_string()
            .contains("0.0.0.0:0 can be reached from other machines"),
        "{error}"
    );
    let error = Inbox::builder()
        .smtps(everywhere)
        .start()
        .expect_err("not allowed");
    assert!(error.to_string().contains("other machines"), "{error}");
    assert!(
        Inbox::builder()
            .smtp(everywhere)
            .allow_remote(true)
            .start()
            .is_ok()
    );
}

#[test]
fn an_address_that_is_taken_is_named() {
    let inbox = Inbox::builder().start().expect("a free port");
    let address = inbox.smtp_address();
    let error = Inbox::builder().smtp(address).start().expect_err("taken");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(
        error.to_string().starts_with(&address.to_string()),
        "{error}"
    );
}
