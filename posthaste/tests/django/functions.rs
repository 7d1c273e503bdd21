//! The functions: send_mail, send_mass_mail, mail_admins, mail_managers, get_connection.
//!
//! Covered: counts; html_message as one alternative; the default sender; admins and managers in one message, from
//! SERVER_EMAIL, with the prefix as it is; an empty setting makes no backend; wrong entries name the setting; arguments
//! that exclude each other; get_connection's backend, options and fail_silently; what fail_silently covers.

use posthaste::blocking::{
    get_connection, mail_admins, mail_managers, send, send_mail, send_mass_mail,
};
use posthaste::{EmailMessage, ErrorKind, Mailer, Outbox, Settings, Status};

use super::{mailer, message, staffed};

#[test]
fn send_mail_counts_one() {
    let outbox = Outbox::new();
    outbox.mailer().blocking().scope(|| {
        let report = send_mail("Subject", "Text", "a@example.com", ["b@example.com"]).send();
        assert_eq!(report.expect("sent").count(), 1);
        let nobody = send_mail("Subject", "Text", "a@example.com", Vec::<String>::new()).send();
        let nobody = nobody.expect("no failure");
        assert_eq!((nobody.count(), nobody.status()), (0, Status::Skipped));
    });
    assert_eq!(outbox.len(), 1);
}

#[test]
fn addresses_are_taken_in_many_forms() {
    let outbox = Outbox::new();
    outbox.mailer().blocking().scope(|| {
        let mailbox: posthaste::Mailbox = "Bob <b@example.com>".parse().expect("a mailbox");
        let sent = [
            send_mail("1", "", "a@example.com", ["b@example.com"]).send(),
            send_mail(
                "2",
                "",
                String::from("a@example.com"),
                vec![String::from("b@example.com")],
            )
            .send(),
            send_mail(
                "3",
                "",
                ("Ann", "a@example.com"),
                [("Bob", "b@example.com")],
            )
            .send(),
            send_mail("4", "", mailbox.clone(), [&mailbox]).send(),
        ];
        sent.into_iter()
            .for_each(|one| assert_eq!(one.expect("sent").count(), 1));
    });
    assert_eq!(outbox.messages()[2].to, ["Bob <b@example.com>"]);
}

#[test]
fn an_empty_sender_is_the_default_one() {
    let mut settings = Settings::default();
    settings.default_from_email = "shop@example.com".to_owned();
    let outbox = Outbox::new();
    let report = outbox
        .mailer_for(settings)
        .blocking()
        .scope(|| send_mail("S", "T", "", ["b@example.com"]).send());
    assert_eq!(report.expect("sent").count(), 1);
    let from = outbox.messages()[0]
        .envelope
        .from
        .clone()
        .expect("a sender");
    assert_eq!(from.addr_spec(), "shop@example.com");
}

#[test]
fn html_message_is_one_alternative() {
    let (outbox, mailer) = staffed(&["a@example.com"], &["m@example.com"]);
    mailer.scope(|| {
        for report in [
            send_mail("S", "text", "a@example.com", ["b@example.com"])
                .html_message("<p>")
                .send(),
            mail_admins("S", "text").html_message("<p>").send(),
            mail_managers("S", "text").html_message("<p>").send(),
        ] {
            assert_eq!(report.expect("sent").count(), 1);
        }
    });
    for mail in outbox.messages() {
        assert_eq!(mail.body, "text");
        assert_eq!(mail.alternatives.len(), 1);
        assert_eq!(mail.alternatives[0].mimetype, "text/html");
    }
}

#[test]
fn a_mass_mail_goes_on_after_a_failure() {
    let outbox = Outbox::new();
    let error = outbox.mailer().blocking().scope(|| {
        send_mass_mail([
            ("One", "", "a@example.com", vec!["b@example.com"]),
            (
                "Bad\nBcc: x@example.com",
                "",
                "a@example.com",
                vec!["b@example.com"],
            ),
            ("Two", "", "a@example.com", vec!["b@example.com"]),
        ])
        .send()
        .expect_err("one is invalid")
    });
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!((error.reports().count(), error.reports().len()), (2, 3));
    assert_eq!(outbox.len(), 2);
}

#[test]
fn an_empty_mass_mail_is_nothing() {
    let none: [(&str, &str, &str, [&str; 1]); 0] = [];
    // Not even a mailer that cannot work is asked.
    let reports = mailer("nonsense").scope(|| send_mass_mail(none).send());
    assert_eq!(reports.expect("nothing to do").count(), 0);
}

#[test]
fn staff_gets_one_mail_with_the_prefix_from_the_server() {
    let (outbox, mailer) = staffed(
        &["a@example.com", "Bob <b@example.com>"],
        &["m@example.com"],
    );
    mailer.scope(|| {
        assert_eq!(
            mail_admins("Disk", "full")
                .send()
                .expect("sent")
                .accepted
                .len(),
            2
        );
        assert_eq!(
            mail_managers("Links", "broken")
                .send()
                .expect("sent")
                .accepted
                .len(),
            1
        );
    });
    let mails = outbox.messages();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].subject, "[Django] Disk");
    assert_eq!(mails[0].to, ["a@example.com", "Bob <b@example.com>"]);
    assert_eq!(mails[1].subject, "[Django] Links");
    let from = mails[1].envelope.from.clone().expect("a sender");
    assert_eq!(from.addr_spec(), "root@localhost");
}

#[test]
fn the_prefix_is_taken_as_it_is() {
    let mut settings = Settings::default();
    settings.email_subject_prefix = "[X]".to_owned();
    settings.admins = vec!["a@example.com".to_owned()];
    let outbox = Outbox::new();
    let report = outbox
        .mailer_for(settings)
        .blocking()
        .scope(|| mail_admins("Disk", "").send());
    assert_eq!(report.expect("sent").count(), 1);
    assert_eq!(outbox.messages()[0].subject, "[X]Disk");
}

#[test]
fn no_staff_makes_no_backend() {
    mailer("nonsense").scope(|| {
        for report in [mail_admins("S", "T").send(), mail_managers("S", "T").send()] {
            assert_eq!(report.expect("nothing to do").status(), Status::Skipped);
        }
    });
}

#[test]
fn a_wrong_entry_names_its_setting() {
    let (outbox, mailer) = staffed(&["a@example.com", "no address"], &["m@"]);
    mailer.scope(|| {
        let error = mail_admins("S", "T").send().expect_err("no address");
        assert_eq!(error.field(), Some("ADMINS"));
        let error = mail_managers("S", "T").send().expect_err("no address");
        assert_eq!(error.field(), Some("MANAGERS"));
    });
    assert!(outbox.is_empty());
}

#[test]
fn arguments_without_an_effect_are_refused() {
    let outbox = Outbox::new();
    outbox.mailer().blocking().scope(|| {
        let mail = || send_mail("S", "T", "a@example.com", ["b@example.com"]);
        let mut connection = get_connection().build().expect("made");
        let with_login = mail().auth_user("u").connection(&mut connection).send();
        assert_eq!(with_login.expect_err("refused").field(), Some("connection"));
        let with_using = mail().using("default").connection(&mut connection).send();
        assert_eq!(with_using.expect_err("refused").field(), Some("connection"));
        let both = mail().using("default").auth_password("p").send();
        assert_eq!(both.expect_err("refused").field(), Some("using"));
        // Unlike in Django, failing silently always has an effect.
        let silent = mail().fail_silently().connection(&mut connection).send();
        assert_eq!(silent.expect("sent").count(), 1);
        let silent = mail().fail_silently().using("default").send();
        assert_eq!(silent.expect("sent").count(), 1);
    });
    assert_eq!(outbox.len(), 2);
}

#[test]
fn get_connection_takes_backend_and_options() {
    let folder = tempfile::tempdir().expect("a folder");
    mailer("dummy").scope(|| {
        let path = folder.path().join("new").display().to_string();
        let connection = get_connection()
            .backend("file")
            .option("file_path", &*path)
            .build();
        let report = connection.expect("made").send(&message("one"));
        assert_eq!(report.status(), Status::Sent);
        let dotted = "django.core.mail.backends.locmem.EmailBackend";
        assert!(get_connection().backend(dotted).build().is_ok());
        let error = get_connection()
            .backend("console")
            .option("colour", "red")
            .build();
        let error = error.expect_err("unknown option").to_string();
        assert!(
            error.contains("colour") && error.contains("fail_silently"),
            "{error}"
        );
        assert!(
            get_connection()
                .fail_silently()
                .build()
                .expect("made")
                .fails_silently()
        );
    });
    assert_eq!(
        std::fs::read_dir(folder.path().join("new"))
            .expect("made")
            .count(),
        1
    );
}

#[test]
fn silence_covers_the_server_and_not_the_caller() {
    let mut settings = Settings::default();
    settings.email_host = "127.0.0.1".to_owned();
    // Nothing listens on the port of a listener that is gone.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    settings.email_port = gone.local_addr().ok().map(|address| address.port());
    drop(gone);
    Mailer::new(settings).blocking().scope(|| {
        let loud = send(message("a")).send().expect_err("nobody listens");
        assert_eq!(loud.kind(), ErrorKind::Connect);
        let silent = send(message("a")).fail_silently().send().expect("silent");
        assert_eq!(silent.count(), 0);
        assert_eq!(silent.error.expect("told").kind(), ErrorKind::Connect);
        let bad = EmailMessage::new("a\nb", "").to(["a@example.com"]);
        let error = send(bad)
            .fail_silently()
            .send()
            .expect_err("invalid is never silent");
        assert_eq!(error.field(), Some("subject"));
    });
}

#[test]
fn using_names_a_mailer_and_an_unknown_one_lists_the_known() {
    let outbox = Outbox::new();
    let mut settings = Settings::default();
    let bulk = posthaste::MailerSettings::new("locmem");
    settings.mailers.insert("bulk".to_owned(), bulk);
    outbox.mailer_for(settings).blocking().scope(|| {
        let sent = send(message("a")).using("bulk").send();
        assert_eq!(sent.expect("sent").count(), 1);
        let error = send(message("a"))
            .using("bilk")
            .send()
            .expect_err("unknown");
        let text = error.to_string();
        assert!(
            text.contains("bilk") && text.contains("bulk") && text.contains("default"),
            "{text}"
        );
    });
    assert_eq!(outbox.messages()[0].sent_using, "bulk");
}
