//! TLS with the certificate that the inbox makes itself, and with those that faults show.

use posthaste::{EmailMessage, ErrorKind, Mailer, Report, Settings};
use posthaste_inbox::fault::{Certificate, Rule, Step};
use posthaste_inbox::{Inbox, Tls, Want};

use crate::raw::Client;

const ANY_PORT: &str = "127.0.0.1:0";

async fn send(settings: Settings) -> Report {
    let message = EmailMessage::new("Secret", "x")
        .from("a@example.com")
        .to(["b@example.com"]);
    Mailer::new(settings).send(&message).await
}

#[tokio::test]
async fn by_starttls_and_on_a_port_of_its_own() {
    let smtps = ANY_PORT.parse().expect("an address");
    let inbox = Inbox::builder()
        .tls(true)
        .smtps(smtps)
        .start()
        .expect("free ports");
    for settings in [
        inbox.settings(),
        inbox.smtps_settings().expect("it has one"),
    ] {
        assert!(settings.email_use_tls != settings.email_use_ssl);
        for host in ["127.0.0.1", "localhost"] {
            let mut settings = settings.clone();
            settings.email_host = host.to_owned();
            let report = send(settings).await;
            assert_eq!(report.count(), 1, "{report:?}");
            let mail = inbox.wait(Want::any()).await.expect("the mail");
            let tls = mail.session.tls.as_deref().expect("under TLS");
            assert!(tls.starts_with("TLS 1.3 "), "{tls}");
            assert!(mail.transcript.contains("TLS 1.3"));
        }
    }
}

#[tokio::test]
async fn nobody_trusts_it_without_being_told() {
    let inbox = Inbox::builder().tls(true).start().expect("a free port");
    let mut settings = inbox.settings();
    settings.email_ssl_cafile = None;
    let report = send(settings).await;
    assert_eq!(report.error.map(|error| error.kind()), Some(ErrorKind::Tls));
}

#[tokio::test]
async fn faults_show_other_certificates() {
    let smtps = ANY_PORT.parse().expect("an address");
    let inbox = Inbox::builder()
        .tls(true)
        .smtps(smtps)
        .start()
        .expect("free ports");
    for settings in [
        inbox.settings(),
        inbox.smtps_settings().expect("it has one"),
    ] {
        for (certificate, words) in [
            (Certificate::Expired, "expired"),
            (Certificate::WrongName, "wrong-name.invalid"),
            (Certificate::Untrusted, "trust"),
        ] {
            let rule = Rule::at(Step::StartTls).certificate(certificate).times(1);
            inbox.set_faults(vec![rule]).expect("a good rule");
            let error = send(settings.clone()).await.error.expect("no trust");
            assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
            assert!(
                error.to_string().contains(words),
                "{certificate:?}: {error}"
            );
            assert_eq!(inbox.faults()[0].hits, 1);
            assert_eq!(send(settings.clone()).await.count(), 1);
        }
        let rule = Rule::at(Step::StartTls).certificate(Certificate::Refuse);
        inbox.set_faults(vec![rule]).expect("a good rule");
        assert!(send(settings).await.error.is_some());
    }
    inbox
        .set_faults(vec![
            Rule::at(Step::StartTls).certificate(Certificate::Refuse),
        ])
        .expect("a good rule");
    Client::new(&inbox).ask("STARTTLS", 454);
}

#[tokio::test]
async fn what_is_required_is_asked_for() {
    let inbox = Inbox::builder()
        .tls(Tls::Required)
        .smtps(ANY_PORT.parse().expect("an address"))
        .start()
        .expect("free ports");
    let mut client = Client::new(&inbox);
    let answer = client.ask("EHLO again", 250);
    assert!(
        answer.contains("STARTTLS") && !answer.contains("AUTH"),
        "{answer}"
    );
    client.ask("AUTH PLAIN AGFubgBodW50ZXIy", 502);
    client.ask("MAIL FROM:<a@example.com>", 530);
    let report = send(inbox.private("ann").settings()).await;
    assert_eq!(report.count(), 1, "{report:?}");
    let mail = inbox.wait(Want::any()).await.expect("the mail");
    assert_eq!(mail.mailbox, "ann");
    let report = send(inbox.smtps_settings().expect("it has one")).await;
    assert_eq!(report.count(), 1, "{report:?}");
}

#[test]
fn what_is_said_before_the_handshake_is_forgotten() {
    let inbox = Inbox::builder().tls(true).start().expect("a free port");
    let mut client = Client::new(&inbox);
    client.say("STARTTLS\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n");
    assert_eq!(client.code(), 220);
    assert!(inbox.mails_blocking().is_empty());
}

#[tokio::test]
async fn an_authority_that_is_kept_is_the_same_next_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || {
        Inbox::builder()
            .tls(true)
            .authority(folder.path())
            .start()
            .expect("a free port")
    };
    let first = start();
    let trusted = first.authority().expect("a file").to_owned();
    let before = std::fs::read(&trusted).expect("it is there");
    drop(first);
    let second = start();
    assert_eq!(std::fs::read(&trusted).expect("it is there"), before);
    assert_eq!(send(second.settings()).await.count(), 1);

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let key = std::fs::metadata(folder.path().join("inbox-ca.key")).expect("the key");
        assert_eq!(key.permissions().mode() & 0o077, 0);
    }
    // Without a folder it goes with the inbox.
    let passing = Inbox::builder().tls(true).start().expect("a free port");
    let path = passing.authority().expect("a file").to_owned();
    assert!(path.exists());
    drop(passing);
    // The inbox's threads may hold it a moment longer.
    while path.exists() {
        std::thread::yield_now();
    }
}
