//! STARTTLS and AUTH: what is said, what is refused, and that nothing shows a secret.

use posthaste_smtp::{
    Config, Credentials, Hello, Mail, Mechanism, Path, Phase, Security, Session, Step, Ticket,
    ViolationKind,
};

const GREETING: &str = "220 mx.example\r\n";

/// A session that wants this, and a mail to send.
fn session(change: impl FnOnce(&mut Config)) -> (Session, Ticket) {
    let mut config = Config::new(Hello::new("client.example").unwrap());
    config.nonce = "fyko+d2lbbFgONRv9qkxdawL".to_owned();
    change(&mut config);
    let mut session = Session::new(config);
    let path = |text| Path::new(text).unwrap();
    let ticket = session.submit(Mail::new(path("a@example.com"), [path("b@example.com")]));
    (session, ticket)
}

fn ann(config: &mut Config) {
    config.credentials = Some(Credentials::password("ann", "hunter2").unwrap());
}

fn on_tls(config: &mut Config) {
    config.security = Security::Tls(None);
    ann(config);
}

/// What is sent next, after this was said.
fn say(session: &mut Session, reply: &str) -> String {
    session.received(reply.as_bytes());
    let mut said = String::new();
    while let Ok(Step::Send(bytes)) = session.poll() {
        said.push_str(std::str::from_utf8(bytes).unwrap());
        let n = bytes.len();
        session.sent(n);
    }
    said
}

/// Up to the answer to EHLO.
fn greet(session: &mut Session, extensions: &str) -> String {
    assert_eq!(say(session, GREETING), "EHLO client.example\r\n");
    say(session, &format!("250-mx.example\r\n250 {extensions}\r\n"))
}

fn broken(session: &mut Session) -> ViolationKind {
    session
        .poll()
        .expect_err("the conversation is broken")
        .kind()
}

#[test]
fn tls_comes_before_all_and_what_was_said_before_is_forgotten() {
    let (mut session, _) = session(|config| {
        config.security = Security::StartTls;
        ann(config);
    });
    assert_eq!(greet(&mut session, "STARTTLS"), "STARTTLS\r\n");
    assert_eq!(session.poll(), Ok(Step::Receive(Phase::Starttls)));
    assert_eq!(say(&mut session, "220 go\r\n"), "");
    assert_eq!(session.poll(), Ok(Step::StartTls));
    session.tls_started(None);
    assert_eq!(session.extensions(), None);
    assert_eq!(say(&mut session, ""), "EHLO client.example\r\n");
    let auth = say(&mut session, "250-mx.example\r\n250 AUTH PLAIN\r\n");
    assert_eq!(auth, "AUTH PLAIN AGFubgBodW50ZXIy\r\n");
    assert_eq!(session.poll(), Ok(Step::Receive(Phase::Auth)));
    assert_eq!(
        say(&mut session, "235 welcome\r\n"),
        "MAIL FROM:<a@example.com>\r\n"
    );
}

#[test]
fn tls_that_is_not_offered_is_no_reason_to_do_without() {
    for extensions in ["8BITMIME", "AUTH PLAIN", "XSTARTTLS"] {
        let (mut session, ticket) = session(|config| {
            config.security = Security::StartTls;
            ann(config);
        });
        assert_eq!(greet(&mut session, extensions), "");
        assert_eq!(broken(&mut session), ViolationKind::NoStartTls);
        let lost = session.lost();
        assert_eq!(lost[0].0, ticket);
        assert!(lost[0].1.never_started && !lost[0].1.in_doubt);
    }
}

#[test]
fn a_server_without_extensions_has_no_tls() {
    let (mut session, _) = session(|config| config.security = Security::StartTls);
    say(&mut session, GREETING);
    assert_eq!(say(&mut session, "502 what?\r\n"), "");
    assert!(matches!(session.poll(), Ok(Step::Closed(Some(reply))) if reply.code() == 502));
}

#[test]
fn a_refused_starttls_ends_it() {
    for refusal in ["454 not now\r\n", "501 no\r\n", "554 never\r\n"] {
        let (mut session, _) = session(|config| config.security = Security::StartTls);
        greet(&mut session, "STARTTLS");
        assert_eq!(say(&mut session, refusal), "");
        assert!(matches!(session.poll(), Ok(Step::Closed(Some(_)))));
    }
}

/// CVE-2011-0411, CVE-2021-38371 and their kin: words put in before the handshake.
#[test]
fn bytes_after_the_go_ahead_are_refused() {
    for injected in ["2", "250 AUTH PLAIN\r\n", "\0", "\r\n"] {
        let (mut session, _) = session(|config| config.security = Security::StartTls);
        greet(&mut session, "STARTTLS");
        say(&mut session, &format!("220 go\r\n{injected}"));
        assert_eq!(
            broken(&mut session),
            ViolationKind::Injected,
            "{injected:?}"
        );
    }
}

#[test]
fn a_handshake_cannot_be_claimed_when_none_was_asked_for() {
    let (mut session, _) = session(|config| config.security = Security::StartTls);
    session.tls_started(None);
    assert_eq!(greet(&mut session, "STARTTLS"), "STARTTLS\r\n");
}

#[test]
fn secrets_are_not_said_in_the_clear() {
    let (mut session, _) = session(ann);
    assert_eq!(greet(&mut session, "AUTH PLAIN LOGIN"), "");
    assert_eq!(broken(&mut session), ViolationKind::NoMechanism);
}

#[test]
fn secrets_are_said_in_the_clear_where_the_user_wants_it() {
    let (mut session, _) = session(|config| {
        ann(config);
        config.allow_cleartext_auth = true;
    });
    assert!(greet(&mut session, "AUTH PLAIN").starts_with("AUTH PLAIN "));
}

#[test]
fn scram_is_used_in_the_clear_and_proves_the_server() {
    let (mut session, _) = session(|config| {
        config.credentials = Some(Credentials::password("user", "pencil").unwrap());
    });
    let first = greet(&mut session, "AUTH PLAIN SCRAM-SHA-1");
    assert_eq!(
        first,
        "AUTH SCRAM-SHA-1 biwsbj11c2VyLHI9ZnlrbytkMmxiYkZnT05Sdjlxa3hkYXdM\r\n"
    );
    // The example of RFC 5802, section 5.
    let challenge = "cj1meWtvK2QybGJiRmdPTlJ2OXFreGRhd0wzcmZjTkhZSlkxWlZ2V1ZzN2oscz1RU1hDUitRNnNlazhiZjkyLGk9NDA5Ng==";
    let proof = say(&mut session, &format!("334 {challenge}\r\n"));
    assert!(proof.starts_with("Yz1iaXdzLHI9"), "{proof}");
    let end = say(
        &mut session,
        "334 dj1ybUY5cHFWOFM3c3VBb1pXamE0ZEpSa0ZzS1E9\r\n",
    );
    assert_eq!(end, "\r\n");
    assert!(say(&mut session, "235 ok\r\n").starts_with("MAIL"));
    assert_eq!(session.mechanism(), Some(Mechanism::ScramSha1));
}

#[test]
fn a_server_that_skips_its_proof_is_not_believed() {
    let (mut session, _) = session(ann);
    greet(&mut session, "AUTH SCRAM-SHA-256");
    say(&mut session, "235 come in\r\n");
    assert_eq!(broken(&mut session), ViolationKind::ServerUnproven);
}

#[test]
fn a_wrong_password_is_not_tried_in_a_weaker_way() {
    let (mut session, _) = session(on_tls);
    assert!(greet(&mut session, "AUTH PLAIN LOGIN CRAM-MD5").starts_with("AUTH PLAIN"));
    assert_eq!(say(&mut session, "535 5.7.8 no\r\n"), "");
    assert!(matches!(session.poll(), Ok(Step::Closed(Some(reply))) if reply.code() == 535));
}

#[test]
fn a_mechanism_that_is_not_there_after_all_gives_way_to_the_next() {
    let (mut session, _) = session(on_tls);
    assert!(greet(&mut session, "AUTH PLAIN LOGIN").starts_with("AUTH PLAIN"));
    assert_eq!(say(&mut session, "504 5.5.4 no such\r\n"), "AUTH LOGIN\r\n");
    assert_eq!(say(&mut session, "334 VXNlcm5hbWU6\r\n"), "YW5u\r\n");
    assert_eq!(
        say(&mut session, "334 UGFzc3dvcmQ6\r\n"),
        "aHVudGVyMg==\r\n"
    );
    assert!(say(&mut session, "235 ok\r\n").starts_with("MAIL"));
}

#[test]
fn the_last_mechanism_that_is_not_there_ends_it() {
    let (mut session, _) = session(on_tls);
    greet(&mut session, "AUTH PLAIN");
    assert_eq!(say(&mut session, "504 5.5.4 no such\r\n"), "");
    assert!(matches!(session.poll(), Ok(Step::Closed(Some(reply))) if reply.code() == 504));
}

#[test]
fn no_login_is_no_mail() {
    for extensions in ["8BITMIME", "AUTH", "AUTH GSSAPI"] {
        let (mut session, _) = session(on_tls);
        assert_eq!(greet(&mut session, extensions), "");
        assert_eq!(broken(&mut session), ViolationKind::NoMechanism);
    }
}

#[test]
fn endless_challenges_end() {
    let (mut session, _) = session(on_tls);
    greet(&mut session, "AUTH PLAIN");
    for _ in 0..20 {
        say(&mut session, "334 \r\n");
    }
    assert_eq!(broken(&mut session), ViolationKind::Challenge);
}

#[test]
fn a_long_token_waits_to_be_asked_for() {
    let token = "t".repeat(2_000);
    let (mut session, _) = session(|config| {
        config.security = Security::Tls(None);
        config.credentials = Some(Credentials::token("ann", &token).unwrap());
    });
    assert_eq!(greet(&mut session, "AUTH XOAUTH2"), "AUTH XOAUTH2\r\n");
    let line = say(&mut session, "334 \r\n");
    assert!(line.len() > 2_000 && line.ends_with("\r\n"));
    assert_eq!(
        say(&mut session, "334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"),
        "\r\n"
    );
    say(&mut session, "535 5.7.8 expired\r\n");
    assert!(matches!(session.poll(), Ok(Step::Closed(Some(_)))));
}

#[test]
fn nothing_shows_the_secret() {
    let (mut session, _) = session(on_tls);
    session.received(GREETING.as_bytes());
    let mut shown = String::new();
    for reply in [
        "",
        "250-mx.example\r\n250 AUTH LOGIN\r\n",
        "334 x\r\n",
        "334 y\r\n",
    ] {
        session.received(reply.as_bytes());
        while let Ok(Step::Send(bytes)) = session.poll() {
            let n = bytes.len();
            shown.push_str(&format!("{session:?}"));
            session.sent(n);
            shown.push_str(&format!("{session:?}"));
        }
    }
    assert!(shown.contains("Credentials"));
    for secret in ["hunter2", "aHVudGVyMg", "AGFubgBodW50ZXIy"] {
        assert!(!shown.contains(secret));
        let octets = format!("{:?}", secret.as_bytes());
        assert!(!shown.contains(octets.trim_matches(['[', ']'])));
    }
}

/// What a server says to each of many recipients is kept; so it must not be much.
#[test]
fn long_refusals_are_not_kept_whole() {
    let (mut session, _) = session(|_| ());
    greet(&mut session, "8BITMIME");
    say(&mut session, "250 ok\r\n");
    let line = format!("550-{}\r\n", "x".repeat(900));
    session.received(format!("{}550 no\r\n", line.repeat(60)).as_bytes());
    let Ok(Step::Done(_, outcome)) = session.poll() else {
        panic!("all recipients are refused");
    };
    let kept: usize = outcome.rejected[0].1.lines().map(str::len).sum();
    assert!((900..4_000).contains(&kept), "{kept}");
}

#[test]
fn a_mail_that_requires_tls_needs_it_and_a_server_that_knows_what_it_means() {
    let sent = |security, offered: &str| {
        let mut session = Session::new({
            let mut config = Config::new(Hello::default());
            config.security = security;
            config
        });
        let path = |text| Path::new(text).unwrap();
        let mut mail = Mail::new(path("a@example.com"), [path("b@example.com")]);
        mail.require_tls = true;
        session.submit(mail);
        say(&mut session, GREETING);
        session.received(format!("250-mx\r\n250 {offered}\r\n").as_bytes());
        match session.poll().unwrap() {
            Step::Send(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Step::Done(_, outcome) => outcome.failure.unwrap().to_string(),
            other => panic!("{other:?}"),
        }
    };
    let line = "MAIL FROM:<a@example.com> REQUIRETLS\r\n";
    assert_eq!(sent(Security::Tls(None), "REQUIRETLS"), line);
    let unknown = "the message needs REQUIRETLS, which the server does not offer";
    assert_eq!(sent(Security::Tls(None), "DSN"), unknown);
    let clear = "the message requires TLS, which this connection does not have";
    assert_eq!(sent(Security::None, "REQUIRETLS"), clear);
}
