//! `--verbose`: what happens is told on standard error, and no secret with it.

use posthaste::testing::{At, Server};
use posthaste_tests::{Ended, Place};

const PASSWORD: &str = "hunter2-and-more";

fn server() -> Server {
    Server::builder()
        .login("ann", PASSWORD)
        .rule(At::rcpt("bob@*").reply("550 5.1.1 \u{1b}[31mNo such user"))
        .start()
}

fn send(server: &Server, verbose: &[&str]) -> Ended {
    let message = [
        "--from",
        "ann@example.com",
        "--to",
        "bob@example.com",
        "--to",
        "cy@example.com",
        "--subject",
        "private",
        "--body",
        "private",
        "--json",
    ];
    let place = Place::new();
    let run = place.posthaste([&["send"][..], verbose, &message].concat());
    run.env("EMAIL_HOST", "127.0.0.1")
        .env("EMAIL_PORT", server.address().port().to_string())
        .env("EMAIL_HOST_USER", "ann")
        .env("EMAIL_HOST_PASSWORD", PASSWORD)
        .end()
}

#[test]
fn nothing_is_told_unless_it_is_asked_for() {
    let ended = send(&server(), &[]);
    assert_eq!(ended.stderr, "");
}

#[test]
fn once_tells_of_messages_and_connections() {
    let server = server();
    let ended = send(&server, &["-v"]);
    let port = server.address().port();
    for part in [
        &format!("[1] connecting  host=127.0.0.1  port={port}"),
        "[1] agreed on  login=PLAIN",
        "[1] connected  elapsed_ms=",
        "message sent in part  backend=smtp  message_id=<",
        "recipient=bob@example.com  reply=550 5.1.1 ?[31mNo such user",
        "[1] closed  why=quit  messages=1",
    ] {
        assert!(ended.stderr.contains(part), "{part} in {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("C: "), "{}", ended.stderr);
    // Standard output has the outcome alone.
    assert_eq!(ended.text().lines().count(), 1);
}

#[test]
fn twice_tells_every_line_but_no_secret_and_no_content() {
    let server = server();
    for verbose in [&["-vv"][..], &["--verbose", "-v"]] {
        let ended = send(&server, verbose);
        let told = &ended.stderr;
        for part in [
            "[1] S: 220 ",
            "[1] C: AUTH PLAIN ***\n",
            "[1] C: RCPT TO:<bob@example.com>",
            "[1] C: QUIT",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
        for secret in [
            PASSWORD,
            "aHVudGVyMi1hbmQtbW9yZQ",
            "AGFubgBodW50ZXIyLWFuZC1tb3Jl",
            "private",
            "\u{1b}",
        ] {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
        assert_eq!(ended.text().lines().count(), 1);
    }
}
