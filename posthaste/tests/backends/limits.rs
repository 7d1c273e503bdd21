//! Servers that have enough of a connection: what they do not take over it goes over another, and nothing goes twice.

use std::collections::BTreeSet;

use posthaste::testing::{At, Builder, Extension, Server};
use posthaste::{EmailMessage, ErrorKind, Phase, Report, Status};

pub(crate) use super::smtp::Driver;
use super::smtp::send;
use crate::support::plain;

for_both! {
    too_much_for_one_connection_goes_over_another,
    a_refusal_for_now_is_final_over_a_new_connection,
    a_kind_of_refusal_that_another_connection_does_not_help_is_believed,
    a_server_that_takes_one_message_a_connection_gets_all,
    what_cut_off_contents_once_has_at_most_one_more,
    a_server_that_counts_resets_is_left_before_it_hangs_up,
    nothing_was_begun_when_a_reply_too_many_came,
    an_end_amid_the_content_is_heard_at_once,
}

/// One that offers all that lets contents run ahead, and no more.
fn chunking() -> Builder {
    let server = Server::builder().without_extensions();
    server.with(Extension::Pipelining).with(Extension::Chunking)
}

fn message(number: usize) -> EmailMessage {
    EmailMessage::new(format!("m{number}."), "text")
        .from(format!("m{number}@example.com"))
        .to(["ann@example.com"])
}

fn messages(count: usize) -> Vec<EmailMessage> {
    (0..count).map(message).collect()
}

/// The senders of what was taken, each once.
#[track_caller]
fn taken(server: &Server) -> BTreeSet<String> {
    let all: Vec<_> = server.taken().into_iter().map(|one| one.from).collect();
    let once: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(all.len(), once.len(), "something came twice: {all:?}");
    once
}

#[track_caller]
fn assert_all_sent(server: &Server, reports: &[Report]) {
    for (number, report) in reports.iter().enumerate() {
        assert_eq!(
            report.status(),
            Status::Sent,
            "{number}: {:?}",
            report.error
        );
    }
    assert_eq!(taken(server).len(), reports.len());
}

fn in_doubt(reports: &[Report]) -> usize {
    let errors = reports.iter().filter_map(|report| report.error.as_ref());
    errors.filter(|error| error.is_in_doubt()).count()
}

const ENOUGH: &str = "452 4.5.3 Too many messages over this connection";

/// Refuses MAIL for now after so many over each of the first connections.
fn limited(server: Builder, limit: usize, connections: usize) -> Server {
    let rule = |number| At::mail("*").connection(number).skip(limit).reply(ENOUGH);
    let rules = (0..connections).map(rule);
    rules.fold(server, Builder::rule).start()
}

fn too_much_for_one_connection_goes_over_another(driver: Driver) {
    for offer in [plain, chunking] {
        let server = limited(offer(), 4, 4);
        let reports = send(driver, server.settings(), &messages(13));
        assert_all_sent(&server, &reports);
        let conversations = server.conversations();
        assert_eq!(conversations.len(), 4);
        for conversation in &conversations[..3] {
            let transcript = conversation.transcript();
            assert!(transcript.contains("C: QUIT"), "{transcript}");
        }
    }
}

fn a_refusal_for_now_is_final_over_a_new_connection(driver: Driver) {
    for offer in [plain, chunking] {
        let refused = At::mail("m2@*").reply("450 4.1.8 Not from you, for now");
        let server = offer().rule(refused).start();
        let reports = send(driver, server.settings(), &messages(5));
        let statuses: Vec<_> = reports.iter().map(Report::status).collect();
        let (sent, failed) = (Status::Sent, Status::Failed);
        assert_eq!(statuses, [sent, sent, failed, sent, sent]);
        assert_eq!(taken(&server).len(), 4);
        let conversations = server.conversations();
        let tries = conversations.iter().map(|one| one.count("mail from:<m2@"));
        assert_eq!(tries.collect::<Vec<_>>(), [1, 1]);
        let error = reports[2].error.as_ref().expect("it failed");
        assert!(error.is_temporary() && !error.is_in_doubt());
        assert_eq!(error.reply().map(|reply| reply.code()), Some(450));
    }
}

fn a_kind_of_refusal_that_another_connection_does_not_help_is_believed(driver: Driver) {
    let refused = At::mail("m*3@*").reply("450 4.1.8 Not from you, for now");
    let server = plain().rule(refused).start();
    let reports = send(driver, server.settings(), &messages(100));
    let failed = reports.iter().filter(|one| one.status() == Status::Failed);
    assert_eq!(failed.count(), 10);
    assert_eq!(taken(&server).len(), 90);
    assert!(server.conversations().len() <= 5);
}

fn a_server_that_takes_one_message_a_connection_gets_all(driver: Driver) {
    for offer in [plain, chunking] {
        let server = limited(offer(), 1, 8);
        let reports = send(driver, server.settings(), &messages(6));
        assert_all_sent(&server, &reports);
        assert_eq!(server.conversations().len(), 6);
    }
}

/// Each connection is cut when its thirtieth content has come.
fn what_cut_off_contents_once_has_at_most_one_more(driver: Driver) {
    let rule = |number| At::end().connection(number).skip(29).close();
    let server = (0..8).map(rule).fold(chunking(), Builder::rule).start();
    let reports = send(driver, server.settings(), &messages(200));
    let doubtful = in_doubt(&reports);
    let connections = server.conversations().len();
    assert!(connections >= 5, "{connections} connections");
    let sent = taken(&server).len();
    assert_eq!(sent + doubtful, 200, "{reports:?}");
    // The first may take along what was under way; then the server is known.
    let first = &server.conversations()[0];
    let on_first = first.messages.iter().filter(|one| !one.is_taken()).count();
    assert!(on_first <= 64);
    assert!(doubtful <= 64 + connections - 2, "{doubtful} in doubt");
    let later: usize = server.conversations()[1..]
        .iter()
        .map(|one| {
            one.messages
                .iter()
                .filter(|one| one.is_complete && !one.is_taken())
                .count()
        })
        .max()
        .unwrap_or_default();
    assert_eq!(later, 1);
}

/// As Exim does: it hangs up at the eleventh RSET beside one for each message that it takes.
fn a_server_that_counts_resets_is_left_before_it_hangs_up(driver: Driver) {
    let refused = At::rcpt("refused@*").reply("550 5.1.1 No such user");
    let mut all = messages(120);
    for message in all.iter_mut().skip(1).step_by(2) {
        message.to = vec!["refused@example.com".into()];
    }
    let server = chunking().rule(refused).start();
    let reports = send(driver, server.settings(), &all);
    assert_eq!(taken(&server).len(), 60);
    assert_eq!(in_doubt(&reports), 0);
    for conversation in server.conversations() {
        let refused = conversation.messages.iter().filter(|one| !one.is_taken());
        assert!(refused.count() <= 10, "{}", conversation.transcript());
    }
}

/// Here the second reply is seen when the next message has begun, and is taken for the answer to its first command.
fn nothing_was_begun_when_a_reply_too_many_came(driver: Driver) {
    for offer in [plain, chunking] {
        let twice = At::content(1)
            .holding("m3.")
            .connection(0)
            .reply("250 2.0.0 Once");
        let server = offer().rule(twice).start();
        let reports = send(driver, server.settings(), &messages(6));
        assert_eq!(in_doubt(&reports), 0, "{reports:?}");
        assert_all_sent(&server, &reports);
    }
}

/// The server says nothing any more, and would read to the end. It has so much to read that it must have closed its direction
/// before.
fn an_end_amid_the_content_is_heard_at_once(driver: Driver) {
    for offer in [plain, chunking] {
        let end = At::content(100_000).connection(0).half_close();
        let server = offer().rule(end).start();
        let mut all = messages(3);
        all[1].body = "All work and no play makes Jack a dull boy.\n".repeat(400_000);
        let reports = send(driver, server.settings(), &all);
        let error = reports[1].error.as_ref().expect("no answer can come");
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::Connect, Some(Phase::Body))
        );
        assert!(error.is_temporary() && !error.is_in_doubt(), "{error}");
        assert_eq!(
            [0, 2].map(|at: usize| reports[at].status()),
            [Status::Sent; 2]
        );
        assert_eq!(taken(&server).len(), 2);
    }
}
