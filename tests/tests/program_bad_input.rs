//! Input and surroundings that are broken: one clear line, the right exit code, nothing half-written.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;

use posthaste_tests::{Ended, Place, Run};
use serde_json::json;

const ONE: &str = r#"{"subject": "Hi", "body": "text", "to": ["a@x.org"]}"#;

/// Room for the program, but not for several copies of a large input.
const LITTLE_MEMORY: &str = "ulimit -v 700000";

/// What sends to the console, so that all that would go out is seen.
fn send(place: &Place, args: &[&str]) -> Run {
    place
        .posthaste(["send"].iter().chain(args))
        .env("EMAIL_BACKEND", "console")
}

/// A message with this file attached.
fn attaching(path: &str) -> String {
    json!({"to": ["a@x.org"], "attachments": [{"path": path}]}).to_string()
}

/// Checks that a message is neither rendered nor sent.
#[track_caller]
fn refused(place: &Place, message: &str, texts: &[&str]) {
    place
        .posthaste(["render"])
        .input(message)
        .end()
        .refuses(texts);
    send(place, &["--json"])
        .input(message)
        .end()
        .exits(2)
        .complains(texts);
    let ended = send(place, &[]).input(message).end().exits(2);
    assert!(ended.stdout.is_empty(), "{ended:?}");
    assert_eq!(
        ended.stderr.lines().count(),
        2,
        "the error and the summary: {ended:?}"
    );
}

#[test]
fn attachments_that_are_no_files() {
    let place = Place::new();
    fs::create_dir(place.path("folder")).expect("a folder");
    let made = std::process::Command::new("mkfifo")
        .arg(place.path("pipe"))
        .status();
    assert!(made.expect("mkfifo runs").success());
    for path in [
        "folder",
        "/dev/zero",
        "/dev/stdin",
        "pipe",
        "gone",
        "gone/a.txt",
        "",
        "a\0b",
    ] {
        refused(
            &place,
            &attaching(path),
            &["attachments[0].path", "cannot read"],
        );
    }
}

#[test]
fn an_attachment_that_may_not_be_read() {
    let place = Place::new();
    for size in [10, 5_000_000] {
        let path = place.write("secret.bin", vec![b'x'; size]);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("its owner may");
        // The superuser may read everything.
        if File::open(&path).is_err() {
            refused(
                &place,
                &attaching("secret.bin"),
                &["attachments[0].path", "Permission denied"],
            );
        }
        fs::remove_file(path).expect("its owner may");
    }
}

#[test]
fn an_attachment_that_vanishes() {
    let place = Place::new();
    let path = place.write("a.bin", vec![b'x'; 2_000_000]);
    let run = place
        .posthaste(["send", "--json"])
        .env("EMAIL_BACKEND", "file")
        .env("EMAIL_FILE_PATH", "mails");
    let mut child = run.start();
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut outcomes = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut outcome = |message: &str| {
        writeln!(stdin, "{message}").expect("it reads");
        outcomes.next().expect("an outcome").expect("text")
    };
    assert!(outcome(&attaching("a.bin")).contains("\"sent\""));
    let before = place.only_file_of("mails");
    fs::remove_file(path).expect("removed");
    let line = outcome(&attaching("a.bin"));
    assert!(
        line.contains("\"failed\"") && line.contains("attachments[0].path"),
        "{line}"
    );
    assert_eq!(place.only_file_of("mails"), before);
    assert!(outcome(ONE).contains("\"sent\""));
    drop(stdin);
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
}

#[test]
fn input_that_is_no_file() {
    let place = Place::new();
    for command in ["send", "render"] {
        place
            .posthaste([command, "gone.json"])
            .end()
            .refuses(&["gone.json", "No such file"]);
        place
            .posthaste([command, "."])
            .end()
            .refuses(&[".: is a directory"]);
    }
    place
        .posthaste(["send", "/dev/zero"])
        .end()
        .refuses(&["/dev/zero", "JSON"]);
    let run = place.posthaste_after(LITTLE_MEMORY, ["render", "/dev/zero"]);
    run.end().refuses(&["message", "MiB"]);
}

#[test]
fn json_that_is_no_utf_8() {
    let place = Place::new();
    let message = b"{\"subject\": \"\xff\xfe\", \"to\": [\"a@x.org\"]}";
    place
        .posthaste(["render"])
        .input(*message)
        .end()
        .refuses(&["message", "JSON", "unicode"]);
    send(&place, &["--json"])
        .input(*message)
        .end()
        .exits(2)
        .complains(&["message", "unicode"]);
    let ended = send(&place, &["--json"])
        .input([&message[..], b"\n", ONE.as_bytes()].concat())
        .end()
        .exits(1);
    assert_eq!(ended.statuses(), ["failed", "sent"]);
    send(&place, &[])
        .input(b"\xff\xfe{\0}\0".as_slice())
        .end()
        .refuses(&["standard input", "JSON"]);
}

#[test]
fn json_that_is_deeply_nested() {
    let place = Place::new();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        refused(
            &place,
            &format!("{{\"to\": {nested}}}"),
            &["message", "JSON", "recursion"],
        );
        send(&place, &["--json"])
            .input(nested.clone())
            .end()
            .exits(2)
            .complains(&["message"]);
        send(&place, &["--json"])
            .input(open.repeat(10_000))
            .end()
            .exits(2)
            .complains(&[]);
        let ended = send(&place, &["--json"])
            .input(format!("{{\"to\": {nested}}}\n{ONE}\n"))
            .end()
            .exits(1);
        assert_eq!(ended.statuses(), ["failed", "sent"]);
    }
}

/// What becomes of a large input that is sent to nowhere.
fn outcomes_of(place: &Place, input: String) -> Ended {
    let run = place
        .posthaste_after(LITTLE_MEMORY, ["send", "--json"])
        .env("EMAIL_BACKEND", "dummy");
    run.input(input).end()
}

#[test]
fn a_hundred_megabytes_of_json() {
    let place = Place::new();
    let hundred = 100_000_000;
    // A body of that size is large, but there is nothing wrong with it.
    let body = json!({"to": ["a@x.org"], "body": "x".repeat(hundred)}).to_string();
    let ended = outcomes_of(&place, format!("{ONE}\n{body}\n")).exits(0);
    assert_eq!(ended.statuses(), ["sent", "sent"]);
    // Many small values take more memory than they take text.
    let values = format!("{{\"to\": [{}1]}}", "1,".repeat(hundred / 2));
    let ended = outcomes_of(&place, format!("{ONE}\n{values}\n{ONE}\n")).exits(1);
    assert_eq!(ended.statuses(), ["sent", "failed", "sent"]);
    assert!(
        ended.text().contains("more than 1000000 values"),
        "{}",
        ended.text()
    );
}

#[test]
fn more_than_a_message_may_have() {
    let place = Place::new();
    let large = format!("{{\"body\": \"{}\"}}", "x".repeat(128 * 1024 * 1024));
    let ended = outcomes_of(&place, format!("{ONE}\n{large}\n{ONE}\n")).exits(1);
    assert_eq!(ended.statuses(), ["sent", "failed", "sent"]);
    assert_eq!(ended.json()[1]["error"]["kind"], "invalid");
    assert!(ended.text().contains("has more than 128 MiB of JSON"));
}

#[test]
fn settings_that_cannot_be() {
    let place = Place::new();
    for command in [
        &["send", "--to", "a@x.org"][..],
        &["sendtestemail", "a@x.org"],
    ] {
        let run = |name: &str, value: &str| place.posthaste(command).env(name, value).end();
        run("EMAIL_BACKEND", "pigeon").refuses(&[
            "EMAIL_BACKEND",
            "environment",
            "pigeon",
            "console, dummy, file, locmem, smtp",
        ]);
        run("EMAIL_PORT", "99999").refuses(&["EMAIL_PORT", "99999", "65535", "environment"]);
    }
}

/// A run of the file backend.
fn to_file(place: &Place, folder: &str, command: &[&str]) -> Ended {
    let run = place
        .posthaste(command)
        .env("EMAIL_BACKEND", "file")
        .env("EMAIL_FILE_PATH", folder);
    run.end()
}

#[test]
fn a_folder_that_cannot_be_written() {
    let place = Place::new();
    place.write("file", "");
    for folder in ["file", "file/below", "/sys/posthaste", "/dev/null"] {
        for command in [
            &["send", "--to", "a@x.org"][..],
            &["sendtestemail", "a@x.org"],
        ] {
            to_file(&place, folder, command).refuses(&["EMAIL_FILE_PATH", folder]);
        }
    }
    assert_eq!(fs::read_to_string(place.path("file")).expect("a file"), "");
}

#[test]
fn a_full_disk() {
    let place = Place::new();
    let large = json!({"subject": "large", "to": ["a@x.org"], "body": "x\n".repeat(100_000)});
    // No file may grow beyond 64 KiB; to write more is an error then, as it is on a full disk.
    let run = place.posthaste_after("trap '' XFSZ; ulimit -f 128", ["send", "--json"]);
    let run = run
        .env("EMAIL_BACKEND", "file")
        .env("EMAIL_FILE_PATH", "mails");
    let ended = run.input(format!("{ONE}\n{large}\n{ONE}\n")).end().exits(1);
    assert_eq!(ended.statuses(), ["sent", "failed", "sent"]);
    assert_eq!(ended.json()[1]["error"]["kind"], "io");
    let mails = place.only_file_of("mails");
    assert_eq!(
        (
            mails.matches("Subject: Hi\n").count(),
            mails.matches("Subject: large").count()
        ),
        (2, 0),
        "{mails}"
    );
}

#[test]
fn output_that_takes_nothing() {
    let place = Place::new();
    place.write("m.json", ONE);
    for command in [
        &["render", "m.json"][..],
        &["settings"],
        &["settings", "--reference"],
        &["man"],
        &["completions", "bash"],
        &["--help"],
        &["--version"],
    ] {
        let run = |output: &str| {
            place
                .posthaste_after(&format!("exec {output}"), command)
                .end()
        };
        run(">/dev/full")
            .exits(1)
            .complains(&["standard output", "No space left"]);
        // A closed one takes everything and keeps nothing; one that nobody reads has served its purpose.
        assert_eq!(run(">&-").exits(0).stderr, "");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        assert_eq!(
            place
                .posthaste(command)
                .output_to(writer)
                .end()
                .exits(0)
                .stderr,
            ""
        );
    }
    let full = || {
        File::options()
            .write(true)
            .open("/dev/full")
            .expect("a full disk")
    };
    let run = send(&place, &["--json", "m.json"])
        .env("EMAIL_BACKEND", "dummy")
        .output_to(full());
    run.end().exits(1).complains(&["standard output"]);
    let ended = send(&place, &["m.json"]).output_to(full()).end().exits(1);
    assert!(
        ended
            .stderr
            .starts_with("error: message 1: cannot write to the console"),
        "{ended:?}"
    );
    let ended = place
        .posthaste(["sendtestemail", "a@x.org"])
        .env("EMAIL_BACKEND", "console")
        .output_to(full())
        .end();
    ended.exits(1).complains(&["cannot write to the console"]);
}

#[test]
fn standard_error_that_takes_nothing() {
    let place = Place::new();
    let run = place.posthaste_after("exec 2>/dev/full", ["render", "gone"]);
    let _ = run.end().exits(2);
    let run = place
        .posthaste_after("exec 2>&-", ["send", "--to", "a@x.org"])
        .env("EMAIL_BACKEND", "console");
    let _ = run.end().exits(0);
}

/// Runs the file backend in a folder that is a small disk with this option; the folder's files follow on standard output.
/// Only the superuser can make one; for others there is no answer.
fn on_a_disk(option: &str, input: &str) -> Option<Ended> {
    let place = Place::new();
    fs::create_dir(place.path("mails")).expect("a folder");
    let own = std::process::Command::new("unshare")
        .args(["--mount", "true"])
        .output();
    if !own.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let script = format!(
        "mount -t tmpfs -o {option} none mails && \"$0\" \"$@\"; code=$?; cat mails/* 2>&-; exit $code"
    );
    let run = place.posthaste_after(
        &format!("exec unshare --mount sh -c '{script}' \"$0\" \"$@\""),
        ["send", "--json"],
    );
    let run = run
        .env("EMAIL_BACKEND", "file")
        .env("EMAIL_FILE_PATH", "mails");
    Some(run.input(input).end())
}

#[test]
fn a_disk_that_fills_up() {
    let large = json!({"subject": "large", "to": ["a@x.org"], "body": "x\n".repeat(100_000)});
    let input = format!("{ONE}\n{large}\n{ONE}\n");
    let Some(ended) = on_a_disk("size=64k", &input) else {
        return;
    };
    let ended = ended.exits(1);
    let text = ended.text();
    assert_eq!(text.matches("\"status\":\"sent\"").count(), 2, "{text}");
    assert_eq!(text.matches("No space left").count(), 1, "{text}");
    assert_eq!(text.matches("Subject: Hi\n").count(), 2, "{text}");
    assert!(!text.contains("Subject: large"), "{text}");
}

#[test]
fn a_disk_that_is_read_only() {
    if let Some(ended) = on_a_disk("ro", ONE) {
        ended.refuses(&["EMAIL_FILE_PATH", "Read-only"]);
    }
}
