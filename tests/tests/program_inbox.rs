//! `posthaste inbox`, its commands, and `posthaste preview`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command};

use posthaste_tests::{Ended, Place};
use serde_json::{Value, json};

/// An inbox that runs until it is dropped.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    /// What it says of itself.
    hello: Value,
}

impl Running {
    fn new(place: &Place, args: &[&str]) -> Self {
        Self::at(place, &[&["--smtp", "0", "--web", "0"], args].concat())
    }

    /// With these arguments alone.
    fn at(place: &Place, args: &[&str]) -> Self {
        let run = place.posthaste(["inbox", "--json"].iter().chain(args));
        let mut child = run.start();
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let hello = next(&mut out);
        Self { child, out, hello }
    }

    fn url(&self) -> &str {
        self.hello["url"].as_str().expect("a URL")
    }

    /// What it says next.
    fn next(&mut self) -> Value {
        next(&mut self.out)
    }

    /// Sends a mail to it by the program.
    fn mail(&self, place: &Place, subject: &str, body: &str) {
        let mut run = place.posthaste([
            "send",
            "--from",
            "shop@example.com",
            "--to",
            "ann@example.com",
            "--subject",
            subject,
            "--body",
            body,
        ]);
        for (name, value) in self.hello["settings"].as_object().expect("settings") {
            run = run.env(name, value.as_str().expect("text"));
        }
        assert_eq!(run.end().code(), 0);
    }

    /// A command that looks at it.
    fn ask(&self, place: &Place, args: &[&str]) -> Ended {
        let run = place.posthaste(["inbox"].iter().chain(args));
        run.env("POSTHASTE_INBOX", self.url()).end()
    }

    /// Ends it as Ctrl-C does; gives its exit code.
    fn interrupt(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.expect("kill").success());
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn next(out: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

#[test]
fn it_says_where_it_is_and_what_comes() {
    let place = Place::new();
    let mut inbox = Running::new(&place, &[]);
    let settings = &inbox.hello["settings"];
    assert_eq!(settings["EMAIL_HOST"], "127.0.0.1");
    assert_eq!(settings["EMAIL_USE_TLS"], "false");
    let port = settings["EMAIL_PORT"].as_str().expect("a port");
    assert_eq!(inbox.hello["smtp"], json!(format!("127.0.0.1:{port}")));
    inbox.mail(&place, "Hello", "Are you there?");
    let mail = inbox.next();
    assert_eq!(mail["subject"], "Hello");
    assert_eq!(mail["to"], json!(["ann@example.com"]));
    assert_eq!(inbox.interrupt(), Some(0));
}

#[test]
fn people_read_lines_that_can_be_copied() {
    let place = Place::new();
    let run = place.posthaste(["inbox", "--smtp", "0", "--web", "0"]);
    let mut child = run.start();
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut lines = Vec::new();
    while lines
        .last()
        .is_none_or(|line| line != "Waiting for mail. Ctrl-C ends it.")
    {
        let mut line = String::new();
        assert!(out.read_line(&mut line).expect("a line") > 0, "{lines:?}");
        lines.push(line.trim_end().to_owned());
    }
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let settings: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("EMAIL_"))
        .collect();
    assert_eq!(settings.len(), 4, "{lines:#?}");
    assert_eq!(settings[0], "EMAIL_HOST=127.0.0.1");
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("http://127.0.0.1:")),
        "{lines:#?}"
    );
    // No colours in a pipe.
    assert!(!lines.concat().contains('\u{1b}'), "{lines:#?}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    for args in [
        ["--smtp", &address, "--web", "0"],
        ["--web", &address, "--smtp", "0"],
    ] {
        let ended = Place::new().posthaste(["inbox"].iter().chain(&args)).end();
        assert_eq!(ended.code(), 2);
        assert!(ended.stderr.contains(&address), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
}

#[test]
fn other_machines_reach_it_only_if_that_is_said() {
    let place = Place::new();
    for args in [["--smtp", "0.0.0.0:0"], ["--web", "0.0.0.0:0"]] {
        let ended = place.posthaste(["inbox"].iter().chain(&args)).end();
        assert_eq!(ended.code(), 2);
        assert!(ended.stderr.contains("--listen"), "{}", ended.stderr);
    }
    let inbox = Running::at(
        &place,
        &[
            "--smtp",
            "0.0.0.0:0",
            "--web",
            "0.0.0.0:0",
            "--listen",
            "0.0.0.0",
        ],
    );
    assert!(inbox.url().contains("?token="), "{}", inbox.url());
    let (url, _) = inbox.url().split_once('?').expect("a token");
    let ended = place.posthaste(["inbox", "ls", "--url", url]).end();
    assert_eq!(ended.code(), 2);
    assert!(ended.stderr.contains("token"), "{}", ended.stderr);
    assert_eq!(inbox.ask(&place, &["ls"]).code(), 0);
}

#[test]
fn a_command_runs_with_the_settings_and_its_code_is_kept() {
    let place = Place::new();
    let program = posthaste_tests::program();
    let script = format!(
        "{0} send --from a@example.com --to ann@example.com --subject Hello --body 'code 482913' || exit 9
         {0} inbox wait --to ann@example.com --code || exit 8
         exit 7",
        program.display()
    );
    // What is set outside leads nowhere else.
    let ended = place
        .posthaste(["inbox", "--", "sh", "-c", &script])
        .env("EMAIL_URL", "smtp://mail.example.com")
        .env("EMAIL_HOST_USER", "ann")
        .env("EMAIL_HOST_PASSWORD", "hunter2")
        .env("EMAIL_BACKEND", "dummy")
        .end();
    assert_eq!(
        (ended.code(), ended.text()),
        (7, "482913\n"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("inbox: 1 mail"), "{}", ended.stderr);
    // It failed, so it is told what came.
    assert!(ended.stderr.contains("Hello"), "{}", ended.stderr);
}

#[test]
fn a_command_that_succeeds_or_is_not_there() {
    let place = Place::new();
    let ended = place.posthaste(["inbox", "--quiet", "--", "true"]).end();
    assert_eq!((ended.code(), &*ended.stderr), (0, ""));
    let ended = place.posthaste(["inbox", "--", "no-such-command"]).end();
    assert_eq!(ended.code(), 2);
    assert!(ended.stderr.contains("no-such-command"), "{}", ended.stderr);
    let ended = place
        .posthaste(["inbox", "--", "sh", "-c", "kill -9 $$"])
        .end();
    assert_eq!(ended.code(), 137);
}

#[test]
fn a_running_inbox_is_looked_at() {
    let place = Place::new();
    let inbox = Running::new(&place, &[]);
    inbox.mail(&place, "First", "one");
    inbox.mail(
        &place,
        "Second",
        "Your one-time code is 482913: https://shop.example/x",
    );
    let ls = inbox.ask(&place, &["ls"]);
    let rows: Vec<Vec<&str>> = ls
        .text()
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!((rows[0][0], rows[0][4]), ("2", "Second"), "{rows:?}");
    assert_eq!(
        rows[1][2..],
        ["shop@example.com", "ann@example.com", "First"]
    );
    assert_eq!(
        inbox.ask(&place, &["ls", "--json", "-n", "1"]).json()[0]["id"],
        2
    );

    let show = inbox.ask(&place, &["show", "1"]);
    assert!(
        show.text()
            .starts_with("Subject: First\nFrom: shop@example.com\n"),
        "{}",
        show.text()
    );
    let raw = inbox.ask(&place, &["show", "1", "--raw"]);
    assert!(raw.text().contains("\r\n\r\none"), "{}", raw.text());
    let said = inbox.ask(&place, &["show", "--transcript"]);
    assert!(
        said.text().contains("MAIL FROM:<shop@example.com>"),
        "{}",
        said.text()
    );
    assert_eq!(inbox.ask(&place, &["show", "9"]).code(), 2);
    assert_eq!(inbox.ask(&place, &["show", "../info"]).code(), 2);

    let wait = ["wait", "--to", "ann@example.com", "--after", "1"];
    let code = inbox.ask(&place, &[&wait[..], &["--code"]].concat());
    assert_eq!(code.text(), "482913\n");
    let link = inbox.ask(&place, &[&wait[..], &["--link"]].concat());
    assert_eq!(link.text(), "https://shop.example/x\n");
}

#[test]
fn when_nothing_comes_it_says_what_came_instead() {
    let place = Place::new();
    let inbox = Running::new(&place, &[]);
    inbox.mail(&place, "Hello", "one");
    let ended = inbox.ask(&place, &["wait", "--box", "other", "--timeout", "1ms"]);
    assert_eq!((ended.code(), ended.text()), (1, ""));
    assert!(
        ended.stderr.contains("0 of 1 came within 1 ms"),
        "{}",
        ended.stderr
    );
    let new = inbox.ask(&place, &["wait", "--new", "--timeout", "1ms"]);
    assert_eq!(new.code(), 1, "an old mail is no new one");
    let code = inbox.ask(&place, &["wait", "--code", "--timeout", "1ms"]);
    assert_eq!((code.code(), code.text()), (1, ""));
}

#[test]
fn mails_are_exported_under_their_numbers() {
    let place = Place::new();
    let inbox = Running::new(&place, &[]);
    inbox.mail(&place, "../../evil", "one");
    inbox.mail(&place, "Second", "two");
    let ended = inbox.ask(&place, &["export", "mails"]);
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let mut names: Vec<_> = fs::read_dir(place.path("mails"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["1.eml", "2.eml"]);
    let mail = fs::read_to_string(place.path("mails").join("2.eml")).expect("text");
    assert!(mail.contains("Subject: Second\r\n"), "{mail}");
}

#[test]
fn without_an_inbox_there_is_a_word() {
    let ended = Place::new()
        .posthaste(["inbox", "ls", "--url", "http://127.0.0.1:1/"])
        .end();
    assert_eq!(ended.code(), 2);
    assert!(ended.stderr.contains("is it running?"), "{}", ended.stderr);
}

#[test]
fn faults_come_from_a_file() {
    let place = Place::new();
    let rules = "{\"at\": \"rcpt\", \"rcpt\": \"gone@*\", \"reply\": \"550 5.1.1 no such user\"}\n";
    let file = place.write("faults.json", rules.repeat(2));
    let inbox = Running::new(&place, &["--faults", file.to_str().expect("text")]);
    let run = place.posthaste([
        "send",
        "--from",
        "a@b.example",
        "--to",
        "gone@example.com",
        "--subject",
        "x",
        "--body",
        "x",
    ]);
    let port = inbox.hello["settings"]["EMAIL_PORT"]
        .as_str()
        .expect("a port");
    let ended = run
        .env("EMAIL_HOST", "127.0.0.1")
        .env("EMAIL_PORT", port)
        .end();
    assert_eq!(ended.code(), 1);
    assert!(ended.stderr.contains("no such user"), "{}", ended.stderr);

    let file = place.write("bad.json", "[{\"at\": \"lunch\"}]");
    let ended = place
        .posthaste(["inbox", "--faults", file.to_str().expect("text")])
        .end();
    assert_eq!(ended.code(), 2);
    assert!(ended.stderr.contains("lunch"), "{}", ended.stderr);
}

#[test]
fn the_demonstration_has_mails_of_all_kinds() {
    let place = Place::new();
    let mut inbox = Running::new(&place, &["--demo"]);
    let mails: Vec<Value> = (0..14).map(|_| inbox.next()).collect();
    let subjects: Vec<_> = mails
        .iter()
        .filter_map(|mail| mail["subject"].as_str())
        .collect();
    for subject in [
        "Welcome to the Tea Shop",
        "Your order 1234",
        "شكرا لطلبك رقم ١٢٣٤",
        "ご注文の確認（1234番）",
    ] {
        assert!(subjects.contains(&subject), "{subjects:?}");
    }
    assert!(
        mails.iter().any(|mail| mail["taken"] == false),
        "{mails:#?}"
    );
    assert!(mails.iter().any(|mail| mail["box"] == "staff"));
    assert!(mails.iter().any(|mail| mail["code"] == "482913"));
}

#[test]
fn a_preview_follows_its_file() {
    let place = Place::new();
    let write = |subject: &str| {
        let json = json!({"subject": subject, "body": "Hello", "from_email": "a@b.example", "to": ["ann@example.com"]});
        place.write("welcome.json", json.to_string())
    };
    write("First");
    let mut child = place.posthaste(["preview", "welcome.json"]).start();
    let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("a line");
    let url = line
        .split_whitespace()
        .find(|word| word.starts_with("http://"))
        .expect("a URL");
    let url = url.trim_end_matches(';');
    let wait = |subject: &str| {
        let args = [
            "inbox",
            "wait",
            "--url",
            url,
            "--box",
            "welcome.json",
            "--subject",
            subject,
        ];
        let ended = place
            .posthaste(args.iter().chain(&["--timeout", "60s"]))
            .end();
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
    };
    wait("First");
    write("The second");
    wait("second");
    let ls = place
        .posthaste(["inbox", "ls", "--url", url, "--json"])
        .end();
    // The first may be there for a moment more.
    assert_eq!(ls.json()[0]["subject"], "The second");
    place.write("welcome.json", "{");
    line.clear();
    said.read_line(&mut line).expect("a line");
    assert!(line.contains("welcome.json"), "{line}");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}
