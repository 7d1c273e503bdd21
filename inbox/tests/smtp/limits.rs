//! Each limit: what is just allowed, and what is one too much. The conversation stays in step.

use std::time::Duration;

use posthaste_inbox::{Inbox, Limits, Want};

use crate::raw::Client;

fn inbox(change: impl FnOnce(&mut Limits)) -> Inbox {
    let mut limits = Limits::default();
    change(&mut limits);
    Inbox::builder()
        .limits(limits)
        .start()
        .expect("a free port")
}

#[test]
fn octets_of_a_message() {
    let inbox = inbox(|limits| limits.message = 1000);
    let mut client = Client::with_mail(&inbox);
    assert!(client.ask("RSET", 250).starts_with("250"));
    client.ask("MAIL FROM:<a@example.com> SIZE=1001", 552);
    for (octets, code) in [(1000, 250), (1001, 552)] {
        client.ask("MAIL FROM:<a@example.com> SIZE=1000", 250);
        client.ask("RCPT TO:<b@example.com>", 250);
        client.ask("DATA", 354);
        client.say("x".repeat(octets - 2));
        client.ask("\r\n.", code);
        client.ask("NOOP", 250);
        for pieces in [vec![octets], vec![600, octets - 600]] {
            client.ask("MAIL FROM:<a@example.com>", 250);
            client.ask("RCPT TO:<b@example.com>", 250);
            let last = pieces.len() - 1;
            for (at, octets) in pieces.iter().enumerate() {
                let word = if at == last { " LAST" } else { "" };
                client.say(format!("BDAT {octets}{word}\r\n{}", "x".repeat(*octets)));
                assert_eq!(client.code(), if at == last { code } else { 250 });
            }
            client.ask("RSET", 250);
        }
    }
    let mails = inbox.mails_blocking();
    assert_eq!(mails.iter().filter(|mail| mail.is_taken()).count(), 3);
    let refused: Vec<_> = mails.iter().filter(|mail| !mail.is_taken()).collect();
    assert_eq!(refused.len(), 4, "the sender too, and three contents");
    assert!(mails.iter().all(|mail| mail.raw.len() <= 1000));
}

#[test]
fn octets_under_way_on_all_connections() {
    let inbox = inbox(|limits| limits.under_way = 1000);
    let (mut first, mut second) = (Client::with_mail(&inbox), Client::with_mail(&inbox));
    first.say(format!("BDAT 600\r\n{}", "x".repeat(600)));
    assert_eq!(first.code(), 250);
    for (octets, code) in [(401, 452), (400, 250)] {
        second.say(format!("BDAT {octets} LAST\r\n{}", "x".repeat(octets)));
        assert_eq!(second.code(), code);
        second.ask("MAIL FROM:<a@example.com>", 250);
        second.ask("RCPT TO:<b@example.com>", 250);
    }
    first.say("BDAT 0 LAST\r\n");
    assert_eq!(first.code(), 250);
    // There is room for all again.
    second.say(format!("BDAT 1000 LAST\r\n{}", "x".repeat(1000)));
    assert_eq!(second.code(), 250);
}

#[test]
fn recipients_of_a_message() {
    let inbox = inbox(|limits| limits.recipients = 3);
    let mut client = Client::new(&inbox);
    client.ask("MAIL FROM:<a@example.com>", 250);
    for (number, code) in [(1, 250), (2, 250), (3, 250), (4, 452), (5, 452)] {
        client.ask(&format!("RCPT TO:<b{number}@example.com>"), code);
    }
    client.ask("DATA", 354);
    client.ask("x\r\n.", 250);
    let mail = inbox.wait_blocking(Want::any()).expect("the mail");
    assert_eq!(mail.envelope.rcpt_to().len(), 3);
    // Those that were too many are known, too.
    assert_eq!(mail.envelope.recipients.len(), 5);
}

#[test]
fn connections_at_a_time() {
    let inbox = inbox(|limits| limits.connections = 2);
    let (_first, mut second) = (Client::new(&inbox), Client::new(&inbox));
    let mut third = Client::silent(&inbox);
    assert_eq!(third.code(), 421);
    assert!(third.hear().is_none());
    second.ask("QUIT", 221);
    drop(second);
    // Its place is free a moment after it has gone.
    let mut fourth = Client::silent(&inbox);
    while fourth.code() == 421 {
        fourth = Client::silent(&inbox);
    }
}

#[test]
fn octets_of_a_command_line() {
    let inbox = inbox(|limits| (limits.line, limits.auth_line) = (100, 200));
    let mut client = Client::new(&inbox);
    let padded =
        |verb: &str, octets: usize| format!("{verb}{}", "x".repeat(octets - 2 - verb.len()));
    client.ask(&padded("NOOP ", 100), 250);
    client.ask(&padded("NOOP ", 101), 500);
    client.ask(&padded("NOOP ", 10_000), 500);
    // What is said is no base64, but that is looked at only if it is short enough.
    client.ask(&padded("AUTH PLAIN !", 200), 501);
    client.ask(&padded("AUTH PLAIN !", 201), 500);
    client.ask("NOOP", 250);
}

#[test]
fn command_lines_that_make_no_sense() {
    let inbox = inbox(|limits| limits.errors = 3);
    let mut client = Client::new(&inbox);
    for _ in 0..3 {
        client.ask("WHAT", 500);
    }
    client.ask("NOOP", 250);
    client.ask("WHAT", 421);
    assert!(client.hear().is_none());
}

#[test]
fn time_without_a_word() {
    let inbox = inbox(|limits| limits.idle = Duration::from_millis(50));
    let mut client = Client::new(&inbox);
    assert_eq!(client.code(), 421);
    assert!(client.hear().is_none());
    // Within a mail, too; what there is of it is no mail.
    let mut client = Client::new(&inbox);
    client.say("MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nx");
    let codes: Vec<_> = (0..4).map(|_| client.code()).collect();
    assert_eq!(codes, [250, 250, 354, 421]);
}

#[test]
fn octets_of_a_transcript() {
    let inbox = inbox(|limits| limits.transcript = 1000);
    let mut client = Client::with_mail(&inbox);
    for _ in 0..200 {
        client.ask("NOOP", 250);
    }
    client.ask("DATA", 354);
    client.ask("x\r\n.", 250);
    let mail = inbox.wait_blocking(Want::any()).expect("the mail");
    let octets: usize = mail
        .transcript
        .lines
        .iter()
        .map(|line| line.text.len())
        .sum();
    assert!((900..=1020).contains(&octets), "{octets}");
    assert_eq!(
        mail.transcript.lines.last().map(|line| line.text.as_str()),
        Some("the rest is not kept")
    );
}

#[test]
fn nothing_is_too_odd_for_an_answer() {
    let inbox = inbox(|limits| limits.errors = 100);
    let mut client = Client::new(&inbox);
    for line in [
        &b"MAIL FROM:a@example.com"[..],
        b"MAIL FROM: <a@example.com>",
        b"MAIL FROM:<>",
        b"RSET",
        b"MAIL FROM:<a@example.com> WHAT=EVER",
        b"MAIL FROM:<\"a b\"@example.com>",
        b"RCPT TO:<\xff@example.com>",
        "RCPT TO:<ä@example.com>".as_bytes(),
        b"RCPT TO:<>",
        b"DATA",
        b"BDAT x",
    ] {
        client.say([line, b"\r\n"].concat());
        assert!(client.code() >= 200, "{line:?}");
    }
}

/// A web page can have a browser say anything, but for the first line.
#[test]
fn a_browser_is_not_listened_to() {
    let inbox = inbox(|_| {});
    let mut browser = Client::silent(&inbox);
    assert_eq!(browser.code(), 220);
    browser.say(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nHELO x\r\nMAIL FROM:<a@example.com>\r\n\
         RCPT TO:<b@example.com>\r\nDATA\r\nx\r\n.\r\n",
    );
    assert_eq!(browser.code(), 421);
    assert_eq!(browser.hear(), None);
    assert!(inbox.mails_blocking().is_empty());
}
