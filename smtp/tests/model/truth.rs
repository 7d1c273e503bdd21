//! What the client must report, by what the server knows.

use std::fmt::Debug;

use posthaste_smtp::{Config, FailureKind, Mail, Outcome, Path, Phase};

use super::{Client, Link, Make, Point, Record, Result, Server, talk};

/// The content of a mail, with every kind of line end.
pub(crate) fn content(m: usize) -> Vec<u8> {
    format!("Subject: {m}\n\n.dot\r\n.\r\nlast!").into_bytes()
}

/// The same as it has to arrive.
fn delivered(m: usize) -> Vec<u8> {
    format!("Subject: {m}\r\n\r\n.dot\r\n.\r\nlast!\r\n").into_bytes()
}

/// Mails with contents that tell them apart.
pub(crate) fn mails(mails: usize, recipients: usize) -> Vec<(Mail, Vec<u8>)> {
    let mail = |m: usize| {
        let from = Path::new(&format!("from{m}@example.com")).unwrap();
        let to = (0..recipients).map(|i| Path::new(&format!("to{i}@example.com")).unwrap());
        let mut mail = Mail::new(from, to);
        mail.size = content(m).len() as u64;
        (mail, content(m))
    };
    (0..mails).map(mail).collect()
}

/// Sends so many mails, to two recipients each.
pub(crate) fn run(
    make: Make,
    config: Config,
    count: usize,
    script: &[(Point, u16)],
    up: Link,
    down: Link,
) -> (Client, Server, Result) {
    let mut server = Server::new(script, make);
    let mut client = Client::new(config, mails(count, 2));
    let result = talk(&mut client, &mut server, up, down);
    (client, server, result)
}

/// Checks all that must hold, whatever happened.
pub(crate) fn check(client: &Client, server: &Server, result: &Result, context: &dyn Debug) {
    let count = client.tickets.len();
    assert_eq!(
        result.done.len() + result.lost.len(),
        count,
        "{context:?} {result:?}"
    );
    for m in 0..count {
        let record = server.record(m);
        assert!(record.delivered.len() <= 1, "{m} twice: {context:?}");
        for (_, content) in &record.delivered {
            assert_eq!(*content, delivered(m), "under another sender: {context:?}");
        }
    }
    for (ticket, outcome) in &result.done {
        let m = client.number(*ticket);
        check_outcome(
            &server.record(m),
            outcome,
            &(m, context, &server.commands, result),
        );
    }
    for (ticket, unfinished) in &result.lost {
        let record = server.record(client.number(*ticket));
        let is_delivered = !record.delivered.is_empty();
        let context = (client.number(*ticket), context, unfinished);
        assert!(unfinished.in_doubt || !is_delivered, "{context:?}");
        assert!(
            !unfinished.never_started || record.line.is_empty(),
            "{context:?}"
        );
        assert!(
            !unfinished.in_doubt || unfinished.phase == Phase::Final,
            "{context:?}"
        );
        let refused = record.recipients.iter().filter(|(_, code)| *code >= 400);
        assert!(unfinished.rejected.len() <= refused.count(), "{context:?}");
    }
}

/// What the client must say of a mail that the server has answered for.
fn check_outcome(record: &Record, outcome: &Outcome, context: &dyn Debug) {
    let indexes = |yes: bool| {
        let all = record.recipients.iter().enumerate();
        all.filter(move |(_, (_, code))| (code / 100 == 2) == yes)
            .map(|(i, (_, code))| (i, *code))
    };
    let rejected = outcome.rejected.iter();
    let rejected: Vec<_> = rejected.map(|(i, reply)| (*i, reply.code())).collect();
    assert_eq!(rejected, indexes(false).collect::<Vec<_>>(), "{context:?}");
    if let Some((accepted, _)) = record.delivered.first() {
        assert_eq!(outcome.accepted, *accepted, "{context:?}");
        assert_eq!(outcome.failure, None, "{context:?}");
        assert_eq!(outcome.reply.as_ref().map(|reply| reply.code()), Some(250));
        return;
    }
    assert!(outcome.accepted.is_empty(), "{context:?}");
    let failure = outcome
        .failure
        .as_ref()
        .expect("not delivered is a failure");
    let code = failure.reply.as_ref().map(|reply| reply.code());
    assert_eq!(failure.kind, FailureKind::Refused);
    let said = match record.refused {
        Some((phase, refusal)) => (phase, Some(refusal)),
        None => {
            let mut codes = indexes(false).map(|(_, code)| code);
            let first = codes.clone().next();
            (Phase::Rcpt, codes.find(|code| code / 100 == 4).or(first))
        }
    };
    assert_eq!((failure.phase, code), said, "{context:?}");
}
