//! Nothing that is said to log in is told, at any level, by any mechanism.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use encodify::base64::STANDARD;
use posthaste::testing::{At, Mechanism, Server};
use posthaste::{Mailer, Settings};
use tracing::Level;

use crate::capture::{Told, told};
use crate::message;

const SECRET: &str = "hunter2-and-more";

/// Nothing of what a client `said` to log in is among what was told, nor is the secret or its base64.
#[track_caller]
fn hidden(told: &Told, said: &[String]) {
    let is_auth = |line: &&String| line.starts_with("AUTH ") || !line.contains(' ');
    let words = said
        .iter()
        .filter(is_auth)
        .map(|line| line.rsplit(' ').next().expect("a word"));
    let needles: Vec<_> = words
        .filter(|word| word.len() > 8 && !is_mechanism(word))
        .collect();
    assert!(!needles.is_empty(), "a login was said: {said:?}");
    let known = [SECRET, "aHVudGVyMi1hbmQtbW9yZQ"];
    for needle in known.iter().chain(&needles) {
        let found = told.iter().find(|line| line.contains(needle));
        assert_eq!(found, None, "{needle}");
    }
    let shown = told.iter().any(|line| line.contains("***"));
    assert!(shown, "the dialogue is told, without the secret: {told:#?}");
    let controls = told.iter().find(|line| line.contains(char::is_control));
    assert_eq!(controls, None);
}

/// All that is told of a message, which has to be sent or not.
#[track_caller]
fn told_of(settings: Settings, is_sent: bool) -> Told {
    told(Level::TRACE, || {
        let mailer = Mailer::new(settings).blocking();
        let report = mailer.send(&message(&["ann@example.com"]));
        assert_eq!(report.count(), usize::from(is_sent), "{report:?}");
    })
}

fn is_mechanism(word: &str) -> bool {
    Mechanism::ALL.iter().any(|one| one.to_string() == word)
}

#[test]
fn by_password_and_by_token() {
    for mechanism in [
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::CramMd5,
        Mechanism::Xoauth2,
        Mechanism::OauthBearer,
    ] {
        for known in [SECRET, "another"] {
            let server = Server::builder()
                .login("ann", known)
                .mechanisms([mechanism])
                .start();
            let mut settings = server.settings();
            settings.email_host_password = SECRET.into();
            if matches!(mechanism, Mechanism::Xoauth2 | Mechanism::OauthBearer) {
                settings.email_host_password = "".into();
                settings.email_host_token = SECRET.into();
            }
            let told = told_of(settings, known == SECRET);
            hidden(&told, &server.commands(0));
        }
    }
}

/// Servers say "unknown command" and repeat it, also later.
#[test]
fn by_a_server_that_repeats_it() {
    let plain = STANDARD.encode(format!("\0ann\0{SECRET}"));
    let words = format!("{SECRET} \x1b[31m {plain}");
    for rule in [
        At::auth().reply(&format!("535-5.7.8 {words}\r\n535 5.7.8 {words}")),
        At::rcpt("*").reply(&format!("550 5.7.1 {words} may not")),
    ] {
        let server = Server::builder()
            .any_login()
            .mechanisms([Mechanism::Plain])
            .rule(rule)
            .start();
        let mut settings = server.settings();
        settings.email_host_user = "ann".into();
        settings.email_host_password = SECRET.into();
        let told = told_of(settings, false);
        hidden(&told, &server.commands(0));
    }
}

/// What SCRAM says lets one who reads it try passwords.
#[test]
fn by_scram() {
    let (port, server) = scram();
    let mut settings = Settings::default();
    settings.email_host = "127.0.0.1".into();
    settings.email_port = Some(port);
    settings.email_host_user = "ann".into();
    settings.email_host_password = SECRET.into();
    let told = told_of(settings, false);
    let said = server.join().expect("no panic");
    assert_eq!(said.len(), 3, "{said:?}");
    hidden(&told, &said);
    let salt = told.iter().find(|line| line.contains("334 "));
    assert!(
        salt.is_some_and(|line| line.ends_with("S: 334 ***")),
        "{salt:?}"
    );
}

/// A server that lets nobody in; gives its port, and what it has heard.
fn scram() -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let work = thread::spawn(move || {
        let (mut out, _) = listener.accept().expect("a client");
        let mut lines = BufReader::new(out.try_clone().expect("a copy")).lines();
        let mut said = Vec::new();
        let mut answer = "220 hi".to_owned();
        loop {
            write!(out, "{answer}\r\n").expect("written");
            let Some(Ok(line)) = lines.next() else {
                return said;
            };
            answer = match line.strip_prefix("AUTH SCRAM-SHA-256 ") {
                Some(first) => {
                    let first = STANDARD.decode(first).expect("base64");
                    let first = String::from_utf8(first).expect("text");
                    let (_, nonce) = first.split_once("r=").expect("a nonce");
                    let challenge = format!("r={nonce}more,s=c2FsdHNhbHQ=,i=4096");
                    format!("334 {}", STANDARD.encode(challenge))
                }
                None if line.starts_with("EHLO") => "250-mx\r\n250 AUTH SCRAM-SHA-256".to_owned(),
                None => "535 5.7.8 no".to_owned(),
            };
            said.push(line);
            if said.len() == 3 {
                write!(out, "{answer}\r\n").expect("written");
                return said;
            }
        }
    });
    (port, work)
}
