//! Logins at a real Postfix whose passwords Dovecot knows, by every mechanism.

use posthaste_tests::dovecot::{Dovecot, PASSWORD, USER};
use posthaste_tests::postfix::Postfix;
use posthaste_tests::{Ended, Place};

use super::{message, send};

const WRONG: &str = "wr0ng-Passw0rd";

/// All that Dovecot can do with a password, the weakest first.
const MECHANISMS: [&str; 5] = ["plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256"];

#[test]
fn each_mechanism_logs_in_and_refuses_a_wrong_password() {
    for mechanism in MECHANISMS {
        let Some((dovecot, postfix)) = servers(mechanism) else {
            return;
        };
        let ended = log_in(&postfix, PASSWORD).exits(0);
        assert_eq!(ended.statuses(), ["sent"], "{mechanism}: {}", dovecot.log());
        postfix.logs(&format!(
            "sasl_method={}, sasl_username={USER}",
            mechanism.to_uppercase()
        ));

        let ended = log_in(&postfix, WRONG).exits(1);
        let error = &ended.json()[0]["error"];
        assert_eq!(error["kind"], "auth", "{mechanism}: {error}");
        assert_eq!(error["phase"], "auth", "{mechanism}: {error}");
        assert_eq!(error["temporary"], false, "{mechanism}: {error}");
        let text = error["message"].as_str().expect("text");
        // With SCRAM the client itself may notice; what it says then is no reply.
        assert!(text.contains("535 5.7.8"), "{mechanism}: {error}");
        hides(&ended, WRONG);
        assert_eq!(postfix.count(), 1, "{mechanism}");
    }
}

#[test]
fn the_strongest_of_all_is_taken() {
    let Some((dovecot, postfix)) = servers(&MECHANISMS.join(" ")) else {
        return;
    };
    let ended = log_in(&postfix, PASSWORD).exits(0);
    assert_eq!(ended.statuses(), ["sent"], "{}", dovecot.log());
    postfix.logs(&format!("sasl_method=SCRAM-SHA-256, sasl_username={USER}"));
}

#[test]
fn without_a_login_the_server_takes_nothing() {
    let Some((_dovecot, postfix)) = servers("plain") else {
        return;
    };
    let mail = message("no login", &["ann@example.com"]).to_string();
    let ended = send(&Place::new(), &postfix, mail).end().exits(1);
    assert_eq!(ended.statuses(), ["failed"]);
    assert_eq!(postfix.count(), 0);
}

#[test]
fn a_token_logs_in_and_another_is_refused_and_asked_for_again() {
    for mechanism in ["xoauth2", "oauthbearer"] {
        let Some((dovecot, postfix)) = servers(mechanism) else {
            return;
        };
        let with_token = |name: &str, value: &str| {
            let mail = message("with a token", &["ann@example.com"]).to_string();
            send(&Place::new(), &postfix, mail)
                .env("EMAIL_HOST_USER", USER)
                .env(name, value)
                .end()
        };
        let token = Dovecot::token(USER);
        let ended = with_token("EMAIL_HOST_TOKEN", &token).exits(0);
        assert_eq!(ended.statuses(), ["sent"], "{mechanism}: {}", dovecot.log());
        postfix.logs(&format!(
            "sasl_method={}, sasl_username={USER}",
            mechanism.to_uppercase()
        ));
        hides(&ended, &token);

        // Signed for nobody, so that its end is another.
        let wrong = Dovecot::token("bob@example.com").replace('.', ".x");
        let ended = with_token("EMAIL_HOST_TOKEN", &wrong).exits(1);
        let error = &ended.json()[0]["error"];
        assert_eq!(error["kind"], "auth", "{mechanism}: {error}");
        hides(&ended, &wrong);

        // A program that first knows only a token that is refused.
        let place = Place::new();
        place.write("wrong", &wrong);
        place.write("right", &token);
        place.write("next", "cat wrong; cp right wrong");
        let mail = message("with a program", &["ann@example.com"]).to_string();
        let ended = send(&place, &postfix, mail)
            .env("EMAIL_HOST_USER", USER)
            .env("EMAIL_TOKEN_COMMAND", "sh next")
            .end()
            .exits(0);
        assert_eq!(ended.statuses(), ["sent"], "{mechanism}: {}", dovecot.log());
        assert_eq!(postfix.count(), 2, "{mechanism}");
    }
}

/// A Postfix that takes mail from nobody who has not logged in, and the Dovecot that it asks.
fn servers(mechanisms: &str) -> Option<(Dovecot, Postfix)> {
    let dovecot = Dovecot::start(mechanisms)?;
    let socket = dovecot.auth_socket();
    let socket = socket.to_str().expect("a path in UTF-8");
    let settings = [
        ("smtpd_sasl_auth_enable", "yes"),
        ("smtpd_sasl_type", "dovecot"),
        ("smtpd_sasl_path", socket),
        ("smtpd_sasl_security_options", "noanonymous"),
        (
            "smtpd_relay_restrictions",
            "permit_sasl_authenticated, reject",
        ),
    ];
    let postfix = Postfix::start_with(&[], &settings)?;
    Some((dovecot, postfix))
}

/// A message sent by somebody who says that password; it is nowhere in what comes out.
fn log_in(postfix: &Postfix, password: &str) -> Ended {
    let mail = message("with a login", &["ann@example.com"]).to_string();
    let ended = send(&Place::new(), postfix, mail)
        .env("EMAIL_HOST_USER", USER)
        .env("EMAIL_HOST_PASSWORD", password)
        .end();
    hides(&ended, password);
    ended
}

/// The password is nowhere in what came out, as it is or in the forms that mechanisms send.
#[track_caller]
fn hides(ended: &Ended, password: &str) {
    let plain = format!("\0{USER}\0{password}");
    for secret in [password.to_owned(), base64(password), base64(&plain)] {
        assert!(!ended.text().contains(&secret), "{ended:?}");
        assert!(!ended.stderr.contains(&secret), "{ended:?}");
    }
}

fn base64(text: &str) -> String {
    posthaste_tests::mail::base64(text.as_bytes())
}
