//! Servers that attack: by what they say in their replies, and by saying it at the wrong time.

use posthaste::{ErrorKind, Mailer, Report, Status};

use crate::support::{plain, ruled, texts};
use crate::{message, send, settings};
use posthaste::testing::At;

/// No character that steers a terminal or turns the direction of text is in what is shown of it.
#[track_caller]
fn is_harmless(report: &Report) {
    let json = serde_json::to_string(report).expect("JSON");
    let mut texts = vec![json, format!("{report:?}")];
    texts.extend(
        report
            .rejected
            .iter()
            .map(|one| format!("{} {}", one.reply, one.reply.message())),
    );
    texts.extend(
        report
            .error
            .iter()
            .map(|error| format!("{error} {error:?}")),
    );
    texts.extend(report.error.iter().map(|error| error.message().to_owned()));
    for text in texts {
        let bad = |c: char| {
            c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!text.contains(bad), "{text:?}");
        assert!(text.len() < 20_000, "{} octets", text.len());
    }
}

const HOSTILE: &str = "550 5.1.1 \u{1b}[2J\u{1b}]0;x\u{7}\u{8}\0\u{9b}31m\u{202e}exe\u{2066}\u{2028}a\u{7f}\tb\u{85}\",\"status\":\"sent\"";

#[test]
fn controls_in_replies_are_harmless_wherever_they_are_said() {
    let hostile = format!("{HOSTILE}\r\n");
    for start in ["EHLO", "MAIL", "RCPT", "DATA"] {
        let server = plain()
            .rule(At::line(&format!("{start}*")).raw(hostile.as_str()))
            .rule(At::line("HELO*").raw(hostile.as_str()))
            .start();
        let report = &send(&server, &[message("a")])[0];
        assert_eq!(report.status(), Status::Failed, "{start}");
        is_harmless(report);
        let json: serde_json::Value = serde_json::to_value(report).expect("JSON");
        assert_eq!(json["status"], "failed");
    }
    for rule in [
        At::greeting().raw_and_close(hostile.as_str()),
        At::end().raw(hostile.as_str()),
    ] {
        let server = ruled(rule);
        is_harmless(&send(&server, &[message("a")])[0]);
    }
}

#[test]
fn a_partial_refusal_is_harmless_too() {
    let server = ruled(At::rcpt("b@*").raw(format!("{HOSTILE}\r\n")));
    let report = &send(&server, &[message("a").cc(["b@example.com"])])[0];
    assert_eq!(report.status(), Status::Partial);
    is_harmless(report);
}

#[test]
fn a_long_reply_is_cut_in_reports() {
    let line = format!("550 5.1.1 {}\r\n", "x".repeat(4_000));
    let server = ruled(At::rcpt("*").raw(line));
    let report = &send(&server, &[message("a")])[0];
    let json = serde_json::to_string(report).expect("JSON");
    assert!(json.len() < 4_000, "{}", json.len());
}

#[test]
fn what_is_invalid_shows_harmlessly_as_well() {
    let server = plain().start();
    for control in [
        "\u{1b}[2J",
        "\u{9b}31m",
        "\u{7f}",
        "\u{202e}",
        "\u{2028}",
        "\0",
    ] {
        let bad = format!("x{control}y");
        for message in [
            message("a").subject(format!("{bad}\n")),
            message("a").to([format!("{bad}@@example.com")]),
            message("a").to([(bad.clone(), format!("{bad}@@example.com"))]),
            message("a").from(format!("<{bad}")),
            message("a").header(format!("{bad} :"), "x"),
            message("a").header("X-A", format!("{bad}\n")),
            message("a").charset(bad.clone()),
            message("a").content_subtype(bad.clone()),
            message("a").attach(posthaste::EmailAttachment::path(format!(
                "/nowhere/{}",
                bad.replace('\0', "")
            ))),
            message("a")
                .attach(posthaste::EmailAttachment::text("a.txt", "x").mimetype(bad.clone())),
        ] {
            let report = &send(&server, &[message])[0];
            if report.error.is_some() {
                is_harmless(report);
            }
        }
    }
}

/// A reply too many makes the client believe that it is ahead: a message that is lost afterwards must not pass for sent.
#[test]
fn replies_too_many_never_make_a_lost_message_sent() {
    let twice = "250 2.0.0 Ok\r\n250 2.0.0 Ok";
    let thrice = "250 2.0.0 Ok\r\n354 Go on\r\n250 2.0.0 Ok";
    for extra in [twice, thrice] {
        for start in ["EHLO", "MAIL", "RCPT"] {
            let server = plain()
                .rule(At::line(&format!("{start}*")).raw(format!("{extra}\r\n")))
                .rule(At::end().close())
                .start();
            let reports = send(&server, &[message("a"), message("b")]);
            for report in &reports {
                assert_eq!(report.status(), Status::Failed, "{start}: {extra}");
            }
        }
    }
}

#[test]
fn a_reply_between_two_messages_is_not_the_answer_to_the_next() {
    for extra in [
        "250 2.0.0 Ok",
        "250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n354 Go on\r\n250 2.0.0 Ok",
    ] {
        let server = plain()
            .rule(At::after_end().raw(format!("{extra}\r\n")))
            .rule(At::end().holding("This is b.").close())
            .start();
        let reports = send(&server, &[message("a"), message("b"), message("c")]);
        assert_eq!(reports[1].status(), Status::Failed, "{extra}");
        assert_eq!(reports[1].count(), 0);
        let b = texts(&server)
            .iter()
            .filter(|text| text.contains("This is b."))
            .count();
        assert!(b <= 1, "it was sent {b} times");
    }
}

/// The server says that it took the message before it can have seen all of it.
#[test]
fn an_early_yes_is_no_yes() {
    let server = ruled(At::content(1).reply_and_close("250 2.0.0 Taken"));
    let large = message("a").body("a line of text that is not long\n".repeat(250_000));
    let report = &send(&server, &[large])[0];
    assert_eq!(report.status(), Status::Failed);
    assert!(report.accepted.is_empty());
    let json = serde_json::to_value(report).expect("JSON");
    assert_eq!(
        (&json["status"], &json["accepted"]),
        (&"failed".into(), &serde_json::json!([]))
    );
}

/// Only the first digit counts for a client (RFC 5321, 4.2), so any 3xx invites the content and any 2xx takes it.
#[test]
fn a_code_that_fits_no_command_is_no_yes() {
    for reply in [
        "354 Go on",
        "334 ",
        "235 2.7.0 Welcome",
        "299 ?",
        "199 ?",
        "600 ?",
        "25 Ok",
        "2500 Ok",
        "250Ok",
        "\u{660}50 Ok",
        "250-Ok\r\n550 No",
    ] {
        let line = format!("{reply}\r\n");
        let server = ruled(At::end().raw_and_close(line.as_str()));
        let report = &send(&server, &[message("a")])[0];
        let may_be_yes = reply.starts_with("299") || reply.starts_with("235");
        assert!(
            report.status() == Status::Failed || may_be_yes,
            "{reply}: {report:?}"
        );
        is_harmless(report);
        let server = ruled(At::data().raw_and_close(line));
        let report = &send(&server, &[message("a")])[0];
        assert!(
            report.status() == Status::Failed || reply.starts_with('3'),
            "DATA: {reply}: {report:?}"
        );
    }
}

#[test]
fn a_server_that_refuses_everything_ends_every_message_and_the_batch() {
    let server = ruled(At::mail("*").reply("421 4.3.2 No"));
    let messages: Vec<_> = (0..50)
        .map(|number| message(&format!("m{number}")))
        .collect();
    let reports = Mailer::new(settings(&server))
        .blocking()
        .send_messages(&messages);
    assert_eq!((reports.len(), reports.count()), (50, 0));
    for report in &reports {
        let error = report.error.as_ref().expect("refused");
        assert!(
            error.kind() == ErrorKind::Rejected || error.kind() == ErrorKind::Connect,
            "{error}"
        );
    }
    assert!(
        server.conversations().len() <= 100,
        "{} connections",
        server.conversations().len()
    );
}
