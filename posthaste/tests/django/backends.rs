//! The backends, beside what the conformance suite and the tests of SMTP cover.
//!
//! Covered: base (opens and closes nothing); console (format byte for byte, prints messages without recipients, an
//! 8-bit charset does no harm, stops at nothing); file (name, one file for each object, appended to after it was opened
//! again, folder made with parents, folders that cannot serve, never through a link); locmem (renders, copies, stores
//! messages without recipients, says which mailer); dummy (renders and validates nothing but addresses); smtp (counts,
//! recipients skipped, connection only where there is something to send).

use std::io::Write;
use std::sync::{Arc, Mutex};

use posthaste::backends::ConsoleBackend;
use posthaste::{EmailMessage, ErrorKind, Mailer, Outbox, Settings, Status};

use super::support::Sink;
use super::{mailer, message, settings};

#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What the console shows of these messages.
fn shown(messages: &[EmailMessage]) -> Vec<u8> {
    let screen = Screen::default();
    let shared = screen.clone();
    let mailer = Mailer::new(settings("console")).register("console", move |ctx| {
        Ok(Box::new(ConsoleBackend::new(
            ctx.renderer(),
            shared.clone(),
        )))
    });
    let reports = mailer.blocking().send_messages(messages);
    assert!(
        reports.iter().all(|report| report.status() == Status::Sent),
        "{reports:?}"
    );
    screen.0.lock().expect("no panic").clone()
}

#[test]
fn the_console_prints_the_message_an_empty_line_and_a_rule() {
    let fixed = message("one")
        .header("Date", "Mon, 23 Nov 2026 12:00:00 +0000")
        .header("Message-ID", "<1@example.com>");
    let expected = format!(
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=\"utf-8\"\nContent-Transfer-Encoding: 7bit\n\
         Subject: one\nFrom: from@example.com\nTo: to@example.com\nDate: Mon, 23 Nov 2026 12:00:00 +0000\n\
         Message-ID: <1@example.com>\n\ntext\n\n{}\n",
        "-".repeat(79)
    );
    assert_eq!(String::from_utf8(shown(&[fixed])).expect("text"), expected);
}

#[test]
fn the_console_prints_what_has_no_recipients_and_any_charset() {
    let nobody = EmailMessage::new("nobody", "Grüße").charset("iso-8859-1");
    let text = shown(&[nobody, message("two")]);
    assert!(
        text.windows(6).any(|six| six == b"Gr\xfc\xdfe\n"),
        "raw octets of that charset"
    );
    assert_eq!(
        text.windows(79).filter(|rule| rule == &[b'-'; 79]).count(),
        2
    );
}

fn in_folder(path: &std::path::Path) -> Settings {
    let mut settings = settings("file");
    settings.email_file_path = Some(path.to_owned());
    settings
}

#[test]
fn the_file_backend_makes_one_file_for_each_object() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("made/with/parents");
    let mailer = posthaste::blocking::Mailer::new(in_folder(&path));
    let mut first = mailer.connection().expect("made");
    assert_eq!(
        std::fs::read_dir(&path).expect("made").count(),
        0,
        "no file before it is opened"
    );
    for name in ["one", "two"] {
        first.open().expect("opened");
        assert_eq!(first.send(&message(name)).status(), Status::Sent);
        first.close().expect("closed");
    }
    assert_eq!(mailer.send(&message("three")).status(), Status::Sent);
    let entries = std::fs::read_dir(&path)
        .expect("made")
        .map(|entry| entry.expect("an entry").path());
    let files: Vec<_> = entries.collect();
    assert_eq!(files.len(), 2);
    for file in &files {
        let name = file
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let parts: Vec<&str> = name
            .strip_suffix(".log")
            .expect("a log")
            .split('-')
            .collect();
        assert_eq!((parts[0].len(), parts[1].len()), (8, 6), "{name}");
        assert!(parts.iter().all(|part| digits(part)), "{name}");
    }
    let texts = files
        .iter()
        .map(|file| std::fs::read_to_string(file).expect("text"));
    let mut counts: Vec<_> = texts
        .map(|text| text.matches("Subject: ").count())
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 2]);
}

#[test]
fn folders_that_cannot_serve_are_told_when_the_connection_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("written");
    for path in [file.clone(), file.join("below")] {
        let error = posthaste::blocking::Mailer::new(in_folder(&path)).connection();
        let error = error.expect_err("no folder");
        assert_eq!(
            (error.kind(), error.field()),
            (ErrorKind::Invalid, Some("EMAIL_FILE_PATH"))
        );
    }
    let unset = mailer("file").connection().expect_err("no folder is set");
    assert_eq!(unset.field(), Some("EMAIL_FILE_PATH"));
}

#[test]
fn the_outbox_keeps_what_was_sent_and_not_what_became_of_it() {
    let outbox = Outbox::new();
    let mailer = outbox.mailer().blocking();
    let mut mail = message("one");
    assert_eq!(mailer.send(&mail).status(), Status::Sent);
    mail.subject.push_str(" changed");
    let kept = outbox.messages();
    assert_eq!(
        (kept[0].subject.as_str(), kept[0].sent_using.as_str()),
        ("one", "default")
    );
    let nobody = EmailMessage::new("nobody", "");
    let reports = mailer.send_messages(&[nobody, message("bad\nsubject")]);
    assert_eq!(
        reports[0].status(),
        Status::Sent,
        "as in Django, it is stored and counted"
    );
    assert_eq!(
        reports[1].error.as_ref().expect("refused").field(),
        Some("subject")
    );
    assert_eq!(outbox.len(), 2);
}

#[test]
fn dummy_looks_at_addresses_alone() {
    let bad = message("x\nBcc: y@example.com").charset("klingon");
    let report = mailer("dummy").send(&bad);
    assert_eq!((report.status(), report.count()), (Status::Sent, 1));
    assert_eq!(report.message_id, None);
    let nobody = EmailMessage::new("", "");
    assert_eq!(mailer("dummy").send_messages(&[nobody]).count(), 1);
}

#[test]
fn smtp_counts_a_partly_accepted_message_and_reports_the_rest() {
    use super::support::{Act, At};
    let sink = Sink::scripted(|_, at| match at {
        At::Command("RCPT TO:<no@example.com>") => Some(Act::Say("550 5.1.1 no such user")),
        _ => None,
    });
    let mut settings = settings("smtp");
    settings.email_host = sink.address.ip().to_string();
    settings.email_port = Some(sink.address.port());
    let mailer = posthaste::blocking::Mailer::new(settings);
    let report = mailer.send(&message("a").cc(["no@example.com"]));
    assert_eq!((report.status(), report.count()), (Status::Partial, 1));
    // Django would not tell of this one.
    assert_eq!(report.rejected[0].recipient.addr_spec(), "no@example.com");
    let none = mailer.send_messages(&[]);
    assert_eq!(
        (none.count(), sink.logs().len()),
        (0, 1),
        "nothing to send opens nothing"
    );
}
