//! Passwords: in nothing that is displayed, debugged, serialised or reported.

use posthaste::blocking::{get_connection, send as send_message};
use posthaste::{Error, Mailer, MailerSettings, Options, Report, Secret, Settings, Sources};

use crate::support::plain;
use crate::{message, settings};
use posthaste::testing::{At, Mechanism};

const PASSWORD: &str = "hunter2-and-more";

/// The password, and as PLAIN and LOGIN say it.
const NEEDLES: [&str; 4] = [
    PASSWORD,
    "aHVudGVyMi1hbmQtbW9yZQ",
    "AGFubgBodW50ZXIyLWFuZC1tb3Jl",
    "104, 117, 110, 116, 101, 114",
];

#[track_caller]
fn hides(text: &str) {
    for needle in NEEDLES {
        assert!(!text.contains(needle), "{needle} is in {text}");
    }
}

#[track_caller]
fn error_hides(error: &Error) {
    let mut text = format!(
        "{error} {error:?} {error:#?} {} {:?}",
        error.message(),
        error.reply()
    );
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        text.push_str(&format!("{source} {source:?}"));
        cause = source.source();
    }
    hides(&text);
}

#[track_caller]
fn report_hides(report: &Report) {
    hides(&format!("{report:?} {report:#?}"));
    hides(&serde_json::to_string(report).expect("JSON"));
    if let Some(error) = &report.error {
        error_hides(error);
    }
}

fn with_password(mut settings: Settings) -> Settings {
    settings.email_host_user = "ann".to_owned();
    settings.email_host_password = PASSWORD.into();
    settings
}

#[test]
fn settings_options_and_sources_hide_them() {
    let mut settings = with_password(Settings::default());
    let mut bulk = MailerSettings::new("smtp");
    bulk.options
        .set("password", PASSWORD)
        .set("api_token", PASSWORD);
    settings.mailers.insert("bulk".to_owned(), bulk);
    hides(&format!(
        "{settings:?} {settings:#?} {:?}",
        settings.entries().collect::<Vec<_>>()
    ));
    for alias in ["default", "bulk"] {
        let (_, options) = settings.mailer(alias).expect("there");
        hides(&format!("{options:?} {options:#?}"));
        hides(&format!(
            "{:?} {}",
            options.secret("password"),
            Secret::from(PASSWORD)
        ));
        // A backend may ask for the wrong type.
        for name in ["password", "api_token"] {
            if options.string(name).is_some() {
                error_hides(&options.number(name).expect_err("no number"));
                error_hides(&options.flag(name).expect_err("no flag"));
                error_hides(&options.duration(name).expect_err("no time"));
            }
        }
    }
    let mut options = Options::default();
    options.set("colour", PASSWORD);
    error_hides(&options.deny_unknown(&[]).expect_err("unknown"));
    let url = format!("smtp://ann:{PASSWORD}@h");
    let sources = Sources::default()
        .variable("EMAIL_URL", &url)
        .flag("EMAIL_HOST_PASSWORD", PASSWORD);
    hides(&format!("{sources:?}"));
    error_hides(&Settings::load(&sources).expect_err("two ways"));
}

#[test]
fn mailers_connections_and_mail_about_to_be_sent_hide_them() {
    let mailer = Mailer::new(with_password(Settings::default()));
    let builder = get_connection()
        .mailer(&mailer)
        .option("password", PASSWORD)
        .option("api_token", PASSWORD);
    let mut connection = mailer.blocking().connection().expect("made");
    hides(&format!(
        "{mailer:?} {:?} {builder:?} {builder:#?}",
        mailer.blocking()
    ));
    hides(&format!("{connection:?} {:?}", mailer.renderer()));
    hides(&format!("{:?}", mailer.scope(std::future::ready(()))));
    let sending = || {
        send_message(message("a"))
            .mailer(&mailer)
            .auth_user("ann")
            .auth_password(PASSWORD)
    };
    hides(&format!("{:?} {:#?}", sending(), sending()));
    error_hides(
        &sending()
            .connection(&mut connection)
            .send()
            .expect_err("a conflict"),
    );
    error_hides(&sending().using("x").send().expect_err("a conflict"));
}

#[test]
fn a_password_that_cannot_be_used_is_not_repeated() {
    let mut settings = with_password(Settings::default());
    settings.email_host_password = format!("{PASSWORD}\0").into();
    let error = Mailer::new(settings)
        .blocking()
        .connection()
        .expect_err("NUL");
    assert_eq!(error.field(), Some("EMAIL_HOST_PASSWORD"));
    error_hides(&error);
}

/// Servers say "unknown command" and repeat it.
#[test]
fn a_server_that_repeats_them_does_not_bring_them_into_reports() {
    for (mechanism, reply) in [
        (
            Mechanism::Plain,
            "535 5.7.8 bad: AUTH PLAIN AGFubgBodW50ZXIyLWFuZC1tb3Jl",
        ),
        (
            Mechanism::Plain,
            "535-5.7.8 you said\r\n535 5.7.8 hunter2-and-more",
        ),
        (Mechanism::Plain, "200 AGFubgBodW50ZXIyLWFuZC1tb3Jl what"),
        (
            Mechanism::Login,
            "535 5.7.8 bad: aHVudGVyMi1hbmQtbW9yZQ== for ann",
        ),
        (Mechanism::Plain, "504 5.5.4 AGFubgBodW50ZXIyLWFuZC1tb3Jl"),
    ] {
        // LOGIN asks twice before it is answered.
        let challenges = if mechanism == Mechanism::Login { 2 } else { 0 };
        let server = plain()
            .mechanisms([mechanism])
            .rule(At::auth().skip(challenges).reply(reply))
            .start();
        let mut connection = Mailer::new(with_password(settings(&server)))
            .blocking()
            .connection()
            .expect("made");
        error_hides(&connection.open().expect_err("refused"));
        let report = connection.send(&message("a"));
        assert!(report.error.is_some(), "{reply}");
        report_hides(&report);
        let said = server.commands(0).join(" ");
        assert!(
            NEEDLES.iter().any(|needle| said.contains(needle)),
            "it was said: {said}"
        );
    }
}

/// Later refusals may repeat them, too.
#[test]
fn nor_does_one_that_repeats_them_later() {
    let refusal = "550 5.7.1 AGFubgBodW50ZXIyLWFuZC1tb3Jl may not";
    let server = plain()
        .any_login()
        .mechanisms([Mechanism::Plain])
        .rule(At::rcpt("*").reply(refusal))
        .start();
    let report = Mailer::new(with_password(settings(&server)))
        .blocking()
        .send(&message("a"));
    assert_eq!(report.rejected.len(), 1);
    report_hides(&report);
}
