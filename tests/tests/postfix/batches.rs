//! Many messages over one connection, and what becomes of them when it is lost.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout};

use posthaste_tests::postfix::Postfix;
use posthaste_tests::{Place, mail};
use serde_json::{Value, json};

use super::{by_subject, lines, message, only, send, send_one, subject};

#[test]
fn two_hundred_messages_go_over_one_connection_each_exactly_once() {
    let Some(postfix) = Postfix::start(&["ann", "bob"]) else {
        return;
    };
    let messages: Vec<_> = (0..200)
        .map(|number| {
            let to: &[_] = match number % 3 {
                0 => &["ann@example.com"],
                1 => &["bob@example.com"],
                _ => &["ann@example.com", "bob@example.com"],
            };
            message(&format!("n{number}"), to)
        })
        .collect();
    let ended = send_one(&postfix, lines(&messages)).exits(0);
    assert_eq!(ended.statuses(), vec!["sent"; 200]);
    for (name, left_out) in [("ann", 1), ("bob", 0)] {
        let meant: BTreeSet<_> = (0..200)
            .filter(|number| number % 3 != left_out)
            .map(|number| format!("n{number}"))
            .collect();
        let mails = mail::read(&postfix.delivered(name));
        let found: BTreeSet<_> = mails.iter().map(subject).collect();
        assert_eq!(found, meant);
        assert_eq!(mails.len(), meant.len());
    }
    // How often RSET was said is up to the window.
    let counts = " mail=200 rcpt=266 bdat=200 ";
    postfix.logs(counts);
    let log = postfix.log();
    let line = log.lines().find(|line| line.contains(counts));
    assert!(line.is_some_and(|line| line.contains(" quit=1 ")), "{log}");
}

#[test]
fn a_refused_message_does_not_stop_the_batch() {
    let Some(postfix) = Postfix::start(&["ann"]) else {
        return;
    };
    let ann = &["ann@example.com"];
    let batch = lines(&[
        message("first", ann),
        message("refused", &["refused@example.com"]),
        message("second", ann),
        message("line\r\nBcc: x@example.com", ann),
        message("third", ann),
        message("half", &["later@example.com", "ann@example.com"]),
        message("fourth", ann),
    ]);
    let ended = send_one(&postfix, batch).exits(1);
    assert_eq!(
        ended.statuses(),
        [
            "sent", "failed", "sent", "failed", "sent", "partial", "sent"
        ]
    );
    assert_eq!(ended.json()[3]["error"]["kind"], "invalid");
    let found: Vec<_> = by_subject(&postfix, "ann").into_keys().collect();
    assert_eq!(found, ["first", "fourth", "half", "second", "third"]);
    assert_eq!(postfix.count(), 5);
    postfix.logs(" rset=");
}

#[test]
fn a_server_that_has_enough_of_refusals_is_asked_again_over_a_new_connection() {
    let limit = [("smtpd_hard_error_limit", "2")];
    let Some(postfix) = Postfix::start_with(&["ann"], &limit) else {
        return;
    };
    let mut batch = Vec::new();
    for number in 0..6 {
        batch.push(message("no", &["refused@example.com"]));
        batch.push(message(&format!("yes{number}"), &["ann@example.com"]));
    }
    let ended = send_one(&postfix, lines(&batch)).exits(1);
    let statuses = ended.statuses();
    let found: BTreeSet<_> = by_subject(&postfix, "ann").into_keys().collect();
    // A server that hangs up in the middle of a message may cost that message, never more, and never silently.
    let sent: BTreeSet<_> = statuses
        .iter()
        .zip(&batch)
        .filter(|(status, _)| *status == "sent")
        .map(|(_, message)| subject(message))
        .collect();
    assert_eq!(found, sent);
    assert_eq!(sent.len(), 6, "{:#?}\n{}", ended.json(), postfix.log());
}

#[test]
fn a_server_that_stops_fails_the_rest_for_now() {
    let Some(mut postfix) = Postfix::start(&["ann"]) else {
        return;
    };
    let mut talk = Talk::start(&postfix);
    assert_eq!(talk.send("before")["status"], "sent");
    assert_eq!(only(&postfix, "ann")["subject"], "before");
    postfix.stop();
    for number in 0..3 {
        let report = talk.send("after");
        assert_eq!(report["status"], "failed", "{number}: {report}");
        assert_eq!(report["accepted"], json!([]), "{number}: {report}");
        assert_eq!(report["error"]["temporary"], true, "{number}: {report}");
        // By now every process that held a connection is gone, so that its end is seen before anything is sent over it. (While
        // it lives, a message may leave whole and get no answer, and is in doubt by rights.)
        assert_eq!(report["error"]["in_doubt"], false, "{number}: {report}");
    }
    assert_eq!(talk.send("after")["error"]["kind"], "connect");
    assert_eq!(talk.end(), Some(1));
    assert_eq!(postfix.delivered("ann").len(), 1);
}

#[test]
fn an_idle_connection_that_the_server_closed_is_replaced() {
    let Some(postfix) = Postfix::start_with(&["ann"], &[("smtpd_timeout", "1s")]) else {
        return;
    };
    let mut talk = Talk::start(&postfix);
    assert_eq!(talk.send("before")["status"], "sent");
    postfix.logs(" mail=1 rcpt=1 bdat=1 commands=");
    let report = talk.send("after");
    assert_eq!(report["status"], "sent", "{report}");
    assert_eq!(talk.end(), Some(0));
    let found: Vec<_> = by_subject(&postfix, "ann").into_keys().collect();
    assert_eq!(found, ["after", "before"]);
}

/// A `posthaste send` that is fed one message after the other, each when the last one's report is there.
struct Talk {
    program: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Talk {
    fn start(postfix: &Postfix) -> Self {
        let mut program = send(&Place::new(), postfix, "").start();
        let input = program.stdin.take().expect("a pipe");
        let output = BufReader::new(program.stdout.take().expect("a pipe"));
        Self {
            program,
            input,
            output,
        }
    }

    fn send(&mut self, subject: &str) -> Value {
        let message = message(subject, &["ann@example.com"]);
        writeln!(self.input, "{message}").expect("it reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).expect("a report")
    }

    /// Ends the input; the exit code.
    fn end(mut self) -> Option<i32> {
        drop(self.input);
        self.program.wait().expect("it ends").code()
    }
}
