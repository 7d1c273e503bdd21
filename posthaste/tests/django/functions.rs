//! Django's functions: `send_mail` and its count, `html_message`, the sender that is not given; `send_mass_mail` over one
//! connection; `mail_admins` and `mail_managers` with their sender, prefix and people, and without people; `get_connection`;
//! arguments that exclude each other; how far `fail_silently` goes; `using`; which mailer is the current one.

use posthaste::blocking::{
    get_connection, mail_admins, mail_managers, send, send_mail, send_mass_mail,
};
use posthaste::{ErrorKind, Mailer, MailerSettings, Outbox, Settings, Status};

use crate::common::{Record, message, no_server, settings};

const NOBODY: [&str; 0] = [];

/// Two admins, one manager.
fn with_people(mut settings: Settings) -> Settings {
    settings.admins = vec!["Ann <ann@example.com>".into(), "adam@example.com".into()];
    settings.managers = vec!["max@example.com".into()];
    settings
}

#[test]
fn send_mail_counts_the_message_not_its_recipients() {
    let outbox = Outbox::new();
    let report = send_mail(
        "Hi",
        "text",
        "from@example.com",
        ["a@example.com", "b@example.com"],
    )
    .mailer(&outbox.mailer())
    .send()
    .expect("sent");
    assert_eq!(report.count(), 1);
    assert_eq!(report.accepted.len(), 2);
    let mail = &outbox.messages()[0];
    assert_eq!((mail.subject.as_str(), mail.body.as_str()), ("Hi", "text"));
    assert_eq!(mail.from_email, Some("from@example.com".into()));
}

#[test]
fn send_mail_to_nobody_makes_no_backend_and_counts_nothing() {
    let record = Record::default();
    let sending = send_mail("Hi", "text", "from@example.com", NOBODY).mailer(&record.mailer());
    let report = sending.send().expect("no failure");
    assert_eq!((report.count(), report.status()), (0, Status::Skipped));
    assert!(record.lines().is_empty());
    let empty = send_mail("Hi", "text", "from@example.com", [""]).mailer(&record.mailer());
    assert_eq!(empty.send().expect("no failure").count(), 0);
    assert!(record.lines().is_empty());
}

#[test]
fn html_message_is_one_alternative() {
    let outbox = Outbox::new();
    let mailer = outbox.mailer_for(with_people(Settings::default()));
    let html = "<p>text";
    let sent = [
        send_mail("Hi", "text", "a@example.com", ["b@example.com"]),
        mail_admins("Hi", "text"),
        mail_managers("Hi", "text"),
    ]
    .map(|sending| sending.html_message(html).mailer(&mailer).send());
    assert!(sent.iter().all(Result::is_ok));
    for mail in outbox.messages() {
        assert_eq!(mail.body, "text");
        let [alternative] = mail.alternatives.as_slice() else {
            panic!("one alternative: {mail:?}");
        };
        assert_eq!(alternative.mimetype, "text/html");
        assert!(mail.body_contains("text") && !mail.body_contains("<p>"));
    }
}

#[test]
fn a_sender_that_is_not_given_is_that_of_the_settings() {
    let mut settings = Settings::default();
    settings.default_from_email = "Shop <shop@example.com>".to_owned();
    let outbox = Outbox::new();
    let mailer = outbox.mailer_for(settings);
    let empty = send_mail("Hi", "", "", ["b@example.com"])
        .mailer(&mailer)
        .send();
    assert_eq!(empty.expect("sent").count(), 1);
    let mut none = message("b");
    none.from_email = None;
    assert_eq!(send(none).mailer(&mailer).send().expect("sent").count(), 1);
    for mail in outbox.messages() {
        let from = mail.envelope.from.as_ref().map(|from| from.addr_spec());
        assert_eq!(from.as_deref(), Some("shop@example.com"));
    }
}

#[test]
fn mass_mail_goes_over_one_connection_in_its_order() {
    let record = Record::default();
    let mails =
        ["one", "two", "three"].map(|name| (name, "text", "from@example.com", ["to@example.com"]));
    let reports = send_mass_mail(mails)
        .mailer(&record.mailer())
        .send()
        .expect("sent");
    assert_eq!(reports.count(), 3);
    assert_eq!(record.lines(), ["made default - -", "send one two three"]);
}

#[test]
fn mass_mail_of_nothing_makes_no_backend() {
    let record = Record::default();
    let none: [(&str, &str, &str, [&str; 1]); 0] = [];
    let reports = send_mass_mail(none)
        .mailer(&record.mailer())
        .send()
        .expect("nothing");
    assert_eq!(reports.count(), 0);
    assert!(record.lines().is_empty());
}

/// Django raises at the first failure: the rest is not sent, and the count is lost.
#[test]
fn mass_mail_sends_the_rest_after_a_failure_and_counts_it() {
    let outbox = Outbox::new();
    let mails = ["one", "two\nBcc: x@example.com", "three"]
        .map(|name| (name, "", "a@example.com", ["b@example.com"]));
    let error = send_mass_mail(mails)
        .mailer(&outbox.mailer())
        .send()
        .expect_err("one is invalid");
    assert_eq!(
        (error.kind(), error.field()),
        (ErrorKind::Invalid, Some("subject"))
    );
    assert_eq!((error.reports().len(), error.reports().count()), (3, 2));
    let subjects: Vec<_> = outbox
        .messages()
        .iter()
        .map(|mail| mail.subject.clone())
        .collect();
    assert_eq!(subjects, ["one", "three"]);
}

#[test]
fn admins_and_managers_get_one_message_from_the_server() {
    let mut settings = with_people(Settings::default());
    settings.server_email = "server@example.com".to_owned();
    let outbox = Outbox::new();
    let mailer = outbox.mailer_for(settings);
    assert_eq!(
        mail_admins("Disk", "is full")
            .mailer(&mailer)
            .send()
            .expect("sent")
            .count(),
        1
    );
    assert_eq!(
        mail_managers("Sales", "are up")
            .mailer(&mailer)
            .send()
            .expect("sent")
            .count(),
        1
    );
    let seen: Vec<_> = outbox
        .messages()
        .iter()
        .map(|mail| {
            let to: Vec<_> = mail.envelope.to.iter().map(|to| to.addr_spec()).collect();
            let from = mail.envelope.from.as_ref().map(|from| from.addr_spec());
            (
                mail.subject.clone(),
                mail.body.clone(),
                from.unwrap_or_default(),
                to.join(" "),
            )
        })
        .collect();
    let expected = [
        (
            "[Django] Disk",
            "is full",
            "server@example.com",
            "ann@example.com adam@example.com",
        ),
        (
            "[Django] Sales",
            "are up",
            "server@example.com",
            "max@example.com",
        ),
    ];
    assert_eq!(
        seen,
        expected.map(|(a, b, c, d)| (a.to_owned(), b.to_owned(), c.to_owned(), d.to_owned()))
    );
}

#[test]
fn the_prefix_is_put_before_the_subject_as_it_is() {
    for (prefix, subject) in [("", "Disk"), ("[x]", "[x]Disk"), ("[x] ", "[x] Disk")] {
        let mut settings = with_people(Settings::default());
        settings.email_subject_prefix = prefix.to_owned();
        let outbox = Outbox::new();
        let sent = mail_admins("Disk", "")
            .mailer(&outbox.mailer_for(settings))
            .send();
        assert_eq!(sent.expect("sent").count(), 1);
        assert_eq!(outbox.messages()[0].subject, subject);
    }
}

#[test]
fn without_admins_or_managers_no_backend_is_made() {
    // A backend that does not exist would be found out if it were made.
    let mailer = Mailer::new(settings("nonsense"));
    for sending in [
        mail_admins("x", "y"),
        mail_managers("x", "y"),
        mail_admins("x", "y").using("nowhere"),
    ] {
        let report = sending.mailer(&mailer).send().expect("nothing to do");
        assert_eq!((report.count(), report.status()), (0, Status::Skipped));
    }
}

#[test]
fn admins_and_managers_must_be_addresses() {
    let mut settings = settings("dummy");
    settings.admins = vec!["ann@example.com".into(), "Ann, ann@example.com".into()];
    settings.managers = vec!["a@@b".into()];
    let mailer = Mailer::new(settings);
    for (sending, field) in [
        (mail_admins("x", "y"), "ADMINS"),
        (mail_managers("x", "y"), "MANAGERS"),
    ] {
        let error = sending
            .fail_silently()
            .mailer(&mailer)
            .send()
            .expect_err("no addresses");
        assert_eq!(
            (error.kind(), error.field()),
            (ErrorKind::Invalid, Some(field))
        );
    }
}

#[test]
fn admins_are_mailed_over_a_given_connection_or_by_a_named_mailer() {
    let record = Record::default();
    let mut settings = with_people(settings("record"));
    settings
        .mailers
        .insert("bulk".to_owned(), MailerSettings::new("record"));
    let mailer = record.mailer_for(settings);
    let mut connection = mailer.blocking().connection().expect("made");
    let sent = mail_admins("one", "")
        .connection(&mut connection)
        .mailer(&mailer)
        .send();
    assert_eq!(sent.expect("sent").count(), 1);
    let sent = mail_managers("two", "")
        .using("bulk")
        .mailer(&mailer)
        .send();
    assert_eq!(sent.expect("sent").count(), 1);
    let expected = [
        "made default - -",
        "send [Django] one",
        "made bulk - -",
        "send [Django] two",
    ];
    assert_eq!(record.lines(), expected);
}

#[test]
fn a_connection_excludes_login_and_using() {
    let record = Record::default();
    let mailer = record.mailer();
    let mut connection = mailer.blocking().connection().expect("made");
    let mail = || send(message("a")).mailer(&mailer);
    let user = mail().connection(&mut connection).auth_user("ann").send();
    let password = mail()
        .connection(&mut connection)
        .auth_password("hunter2")
        .send();
    let using = mail().connection(&mut connection).using("default").send();
    let mass = send_mass_mail([("a", "b", "c@example.com", ["d@example.com"])])
        .connection(&mut connection)
        .mailer(&mailer)
        .auth_user("ann")
        .send();
    let admins = mail_admins("a", "b")
        .connection(&mut connection)
        .using("default")
        .mailer(&mailer)
        .send();
    let errors = [
        user.err(),
        password.err(),
        using.err(),
        mass.err(),
        admins.err(),
    ];
    for error in errors {
        let error = error.expect("a conflict");
        assert_eq!(
            (error.kind(), error.field()),
            (ErrorKind::Invalid, Some("connection"))
        );
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    assert_eq!(record.lines(), ["made default - -"]);
}

#[test]
fn using_excludes_a_login() {
    let record = Record::default();
    for sending in [
        send(message("a")).auth_user("ann"),
        send(message("a")).auth_password("hunter2"),
    ] {
        let error = sending
            .using("default")
            .mailer(&record.mailer())
            .send()
            .expect_err("a conflict");
        assert_eq!(
            (error.kind(), error.field()),
            (ErrorKind::Invalid, Some("using"))
        );
    }
    assert!(record.lines().is_empty());
}

/// Django refuses both together, because the argument has no effect there; here it has.
#[test]
fn a_connection_and_failing_silently_go_together() {
    let mailer = Mailer::new(no_server());
    let mut connection = mailer.blocking().connection().expect("made");
    let sending = send(message("a"))
        .connection(&mut connection)
        .mailer(&mailer);
    let report = sending.fail_silently().send().expect("silent");
    assert_eq!(report.status(), Status::Failed);
}

#[test]
fn a_login_overrides_that_of_the_settings() {
    let record = Record::default();
    let mut settings = settings("record");
    settings.email_host_user = "settings".to_owned();
    settings.email_host_password = "secret".into();
    let mailer = record.mailer_for(settings);
    let mail = || send(message("a")).mailer(&mailer);
    for sending in [
        mail(),
        mail().auth_user("ann").auth_password("hunter2"),
        mail().auth_user("").auth_password(""),
    ] {
        assert_eq!(sending.send().expect("sent").count(), 1);
    }
    let made: Vec<_> = record
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("made"))
        .collect();
    assert_eq!(
        made,
        [
            "made default settings secret",
            "made default ann hunter2",
            "made default  "
        ]
    );
}

#[test]
fn a_failed_delivery_is_an_error_unless_it_is_to_be_silent() {
    let mailer = Mailer::new(no_server());
    let error = send(message("a"))
        .mailer(&mailer)
        .send()
        .expect_err("no server");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(error.reports().count(), 0);
    let report = send(message("a"))
        .mailer(&mailer)
        .fail_silently()
        .send()
        .expect("silent");
    assert_eq!((report.status(), report.count()), (Status::Failed, 0));
    let mails = [("a", "b", "c@example.com", ["d@example.com"]); 2];
    let reports = send_mass_mail(mails)
        .mailer(&mailer)
        .fail_silently()
        .send()
        .expect("silent");
    assert_eq!((reports.len(), reports.count()), (2, 0));
    let mailer = Mailer::new(with_people(no_server()));
    let report = mail_admins("a", "b")
        .mailer(&mailer)
        .fail_silently()
        .send()
        .expect("silent");
    assert_eq!(report.status(), Status::Failed);
}

#[test]
fn mistakes_are_never_silent() {
    let mailer = Mailer::new(no_server());
    for (message, field) in [
        (message("a\nb"), "subject"),
        (message("a").to(["a@@b"]), "to"),
        (message("a").from("a@b\n"), "from_email"),
    ] {
        let error = send(message)
            .mailer(&mailer)
            .fail_silently()
            .send()
            .expect_err("invalid");
        assert_eq!(
            (error.kind(), error.field()),
            (ErrorKind::Invalid, Some(field))
        );
    }
    for (mailer, field) in [
        (Mailer::new(settings("nonsense")), "EMAIL_BACKEND"),
        (mailer.using("nowhere"), "using"),
    ] {
        let error = send(message("a"))
            .mailer(&mailer)
            .fail_silently()
            .send()
            .expect_err("settings");
        assert_eq!(
            (error.kind(), error.field()),
            (ErrorKind::Invalid, Some(field))
        );
    }
}

#[test]
fn get_connection_takes_the_backend_of_the_settings_or_a_named_one() {
    let record = Record::default();
    let mailer = record.mailer();
    let mut connection = get_connection().mailer(&mailer).build().expect("made");
    assert_eq!(connection.send(&message("a")).count(), 1);
    assert_eq!(record.lines(), ["made default - -", "send a"]);
    let mut connection = get_connection()
        .mailer(&mailer)
        .backend("locmem")
        .build()
        .expect("made");
    assert_eq!(connection.send(&message("b")).count(), 1);
    assert_eq!(mailer.outbox().len(), 1);
    for (path, known) in [
        ("django.core.mail.backends.smtp.EmailBackend", true),
        ("django.core.mail.backends.console.EmailBackend", true),
        ("django.core.mail.backends.locmem.EmailBackend", true),
        ("django.core.mail.backends.dummy.EmailBackend", true),
        ("django.core.mail.backends.other.EmailBackend", false),
    ] {
        assert_eq!(
            get_connection()
                .mailer(&mailer)
                .backend(path)
                .build()
                .is_ok(),
            known,
            "{path}"
        );
    }
}

#[test]
fn get_connection_hands_options_to_the_backend() {
    let folder = tempfile::tempdir().expect("a folder");
    let mailer = Mailer::new(settings("console"));
    let file = || get_connection().mailer(&mailer).backend("file");
    let mut connection = file()
        .option("file_path", folder.path().to_string_lossy())
        .build()
        .expect("made");
    assert_eq!(connection.send(&message("a")).count(), 1);
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("a folder").count(),
        1
    );
    let error = file().option("colour", "red").build().expect_err("unknown");
    assert_eq!(error.field(), Some("colour"));
    assert!(
        error.to_string().contains("file_path, fail_silently"),
        "{error}"
    );
    assert!(
        get_connection()
            .mailer(&mailer)
            .fail_silently()
            .build()
            .expect("made")
            .fails_silently()
    );
}

#[test]
fn get_connection_lists_the_backends_if_there_is_none_of_that_name() {
    let error = get_connection()
        .mailer(&Mailer::new(settings("smtp")))
        .backend("stmp")
        .build()
        .expect_err("unknown");
    assert!(
        error
            .to_string()
            .contains("console, dummy, file, locmem, smtp"),
        "{error}"
    );
}

#[test]
fn a_connection_that_fails_silently_makes_the_functions_silent() {
    let mailer = Mailer::new(no_server());
    let mut connection = get_connection()
        .mailer(&mailer)
        .fail_silently()
        .build()
        .expect("made");
    let report = send(message("a"))
        .mailer(&mailer)
        .connection(&mut connection)
        .send()
        .expect("silent");
    assert_eq!(report.status(), Status::Failed);
}

#[test]
fn using_chooses_the_mailer_and_a_wrong_one_is_told() {
    let mut settings = settings("nonsense");
    settings
        .mailers
        .insert("bulk".to_owned(), MailerSettings::new("locmem"));
    let mailer = Mailer::new(settings);
    assert_eq!(
        send(message("a"))
            .using("bulk")
            .mailer(&mailer)
            .send()
            .expect("sent")
            .count(),
        1
    );
    assert_eq!(mailer.outbox().messages()[0].sent_using, "bulk");
    let error = send(message("a"))
        .using("blk")
        .mailer(&mailer)
        .send()
        .expect_err("unknown");
    assert_eq!(error.field(), Some("using"));
    assert!(error.to_string().contains("did you mean bulk?"), "{error}");
}

/// The only test that touches what is shared by the whole process; no other one relies on it.
#[test]
fn the_current_mailer_is_that_of_the_scope_or_else_the_one_that_was_set() {
    let (set, scoped) = (Outbox::new(), Outbox::new());
    set.mailer().set_default();
    assert_eq!(send(message("a")).send().expect("sent").count(), 1);
    let elsewhere = std::thread::spawn(|| send(message("b")).send().map(|report| report.count()));
    assert_eq!(elsewhere.join().expect("no panic").expect("sent"), 1);
    let inside = scoped
        .mailer()
        .blocking()
        .scope(|| send(message("c")).send());
    assert_eq!(inside.expect("sent").count(), 1);
    assert_eq!((set.len(), scoped.len()), (2, 1));
    let again = Outbox::new();
    again.mailer().set_default();
    let current = Mailer::current().expect("set").blocking();
    assert_eq!(current.send(&message("d")).count(), 1);
    assert_eq!((set.len(), again.len()), (2, 1));
}

/// The functions that are awaited do the same.
#[cfg(feature = "tokio")]
#[tokio::test]
async fn the_functions_can_be_awaited() {
    let outbox = Outbox::new();
    let mailer = outbox.mailer_for(with_people(Settings::default()));
    let work = async {
        let mut connection = posthaste::get_connection().build()?;
        let sent = posthaste::send(message("a"))
            .connection(&mut connection)
            .await?
            .count()
            + posthaste::send_mail("b", "", "", ["b@example.com"])
                .html_message("<p>")
                .await?
                .count()
            + posthaste::send_mass_mail([
                ("c", "", "", ["c@example.com"]),
                ("d", "", "", ["d@example.com"]),
            ])
            .await?
            .count()
            + posthaste::mail_admins("e", "").await?.count()
            + posthaste::mail_managers("f", "").await?.count();
        Ok::<_, posthaste::Error>(sent)
    };
    assert_eq!(mailer.scope(work).await.expect("sent"), 6);
    let subjects: Vec<_> = outbox
        .messages()
        .iter()
        .map(|mail| mail.subject.clone())
        .collect();
    assert_eq!(subjects, ["a", "b", "c", "d", "[Django] e", "[Django] f"]);
    let failed = posthaste::send(message("a")).mailer(&Mailer::new(no_server()));
    assert_eq!(
        failed.await.expect_err("no server").kind(),
        ErrorKind::Connect
    );
}
