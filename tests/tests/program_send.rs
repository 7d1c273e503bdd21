//! `posthaste send`.

#[allow(
    dead_code,
    reason = "written for the tests of the SMTP backend, which ask for more"
)]
#[path = "../../posthaste/tests/backends/support.rs"]
mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use posthaste_tests::{Ended, Place, Run};
use serde_json::{Value, json};
use support::{Act, At, Sink};

const ONE: &str = r#"{"subject": "Hi", "body": "text", "to": ["a@x.org"]}"#;

/// `posthaste send` with a backend, without a file.
fn send(place: &Place, backend: &str, args: &[&str]) -> Run {
    place
        .posthaste(["send"].iter().chain(args))
        .env("EMAIL_BACKEND", backend)
}

/// What becomes of an input that is sent to nowhere, as JSON.
fn outcomes(input: &str) -> Ended {
    send(&Place::new(), "dummy", &["--json"]).input(input).end()
}

/// `posthaste send` to a server.
fn send_to(sink: &Sink, args: &[&str], input: impl Into<Vec<u8>>) -> Ended {
    let run = Place::new()
        .posthaste(["send"].iter().chain(args))
        .input(input);
    let port = sink.address.port().to_string();
    run.env("EMAIL_HOST", "127.0.0.1")
        .env("EMAIL_PORT", port)
        .end()
}

/// A message to these people.
fn message(subject: &str, to: &[&str]) -> String {
    json!({"subject": subject, "body": "text", "from_email": "me@x.org", "to": to}).to_string()
}

#[test]
fn reads_an_object_an_array_or_one_object_a_line() {
    let many = format!("{ONE}\n\n{ONE}\r\n{ONE}");
    for (input, count) in [
        (ONE.to_owned(), 1),
        (format!("\u{feff}{ONE}\n"), 1),
        (ONE.replace(", ", ",\n  "), 1),
        (many.clone(), 3),
        (format!("[{ONE}, {ONE}]"), 2),
        (format!("[\n  {ONE},\n  {ONE}\n]\n"), 2),
        ("[]".to_owned(), 0),
    ] {
        let ended = outcomes(&input).exits(0);
        assert_eq!(ended.statuses(), vec!["sent"; count], "{input}");
    }
    let place = Place::new();
    place.write("m.ndjson", &many);
    assert_eq!(
        send(&place, "dummy", &["--json", "m.ndjson"])
            .end()
            .exits(0)
            .json()
            .len(),
        3
    );
    assert_eq!(
        send(&place, "dummy", &["--json", "-"])
            .input(many)
            .end()
            .exits(0)
            .json()
            .len(),
        3
    );
}

#[test]
fn the_line_of_a_message_has_every_field() {
    let sink = Sink::new();
    let ended = send_to(&sink, &["--json"], message("Hi", &["a@x.org", "b@x.org"])).exits(0);
    let line = &ended.json()[0];
    assert!(
        line["message_id"]
            .as_str()
            .is_some_and(|id| id.starts_with('<') && id.ends_with('>'))
    );
    let expected = json!({"status": "sent", "message_id": line["message_id"], "accepted": ["a@x.org", "b@x.org"],
                          "rejected": [], "error": null, "queue_id": null,
                          "reply": {"code": 250, "enhanced": "2.0.0", "message": "Taken"}});
    assert_eq!(*line, expected);
    assert_eq!(ended.stderr, "");
    assert!(
        ended
            .text()
            .starts_with("{\"status\":\"sent\",\"message_id\":\"<")
    );
}

#[test]
fn each_outcome_is_written_as_soon_as_it_is_known() {
    let place = Place::new();
    let mut child = send(&place, "dummy", &["--json", "-"]).start();
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut outcomes = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    for status in ["sent", "skipped", "sent"] {
        let line = if status == "sent" { ONE } else { "{}" };
        writeln!(stdin, "{line}").expect("it reads");
        let outcome = outcomes.next().expect("an outcome").expect("text");
        assert!(
            outcome.contains(&format!("\"status\":\"{status}\"")),
            "{outcome}"
        );
    }
    drop(stdin);
    assert!(outcomes.next().is_none());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn all_go_through_one_connection_in_order() {
    let sink = Sink::new();
    let input: String = (0..5)
        .map(|i| message(&format!("number {i}"), &["a@x.org"]) + "\n")
        .collect();
    let ended = send_to(&sink, &["--json"], input).exits(0);
    assert_eq!(ended.statuses(), ["sent"; 5]);
    assert_eq!(sink.logs().len(), 1);
    let subjects: Vec<bool> = (0..5)
        .map(|i| sink.messages()[i].contains(&format!("Subject: number {i}\r\n")))
        .collect();
    assert_eq!(subjects, [true; 5]);
    assert_eq!(sink.commands(0).last().map(String::as_str), Some("QUIT"));
}

#[test]
fn an_invalid_message_does_not_stop_the_others() {
    let input = format!("{ONE}\n{{\"colour\": 1}}\n{{\"broken\n{ONE}\n");
    let sink = Sink::new();
    let ended = send_to(&sink, &["--json"], input.clone()).exits(1);
    assert_eq!(ended.statuses(), ["sent", "failed", "failed", "sent"]);
    let error = &ended.json()[1]["error"];
    assert_eq!(
        (&error["kind"], &error["field"], &error["temporary"]),
        (&json!("invalid"), &json!("colour"), &json!(false))
    );
    assert_eq!(ended.json()[2]["error"]["kind"], "invalid");
    assert_eq!(sink.messages().len(), 2);

    let array = format!("[{ONE}, {{\"to\": [\"@\"]}}, 12, {ONE}]");
    assert_eq!(outcomes(&array).exits(1).statuses().len(), 4);
    let ended = send(&Place::new(), "console", &[])
        .input(input)
        .end()
        .exits(1);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert!(
        lines[0].starts_with("error: message 2: colour: ")
            && lines[1].starts_with("error: message 3: "),
        "{lines:?}"
    );
    assert_eq!(lines[2..], ["4 messages: 2 sent, 2 failed"]);
}

#[test]
fn when_all_are_invalid_nothing_was_sent() {
    let sink = Sink::new();
    for input in [
        "{\"colour\": 1}",
        "{\"colour\": 1}\n{\"to\": [\"@\"]}",
        "[{\"colour\": 1}]",
        "{\"subject\": \"a",
    ] {
        for args in [&["--json"][..], &[], &["--fail-silently"]] {
            let ended = send_to(&sink, args, input).exits(2);
            assert!(
                ended.stderr.starts_with("error: ") && !ended.stderr.contains("panic"),
                "{ended:?}"
            );
        }
    }
    assert!(sink.messages().is_empty());
    send_to(&sink, &["--json"], "{\"colour\": 1}")
        .exits(2)
        .complains(&["colour"]);
}

#[test]
fn what_is_no_json_of_messages_is_refused() {
    for input in ["", "\n", "hello", "\"a\"", "12", "null"] {
        for args in [&["--json"][..], &[]] {
            send(&Place::new(), "dummy", args)
                .input(input)
                .end()
                .refuses(&["standard input", "expected"]);
        }
    }
    // What came before the fault is sent, so it is no longer a refusal.
    let ended = outcomes(&format!("[{ONE}, {ONE}")).exits(1);
    assert_eq!(ended.statuses(), ["sent", "sent"]);
    ended.complains(&["standard input", "array"]);
}

#[test]
fn a_message_without_recipients_is_skipped() {
    let sink = Sink::new();
    let ended = send_to(&sink, &["--json"], "{\"subject\": \"nobody\"}").exits(0);
    let expected = json!({"status": "skipped", "message_id": null, "accepted": [], "rejected": [], "error": null});
    assert_eq!(ended.json(), [expected]);
    assert!(sink.logs().is_empty());
    let ended = send(&Place::new(), "console", &[])
        .input("{}")
        .end()
        .exits(0);
    assert!(
        ended.text().is_empty() && ended.stderr.contains("1 skipped"),
        "{ended:?}"
    );
}

#[test]
fn a_message_is_accepted_in_part() {
    let sink = Sink::scripted(|_, at| match at {
        At::Command("RCPT TO:<b@x.org>") => Some(Act::Say("550 5.1.1 No such user\u{1b}[31m")),
        At::Command("RCPT TO:<c@x.org>") => Some(Act::Say("452 Full")),
        _ => None,
    });
    let input = message("Hi", &["a@x.org", "b@x.org", "c@x.org"]);
    let ended = send_to(&sink, &["--json"], input.clone()).exits(1);
    let line = &ended.json()[0];
    assert_eq!(
        (&line["status"], &line["accepted"], &line["error"]),
        (&json!("partial"), &json!(["a@x.org"]), &Value::Null)
    );
    let rejected = line["rejected"].as_array().expect("a list");
    assert_eq!(
        (
            &rejected[0]["recipient"],
            &rejected[0]["code"],
            &rejected[0]["enhanced"]
        ),
        (&json!("b@x.org"), &json!(550), &json!("5.1.1"))
    );
    assert_eq!(
        (
            &rejected[1]["code"],
            &rejected[1]["enhanced"],
            &rejected[1]["message"]
        ),
        (&json!(452), &Value::Null, &json!("Full"))
    );

    let ended = send_to(&sink, &["--json", "--fail-silently"], input.clone()).exits(0);
    assert_eq!(ended.statuses(), ["partial"]);
    let ended = send_to(&sink, &[], input).exits(1);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert!(
        lines[0].starts_with("error: message 1: b@x.org: was refused: 550 5.1.1 No such user"),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("error: message 1: c@x.org: was refused: 452 Full"),
        "{lines:?}"
    );
    assert_eq!(lines[2..], ["1 message: 1 sent in part"]);
    assert!(!ended.stderr.contains('\u{1b}'));
}

#[test]
fn after_a_refusal_the_connection_serves_the_next_message() {
    let sink = Sink::scripted(|_, at| match at {
        At::Command(command) if command.starts_with("MAIL FROM:<bad@x.org>") => {
            Some(Act::Say("553 5.1.8 No"))
        }
        _ => None,
    });
    let bad = message("bad", &["a@x.org"]).replace("me@x.org", "bad@x.org");
    let ended = send_to(
        &sink,
        &["--json"],
        format!("{bad}\n{}\n", message("good", &["a@x.org"])),
    )
    .exits(1);
    assert_eq!(ended.statuses(), ["failed", "sent"]);
    let error = &ended.json()[0]["error"];
    assert_eq!(
        (&error["kind"], &error["phase"], &error["temporary"]),
        (&json!("rejected"), &json!("mail"), &json!(false))
    );
    assert_eq!(sink.logs().len(), 1);
}

#[test]
fn after_a_loss_one_new_connection_serves_the_rest() {
    let sink = Sink::scripted(|connection, at| match at {
        At::Data(_) if connection == 0 => Some(Act::Drop),
        _ => None,
    });
    let input: String = ["first", "second", "third"]
        .map(|subject| message(subject, &["a@x.org"]) + "\n")
        .concat();
    let ended = send_to(&sink, &["--json"], input).exits(1);
    assert_eq!(ended.statuses(), ["failed", "sent", "sent"]);
    let error = &ended.json()[0]["error"];
    assert_eq!(
        (&error["temporary"], &error["in_doubt"], &error["phase"]),
        (&json!(true), &json!(true), &json!("final"))
    );
    assert_eq!(ended.json()[0]["accepted"], json!([]));
    assert_eq!(sink.logs().len(), 2);
    let first = sink
        .messages()
        .iter()
        .filter(|text| text.contains("Subject: first"))
        .count();
    assert_eq!(first, 1, "what is in doubt is not sent again");
}

#[test]
fn without_a_server_all_fail() {
    let port = {
        std::net::TcpListener::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr()
            .expect("an address")
            .port()
    };
    let input = format!(
        "{ONE}\n{{\"colour\": 1}}\n{{\"subject\": \"a\\nb\", \"to\": [\"a@x.org\"]}}\n{{}}\n{ONE}"
    );
    let run = Place::new()
        .posthaste(["send", "--json"])
        .env("EMAIL_HOST", "127.0.0.1")
        .input(input);
    let ended = run.env("EMAIL_PORT", port.to_string()).end().exits(1);
    let kinds: Vec<Value> = ended
        .json()
        .iter()
        .map(|line| line["error"]["kind"].clone())
        .collect();
    assert_eq!(
        kinds,
        [
            json!("connect"),
            json!("invalid"),
            json!("invalid"),
            Value::Null,
            json!("connect")
        ]
    );
    assert_eq!(ended.json()[0]["error"]["phase"], "connect");
    let args = ["send", "--fail-silently", "--to", "a@x.org"];
    let run = Place::new()
        .posthaste(args)
        .env("EMAIL_HOST", "127.0.0.1")
        .env("EMAIL_PORT", port.to_string());
    assert!(run.end().exits(0).stderr.starts_with("error: "));
}

#[test]
fn tls_and_logins_are_never_left_out_silently() {
    for (settings, kind, what) in [
        (&[("EMAIL_USE_TLS", "1")][..], "tls", "STARTTLS"),
        (&[("EMAIL_USE_SSL", "1")], "tls", "does not speak TLS"),
        (
            &[
                ("EMAIL_HOST_USER", "me"),
                ("EMAIL_HOST_PASSWORD", "hunter2"),
            ],
            "auth",
            "offers no login",
        ),
    ] {
        let sink = Sink::new();
        let mut run = Place::new()
            .posthaste(["send", "--json", "--to", "a@x.org"])
            .env("EMAIL_HOST", "127.0.0.1")
            .env("EMAIL_TIMEOUT", "20");
        for (name, value) in settings {
            run = run.env(name, value);
        }
        let ended = run.env("EMAIL_PORT", sink.address.port().to_string()).end();
        assert!(sink.messages().is_empty());
        let ended = ended.exits(1);
        let report = &ended.json()[0];
        assert_eq!(report["error"]["kind"], kind, "{report}");
        let message = report["error"]["message"].as_str().expect("text");
        assert!(message.contains(what), "{message}");
        assert!(!ended.text().contains("hunter2") && !ended.stderr.contains("hunter2"));
    }
}

#[test]
fn the_console_prints_to_standard_output_or_beside_json_to_standard_error() {
    let place = Place::new();
    let ended = send(&place, "console", &[]).input(ONE).end().exits(0);
    let rule = format!("\ntext\n\n{}\n", "-".repeat(79));
    assert!(
        ended.text().ends_with(&rule) && ended.text().contains("Subject: Hi\n"),
        "{ended:?}"
    );
    assert_eq!(ended.stderr, "1 message: 1 sent\n");
    let ended = send(&place, "console", &["--json"])
        .input(ONE)
        .end()
        .exits(0);
    assert_eq!(ended.statuses(), ["sent"]);
    assert!(ended.stderr.ends_with(&rule), "{ended:?}");
    let ended = send(
        &place,
        "django.core.mail.backends.console.EmailBackend",
        &[],
    )
    .input(ONE)
    .end()
    .exits(0);
    assert!(ended.text().ends_with(&rule));
}

#[test]
fn the_file_backend_writes_a_file() {
    let place = Place::new();
    let run = send(&place, "file", &[])
        .env("EMAIL_FILE_PATH", "mails")
        .input(format!("{ONE}\n{ONE}\n"));
    let _ = run.end().exits(0);
    assert_eq!(
        place.only_file_of("mails").matches("Subject: Hi\n").count(),
        2
    );
    send(&place, "file", &[])
        .input(ONE)
        .end()
        .refuses(&["EMAIL_FILE_PATH"]);
}

#[test]
fn flags_make_a_message() {
    let place = Place::new();
    place.write("a.txt", "attached");
    let args = [
        "--to",
        "a@x.org",
        "--to",
        "Bob <b@x.org>",
        "--cc",
        "c@x.org",
        "--bcc",
        "d@x.org",
        "--from",
        "me@x.org",
        "--subject",
        "-Grüße",
        "--body",
        "-- text",
        "--html",
        "<p>html",
        "--attach",
        "a.txt",
        "--header",
        "X-Tag: a: b",
    ];
    let sink = Sink::new();
    let run = place
        .posthaste(["send", "--json"].iter().chain(&args))
        .env("EMAIL_HOST", "127.0.0.1");
    let ended = run
        .env("EMAIL_PORT", sink.address.port().to_string())
        .end()
        .exits(0);
    assert_eq!(
        ended.json()[0]["accepted"],
        json!(["a@x.org", "b@x.org", "c@x.org", "d@x.org"])
    );
    assert!(
        sink.commands(0)
            .iter()
            .any(|command| command.starts_with("MAIL FROM:<me@x.org>"))
    );
    let text = &sink.messages()[0];
    for part in [
        "To: a@x.org, Bob <b@x.org>\r\n",
        "Cc: c@x.org\r\n",
        "X-Tag: a: b\r\n",
        "-- text\r\n",
        "<p>html",
        "attached",
        "Subject: =?utf-8?",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    assert!(!text.contains("d@x.org"));
    let ended = send(&place, "console", &["--to", "a@x.org", "--body", "-"])
        .input("piped\n")
        .end()
        .exits(0);
    assert!(ended.text().contains("\n\npiped\n"));
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    let place = Place::new();
    place.write("m.json", ONE);
    for args in [
        &["m.json", "--to", "a@x.org"][..],
        &["-", "--subject", "x"],
        &["m.json", "--attach", "m.json"],
    ] {
        send(&place, "dummy", args).end().refuses(&["FILE"]);
    }
    send(&place, "dummy", &["--subject", "x"])
        .end()
        .refuses(&["--to"]);
    send(&place, "dummy", &["--to", "a@x.org", "--header", "X"])
        .end()
        .refuses(&["--header", "NAME: VALUE"]);
    send(&place, "dummy", &["--to"]).end().refuses(&["--to"]);
    for (args, field) in [
        (["--to", "a@@x"], "to"),
        (["--to", "a@x.org, b@x.org"], "to"),
        (["--subject", "a\nBcc: b@x.org"], "subject"),
        (["--header", "X-A: a\r\nX-B: b"], "X-A"),
        (["--header", "Bcc: b@x.org"], "Bcc"),
        (["--attach", "gone"], "attachments[0].path"),
    ] {
        let ended = send(
            &place,
            "console",
            &["--bcc", "z@x.org"]
                .iter()
                .chain(&args)
                .copied()
                .collect::<Vec<_>>(),
        )
        .end()
        .exits(2);
        assert!(
            ended.stdout.is_empty()
                && ended.stderr.starts_with("error: ")
                && ended.stderr.contains(field),
            "{ended:?}"
        );
    }
}

#[test]
fn a_named_mailer_is_chosen() {
    let place = Place::new();
    let toml = "[mailers.bulk]\nbackend = \"console\"\n[mailers.odd]\nbackend = \"dummy\"\n[mailers.odd.options]\ncolour = 1\n\
                [mailers.lost]\nbackend = \"pigeon\"\n[mailers.quiet]\nbackend = \"smtp\"\n[mailers.quiet.options]\n\
                host = \"127.0.0.1\"\nport = 1\nfail_silently = true\n";
    place.write("posthaste.toml", toml);
    let using = |alias: &str| send(&place, "dummy", &["--using", alias, "--to", "a@x.org"]).end();
    assert!(using("bulk").exits(0).text().contains("To: a@x.org\n"));
    assert!(using("default").exits(0).text().is_empty());
    using("nobody").refuses(&["nobody", "bulk", "default"]);
    using("odd").refuses(&["mailers.odd.options.colour", "fail_silently"]);
    using("lost").refuses(&[
        "mailers.lost.backend",
        "posthaste.toml",
        "pigeon",
        "smtp",
        "dummy",
    ]);
    let _ = using("quiet").exits(0);
}

#[test]
fn a_dead_server_is_asked_once_also_when_it_may_fail_silently() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("an address").port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        for client in server.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            drop(client);
        }
    });
    let place = Place::new();
    place.write(
        "posthaste.toml",
        format!("[mailers.default]\nbackend = \"smtp\"\noptions = {{ host = \"127.0.0.1\", port = {port}, fail_silently = true }}\n"),
    );
    let input = format!("{ONE}\n").repeat(20);
    let ended = place
        .posthaste(["send", "--json"])
        .input(input)
        .end()
        .exits(0);
    assert_eq!(ended.statuses(), vec!["failed"; 20]);
    // Opening in advance tells of no failure here, so the first message asks once more.
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn files_may_be_refused() {
    let place = Place::new();
    place.write("a.txt", "secret");
    let input = r#"{"to": ["a@x.org"], "attachments": [{"path": "a.txt"}]}"#;
    let ended = send(&place, "console", &["--no-files"])
        .input(input)
        .end()
        .exits(2);
    assert!(
        ended.stdout.is_empty() && ended.stderr.contains("attachments[0].path"),
        "{ended:?}"
    );
    let _ = send(&place, "console", &[]).input(input).end().exits(0);
}

#[test]
fn many_messages_need_no_more_memory_than_few() {
    // 96 MiB of messages in an address space that has room for the program and two thirds of them.
    let place = Place::new();
    let line = json!({"to": ["a@x.org"], "body": "x".repeat(96 * 1024)}).to_string();
    let lines = (line.clone() + "\n").repeat(1024);
    let array = format!("[{}{line}]", (line.clone() + ",").repeat(1023));
    for input in [lines, array] {
        let run = place
            .posthaste_after("ulimit -v 65536", ["send", "--json"])
            .env("EMAIL_BACKEND", "dummy");
        let ended = run.input(input).end().exits(0);
        assert_eq!(ended.json().len(), 1024);
    }
}

#[test]
fn a_closed_standard_output_stops_it_quietly() {
    let place = Place::new();
    let lines = format!("{ONE}\n").repeat(100_000);
    for (backend, args) in [("dummy", &["--json"][..]), ("console", &[])] {
        let mut child = send(&place, backend, args).start();
        let mut stdin = child.stdin.take().expect("a pipe");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        stdin
            .write_all(&lines.as_bytes()[..=ONE.len()])
            .expect("it reads");
        out.read_line(&mut String::new())
            .expect("the first outcome");
        drop(out);
        // It ends long before it has read all.
        assert!(stdin.write_all(lines.as_bytes()).is_err());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).expect("text");
        assert!(
            !text.contains("error") && !text.contains("panicked"),
            "{text}"
        );
    }
}

/// What a terminal shows of a run to nowhere, with so many good messages and a bad one.
fn on_a_terminal(count: usize, setting: (&str, &str)) -> String {
    let place = Place::new();
    place.write(
        "m.ndjson",
        format!("{ONE}\n").repeat(count) + "{\"colour\": 1}\n",
    );
    let run = place
        .posthaste_on_a_terminal(&["send", "m.ndjson"])
        .env("EMAIL_BACKEND", "dummy")
        .env("TERM", "xterm");
    let ended = run.env(setting.0, setting.1).end().exits(1);
    ended.text().to_owned()
}

#[test]
fn a_terminal_shows_the_progress_of_many_messages() {
    let few = on_a_terminal(19, ("A", "b"));
    assert!(
        !few.contains('%') && few.contains("20 messages: 19 sent, 1 failed"),
        "{few:?}"
    );
    let many = on_a_terminal(20_000, ("A", "b"));
    assert!(
        many.contains("%  ") && many.contains("20001 messages: 20000 sent, 1 failed"),
        "{many:?}"
    );
    assert!(
        many.matches('%').count() < 2_000,
        "the bar is not drawn for every message"
    );
}

#[test]
fn a_terminal_shows_colour_unless_told_otherwise() {
    let coloured = on_a_terminal(1, ("A", "b"));
    assert!(
        coloured.contains("\u{1b}[31merror:\u{1b}[0m message 2: colour: "),
        "{coloured:?}"
    );
    let plain = on_a_terminal(1, ("NO_COLOR", "1"));
    assert!(
        plain.contains("error: message 2: colour: ") && !plain.contains('\u{1b}'),
        "{plain:?}"
    );
}

#[test]
fn interrupted_it_ends_between_two_messages() {
    let place = Place::new();
    // Whoever runs the tests may have such signals ignored, which the program would obey.
    let heeding = r#"exec env --default-signal=HUP,INT,TERM "$0" "$@""#;
    let run = place.posthaste_after(heeding, ["send", "--json"]);
    let run = run
        .env("EMAIL_BACKEND", "file")
        .env("EMAIL_FILE_PATH", "mails");
    let mut child = run.start();
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    writeln!(stdin, "{ONE}").expect("it reads");
    out.read_line(&mut String::new()).expect("an outcome");
    interrupt(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert!(
        place
            .only_file_of("mails")
            .ends_with(&format!("{}\n", "-".repeat(79)))
    );
}

#[test]
fn interrupted_it_finishes_the_message_that_is_on_its_way() {
    let (arrived, arrival) = mpsc::channel();
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let sink = Sink::scripted(move |_, at| {
        if matches!(at, At::Data(_)) {
            arrived.send(()).expect("the test waits");
            wait.lock()
                .expect("no panic")
                .recv()
                .expect("the test goes on");
        }
        None
    });
    let place = Place::new();
    let heeding = r#"exec env --default-signal=HUP,INT,TERM "$0" "$@""#;
    let run = place
        .posthaste_after(heeding, ["send", "--json"])
        .env("EMAIL_HOST", "127.0.0.1");
    let mut child = run
        .env("EMAIL_PORT", sink.address.port().to_string())
        .start();
    let mut stdin = child.stdin.take().expect("a pipe");
    writeln!(stdin, "{ONE}\n{ONE}").expect("it reads");

    arrival.recv().expect("the message arrives");
    interrupt(&child);
    let mut said = String::new();
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    stderr.read_line(&mut said).expect("text");
    assert!(said.starts_with("finishing the message"), "{said}");
    go_on.send(()).expect("the server waits");

    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let outcomes = String::from_utf8(output.stdout).expect("text");
    assert!(
        outcomes.starts_with("{\"status\":\"sent\"") && outcomes.lines().count() == 1,
        "{outcomes}"
    );
    assert_eq!(sink.messages().len(), 1);
}

/// Does what Ctrl-C does.
fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    let killed = Command::new("kill").args(["-INT", &pid]).status();
    assert!(killed.expect("kill runs").success());
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let place = Place::new();
    let run = place.posthaste_after("trap '' HUP", ["send", "--json"]);
    let mut child = run.env("EMAIL_BACKEND", "dummy").start();
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    for _ in 0..2 {
        writeln!(stdin, "{ONE}").expect("it reads");
        assert!(out.read_line(&mut String::new()).expect("an outcome") > 0);
        let pid = child.id().to_string();
        let killed = Command::new("kill").args(["-HUP", &pid]).status();
        assert!(killed.expect("kill runs").success());
    }
    drop(stdin);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}
