//! What was refused or broke off is kept, and told from what was taken.

use posthaste::{EmailMessage, Mailer};
use posthaste_inbox::fault::{Rule, Step};
use posthaste_inbox::{Inbox, Want};

use crate::raw::Client;

#[tokio::test]
async fn a_mail_whose_recipients_are_all_refused() {
    let inbox = Inbox::builder().start().expect("a free port");
    inbox.fail(Rule::rcpt("*").reply(550, "5.1.1", "no such user"));
    let message = EmailMessage::new("x", "x")
        .from("a@example.com")
        .to(["gone@example.com"]);
    let report = Mailer::new(inbox.settings()).send(&message).await;
    assert_eq!(report.count(), 0);

    let mail = inbox
        .wait(Want::to("gone@*").refused())
        .await
        .expect("the attempt");
    assert!(mail.reply.is_none() && mail.raw.is_empty() && !mail.is_taken());
    assert_eq!(mail.envelope.mail_from, "a@example.com");
    assert!(mail.transcript.contains("550 5.1.1 no such user"));
    inbox.expect_none().await;
}

#[test]
fn a_content_that_is_refused() {
    let inbox = Inbox::builder().start().expect("a free port");
    inbox.fail(Rule::end().subject("*spam*").reply(554, "5.6.0", "no spam"));
    let mut client = Client::with_mail(&inbox);
    client.ask("DATA", 354);
    client.ask("Subject: This is Spam!\r\n\r\nx\r\n.", 554);
    let mail = inbox
        .wait_blocking(Want::any().refused())
        .expect("the attempt");
    assert_eq!(mail.reply.as_ref().map(posthaste::Reply::code), Some(554));
    assert_eq!(&*mail.raw, b"Subject: This is Spam!\r\n\r\nx\r\n");
}

#[test]
fn a_sender_that_is_refused_and_what_was_said_behind_it() {
    let inbox = Inbox::builder().start().expect("a free port");
    inbox.fail(Rule::mail("bad@*").reply(550, "5.7.1", "not you"));
    let mut client = Client::new(&inbox);
    client.say("MAIL FROM:<bad@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n");
    let codes: Vec<_> = (0..3).map(|_| client.code()).collect();
    assert_eq!(codes, [550, 503, 503]);
    client.ask("RSET", 250);
    let mail = inbox
        .wait_blocking(Want::from("bad@*").refused())
        .expect("the attempt");
    assert_eq!(mail.envelope.recipients[0].address, "b@example.com");
    assert_eq!(mail.envelope.rcpt_to(), [""; 0]);
    assert!(mail.transcript.contains("RSET"));
}

#[test]
fn a_content_that_breaks_off() {
    let inbox = Inbox::builder().start().expect("a free port");
    let mut client = Client::with_mail(&inbox);
    client.say("BDAT 100 LAST\r\nonly this");
    drop(client);
    let mail = inbox
        .wait_blocking(Want::any().refused())
        .expect("the attempt");
    assert_eq!((&*mail.raw, &mail.reply), (&b"only this"[..], &None));
}

#[test]
fn who_only_asks_leaves_nothing() {
    let inbox = Inbox::builder().start().expect("a free port");
    let mut client = Client::with_mail(&inbox);
    client.ask("RSET", 250);
    client.ask("MAIL FROM:<a@example.com>", 250);
    client.ask("QUIT", 221);
    assert!(client.hear().is_none());
    assert!(inbox.mails_blocking().is_empty());
}

#[test]
fn a_refused_command_for_content_is_the_answer_to_it() {
    let inbox = Inbox::builder().start().expect("a free port");
    inbox.fail(Rule::at(Step::Data).reply(451, "4.3.0", "not now"));
    inbox.fail(Rule::at(Step::Bdat).reply(452, "4.3.0", "nor so"));
    for (line, code) in [("DATA\r\n", 451), ("BDAT 3 LAST\r\nabc", 452)] {
        let mut client = Client::with_mail(&inbox);
        client.say(line);
        assert_eq!(client.code(), code);
        client.ask("QUIT", 221);
        let mail = inbox
            .wait_blocking(Want::any().refused())
            .expect("the attempt");
        assert_eq!(mail.reply.as_ref().map(posthaste::Reply::code), Some(code));
    }
}
