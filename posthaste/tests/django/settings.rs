//! Django's settings: their defaults, arguments that override them, ports that follow TLS, named mailers and their errors.
//! All through sources of the test's own: no test looks at the environment of the process or changes it.

use std::time::Duration;

use posthaste::blocking::get_connection;
use posthaste::{Error, ErrorKind, Mailer, MailerSettings, Outbox, Settings, Sources};

use crate::common::{Record, message, settings};

fn file(text: &str) -> Result<Settings, Error> {
    file_and(text, &[])
}

fn file_and(text: &str, variables: &[(&str, &str)]) -> Result<Settings, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("posthaste.toml"), text).expect("written");
    let sources = Sources::default().folder(folder.path());
    let with = |sources: Sources, (name, value): &(&str, &str)| sources.variable(*name, *value);
    Settings::load(&variables.iter().fold(sources, with))
}

/// The error of a connection by this mailer.
fn refused(settings: Settings, alias: &str) -> Error {
    let mailer = Mailer::new(settings).using(alias);
    mailer.blocking().connection().expect_err("wrong settings")
}

#[test]
fn the_defaults_are_those_of_django() {
    for settings in [
        Settings::default(),
        Settings::load(&Sources::default()).expect("nothing is wrong"),
    ] {
        assert_eq!(settings.email_backend, "smtp");
        assert_eq!(settings.email_host, "localhost");
        assert_eq!(settings.email_host_user, "");
        assert!(settings.email_host_password.is_empty());
        assert!(!settings.email_use_tls && !settings.email_use_ssl);
        assert_eq!(settings.email_ssl_certfile, None);
        assert_eq!(settings.email_ssl_keyfile, None);
        assert_eq!(settings.email_timeout, None);
        assert_eq!(settings.email_file_path, None);
        assert_eq!(settings.email_subject_prefix, "[Django] ");
        assert!(!settings.email_use_localtime);
        assert_eq!(settings.default_from_email, "webmaster@localhost");
        assert_eq!(settings.server_email, "root@localhost");
        assert_eq!(settings.default_charset, "utf-8");
        assert!(settings.admins.is_empty() && settings.managers.is_empty());
        let (_, options) = settings.mailer("default").expect("there");
        assert_eq!(options.port().expect("a port"), 25);
    }
}

/// Django does so with named mailers only; with its older settings the port stays 25.
#[test]
fn the_port_follows_the_way_of_tls() {
    for (tls, ssl, port) in [("", "", 25), ("true", "", 587), ("", "true", 465)] {
        let sources = Sources::default()
            .variable("EMAIL_USE_TLS", tls)
            .variable("EMAIL_USE_SSL", ssl);
        let (_, options) = Settings::load(&sources)
            .expect("good")
            .mailer("default")
            .expect("there");
        assert_eq!(options.port().expect("a port"), port);
        let given = Settings::load(&sources.variable("EMAIL_PORT", "2525")).expect("good");
        assert_eq!(
            given
                .mailer("default")
                .expect("there")
                .1
                .port()
                .expect("a port"),
            2525
        );
    }
    for (option, port) in [("", 25), ("use_tls = true", 587), ("use_ssl = true", 465)] {
        let text = format!("[mailers.bulk.options]\nhost = \"h\"\n{option}\n");
        let (_, options) = file(&text).expect("good").mailer("bulk").expect("there");
        assert_eq!(options.port().expect("a port"), port);
    }
}

#[test]
fn every_setting_of_django_is_read_by_its_name() {
    let sources = [
        (
            "EMAIL_BACKEND",
            "django.core.mail.backends.locmem.EmailBackend",
        ),
        ("EMAIL_HOST", "mail.example.com"),
        ("EMAIL_PORT", "26"),
        ("EMAIL_HOST_USER", "ann"),
        ("EMAIL_HOST_PASSWORD", "hunter2"),
        ("EMAIL_USE_TLS", "True"),
        ("EMAIL_USE_SSL", "False"),
        ("EMAIL_SSL_CERTFILE", "/c"),
        ("EMAIL_SSL_KEYFILE", "/k"),
        ("EMAIL_TIMEOUT", "5"),
        ("EMAIL_FILE_PATH", "/f"),
        ("EMAIL_SUBJECT_PREFIX", "[x] "),
        ("EMAIL_USE_LOCALTIME", "1"),
        ("DEFAULT_FROM_EMAIL", "Shop <shop@example.com>"),
        ("SERVER_EMAIL", "server@example.com"),
        ("DEFAULT_CHARSET", "iso-8859-1"),
        ("ADMINS", "a@example.com, b@example.com"),
        ("MANAGERS", "Max <m@example.com>"),
    ];
    let sources = sources
        .iter()
        .fold(Sources::default(), |all, (name, value)| {
            all.variable(*name, *value)
        });
    let settings = Settings::load(&sources).expect("good");
    let (backend, options) = settings.mailer("default").expect("there");
    assert_eq!(backend, "locmem");
    assert_eq!(options.string("host"), Some("mail.example.com"));
    assert_eq!(options.port().expect("a port"), 26);
    assert_eq!(options.string("username"), Some("ann"));
    assert_eq!(options.secret("password").expect("one").expose(), "hunter2");
    assert_eq!(options.flag("use_tls").expect("a flag"), Some(true));
    assert_eq!(options.flag("use_ssl").expect("a flag"), Some(false));
    assert_eq!(options.path("ssl_certfile"), Some("/c".into()));
    assert_eq!(options.path("ssl_keyfile"), Some("/k".into()));
    assert_eq!(
        options.duration("timeout").expect("a time"),
        Some(Duration::from_secs(5))
    );
    assert_eq!(options.path("file_path"), Some("/f".into()));
    assert_eq!(settings.email_subject_prefix, "[x] ");
    assert!(settings.email_use_localtime);
    assert_eq!(settings.default_from_email, "Shop <shop@example.com>");
    assert_eq!(settings.server_email, "server@example.com");
    assert_eq!(settings.default_charset, "iso-8859-1");
    assert_eq!(settings.admins.len(), 2);
    assert_eq!(settings.managers, ["Max <m@example.com>"]);
}

#[test]
fn the_charset_and_the_local_time_of_the_settings_reach_the_message() {
    let mut settings = settings("locmem");
    settings.default_charset = "iso-8859-1".to_owned();
    let options = Mailer::new(settings).renderer().options();
    assert_eq!(options.charset, "iso-8859-1");
    let rendered = message("a")
        .body("Grüße")
        .render(&options)
        .expect("rendered")
        .to_vec()
        .expect("no files");
    let text = String::from_utf8(rendered).expect("ASCII");
    assert!(
        text.contains("charset=\"iso-8859-1\"") && text.contains("Gr=FC=DFe"),
        "{text}"
    );
    assert!(options.date.to_string().ends_with("+0000"));
}

#[test]
fn arguments_override_settings_and_empty_ones_switch_the_login_off() {
    let record = Record::default();
    let mut settings = settings("record");
    settings.email_host_user = "settings".to_owned();
    settings.email_host_password = "secret".into();
    let mailer = record.mailer_for(settings);
    let builder = || get_connection().mailer(&mailer);
    builder().build().expect("made");
    builder()
        .option("username", "ann")
        .option("password", "hunter2")
        .build()
        .expect("made");
    builder()
        .option("username", "")
        .option("password", "")
        .build()
        .expect("made");
    assert_eq!(
        record.lines(),
        [
            "made default settings secret",
            "made default ann hunter2",
            "made default  "
        ]
    );
}

#[test]
fn a_named_mailer_has_options_of_its_own_and_none_of_the_settings() {
    let text = "[mailers.bulk]\nbackend = \"record\"\n[mailers.bulk.options]\nusername = \"ann\"\n";
    let mut settings = file_and(
        text,
        &[("EMAIL_HOST_USER", "u"), ("EMAIL_HOST_PASSWORD", "p")],
    )
    .expect("good");
    settings.email_backend = "record".to_owned();
    let record = Record::default();
    let mailer = record.mailer_for(settings).blocking();
    mailer.connection().expect("made");
    mailer.using("bulk").connection().expect("made");
    assert_eq!(record.lines(), ["made default u p", "made bulk ann -"]);
}

#[test]
fn the_backend_of_a_named_mailer_is_smtp_unless_it_is_said() {
    let settings = file("[mailers.bulk.options]\nhost = \"h\"\n").expect("good");
    assert_eq!(settings.mailer("bulk").expect("there").0, "smtp");
}

#[test]
fn a_connection_is_made_anew_each_time() {
    let record = Record::default();
    let mailer = record.mailer().blocking();
    mailer.connection().expect("made");
    mailer.connection().expect("made");
    assert_eq!(record.lines().len(), 2);
}

#[test]
fn the_names_of_all_mailers_are_known_and_a_wrong_one_is_told_with_them() {
    let settings =
        file("[mailers.bulk]\nbackend = \"dummy\"\n[mailers.urgent]\nbackend = \"dummy\"\n")
            .expect("good");
    assert_eq!(
        settings.aliases().collect::<Vec<_>>(),
        ["default", "bulk", "urgent"]
    );
    let error = refused(settings, "nowhere");
    assert_eq!(
        (error.kind(), error.field()),
        (ErrorKind::Invalid, Some("using"))
    );
    assert!(
        error.to_string().contains("\"nowhere\"")
            && error.to_string().contains("default, bulk, urgent"),
        "{error}"
    );
}

#[test]
fn an_unknown_option_is_told_with_those_that_are_known() {
    for (backend, known) in [
        (
            "smtp",
            "host, port, username, password, use_tls, use_ssl, timeout, ssl_keyfile, ssl_certfile, ssl_cafile",
        ),
        ("console", "fail_silently"),
        ("file", "file_path, fail_silently"),
        ("locmem", "fail_silently"),
        ("dummy", "fail_silently"),
    ] {
        for option in ["colour", "alias"] {
            let text = format!(
                "[mailers.bulk]\nbackend = \"{backend}\"\n[mailers.bulk.options]\n{option} = \"x\"\n"
            );
            let error = refused(file(&text).expect("the file is good"), "bulk");
            assert_eq!(
                error.field(),
                Some(format!("mailers.bulk.options.{option}").as_str())
            );
            assert!(
                error.to_string().contains(known) && error.to_string().contains("line 4"),
                "{error}"
            );
        }
    }
}

/// With Django's older settings it is the same: what another backend would use is no mistake.
#[test]
fn settings_of_another_backend_are_no_unknown_options() {
    for backend in ["console", "locmem", "dummy"] {
        let mut settings = settings(backend);
        settings.email_host_user = "ann".to_owned();
        settings.email_file_path = Some("/nowhere".into());
        assert!(Mailer::new(settings).blocking().connection().is_ok());
    }
}

#[test]
fn a_wrong_backend_of_a_mailer_is_told_with_the_known_ones_and_its_place() {
    let error = refused(
        file("\n[mailers.bulk]\nbackend = \"django.core.mail.backends.x.EmailBackend\"")
            .expect("good"),
        "bulk",
    );
    assert_eq!(
        (error.kind(), error.field()),
        (ErrorKind::Invalid, Some("mailers.bulk.backend"))
    );
    let text = error.to_string();
    assert!(
        text.contains("console, dummy, file, locmem, smtp") && text.contains("posthaste.toml"),
        "{text}"
    );
}

#[test]
fn a_named_file_mailer_needs_its_folder() {
    let error = refused(
        file("[mailers.log]\nbackend = \"file\"").expect("good"),
        "log",
    );
    assert_eq!(error.field(), Some("mailers.log.options.file_path"));
}

#[test]
fn a_bad_option_is_told_in_full() {
    for (option, words) in [
        ("port = 99999", "expected a number from 1 to 65535"),
        ("use_tls = \"maybe\"", "expected true or false"),
        ("timeout = \"soon\"", "expected a number of seconds"),
        ("timeout = 0", "leave"),
        ("fail_silently = \"perhaps\"", "expected true or false"),
    ] {
        let error = refused(
            file(&format!("[mailers.bulk.options]\n{option}")).expect("good"),
            "bulk",
        );
        let name = option.split(' ').next().unwrap_or_default();
        assert_eq!(
            error.field(),
            Some(format!("mailers.bulk.options.{name}").as_str())
        );
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// Django forbids them beside any named mailer; here only beside one that is called `default`.
#[test]
fn the_default_mailer_is_given_in_one_way_only() {
    let named = "[mailers.default]\nbackend = \"dummy\"\n";
    assert_eq!(
        file(named)
            .expect("good")
            .mailer("default")
            .expect("there")
            .0,
        "dummy"
    );
    for name in [
        "EMAIL_BACKEND",
        "EMAIL_HOST",
        "EMAIL_FILE_PATH",
        "EMAIL_HOST_USER",
        "EMAIL_URL",
    ] {
        let value = if name == "EMAIL_URL" { "console:" } else { "x" };
        let text = file_and(named, &[(name, value)])
            .expect_err("two ways")
            .to_string();
        assert!(
            text.contains(name) && text.contains("mailers.default"),
            "{text}"
        );
    }
    assert!(file_and(named, &[("DEFAULT_FROM_EMAIL", "a@example.com")]).is_ok());
    assert!(
        file_and(
            "[mailers.bulk]\nbackend = \"dummy\"\n",
            &[("EMAIL_HOST", "h")]
        )
        .is_ok()
    );
}

#[test]
fn a_named_mailer_can_fail_silently() {
    let text = "[mailers.bulk.options]\nhost = \"127.0.0.1\"\nport = PORT\nfail_silently = true\n";
    let text = text.replace("PORT", &crate::common::closed_port().to_string());
    let mailer = Mailer::new(file(&text).expect("good"));
    let report = posthaste::blocking::send(message("a"))
        .using("bulk")
        .mailer(&mailer)
        .send()
        .expect("silent");
    assert_eq!(report.count(), 0);
}

#[test]
fn a_test_swaps_every_mailer() {
    let mut settings = settings("file");
    settings
        .mailers
        .insert("bulk".to_owned(), MailerSettings::new("nonsense"));
    let outbox = Outbox::new();
    let mailer = outbox.mailer_for(settings).blocking();
    assert_eq!(
        mailer.send(&message("a")).count() + mailer.using("bulk").send(&message("b")).count(),
        2
    );
    assert_eq!(outbox.len(), 2);
}
