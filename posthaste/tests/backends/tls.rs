//! TLS and logins against a server with certificates of our own making, by both drivers.

use std::path::PathBuf;
use std::time::Duration;

use posthaste::testing::{At, Builder, Certificate, Conversation, Mechanism, Server};
use posthaste::{EmailMessage, ErrorKind, Mailer, Phase, Report, Settings, Status};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::smtp::{Driver, send};
use crate::support::plain;

for_both! {
    starttls,
    implicit_tls,
    a_large_message_under_tls,
    an_unknown_root_is_not_trusted,
    a_certificate_of_another_name_is_not_trusted,
    an_old_certificate_is_not_trusted,
    starttls_that_is_not_offered,
    words_put_in_before_the_handshake,
    starttls_on_a_port_of_implicit_tls,
    implicit_tls_on_a_plain_port,
    a_cut_connection_is_no_end,
    plain_words_when_tls_has_failed,
    a_login_under_tls,
    a_wrong_password,
    a_password_is_not_said_in_the_clear,
    a_login_that_is_not_offered,
    files_that_cannot_be_used,
}

/// A root of its own, and a server whose certificate it has signed.
struct Site {
    server: Server,
    folder: tempfile::TempDir,
}

impl Site {
    /// With a certificate for this machine.
    fn new(offer: impl FnOnce(Builder, Certificate) -> Builder) -> Self {
        Self::with(offer, |names| {
            CertificateParams::new(names).expect("good names")
        })
    }

    fn with(
        offer: impl FnOnce(Builder, Certificate) -> Builder,
        leaf: impl FnOnce(Vec<String>) -> CertificateParams,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut root = CertificateParams::new(Vec::new()).expect("no names");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = folder.path().display().to_string();
        root.distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate().expect("a key"));
        let root = root.expect("a root");
        std::fs::write(folder.path().join("root.pem"), root.pem()).expect("written");
        let key = KeyPair::generate().expect("a key");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let leaf = leaf(names).signed_by(&key, &root).expect("a certificate");
        let certificate = Certificate::from_pem(&leaf.pem(), &key.serialize_pem());
        Self {
            server: offer(plain(), certificate).start(),
            folder,
        }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// Settings that trust it, and have it named by its name.
    fn settings(&self) -> Settings {
        let mut settings = self.server.settings();
        settings.email_host = "localhost".to_owned();
        settings.email_ssl_cafile = Some(self.root());
        settings
    }

    /// The first connection.
    fn heard(&self) -> Conversation {
        self.server.conversations().remove(0)
    }
}

fn offering(mechanisms: &[Mechanism]) -> impl FnOnce(Builder, Certificate) -> Builder {
    move |server, certificate| {
        let server = server.starttls(certificate).login("ann", "hunter2");
        server.mechanisms(mechanisms.iter().copied())
    }
}

fn message() -> EmailMessage {
    EmailMessage::new("Hello", "text")
        .from("a@example.com")
        .to(["b@example.com"])
}

fn send_one(driver: Driver, settings: Settings) -> Report {
    send(driver, settings, &[message()]).remove(0)
}

#[track_caller]
fn fails(report: &Report, kind: ErrorKind, phase: Phase, words: &[&str]) {
    let error = report.error.as_ref().expect("an error");
    assert_eq!(
        (error.kind(), error.phase()),
        (kind, Some(phase)),
        "{error}"
    );
    for word in words {
        assert!(error.to_string().contains(word), "no {word:?} in {error}");
    }
}

#[track_caller]
fn sent(report: &Report) {
    assert_eq!(report.status(), Status::Sent, "{:?}", report.error);
}

fn starttls(driver: Driver) {
    let site = Site::new(Builder::starttls);
    sent(&send_one(driver, site.settings()));
    let heard = site.heard().commands;
    assert_eq!(heard[1], "STARTTLS");
    assert!(heard[2].starts_with("EHLO"), "{heard:?}");
    assert_eq!(heard.last().map(String::as_str), Some("QUIT"));
}

fn implicit_tls(driver: Driver) {
    let site = Site::new(Builder::implicit_tls);
    let mut settings = site.settings();
    sent(&send_one(driver, settings.clone()));
    // An address is looked for among the addresses of the certificate.
    settings.email_host = "127.0.0.1".to_owned();
    sent(&send_one(driver, settings));
}

fn a_large_message_under_tls(driver: Driver) {
    let site = Site::new(Builder::starttls);
    let large = message().body("a line of text that is not long\n".repeat(200_000));
    let reports = send(driver, site.settings(), &[large, message()]);
    reports.iter().for_each(sent);
    let sizes = site.server.taken();
    assert!(sizes[0].content.len() > 6_000_000);
}

fn an_unknown_root_is_not_trusted(driver: Driver) {
    let site = Site::new(Builder::starttls);
    let other = Site::new(Builder::starttls);
    let mut settings = site.settings();
    settings.email_ssl_cafile = Some(other.root());
    let report = send_one(driver, settings);
    fails(&report, ErrorKind::Tls, Phase::Starttls, &["UnknownIssuer"]);
    assert_eq!(site.heard().count("MAIL"), 0);
}

fn a_certificate_of_another_name_is_not_trusted(driver: Driver) {
    let site = Site::with(Builder::starttls, |_| {
        let mut other =
            CertificateParams::new(vec!["mail.example.org".to_owned()]).expect("a name");
        // The common name counts for nothing.
        other
            .distinguished_name
            .push(rcgen::DnType::CommonName, "localhost");
        other
    });
    let report = send_one(driver, site.settings());
    let words = ["localhost", "mail.example.org"];
    fails(&report, ErrorKind::Tls, Phase::Starttls, &words);
}

fn an_old_certificate_is_not_trusted(driver: Driver) {
    let site = Site::with(Builder::starttls, |names| {
        let mut old = CertificateParams::new(names).expect("good names");
        old.not_after = rcgen::date_time_ymd(2020, 1, 1);
        old
    });
    let report = send_one(driver, site.settings());
    fails(&report, ErrorKind::Tls, Phase::Starttls, &["expired"]);
}

fn starttls_that_is_not_offered(driver: Driver) {
    let site = Site::new(|server, _| server.login("ann", "hunter2"));
    let mut settings = site.settings();
    settings.email_use_tls = true;
    let report = send_one(driver, settings);
    fails(&report, ErrorKind::Tls, Phase::Ehlo, &["STARTTLS", "plain"]);
    assert_eq!(site.heard().commands.len(), 1);
}

fn words_put_in_before_the_handshake(driver: Driver) {
    let site = Site::new(|server, certificate| {
        let more = At::starttls().accept_and_say("250 x\r\n");
        server.starttls(certificate).rule(more)
    });
    let report = send_one(driver, site.settings());
    fails(&report, ErrorKind::Tls, Phase::Starttls, &["before TLS"]);
}

fn starttls_on_a_port_of_implicit_tls(driver: Driver) {
    let site = Site::new(Builder::implicit_tls);
    let mut settings = site.settings();
    settings.email_use_ssl = false;
    settings.email_use_tls = true;
    settings.email_timeout = Some(Duration::from_millis(500));
    let report = send_one(driver, settings);
    let error = report.error.as_ref().expect("an error");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

fn implicit_tls_on_a_plain_port(driver: Driver) {
    let site = Site::new(|server, _| server);
    let mut settings = site.settings();
    settings.email_use_ssl = true;
    let report = send_one(driver, settings);
    fails(
        &report,
        ErrorKind::Tls,
        Phase::Starttls,
        &["does not speak TLS"],
    );
}

fn a_cut_connection_is_no_end(driver: Driver) {
    let site = Site::new(|server, certificate| server.starttls(certificate).rule(At::end().cut()));
    let report = send_one(driver, site.settings());
    fails(&report, ErrorKind::Connect, Phase::Final, &[]);
    let error = report.error.as_ref().expect("an error");
    assert!(error.is_in_doubt() && error.is_temporary());
}

fn plain_words_when_tls_has_failed(driver: Driver) {
    let site = Site::new(|server, certificate| {
        let server = server.starttls(certificate);
        let server = server.rule(At::content(1).inject("552 5.3.4 put in\r\n"));
        server.rule(At::content(2).freeze())
    });
    let mut settings = site.settings();
    settings.email_timeout = Some(Duration::from_secs(1));
    let large = message().body("a line of text that is not long\n".repeat(250_000));
    let report = send(driver, settings, &[large]).remove(0);
    let error = report.error.as_ref().expect("an error");
    assert!(error.reply().is_none(), "{error}");
    assert_ne!(error.kind(), ErrorKind::Rejected, "{error}");
    assert!(error.is_temporary() && !error.is_in_doubt(), "{error}");
}

/// The settings of a login.
fn login(mut settings: Settings, password: &str) -> Settings {
    settings.email_host_user = "ann".to_owned();
    settings.email_host_password = password.into();
    settings
}

fn a_login_under_tls(driver: Driver) {
    let site = Site::new(offering(&[Mechanism::Plain, Mechanism::Login]));
    sent(&send_one(driver, login(site.settings(), "hunter2")));
    let heard = site.heard();
    assert!(heard.tls && heard.user.as_deref() == Some("ann"));
    let line = |start| {
        heard
            .commands
            .iter()
            .position(|line| line.starts_with(start))
    };
    assert!(line("AUTH") > line("STARTTLS"), "{:?}", heard.commands);
}

fn a_wrong_password(driver: Driver) {
    let site = Site::new(offering(&[
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::CramMd5,
    ]));
    let report = send_one(driver, login(site.settings(), "tr0ub4dor"));
    fails(&report, ErrorKind::Auth, Phase::Auth, &["535", "Wrong"]);
    assert_eq!(site.heard().count("AUTH"), 1, "nothing weaker is tried");
    let shown = format!(
        "{:?} {}",
        report,
        serde_json::to_string(&report).expect("JSON")
    );
    assert!(
        !shown.contains("tr0ub4dor") && !shown.contains("dHIwdWI0ZG9y"),
        "{shown}"
    );
}

fn a_password_is_not_said_in_the_clear(driver: Driver) {
    let site = Site::new(|server, _| server.login("ann", "hunter2"));
    // Another address of this machine, so that it does not look like this machine.
    let mut settings = login(site.settings(), "hunter2");
    settings.email_host = "localhost.localdomain".to_owned();
    let known = std::net::ToSocketAddrs::to_socket_addrs("localhost.localdomain:1").is_ok();
    if known {
        let report = send_one(driver, settings.clone());
        fails(&report, ErrorKind::Auth, Phase::Ehlo, &["EMAIL_USE_TLS"]);
        settings.email_allow_cleartext_auth = true;
        sent(&send_one(driver, settings.clone()));
    }
    settings.email_host = "localhost".to_owned();
    settings.email_allow_cleartext_auth = false;
    sent(&send_one(driver, settings));
}

fn a_login_that_is_not_offered(driver: Driver) {
    let site = Site::new(Builder::starttls);
    let report = send_one(driver, login(site.settings(), "hunter2"));
    fails(&report, ErrorKind::Auth, Phase::Ehlo, &["offers no login"]);
}

fn files_that_cannot_be_used(driver: Driver) {
    let site = Site::new(Builder::starttls);
    let empty = site.folder.path().join("empty.pem");
    std::fs::write(&empty, "").expect("written");
    for file in [site.folder.path().join("missing.pem"), empty] {
        let mut settings = site.settings();
        settings.email_ssl_cafile = Some(file.clone());
        let report = send_one(driver, settings);
        let file = file.display().to_string();
        fails(
            &report,
            ErrorKind::Tls,
            Phase::Starttls,
            &["EMAIL_SSL_CAFILE", &file],
        );
    }
    assert!(Mailer::new(site.settings()).blocking().connection().is_ok());
}
