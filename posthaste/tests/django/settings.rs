//! The settings: Django's names and defaults, overriding, and the named mailers of its newest version.
//!
//! Covered: every default; the port by the way of TLS; both ways at once; backends by dotted path; options override
//! settings; empty user or password is no login; mailers beside EMAIL_* settings; unknown alias, option and backend.

use posthaste::{ErrorKind, Mailer, Settings, Sources};

fn load(variables: &[(&str, &str)]) -> Result<Settings, posthaste::Error> {
    let sources = variables
        .iter()
        .fold(Sources::default(), |sources, &(name, value)| {
            sources.variable(name, value)
        });
    Settings::load(&sources)
}

#[test]
fn defaults_are_djangos() {
    let settings = Settings::default();
    assert_eq!(settings.email_backend, "smtp");
    assert_eq!(settings.email_host, "localhost");
    assert_eq!(settings.email_host_user, "");
    assert_eq!(settings.email_host_password.expose(), "");
    assert!(!settings.email_use_tls && !settings.email_use_ssl && !settings.email_use_localtime);
    assert_eq!(settings.email_timeout, None);
    assert_eq!(settings.email_file_path, None);
    assert_eq!(settings.email_subject_prefix, "[Django] ");
    assert_eq!(settings.default_from_email, "webmaster@localhost");
    assert_eq!(settings.server_email, "root@localhost");
    assert_eq!(settings.default_charset, "utf-8");
    assert!(settings.admins.is_empty() && settings.managers.is_empty());
}

#[test]
fn the_port_follows_the_way_of_tls() {
    for (variables, port) in [
        (&[][..], 25),
        (&[("EMAIL_USE_TLS", "True")], 587),
        (&[("EMAIL_USE_SSL", "1")], 465),
        (&[("EMAIL_USE_SSL", "1"), ("EMAIL_PORT", "2525")], 2525),
    ] {
        let settings = load(variables).expect("good settings");
        let (_, options) = settings.mailer("default").expect("there");
        assert_eq!(options.port().expect("a port"), port, "{variables:?}");
    }
}

#[test]
fn both_ways_of_tls_exclude_each_other() {
    let settings = load(&[("EMAIL_USE_TLS", "1"), ("EMAIL_USE_SSL", "1")]).expect("read");
    let error = Mailer::new(settings)
        .blocking()
        .connection()
        .expect_err("refused");
    assert_eq!(error.field(), Some("EMAIL_USE_TLS"));
}

#[test]
fn dotted_paths_are_understood() {
    for name in ["smtp", "console", "locmem", "dummy"] {
        let dotted = format!("django.core.mail.backends.{name}.EmailBackend");
        let settings = load(&[("EMAIL_BACKEND", &dotted)]).expect("read");
        assert_eq!(settings.mailer("default").expect("there").0, name);
        assert!(Mailer::new(settings).blocking().connection().is_ok());
    }
}

#[test]
fn an_unknown_backend_lists_the_known() {
    let settings = load(&[("EMAIL_BACKEND", "carrier.pigeon")]).expect("read");
    let error = Mailer::new(settings)
        .blocking()
        .connection()
        .expect_err("unknown");
    assert_eq!(error.field(), Some("EMAIL_BACKEND"));
    let text = error.to_string();
    for known in ["pigeon", "console", "dummy", "file", "locmem", "smtp"] {
        assert!(text.contains(known), "{text}");
    }
}

fn from_file(text: &str) -> Result<Settings, posthaste::Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("posthaste.toml");
    std::fs::write(&path, text).expect("written");
    Settings::load(&Sources::default().file(&path))
}

#[test]
fn mailers_have_backends_and_options_of_their_own() {
    let settings = from_file(
        "[mailers.default]\nbackend = \"locmem\"\n[mailers.relay.options]\nhost = \"mail.example.com\"\nuse_tls = true\n",
    )
    .expect("good settings");
    assert_eq!(settings.mailer("default").expect("there").0, "locmem");
    let (backend, options) = settings.mailer("relay").expect("there");
    assert_eq!(backend, "smtp", "the default backend of a mailer");
    assert_eq!(options.port().expect("a port"), 587);
    let error = settings
        .mailer("bulk")
        .expect_err("not configured")
        .to_string();
    assert!(
        error.contains("bulk") && error.contains("relay") && error.contains("default"),
        "{error}"
    );
}

#[test]
fn mailers_default_and_email_settings_exclude_each_other() {
    let error =
        from_file("EMAIL_HOST = \"a.example\"\n[mailers.default.options]\nhost = \"b.example\"\n");
    let error = error.expect_err("both").to_string();
    assert!(
        error.contains("EMAIL_HOST") && error.contains("mailers.default"),
        "{error}"
    );
}

#[test]
fn an_unknown_option_is_told_with_its_place() {
    let settings =
        from_file("[mailers.a]\nbackend = \"console\"\n[mailers.a.options]\nhots = \"x\"\n");
    let mailer = Mailer::new(settings.expect("read")).using("a").blocking();
    let error = mailer.connection().expect_err("unknown");
    assert_eq!(
        (error.kind(), error.field()),
        (ErrorKind::Invalid, Some("mailers.a.options.hots"))
    );
    assert!(error.to_string().contains("fail_silently"), "{error}");
}

#[test]
fn a_charset_that_does_not_exist_is_told_when_the_settings_are_read() {
    let error = load(&[("DEFAULT_CHARSET", "klingon")])
        .expect_err("unknown")
        .to_string();
    assert!(
        error.contains("DEFAULT_CHARSET") && error.contains("klingon"),
        "{error}"
    );
    assert_eq!(
        load(&[("DEFAULT_CHARSET", "koi8-r")])
            .expect("known")
            .default_charset,
        "koi8-r"
    );
}
