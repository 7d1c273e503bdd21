//! Which events there are, and what they say.

use std::time::Duration;

use posthaste::testing::{At, Server};
use posthaste::{Mailer, Settings, Status};
use tracing::Level;

use crate::capture::{Told, told};
use crate::message;

/// The only line that has all of these words.
#[track_caller]
fn only<'t>(told: &'t Told, words: &[&str]) -> &'t str {
    let mut found = told
        .iter()
        .filter(|line| words.iter().all(|word| line.contains(word)));
    let line = found
        .next()
        .unwrap_or_else(|| panic!("no {words:?} in {told:#?}"));
    assert_eq!(found.next(), None, "{words:?} twice");
    line
}

#[track_caller]
fn none(told: &Told, word: &str) {
    let found = told.iter().find(|line| line.contains(word));
    assert_eq!(found, None, "{word}");
}

#[test]
fn a_message_that_is_sent() {
    let server = Server::builder()
        .rule(At::end().reply("250 2.0.0 Ok: queued as 4Xyz1"))
        .start();
    let told = told(Level::DEBUG, || {
        let mut connection = Mailer::new(server.settings())
            .blocking()
            .connection()
            .expect("made");
        connection.open().expect("open");
        assert_eq!(
            connection.send(&message(&["ann@example.com"])).status(),
            Status::Sent
        );
        connection.close().expect("closed");
    });
    let sent = only(
        &told,
        &["INFO posthaste::message message sent backend=smtp status=sent message_id=<"],
    );
    assert!(
        sent.contains(" accepted=1 rejected=0 code=250 queue_id=4Xyz1 elapsed_ms="),
        "{sent}"
    );
    let port = server.address().port();
    let span = only(
        &told,
        &["INFO posthaste::connection [1] span connection id="],
    );
    assert!(
        span.ends_with(&format!(" host=127.0.0.1 port={port}")),
        "{span}"
    );
    only(
        &told,
        &["DEBUG posthaste::connection [1] connected elapsed_ms="],
    );
    only(
        &told,
        &[
            "DEBUG posthaste::connection [1] message submitted message_id=<",
            " recipients=1 octets=",
        ],
    );
    only(
        &told,
        &["DEBUG posthaste::connection [1] closed why=quit messages=1"],
    );
    none(&told, "TRACE");
    none(&told, "private");
}

#[test]
fn refusals_of_some_and_of_all() {
    let server = Server::builder()
        .rule(At::rcpt("bob@*").reply("550 5.1.1 bob@example.com: no\x1b[31m such user"))
        .start();
    let told = told(Level::DEBUG, || {
        let mailer = Mailer::new(server.settings()).blocking();
        let reports = mailer.send_messages(&[
            message(&["ann@example.com", "bob@example.com"]),
            message(&["bob@example.com"]),
        ]);
        assert_eq!(reports.count(), 1);
    });
    only(
        &told,
        &[
            "WARN posthaste::message message sent in part",
            " status=partial ",
            " accepted=1 rejected=1 ",
        ],
    );
    let failed = only(
        &told,
        &["WARN posthaste::message message failed", " status=failed "],
    );
    let why = " kind=rejected phase=rcpt temporary=false in_doubt=false";
    assert!(failed.ends_with(why), "{failed}");
    let refusals = told
        .iter()
        .filter(|line| line.contains("DEBUG posthaste::message recipient refused"));
    for refusal in refusals.clone() {
        assert!(refusal.ends_with(
            "recipient=bob@example.com reply=550 5.1.1 bob@example.com: no?[31m such user"
        ));
    }
    assert_eq!(refusals.count(), 2);
    only(
        &told,
        &["DEBUG posthaste::message reason message_id=<", " error="],
    );
}

#[test]
fn a_connection_that_is_kept_and_then_lost() {
    let server = Server::builder()
        .rule(At::end().holding("X-Lose: yes").close())
        .start();
    let told = told(Level::DEBUG, || {
        let mailer = Mailer::new(server.settings()).blocking();
        assert_eq!(mailer.send(&message(&["ann@example.com"])).count(), 1);
        let report = mailer.send(&message(&["ann@example.com"]).header("X-Lose", "yes"));
        assert!(report.error.is_some_and(|error| error.is_in_doubt()));
    });
    only(&told, &["[1] connected"]);
    only(&told, &["[1] reused"]);
    only(&told, &["[1] closed why=lost error=", " messages=2"]);
    only(
        &told,
        &[
            "message failed",
            " kind=connect phase=final temporary=true in_doubt=true",
        ],
    );
}

#[test]
fn no_connection() {
    let mut settings = Settings::default();
    settings.email_host = "127.0.0.1".into();
    settings.email_port = Some(1);
    let told = told(Level::DEBUG, || {
        let report = Mailer::new(settings)
            .blocking()
            .send(&message(&["ann@example.com"]));
        assert_eq!(report.count(), 0);
    });
    only(
        &told,
        &["[1] not connected error=cannot connect to 127.0.0.1 port 1"],
    );
    only(
        &told,
        &[
            "WARN posthaste::message message failed",
            " kind=connect phase=connect ",
        ],
    );
    none(&told, "closed");
}

#[test]
fn the_dialogue() {
    let server = Server::builder().without_extensions().start();
    let told = told(Level::TRACE, || {
        let mut connection = Mailer::new(server.settings())
            .blocking()
            .connection()
            .expect("made");
        assert_eq!(connection.send(&message(&["ann@example.com"])).count(), 1);
    });
    let said = "TRACE posthaste::dialogue [1] ";
    let lines: Vec<_> = told
        .iter()
        .filter_map(|line| line.strip_prefix(said))
        .collect();
    assert!(lines[0].starts_with("S: 220 "), "{lines:#?}");
    assert!(lines[1].starts_with("C: EHLO "), "{lines:#?}");
    let commands = server.commands(0);
    let told_commands: Vec<_> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("C: "))
        .collect();
    assert_eq!(told_commands, commands, "all of them, in their order");
    none(&told, "private");
}

#[test]
fn people_are_not_named_at_the_usual_level() {
    let server = Server::builder()
        .login("carol@example.com", "hunter2")
        .rule(At::rcpt("bob@*").reply("550 5.1.1 <bob@example.com> is unknown"))
        .start();
    let told = told(Level::INFO, || {
        let mailer = Mailer::new(server.settings()).blocking();
        let _ = mailer.send(&message(&["ann@example.com", "bob@example.com"]));
        let _ = mailer.send(&message(&["bob@example.com"]));
        let _ = mailer.send(&message(&["not an address"]));
    });
    only(&told, &["span connection"]);
    only(&told, &["message sent in part"]);
    only(&told, &["message failed", "kind=rejected"]);
    only(&told, &["message failed", "kind=invalid"]);
    for word in [
        "example.com",
        "carol",
        "hunter2",
        "private",
        "not an address",
    ] {
        none(&told, word);
    }
}

#[test]
fn other_backends_tell_of_messages_too() {
    let told = told(Level::INFO, || {
        let outbox = posthaste::Outbox::new();
        let report = outbox
            .mailer()
            .blocking()
            .send(&message(&["ann@example.com"]));
        assert_eq!(report.count(), 1);
    });
    assert_eq!(told.len(), 1);
    only(&told, &["message sent backend=locmem"]);
}

#[test]
fn it_is_the_same_on_tokio_and_one_who_gives_up_drops_the_connection() {
    let server = Server::builder()
        .rule(At::end().holding("X-Stall: yes").stall())
        .start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let told = told(Level::TRACE, || {
        runtime.block_on(async {
            let mailer = Mailer::new(server.settings());
            assert_eq!(mailer.send(&message(&["ann@example.com"])).await.count(), 1);
            let late = message(&["ann@example.com"]).header("X-Stall", "yes");
            let limit = Duration::from_millis(300);
            let cut = tokio::time::timeout(limit, mailer.send(&late)).await;
            assert!(cut.is_err(), "it never ends");
        });
    });
    only(&told, &["message sent backend=smtp"]);
    only(&told, &["[1] reused"]);
    only(&told, &["[1] closed why=dropped messages=2"]);
    // The lines are told before the answer is awaited.
    let envelopes = told
        .iter()
        .filter(|line| line.contains("C: RCPT TO:<ann@example.com>"));
    assert_eq!(envelopes.count(), 2);
}
