//! Commands and lines put into what a server hears: by each field of the envelope, by host names, by bodies and
//! attachments; and hidden recipients that must not show.

use posthaste::blocking::get_connection;
use posthaste::{EmailAttachment, EmailMessage, ErrorKind, Mailer, Outbox, Settings, Status};

use crate::support::{plain, ruled, texts};
use crate::{message, send};
use posthaste::testing::At;

/// Puts an address into one field of the envelope.
type Put = fn(EmailMessage, &str) -> EmailMessage;

const FIELDS: [(&str, Put); 4] = [
    ("from_email", |message, address| message.from(address)),
    ("to", |message, address| message.to([address])),
    ("cc", |message, address| message.cc([address])),
    ("bcc", |message, address| message.bcc([address])),
];

#[test]
fn no_address_brings_a_line_end_or_another_control() {
    let server = plain().start();
    for control in [
        '\r', '\n', '\0', '\u{b}', '\u{1b}', '\u{7f}', '\u{85}', '\u{2028}',
    ] {
        for shape in [
            "a@example.com?RCPT TO:<evil@example.com>",
            "?a@example.com",
            "a@example.com?",
            "a?b@example.com",
            "\"a?b\"@example.com",
            "\"a\\?b\"@example.com",
            "a@[192.0.2.1?]",
            "a@exam?ple.com",
            "Ann <a@example.com?>",
            "Ann <a@example.com> (x?y)",
        ] {
            let address = shape.replace('?', &control.to_string());
            for (field, put) in FIELDS {
                let report = &send(&server, &[put(message("a"), &address)])[0];
                let error = report
                    .error
                    .as_ref()
                    .unwrap_or_else(|| panic!("{field}: {address:?} was sent"));
                assert_eq!(
                    (error.kind(), error.field()),
                    (ErrorKind::Invalid, Some(field)),
                    "{address:?}: {error}"
                );
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains(char::is_control), "{shown:?}");
            }
        }
    }
    assert!(server.conversations().is_empty(), "nobody was connected to");
}

#[test]
fn no_pair_of_name_and_address_brings_one_either() {
    let server = plain().start();
    for (name, spec) in [
        ("Ann", "a@example.com\r\nDATA"),
        ("Ann\r\nDATA", "a@example.com"),
        ("Ann", "a@b> SIZE=1 <c@d"),
    ] {
        let report = &send(&server, &[message("a").to([(name, spec)])])[0];
        let error = report.error.as_ref().expect("refused");
        assert_eq!(
            (error.kind(), error.field()),
            (ErrorKind::Invalid, Some("to"))
        );
    }
    assert!(server.conversations().is_empty());
}

/// The path of a MAIL or RCPT command, and what comes behind it.
fn path(command: &str) -> (&str, &str) {
    let start = command.find('<').expect("a path");
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in command.char_indices().skip(start + 1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return (&command[start + 1..at], &command[at + 1..]),
            _ => {}
        }
    }
    panic!("the path does not end: {command}");
}

#[test]
fn no_local_part_becomes_a_parameter_or_another_recipient() {
    for address in [
        "\"foo@psres.net> ORCPT=admin@admin.com\"@test.com",
        "\"a> SIZE=1 NOTIFY=NEVER\"@example.com",
        "\"a>, <b@example.org\"@example.com",
        "\"a\\\"> X=1 \\\"b\"@example.com",
        "\"a\\\\\"@example.com",
        "\" \"@example.com",
    ] {
        let server = plain().start();
        let report = &send(&server, &[message("a").from(address).to([address])])[0];
        assert_eq!(
            report.status(),
            Status::Sent,
            "{address}: {:?}",
            report.error
        );
        let commands = server.commands(0);
        let (from, parameters) = path(&commands[1]);
        assert_eq!(from, address);
        assert!(
            parameters.starts_with(" SIZE=") && !parameters.contains(['<', '>', '"']),
            "{commands:?}"
        );
        assert_eq!(path(&commands[2]), (address, ""));
        assert_eq!(commands.len(), 5, "{commands:?}");
    }
}

#[test]
fn what_could_leave_a_path_without_quotes_is_refused() {
    let server = plain().start();
    for address in [
        "foo@psres.net> ORCPT=admin@admin.com",
        "a@example.com> SIZE=1",
        "<a@example.com> SIZE=1",
        "a@[192.0.2.1> X=1]",
        "a@[192.0.2.1] X=1",
        "a@[x]y]",
        "a@example.com b@example.com",
        "a@<b@example.com>",
        "@evil.example:a@example.com",
    ] {
        for (field, put) in FIELDS {
            let report = &send(&server, &[put(message("a"), address)])[0];
            if report.error.is_none() {
                let commands = server.conversations().pop().expect("a connection").commands;
                for command in commands
                    .iter()
                    .filter(|line| line.starts_with("RCPT") || line.starts_with("MAIL"))
                {
                    let (path, parameters) = path(command);
                    assert!(
                        !path.contains(['<', '>', ' ']) && !parameters.contains("X=1"),
                        "{address}: {command}"
                    );
                }
                panic!("{field}: {address} was sent as {commands:?}");
            }
        }
    }
    assert!(server.conversations().is_empty());
}

#[test]
fn a_host_name_is_no_place_for_commands_and_shows_harmlessly() {
    for host in [
        "127.0.0.1\r\nRCPT TO:<x@y>",
        "a\0b",
        "\u{1b}[2Jx",
        "a b",
        "[::1",
        "x\u{9b}31m",
    ] {
        for tls in ["false", "true"] {
            let mailer = Mailer::new(Settings::default());
            let builder = get_connection()
                .mailer(&mailer)
                .backend("smtp")
                .option("host", host);
            let error = match builder.option("port", "1").option("use_ssl", tls).build() {
                Ok(mut connection) => connection.open().expect_err("no such host"),
                Err(error) => error,
            };
            assert!(
                !format!("{error} {error:?}").contains(char::is_control),
                "{error:?}"
            );
        }
    }
    assert!(
        Settings::load(&posthaste::Sources::default().variable("EMAIL_HOST", "a\r\nb")).is_err()
    );
}

#[test]
fn every_line_of_every_part_ends_in_crlf_and_its_dots_are_doubled() {
    let bodies = [
        "\n.\n",
        "\r.\r",
        "\r\n.\r\n",
        "a\n.\nMAIL FROM:<evil@example.com>\n",
        "a\r.\rb",
        "a\r\n.\rb",
        "a\n.\r\nb",
        "a\r\r\n.\r\r\nb",
        ".",
        "..",
        ".\n",
        "\n\n.",
        "\r",
        "\n",
        "a\r",
        "é\n.\né\r.\r\n",
        "\u{85}.\u{85}",
        "\u{2028}.\u{2028}",
    ];
    let long = "x".repeat(2_000);
    for body in bodies
        .iter()
        .flat_map(|body| [(*body).to_owned(), format!("{long}{body}{long}")])
    {
        let server = plain().start();
        let mail = message("a")
            .body(body.as_str())
            .html(body.as_str())
            .attach(EmailAttachment::text("a.txt", body.as_str()))
            .attach(
                EmailAttachment::bytes("a.eml", format!("Subject: x\n\n{body}"))
                    .mimetype("message/rfc822"),
            )
            .attach(EmailAttachment::message(message("b").body(body.as_str())))
            .attach(EmailAttachment::bytes("a.bin", body.as_bytes()));
        let report = &send(&server, &[mail])[0];
        let log = &server.conversations()[0];
        if let Some(error) = &report.error {
            // An attached message that is no message may be refused; then nothing at all may have been said.
            assert_eq!(error.kind(), ErrorKind::Invalid, "{body:?}: {error}");
            panic!("{body:?}: {error}");
        }
        assert_eq!(log.commands.len(), 5, "{body:?}: {:?}", log.commands);
        let data = &log.messages[0].content;
        let mut before = 0;
        for (at, &byte) in data.iter().enumerate() {
            let after = data.get(at + 1).copied().unwrap_or_default();
            assert!(
                byte != b'\r' || after == b'\n',
                "{body:?}: a bare CR at {at}"
            );
            assert!(
                byte != b'\n' || before == b'\r',
                "{body:?}: a bare LF at {at}"
            );
            before = byte;
        }
        assert!(log.messages[0].is_complete, "{body:?}");
    }
}

/// The address of a hidden recipient is in RCPT and in the report, and nowhere else.
#[test]
fn hidden_recipients_are_in_nothing_that_is_transmitted_printed_or_stored() {
    let hidden = || {
        message("a")
            .bcc(["Secret Service <secret@hidden.example>"])
            .cc(["c@example.com"])
    };
    let server = plain().start();
    assert_eq!(send(&server, &[hidden()])[0].accepted.len(), 3);
    let log = &server.conversations()[0];
    let naming: Vec<_> = log
        .commands
        .iter()
        .filter(|line| line.contains("hidden"))
        .collect();
    assert_eq!(naming, ["RCPT TO:<secret@hidden.example>"]);
    let mut shown = texts(&server);
    let folder = tempfile::tempdir().expect("a folder");
    let mailer = Mailer::new(Settings::default());
    let file = get_connection()
        .mailer(&mailer)
        .backend("file")
        .option("file_path", folder.path().to_string_lossy());
    assert_eq!(file.build().expect("made").send(&hidden()).count(), 1);
    let entry = std::fs::read_dir(folder.path())
        .expect("a folder")
        .next()
        .expect("a file")
        .expect("an entry");
    shown.push(entry.file_name().to_string_lossy().into_owned());
    shown.push(std::fs::read_to_string(entry.path()).expect("text"));
    let outbox = Outbox::new();
    assert_eq!(outbox.mailer().blocking().send(&hidden()).count(), 1);
    let stored = &outbox.messages()[0];
    let octets = stored
        .render(&mailer.renderer().options())
        .expect("rendered")
        .to_vec()
        .expect("no files");
    shown.push(String::from_utf8(octets).expect("text"));
    for text in shown {
        let text = text.to_lowercase();
        assert!(
            // With the colon: a Message-ID of hexadecimal digits may hold the letters.
            !text.contains("hidden") && !text.contains("secret") && !text.contains("bcc:"),
            "{text}"
        );
    }
}

#[test]
fn no_header_brings_a_hidden_recipient_into_the_message() {
    let server = plain().start();
    for name in ["Bcc", "bcc", "BCC", "Resent-Bcc", "resent-bcc"] {
        let report = &send(
            &server,
            &[message("a").header(name, "secret@hidden.example")],
        )[0];
        assert_eq!(
            report.error.as_ref().map(|error| error.kind()),
            Some(ErrorKind::Invalid),
            "{name}"
        );
    }
    assert!(server.conversations().is_empty());
}

#[test]
fn the_error_of_one_message_says_nothing_of_the_hidden_recipients_of_another() {
    let server = ruled(At::mail("*").reply("550 5.7.1 No"));
    let reports = send(
        &server,
        &[message("a").bcc(["secret@hidden.example"]), message("b")],
    );
    for report in &reports {
        let error = report.error.as_ref().expect("refused");
        assert!(!format!("{error} {error:?}").contains("hidden"));
    }
}
