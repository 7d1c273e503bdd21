//! `posthaste sendtestemail`: Django's management command.

#[allow(
    dead_code,
    reason = "written for the tests of the SMTP backend, which ask for more"
)]
#[path = "support/mod.rs"]
mod support;

use posthaste_tests::{Place, Run};
use support::{Act, At, Sink};

const BODY: &str = "\n\nIf you're reading this, it was successful.\n";

fn test_email(place: &Place, args: &[&str]) -> Run {
    let run = place
        .posthaste(["sendtestemail"].iter().chain(args))
        .env("EMAIL_BACKEND", "console");
    run.env("MANAGERS", "m@x.org,n@x.org")
        .env("ADMINS", "admin@x.org")
}

#[test]
fn the_addresses_get_one_mail() {
    let place = Place::new();
    let ended = test_email(&place, &["a@x.org", "b@x.org"])
        .env("DEFAULT_FROM_EMAIL", "me@x.org")
        .end()
        .exits(0);
    let text = ended.text();
    assert!(
        text.contains("From: me@x.org\n")
            && text.contains("To: a@x.org, b@x.org\n")
            && text.contains(BODY),
        "{text}"
    );
    let subject = text
        .lines()
        .find(|line| line.starts_with("Subject: "))
        .expect("a subject");
    assert!(
        subject.starts_with("Subject: Test email from "),
        "{subject}"
    );
    assert!(text.replace("\n ", " ").contains(" on 20"), "{text}");
    assert_eq!(text.matches("Subject: ").count(), 1);
    assert_eq!(ended.stderr, "test email sent to a@x.org, b@x.org\n");
}

#[test]
fn managers_and_admins_get_their_own() {
    let place = Place::new();
    let ended = test_email(&place, &["--admins", "--managers", "a@x.org"])
        .end()
        .exits(0);
    let text = ended.text().replace("\n ", " ");
    let to: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("To: "))
        .collect();
    assert_eq!(
        to,
        ["To: a@x.org", "To: m@x.org, n@x.org", "To: admin@x.org"]
    );
    assert_eq!(text.matches("From: root@localhost\n").count(), 2);
    assert_eq!(
        text.matches("Subject: [Django] Test email from ").count(),
        2
    );
    let ended = test_email(&place, &["--admins"]).end().exits(0);
    assert_eq!(ended.text().matches("Subject: ").count(), 1);
}

#[test]
fn settings_that_name_nobody_are_told() {
    let ended = test_email(&Place::new(), &["--managers"])
        .env("MANAGERS", "")
        .end()
        .exits(0);
    assert!(
        ended.text().is_empty() && ended.stderr.starts_with("MANAGERS names nobody"),
        "{ended:?}"
    );
}

#[test]
fn without_anybody_it_is_refused() {
    test_email(&Place::new(), &[])
        .end()
        .refuses(&["not provided: <ADDRESS>"]);
    test_email(&Place::new(), &["--using", "default"])
        .end()
        .refuses(&["ADDRESS"]);
}

#[test]
fn a_named_mailer_is_chosen() {
    let place = Place::new();
    place.write("posthaste.toml", "[mailers.bulk]\nbackend = \"dummy\"\n");
    assert!(
        test_email(&place, &["a@x.org", "--using", "bulk"])
            .end()
            .exits(0)
            .text()
            .is_empty()
    );
    test_email(&place, &["a@x.org", "--using", "gone"])
        .end()
        .refuses(&["gone", "bulk"]);
}

#[test]
fn what_cannot_be_sent_is_told() {
    let place = Place::new();
    test_email(&place, &["a@@x"]).end().refuses(&["to", "a@@x"]);
    test_email(&place, &["--admins"])
        .env("ADMINS", "@")
        .end()
        .refuses(&["ADMINS"]);
    let run = test_email(&place, &["a@x.org"])
        .env("EMAIL_BACKEND", "smtp")
        .env("EMAIL_HOST", "127.0.0.1");
    run.env("EMAIL_PORT", "1")
        .end()
        .exits(1)
        .complains(&["127.0.0.1"]);

    let sink = Sink::scripted(|_, at| match at {
        At::Command("RCPT TO:<b@x.org>") => Some(Act::Say("550 5.1.1 No")),
        _ => None,
    });
    let run = test_email(&place, &["a@x.org", "b@x.org"])
        .env("EMAIL_BACKEND", "smtp")
        .env("EMAIL_HOST", "127.0.0.1");
    let ended = run
        .env("EMAIL_PORT", sink.address.port().to_string())
        .end()
        .exits(1);
    assert!(
        ended
            .stderr
            .starts_with("error: b@x.org: was refused: 550 5.1.1 No\n"),
        "{ended:?}"
    );
    assert!(
        ended.stderr.ends_with("test email sent to a@x.org\n"),
        "{ended:?}"
    );
}
