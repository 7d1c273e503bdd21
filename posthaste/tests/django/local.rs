//! Django's backends that stay on this machine.
//!
//! base: only `send_messages` has to be written, opening and closing do nothing, a batch gives a report for each.
//! console: the format byte for byte, flushed after each message, other charsets, nothing, nobody, failures.
//! file: the same format, one file for each object, its name, reopening, folders that cannot be used.
//! locmem: renders, keeps copies, nobody, `sent_using`, one outbox for all instances.
//! dummy: counts, and looks at nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use posthaste::backends::ConsoleBackend;
use posthaste::blocking::get_connection;
use posthaste::{
    Backend, BoxFuture, EmailMessage, ErrorKind, Mailer, MailerSettings, Outbox, RenderOptions,
    Report, Settings, Status, Transfer,
};

use crate::common::{Screen, message, settings};

/// A message whose octets depend on nothing else.
fn dated(name: &str) -> EmailMessage {
    message(name)
        .header("Date", "Wed, 25 Nov 2026 08:00:00 +0000")
        .header("Message-ID", format!("<{}@example.com>", name.len()))
}

fn nobody(name: &str) -> EmailMessage {
    dated(name).to(Vec::<String>::new())
}

fn on_screen(screen: &Screen) -> Mailer {
    let screen = screen.clone();
    Mailer::new(settings("console")).register("console", move |ctx| {
        Ok(Box::new(ConsoleBackend::new(
            ctx.renderer(),
            screen.clone(),
        )))
    })
}

/// What a console or a file has to show of these messages.
fn printed(messages: &[EmailMessage]) -> String {
    let mut options = RenderOptions::default();
    options.transfer = Transfer::EightBit;
    let rule = "-".repeat(79);
    let each = messages.iter().map(|message| {
        let rendered = message
            .render(&options)
            .expect("rendered")
            .to_vec()
            .expect("no files");
        let text = String::from_utf8(rendered)
            .expect("text")
            .replace("\r\n", "\n");
        format!("{text}\n{rule}\n")
    });
    each.collect()
}

mod base {
    use super::*;

    struct Least(usize);

    impl Backend for Least {
        fn send_messages<'a>(
            &'a mut self,
            messages: &'a [EmailMessage],
        ) -> BoxFuture<'a, Vec<Report>> {
            self.0 += messages.len();
            Box::pin(async {
                messages
                    .iter()
                    .map(|_| Report::sent("<1@example.com>", vec![]))
                    .collect()
            })
        }
    }

    #[test]
    fn opening_and_closing_do_nothing_unless_they_are_written() {
        let mailer = Mailer::new(settings("least")).register("least", |_| Ok(Box::new(Least(0))));
        let mut connection = mailer.blocking().connection().expect("made");
        assert!(!connection.open().expect("nothing fails"));
        assert_eq!(
            connection
                .send_messages(&[message("a"), message("b")])
                .count(),
            2
        );
        connection.close().expect("nothing fails");
    }
}

mod console {
    use super::*;

    #[test]
    fn prints_the_message_an_empty_line_and_a_rule() {
        let screen = Screen::default();
        let message = EmailMessage::new("Hi", "one\r\ntwo")
            .from("a@example.com")
            .to(["b@example.com"])
            .bcc(["c@example.com"])
            .header("Date", "Wed, 25 Nov 2026 08:00:00 +0000")
            .header("Message-ID", "<1@example.com>");
        assert_eq!(on_screen(&screen).blocking().send(&message).count(), 1);
        let expected = "\
MIME-Version: 1.0
Content-Type: text/plain; charset=\"utf-8\"
Content-Transfer-Encoding: 7bit
Subject: Hi
From: a@example.com
To: b@example.com
Date: Wed, 25 Nov 2026 08:00:00 +0000
Message-ID: <1@example.com>

one
two

-------------------------------------------------------------------------------
";
        assert_eq!(screen.text(), expected);
    }

    #[test]
    fn prints_messages_of_all_kinds_as_they_are_rendered() {
        let screen = Screen::default();
        let messages = [
            dated("a"),
            dated("b").body("Grüße"),
            dated("c").body(""),
            nobody("d"),
        ];
        assert_eq!(
            on_screen(&screen)
                .blocking()
                .send_messages(&messages)
                .count(),
            4
        );
        assert_eq!(screen.text(), printed(&messages));
        assert!(screen.text().contains("Grüße"));
    }

    #[test]
    fn flushes_after_each_message() {
        let screen = Screen::default();
        let mailer = on_screen(&screen).blocking();
        assert_eq!(mailer.send_messages(&[dated("a"), dated("b")]).count(), 2);
        assert_eq!(screen.flushes(), 2);
    }

    /// Django decodes the message as UTF-8, and crashes.
    #[test]
    fn prints_bodies_of_other_charsets() {
        let screen = Screen::default();
        let latin = dated("a").body("Grüße").charset("iso-8859-1");
        let report = on_screen(&screen).blocking().send(&latin);
        assert_eq!(report.status(), Status::Sent, "{:?}", report.error);
        assert!(
            screen
                .bytes()
                .ends_with(format!("\n\n{}\n", "-".repeat(79)).as_bytes())
        );
    }

    /// Django returns None.
    #[test]
    fn nothing_is_counted_as_nothing() {
        let screen = Screen::default();
        assert_eq!(on_screen(&screen).blocking().send_messages(&[]).count(), 0);
        assert!(screen.bytes().is_empty());
    }

    #[test]
    fn a_message_to_nobody_is_printed_by_the_backend_and_skipped_by_send() {
        let screen = Screen::default();
        let mailer = on_screen(&screen).blocking();
        assert_eq!(mailer.send(&nobody("a")).status(), Status::Skipped);
        assert!(screen.bytes().is_empty());
        assert_eq!(mailer.send_messages(&[nobody("a")]).count(), 1);
        assert_eq!(screen.text(), printed(&[nobody("a")]));
    }

    /// Django stops at the first failure if it fails silently, whatever the failure is.
    #[test]
    fn a_failure_is_reported_and_the_next_message_is_printed() {
        let screen = Screen::default();
        let messages = [dated("a"), dated("b\nX: y"), dated("c")];
        let reports = on_screen(&screen).blocking().send_messages(&messages);
        assert_eq!(reports.count(), 2);
        assert_eq!(
            reports[1].error.as_ref().and_then(|error| error.field()),
            Some("subject")
        );
        assert_eq!(screen.text(), printed(&[dated("a"), dated("c")]));
    }

    #[test]
    fn a_stream_that_fails_is_an_error_of_each_message() {
        struct Broken;
        impl io::Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("no paper"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mailer = Mailer::new(settings("console")).register("console", |ctx| {
            Ok(Box::new(ConsoleBackend::new(ctx.renderer(), Broken)))
        });
        let reports = mailer.blocking().send_messages(&[dated("a"), dated("b")]);
        for report in &reports {
            let error = report.error.as_ref().expect("an error");
            assert_eq!(error.kind(), ErrorKind::Io);
            assert!(error.to_string().contains("no paper"), "{error}");
        }
        assert_eq!(reports.len(), 2);
    }
}

mod file {
    use super::*;

    fn into(folder: &Path) -> Settings {
        let mut settings = settings("file");
        settings.email_file_path = Some(folder.to_owned());
        settings
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut files: Vec<_> = entries
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.sort();
        files
    }

    #[test]
    fn holds_what_the_console_shows() {
        let folder = tempfile::tempdir().expect("a folder");
        let messages = [dated("a"), dated("b").body("Grüße"), nobody("c")];
        let mailer = Mailer::new(into(folder.path())).blocking();
        assert_eq!(mailer.send_messages(&messages).count(), 3);
        let [file] = &files(folder.path())[..] else {
            panic!("one file")
        };
        assert_eq!(fs::read_to_string(file).expect("text"), printed(&messages));
    }

    #[test]
    fn is_called_by_the_time_and_a_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let mailer = Mailer::new(into(folder.path())).blocking();
        assert_eq!(mailer.send(&dated("a")).count(), 1);
        let name = files(folder.path())[0]
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let parts: Vec<_> = name
            .strip_suffix(".log")
            .expect("a log")
            .split('-')
            .collect();
        assert!(
            parts
                .iter()
                .all(|part| part.bytes().all(|byte| byte.is_ascii_digit())),
            "{name}"
        );
        let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
        assert_eq!(lengths[..2], [8, 6], "{name}");
        assert_eq!(lengths.len(), 3, "{name}");
    }

    #[test]
    fn is_one_for_each_connection_and_made_when_it_is_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let mailer = Mailer::new(into(folder.path())).blocking();
        let mut first = mailer.connection().expect("made");
        assert!(
            files(folder.path()).is_empty(),
            "nothing is left of the check"
        );
        assert!(first.open().expect("opened"));
        assert_eq!(files(folder.path()).len(), 1);
        let mut second = mailer.connection().expect("made");
        assert_eq!(second.send(&dated("a")).count(), 1);
        assert_eq!(files(folder.path()).len(), 2);
    }

    #[test]
    fn is_appended_to_after_it_was_closed() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut connection = Mailer::new(into(folder.path()))
            .blocking()
            .connection()
            .expect("made");
        for name in ["a", "b"] {
            connection.open().expect("opened");
            assert_eq!(connection.send(&dated(name)).count(), 1);
            connection.close().expect("closed");
        }
        let [file] = &files(folder.path())[..] else {
            panic!("one file")
        };
        assert_eq!(
            fs::read_to_string(file).expect("text"),
            printed(&[dated("a"), dated("b")])
        );
    }

    #[test]
    fn is_in_a_folder_that_is_made_with_its_parents() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("a/b/c");
        assert_eq!(
            Mailer::new(into(&deep))
                .blocking()
                .send(&dated("a"))
                .count(),
            1
        );
        assert_eq!(files(&deep).len(), 1);
    }

    #[test]
    fn needs_a_folder() {
        let error = Mailer::new(settings("file"))
            .blocking()
            .connection()
            .expect_err("none given");
        assert_eq!(
            (error.kind(), error.field()),
            (ErrorKind::Invalid, Some("EMAIL_FILE_PATH"))
        );
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_told_when_the_backend_is_made_and_never_silenced() {
        let folder = tempfile::tempdir().expect("a folder");
        let taken = folder.path().join("taken");
        fs::write(&taken, "").expect("written");
        for path in [taken.clone(), taken.join("below")] {
            let mailer = Mailer::new(into(&path));
            let error = get_connection()
                .mailer(&mailer)
                .fail_silently()
                .build()
                .expect_err("no folder");
            assert_eq!(
                (error.kind(), error.field()),
                (ErrorKind::Invalid, Some("EMAIL_FILE_PATH"))
            );
            assert!(error.to_string().contains("taken"), "{error}");
        }
        assert_eq!(files(folder.path()), [taken]);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_cannot_be_written_to_is_told_when_the_backend_is_made() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).expect("changed");
        // The superuser may write anywhere.
        let may_write = fs::write(folder.path().join("try"), "").is_ok();
        let made = Mailer::new(into(folder.path())).blocking().connection();
        assert_eq!(made.is_ok(), may_write);
    }

    #[test]
    fn an_option_overrides_the_folder_of_the_settings() {
        let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let mailer = Mailer::new(into(folders[0].path()));
        let builder = get_connection()
            .mailer(&mailer)
            .option("file_path", folders[1].path().to_string_lossy());
        assert_eq!(builder.build().expect("made").send(&dated("a")).count(), 1);
        assert_eq!(
            folders.each_ref().map(|folder| files(folder.path()).len()),
            [0, 1]
        );
    }

    #[test]
    fn a_message_that_fails_half_way_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = dated("b").attach(posthaste::EmailAttachment::path(
            folder.path().join("missing.bin"),
        ));
        let log = folder.path().join("log");
        let mailer = Mailer::new(into(&log)).blocking();
        let reports = mailer.send_messages(&[dated("a"), missing, dated("c")]);
        assert_eq!(reports.count(), 2);
        assert_eq!(
            fs::read_to_string(&files(&log)[0]).expect("text"),
            printed(&[dated("a"), dated("c")])
        );
    }
}

mod locmem {
    use super::*;

    #[test]
    fn a_message_is_rendered_so_that_an_invalid_one_fails() {
        let outbox = Outbox::new();
        let reports = outbox
            .mailer()
            .blocking()
            .send_messages(&[message("a\nb"), message("c")]);
        assert_eq!(reports.count(), 1);
        let error = reports[0].error.as_ref().expect("an error");
        assert_eq!(
            (error.kind(), error.field()),
            (ErrorKind::Invalid, Some("subject"))
        );
        assert_eq!(outbox.len(), 1);
    }

    #[test]
    fn what_is_stored_does_not_change_with_the_message() {
        let outbox = Outbox::new();
        let mut changing = message("a");
        assert_eq!(outbox.mailer().blocking().send(&changing).count(), 1);
        changing.subject.push_str(" changed");
        changing.to.clear();
        changing.attach_alternative("<p>", "text/html");
        assert_eq!(outbox.messages()[0].message, message("a"));
        let mut copies = outbox.messages();
        copies[0].message.subject.clear();
        assert_eq!(outbox.messages()[0].subject, "a");
    }

    #[test]
    fn a_message_to_nobody_is_stored_and_counted() {
        let outbox = Outbox::new();
        assert_eq!(
            outbox
                .mailer()
                .blocking()
                .send_messages(&[nobody("a")])
                .count(),
            1
        );
        assert_eq!(outbox.len(), 1);
    }

    #[test]
    fn what_is_stored_says_by_which_mailer_it_was_sent() {
        let mut settings = Settings::default();
        settings
            .mailers
            .insert("bulk".to_owned(), MailerSettings::new("smtp"));
        let outbox = Outbox::new();
        // Every mailer is swapped, as Django's test runner does.
        let mailer = outbox.mailer_for(settings).blocking();
        assert_eq!(mailer.send(&message("a")).count(), 1);
        assert_eq!(mailer.using("bulk").send(&message("b")).count(), 1);
        let using: Vec<_> = outbox
            .messages()
            .into_iter()
            .map(|mail| mail.sent_using)
            .collect();
        assert_eq!(using, ["default", "bulk"]);
    }

    #[test]
    fn all_connections_of_a_mailer_share_one_outbox() {
        let mailer = Mailer::new(settings("locmem"));
        for name in ["a", "b"] {
            let mut connection = mailer.blocking().connection().expect("made");
            assert_eq!(connection.send(&message(name)).count(), 1);
        }
        assert_eq!(mailer.outbox().take().len(), 2);
        assert!(mailer.outbox().is_empty());
    }
}

mod dummy {
    use super::*;

    #[test]
    fn every_message_is_counted() {
        let mailer = Mailer::new(settings("dummy")).blocking();
        assert_eq!(
            mailer
                .send_messages(&[message("a"), nobody("b"), message("c")])
                .count(),
            3
        );
        assert_eq!(mailer.send_messages(&[]).count(), 0);
    }

    #[test]
    fn nothing_is_rendered_or_checked_but_the_envelope() {
        let mailer = Mailer::new(settings("dummy")).blocking();
        let missing = posthaste::EmailAttachment::path("/nowhere/at/all");
        let bad = message("a\nb")
            .to(["a@example.com"])
            .charset("x-none")
            .attach(missing);
        let report = mailer.send(&bad);
        assert_eq!(report.status(), Status::Sent);
        assert_eq!(report.message_id, None);
        // Unlike in Django: a report names who it was taken for, and this is nobody.
        for bad in [bad.clone().to(["no address"]), bad.from("a@@b")] {
            assert_eq!(mailer.send(&bad).status(), Status::Failed);
        }
    }
}
