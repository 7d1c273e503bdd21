//! The SMTP backend against a scripted server, by both drivers.

use std::time::{Duration, Instant};

use crate::support::{Act, At, Sink};
use posthaste::{
    EmailAttachment, EmailMessage, ErrorKind, Mailer, Phase, Report, Settings, Status,
};

/// Who moves the bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Driver {
    Std,
    #[cfg(feature = "tokio")]
    Tokio,
}

for_both! {
    sent,
    partly_sent,
    all_recipients_refused,
    mail_refused,
    data_refused,
    refused_at_the_end,
    told_421_between_messages,
    closed_between_messages,
    dropped_after_the_dot,
    dropped_at_a_recipient,
    told_421_at_a_recipient,
    silent_after_the_dot,
    silent_at_the_greeting,
    trickling,
    garbage_for_a_greeting,
    endless_line,
    endless_lines,
    greeted_with_554,
    connection_refused,
    nothing_to_send_opens_nothing,
    no_recipients_are_skipped,
    an_invalid_message_among_good_ones,
    bcc_is_not_shown,
    dots_and_bytes_arrive_unchanged,
    a_large_body,
    a_refusal_in_the_middle_of_the_body,
    a_no_amid_the_body_is_heard_at_once,
    a_yes_amid_the_body_is_no_yes,
    an_early_failure_of_every_message,
    a_file_that_changes,
}

/// The settings for a server.
pub(crate) fn settings(sink: &Sink) -> Settings {
    let mut settings = Settings::default();
    settings.email_backend = "smtp".to_owned();
    settings.email_host = sink.address.ip().to_string();
    settings.email_port = Some(sink.address.port());
    settings.email_timeout = Some(Duration::from_secs(20));
    settings
}

fn impatient(sink: &Sink) -> Settings {
    let mut settings = settings(sink);
    settings.email_timeout = Some(Duration::from_millis(300));
    settings
}

fn message(name: &str) -> EmailMessage {
    EmailMessage::new(name, format!("This is {name}."))
        .from("from@example.com")
        .to([format!("{name}@example.com")])
}

/// Sends all through one connection, and closes it.
pub(crate) fn send(driver: Driver, settings: Settings, messages: &[EmailMessage]) -> Vec<Report> {
    let mailer = Mailer::new(settings);
    let reports = match driver {
        Driver::Std => match mailer.blocking().connection() {
            Ok(mut connection) => connection.send_messages(messages),
            // Why there is none is in the reports, too.
            Err(_) => mailer.blocking().send_messages(messages),
        },
        #[cfg(feature = "tokio")]
        Driver::Tokio => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(async {
                match mailer.connection() {
                    Ok(mut connection) => connection.send_messages(messages).await,
                    Err(_) => mailer.send_messages(messages).await,
                }
            }),
    };
    reports.into_vec()
}

/// Sends one message to `sink`.
fn send_one(driver: Driver, sink: &Sink, message: EmailMessage) -> Report {
    let mut reports = send(driver, settings(sink), &[message]);
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

fn accepted(report: &Report) -> Vec<String> {
    report.accepted.iter().map(|to| to.addr_spec()).collect()
}

/// Asserts that a report tells of this failure.
#[track_caller]
fn assert_failed(report: &Report, kind: ErrorKind, phase: Phase, temporary: bool, in_doubt: bool) {
    let error = report.error.as_ref().expect("an error");
    let seen = (
        error.kind(),
        error.phase(),
        error.is_temporary(),
        error.is_in_doubt(),
    );
    assert_eq!(seen, (kind, Some(phase), temporary, in_doubt), "{error}");
    assert_eq!(report.status(), Status::Failed);
    assert!(report.accepted.is_empty());
}

#[track_caller]
fn assert_sent(report: &Report) {
    assert_eq!(report.status(), Status::Sent, "{:?}", report.error);
}

/// A script that does `act` at the first command that begins so, on the first connection.
fn at(
    start: &'static str,
    act: Act,
) -> impl Fn(usize, At<'_>) -> Option<Act> + Send + Sync + 'static {
    move |connection, at| match at {
        At::Command(command) if connection == 0 && command.starts_with(start) => Some(act.clone()),
        _ => None,
    }
}

/// A script that does `act` after the data of the message that holds `text`.
fn after(
    text: &'static str,
    act: Act,
) -> impl Fn(usize, At<'_>) -> Option<Act> + Send + Sync + 'static {
    move |_, at| match at {
        At::Data(data) if String::from_utf8_lossy(data).contains(text) => Some(act.clone()),
        _ => None,
    }
}

fn sent(driver: Driver) {
    let sink = Sink::new();
    let report = send_one(driver, &sink, message("a").cc(["b@example.com"]));
    assert_sent(&report);
    assert_eq!(accepted(&report), ["a@example.com", "b@example.com"]);
    assert!(
        report
            .message_id
            .as_deref()
            .is_some_and(|id| sink.messages()[0].contains(id))
    );
    let commands = sink.commands(0);
    assert!(commands[0].starts_with("EHLO "));
    assert!(commands[1].starts_with("MAIL FROM:<from@example.com> SIZE="));
    let rest = [
        "RCPT TO:<a@example.com>",
        "RCPT TO:<b@example.com>",
        "DATA",
        "QUIT",
    ];
    assert_eq!(commands[2..], rest);
    assert_eq!(sink.logs().len(), 1);
}

fn partly_sent(driver: Driver) {
    let sink = Sink::scripted(at("RCPT TO:<b@", Act::Say("550 5.1.1 No such user")));
    let to = ["a@example.com", "b@example.com", "c@example.com"];
    let report = send_one(driver, &sink, message("x").to(to));
    assert_eq!(report.status(), Status::Partial);
    assert!(report.error.is_none());
    assert_eq!(accepted(&report), ["a@example.com", "c@example.com"]);
    assert_eq!(report.rejected.len(), 1);
    assert_eq!(report.rejected[0].recipient.addr_spec(), "b@example.com");
    assert_eq!(report.rejected[0].reply.code(), 550);
}

fn all_recipients_refused(driver: Driver) {
    let sink = Sink::scripted(at("RCPT TO:<a@", Act::Say("450 4.2.1 Later")));
    let reports = send(driver, settings(&sink), &[message("a"), message("b")]);
    assert_failed(&reports[0], ErrorKind::Rejected, Phase::Rcpt, true, false);
    assert_eq!(reports[0].rejected.len(), 1);
    assert_sent(&reports[1]);
    assert_eq!(sink.logs().len(), 1);
    assert_eq!(
        sink.commands(0).iter().filter(|one| *one == "DATA").count(),
        1
    );
}

fn mail_refused(driver: Driver) {
    let script = |_, at: At<'_>| match at {
        At::Command(line) if line.starts_with("MAIL FROM:<bad@") => Some(Act::Say("553 5.1.8 No")),
        _ => None,
    };
    let sink = Sink::scripted(script);
    let messages = [message("a").from("bad@example.com"), message("b")];
    let reports = send(driver, settings(&sink), &messages);
    assert_failed(&reports[0], ErrorKind::Rejected, Phase::Mail, false, false);
    assert_sent(&reports[1]);
    assert_eq!(sink.logs().len(), 1);
}

fn data_refused(driver: Driver) {
    let sink = Sink::scripted(at("DATA", Act::Say("451 4.3.0 Not now")));
    let report = send_one(driver, &sink, message("a"));
    assert_failed(&report, ErrorKind::Rejected, Phase::Data, true, false);
    assert!(sink.messages().is_empty());
}

fn refused_at_the_end(driver: Driver) {
    let sink = Sink::scripted(after("This is a.", Act::Say("554 5.7.1 Spam")));
    let reports = send(driver, settings(&sink), &[message("a"), message("b")]);
    assert_failed(&reports[0], ErrorKind::Rejected, Phase::Final, false, false);
    let reply = reports[0].error.as_ref().and_then(|error| error.reply());
    assert_eq!(reply.map(|reply| reply.code()), Some(554));
    assert_sent(&reports[1]);
    assert_eq!(sink.logs().len(), 1);
}

fn told_421_between_messages(driver: Driver) {
    let sink = Sink::scripted(|connection, at| match at {
        At::Between if connection == 0 => Some(Act::SayAndDrop("421 4.3.2 Enough")),
        _ => None,
    });
    let reports = send(
        driver,
        settings(&sink),
        &[message("a"), message("b"), message("c")],
    );
    reports.iter().for_each(assert_sent);
    assert_eq!(sink.logs().len(), 2);
    assert_eq!(sink.messages().len(), 3);
}

fn closed_between_messages(driver: Driver) {
    let sink = Sink::scripted(|connection, at| match at {
        At::Between if connection == 0 => Some(Act::Drop),
        _ => None,
    });
    let reports = send(
        driver,
        settings(&sink),
        &[message("a"), message("b"), message("c")],
    );
    reports.iter().for_each(assert_sent);
    assert_eq!(sink.logs().len(), 2);
    assert_eq!(sink.messages().len(), 3);
}

fn dropped_after_the_dot(driver: Driver) {
    let sink = Sink::scripted(after("This is a.", Act::Drop));
    let reports = send(driver, settings(&sink), &[message("a"), message("b")]);
    assert_failed(&reports[0], ErrorKind::Connect, Phase::Final, true, true);
    assert_sent(&reports[1]);
    let messages = sink.messages();
    let copies = messages.iter().filter(|text| text.contains("This is a."));
    assert_eq!(copies.count(), 1, "never sent again");
}

fn dropped_at_a_recipient(driver: Driver) {
    let sink = Sink::scripted(at("RCPT", Act::Drop));
    let reports = send(driver, settings(&sink), &[message("a"), message("b")]);
    assert_failed(&reports[0], ErrorKind::Connect, Phase::Rcpt, true, false);
    assert_sent(&reports[1]);
    assert_eq!(sink.logs().len(), 2);
}

fn told_421_at_a_recipient(driver: Driver) {
    let sink = Sink::scripted(at("RCPT", Act::SayAndDrop("421 4.3.2 Enough")));
    let reports = send(driver, settings(&sink), &[message("a"), message("b")]);
    assert_failed(&reports[0], ErrorKind::Rejected, Phase::Rcpt, true, false);
    assert_sent(&reports[1]);
}

fn silent_after_the_dot(driver: Driver) {
    let sink = Sink::scripted(after("This is a.", Act::Silence));
    let reports = send(driver, impatient(&sink), &[message("a"), message("b")]);
    assert_failed(&reports[0], ErrorKind::Timeout, Phase::Final, true, true);
    assert_sent(&reports[1]);
}

fn silent_at_the_greeting(driver: Driver) {
    let sink = Sink::scripted(|_, at| matches!(at, At::Greeting).then_some(Act::Silence));
    let start = Instant::now();
    let reports = send(driver, impatient(&sink), &[message("a"), message("b")]);
    for report in &reports {
        assert_failed(report, ErrorKind::Timeout, Phase::Greeting, true, false);
    }
    assert_eq!(sink.logs().len(), 1, "one attempt for all");
    assert!(start.elapsed() < Duration::from_secs(5));
}

fn trickling(driver: Driver) {
    let sink = Sink::scripted(at("MAIL", Act::Trickle));
    let start = Instant::now();
    let reports = send(driver, impatient(&sink), &[message("a")]);
    let error = reports[0].error.as_ref().expect("an error");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(start.elapsed() < Duration::from_secs(5));
}

fn garbage_for_a_greeting(driver: Driver) {
    let script =
        |_, at: At<'_>| matches!(at, At::Greeting).then_some(Act::Say("HTTP/1.1 400 Bad Request"));
    let sink = Sink::scripted(script);
    let report = send_one(driver, &sink, message("a"));
    let error = report.error.as_ref().expect("an error");
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert_eq!(error.phase(), Some(Phase::Greeting));
}

fn endless_line(driver: Driver) {
    let sink = Sink::scripted(at("MAIL", Act::EndlessLine));
    let report = send_one(driver, &sink, message("a"));
    assert_failed(&report, ErrorKind::Protocol, Phase::Mail, true, false);
}

fn endless_lines(driver: Driver) {
    let sink = Sink::scripted(at("MAIL", Act::EndlessLines));
    let report = send_one(driver, &sink, message("a"));
    assert_failed(&report, ErrorKind::Protocol, Phase::Mail, true, false);
}

fn greeted_with_554(driver: Driver) {
    let script =
        |_, at: At<'_>| matches!(at, At::Greeting).then_some(Act::SayAndDrop("554 5.7.1 Go away"));
    let sink = Sink::scripted(script);
    let reports = send(driver, settings(&sink), &[message("a"), message("b")]);
    for report in &reports {
        assert_failed(report, ErrorKind::Rejected, Phase::Greeting, false, false);
    }
    assert_eq!(sink.logs().len(), 1, "one attempt for all");
}

fn connection_refused(driver: Driver) {
    let mut settings = Settings::default();
    settings.email_backend = "smtp".to_owned();
    settings.email_host = "127.0.0.1".to_owned();
    settings.email_port = Some(closed_port());
    let reports = send(driver, settings, &[message("a"), message("b")]);
    for report in &reports {
        assert_failed(report, ErrorKind::Connect, Phase::Connect, true, false);
    }
}

/// A port that nobody listens on.
fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

fn nothing_to_send_opens_nothing(driver: Driver) {
    let sink = Sink::new();
    assert!(send(driver, settings(&sink), &[]).is_empty());
    std::thread::sleep(Duration::from_millis(20));
    assert!(sink.logs().is_empty());
}

fn no_recipients_are_skipped(driver: Driver) {
    let sink = Sink::new();
    let nobody = EmailMessage::new("x", "y");
    let reports = send(driver, settings(&sink), &[nobody, message("b")]);
    assert_eq!(reports[0].status(), Status::Skipped);
    assert_sent(&reports[1]);
    assert_eq!(sink.commands(0).len(), 5);
}

fn an_invalid_message_among_good_ones(driver: Driver) {
    let sink = Sink::new();
    let bad = message("x").subject("a\r\nBcc: b@example.com");
    let messages = [
        message("a"),
        bad,
        message("b").to(["no address"]),
        message("c"),
    ];
    let reports = send(driver, settings(&sink), &messages);
    for (report, field) in reports[1..3].iter().zip(["subject", "to"]) {
        let error = report.error.as_ref().expect("an error");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(error.field(), Some(field));
    }
    assert_sent(&reports[0]);
    assert_sent(&reports[3]);
    assert_eq!(sink.messages().len(), 2);
    assert_eq!(sink.logs().len(), 1);
}

fn bcc_is_not_shown(driver: Driver) {
    let sink = Sink::new();
    let report = send_one(driver, &sink, message("a").bcc(["secret@example.com"]));
    assert_eq!(accepted(&report), ["a@example.com", "secret@example.com"]);
    assert!(
        sink.commands(0)
            .contains(&"RCPT TO:<secret@example.com>".to_owned())
    );
    assert!(!sink.messages()[0].to_lowercase().contains("secret"));
}

fn dots_and_bytes_arrive_unchanged(driver: Driver) {
    let sink = Sink::new();
    let body = ".\n..\n.a\n\n.\r\nMAIL FROM:<x@y>\r\n.\r\n";
    let report = send_one(driver, &sink, message("a").body(body));
    assert_sent(&report);
    let text = &sink.messages()[0];
    let expected = ".\r\n..\r\n.a\r\n\r\n.\r\nMAIL FROM:<x@y>\r\n.\r\n";
    assert!(text.ends_with(&format!("\r\n\r\n{expected}")), "{text}");
    assert_eq!(sink.commands(0).len(), 5);
}

fn a_large_body(driver: Driver) {
    let sink = Sink::new();
    let body = ".a line of text that is not long\n".repeat(100_000);
    let report = send_one(driver, &sink, message("a").body(body.as_str()));
    assert_sent(&report);
    let expected = body.replace('\n', "\r\n");
    assert!(sink.messages()[0].ends_with(&expected));
}

fn a_refusal_in_the_middle_of_the_body(driver: Driver) {
    let sink = Sink::scripted(at("DATA", Act::InviteAndDrop("552 5.3.4 Too much")));
    let body = "a line of text that is not long\n".repeat(500_000);
    let report = send_one(driver, &sink, message("a").body(body));
    assert_eq!(report.status(), Status::Failed);
    let error = report.error.as_ref().expect("an error");
    assert!(!error.is_in_doubt(), "{error}");
}

fn large(name: &str) -> EmailMessage {
    message(name).body("a line of text that is not long\n".repeat(500_000))
}

fn a_no_amid_the_body_is_heard_at_once(driver: Driver) {
    let sink = Sink::scripted(at("DATA", Act::InviteAndSay("552 5.3.4 Too much")));
    let reports = send(driver, settings(&sink), &[large("a"), message("b")]);
    assert_failed(&reports[0], ErrorKind::Rejected, Phase::Body, false, false);
    assert_sent(&reports[1]);
    assert_eq!(sink.messages().len(), 1, "the rest of it is not sent");
}

/// A server that is one answer ahead would otherwise have its 250 taken for the answer to the end of the data.
fn a_yes_amid_the_body_is_no_yes(driver: Driver) {
    let sink = Sink::scripted(|connection, at| match at {
        At::Command("DATA") if connection == 0 => Some(Act::InviteAndSay("250 2.0.0 Taken")),
        At::Data(_) if connection == 0 => Some(Act::Say("554 5.7.1 Spam")),
        _ => None,
    });
    let reports = send(driver, settings(&sink), &[large("a"), message("b")]);
    assert_failed(&reports[0], ErrorKind::Protocol, Phase::Body, true, false);
    assert_sent(&reports[1]);
}

fn an_early_failure_of_every_message(driver: Driver) {
    let script = |_, at: At<'_>| match at {
        At::Command(line) if line.starts_with("MAIL") => Some(Act::Drop),
        _ => None,
    };
    let sink = Sink::scripted(script);
    let reports = send(driver, settings(&sink), &[message("a"), message("b")]);
    for report in &reports {
        assert_failed(report, ErrorKind::Connect, Phase::Mail, true, false);
    }
    assert_eq!(
        sink.logs().len(),
        2,
        "no message is tried twice on fresh connections"
    );
}

fn a_file_that_changes(driver: Driver) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.bin");
    std::fs::write(&path, vec![7; 3 << 20]).expect("written");
    let shrunk = path.clone();
    let sink = Sink::scripted(move |connection, at| {
        if let At::Command("DATA") = at
            && connection == 0
        {
            std::fs::write(&shrunk, b"short").expect("written");
        }
        None
    });
    let with_file = message("a").attach(EmailAttachment::path(&path));
    let reports = send(driver, settings(&sink), &[with_file, message("b")]);
    assert_failed(&reports[0], ErrorKind::Io, Phase::Body, true, false);
    assert_sent(&reports[1]);
    assert_eq!(sink.logs().len(), 2);
    assert_eq!(sink.messages().len(), 1);
}

/// What only a connection that is held open can show, and only the asynchronous one can be cancelled.
#[cfg(feature = "tokio")]
mod connection {
    use super::*;

    #[tokio::test]
    async fn is_used_again_and_closed_by_its_owner() {
        let sink = Sink::new();
        let mailer = Mailer::new(settings(&sink));
        let mut connection = mailer.connection().expect("a backend");
        assert!(connection.open().await.expect("opened"));
        assert!(!connection.open().await.expect("open already"));
        for name in ["a", "b"] {
            let reports = connection.send_messages(&[message(name)]).await;
            assert_sent(&reports[0]);
        }
        assert_eq!(sink.logs().len(), 1);
        assert!(!sink.commands(0).contains(&"QUIT".to_owned()));
        connection.close().await.expect("closed");
        connection.close().await.expect("closed already");
        assert_eq!(sink.commands(0).last().map(String::as_str), Some("QUIT"));
    }

    #[tokio::test]
    async fn says_goodbye_when_dropped() {
        let sink = Sink::new();
        let mut connection = Mailer::new(settings(&sink))
            .connection()
            .expect("a backend");
        connection.open().await.expect("opened");
        drop(connection);
        for _ in 0..500 {
            if sink.commands(0).len() == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(sink.commands(0)[1], "QUIT");
    }

    #[tokio::test]
    async fn is_given_up_when_its_future_is_dropped() {
        let sink = Sink::scripted(at("DATA", Act::Silence));
        let mut connection = Mailer::new(settings(&sink))
            .connection()
            .expect("a backend");
        connection.open().await.expect("opened");
        let messages = [message("a")];
        let half_way = connection.send_messages(&messages);
        let stopped = tokio::time::timeout(Duration::from_millis(200), half_way).await;
        assert!(stopped.is_err(), "the server is silent");
        let reports = connection.send_messages(&[message("b")]).await;
        assert_sent(&reports[0]);
        assert_eq!(
            sink.logs().len(),
            2,
            "the half-spoken session is not used again"
        );
        assert!(!sink.commands(0).contains(&"QUIT".to_owned()));
    }

    #[tokio::test]
    async fn close_ignores_a_dead_peer() {
        let sink = Sink::scripted(|_, at| matches!(at, At::Between).then_some(Act::Drop));
        let mut connection = Mailer::new(settings(&sink))
            .connection()
            .expect("a backend");
        connection.open().await.expect("opened");
        assert_sent(&connection.send_messages(&[message("a")]).await[0]);
        connection.close().await.expect("closed all the same");
    }

    #[tokio::test]
    async fn that_cannot_be_opened_says_why() {
        let sink = Sink::scripted(|_, at| {
            matches!(at, At::Greeting).then_some(Act::SayAndDrop("421 4.3.2 Full"))
        });
        let mut connection = Mailer::new(settings(&sink))
            .connection()
            .expect("a backend");
        let error = connection.open().await.expect_err("the server is full");
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert_eq!(error.phase(), Some(Phase::Greeting));
        assert!(error.is_temporary());
    }
}
