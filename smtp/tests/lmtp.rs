//! LMTP: each recipient has an answer of its own in the end, and keeps it when the connection is lost before the others have theirs.

mod model;

use model::truth::mails;
use model::{Client, Link, Make, PIPELINING, PLAIN, Point, Record, Result, Server, talk};
use posthaste_smtp::{Config, Phase, Protocol};

const MAKES: [Make; 2] = [
    Make {
        lmtp: true,
        ..PLAIN
    },
    Make {
        lmtp: true,
        ..PIPELINING
    },
];

/// Two mails to three recipients each.
fn run(make: Make, script: &[(Point, u16)], down: Link) -> (Client, Server, Result) {
    let mut config = Config::default();
    config.protocol = Protocol::Lmtp;
    let mut server = Server::new(script, make);
    let mut client = Client::new(config, mails(2, 3));
    let result = talk(&mut client, &mut server, Link::Whole, down);
    (client, server, result)
}

fn codes(replies: &[(usize, posthaste_smtp::Reply)]) -> Vec<(usize, u16)> {
    replies
        .iter()
        .map(|(i, reply)| (*i, reply.code()))
        .collect()
}

/// What the server said of each recipient, in the end or before.
fn said(record: &Record, yes: bool) -> Vec<(usize, u16)> {
    let early = record.recipients.iter().enumerate();
    let early = early.map(|(i, (_, code))| (i, *code));
    let mut all: Vec<_> = early
        .filter(|(_, code)| *code >= 400)
        .chain(record.finals.iter().copied())
        .filter(|(_, code)| (*code < 400) == yes)
        .collect();
    all.sort_unstable();
    all
}

/// Compares all that was reported with what the server said, as far as the client can have heard it.
fn check(client: &Client, server: &Server, result: &Result, heard_all: bool, context: &str) {
    assert_eq!(result.done.len() + result.lost.len(), 2, "{context}");
    for (ticket, outcome) in &result.done {
        let record = server.record(client.number(*ticket));
        let taken = said(&record, true);
        let indexes: Vec<_> = taken.iter().map(|(i, _)| *i).collect();
        assert_eq!(outcome.accepted, indexes, "{context} {result:?}");
        assert_eq!(codes(&outcome.replies), taken, "{context}");
        assert_eq!(codes(&outcome.rejected), said(&record, false), "{context}");
        assert_eq!(outcome.failure.is_some(), taken.is_empty(), "{context}");
    }
    for (ticket, unfinished) in &result.lost {
        let record = server.record(client.number(*ticket));
        let (taken, refused) = (said(&record, true), said(&record, false));
        let (told, no) = (codes(&unfinished.replies), codes(&unfinished.rejected));
        assert!(told.iter().all(|one| taken.contains(one)), "{context}");
        assert!(no.iter().all(|one| refused.contains(one)), "{context}");
        if heard_all {
            assert_eq!((told, no), (taken, refused), "{context}");
        }
        let is_over = !record.finals.is_empty();
        assert!(unfinished.in_doubt || !is_over, "{context} {unfinished:?}");
        assert!(unfinished.in_doubt || unfinished.replies.is_empty());
    }
}

#[test]
fn each_answer_counts_for_its_recipient() {
    let codes = [250, 450, 550, 421];
    for make in MAKES {
        for n in 0..codes.len().pow(3) {
            let [a, b, c] = [n, n / 4, n / 16].map(|n| codes[n % 4]);
            for early in [250, 550] {
                let script = [
                    (Point::Rcpt(0, 1), early),
                    (Point::FinalFor(0, 0), a),
                    (Point::FinalFor(0, 1), b),
                    (Point::FinalFor(0, 2), c),
                ];
                let (client, server, result) = run(make, &script, Link::Whole);
                check(&client, &server, &result, true, &format!("{script:?}"));
            }
        }
    }
}

#[test]
fn after_421_those_behind_are_in_doubt() {
    for make in MAKES {
        let script = [(Point::FinalFor(0, 0), 550), (Point::FinalFor(0, 1), 421)];
        let (_, _, result) = run(make, &script, Link::Whole);
        let [(_, first), (_, second)] = &result.lost[..] else {
            panic!("{result:?}");
        };
        assert!(first.in_doubt && first.phase == Phase::Final);
        assert_eq!(codes(&first.rejected), [(0, 550), (1, 421)]);
        assert!(first.replies.is_empty() && !second.in_doubt);
        assert_eq!(result.closed, Some(421));
        // To the last recipient it leaves no doubt.
        let script = [(Point::FinalFor(0, 2), 421)];
        let (_, _, result) = run(make, &script, Link::Whole);
        let outcome = &result.done[0].1;
        assert_eq!(
            (&outcome.accepted[..], &outcome.failure),
            (&[0, 1][..], &None)
        );
        assert_eq!(codes(&outcome.rejected), [(2, 421)]);
    }
}

#[test]
fn wherever_the_answers_end_those_that_came_count() {
    for make in MAKES {
        for script in [vec![], vec![(Point::FinalFor(0, 1), 452)]] {
            let whole = run(make, &script, Link::Whole).1.output.len();
            let mut partly = 0;
            for at in 0..whole {
                let (client, server, result) = run(make, &script, Link::BrokenAt(at));
                check(
                    &client,
                    &server,
                    &result,
                    false,
                    &format!("{script:?} {at}"),
                );
                let some = result
                    .lost
                    .iter()
                    .filter(|(_, one)| !one.replies.is_empty());
                partly += some.count();
            }
            assert!(partly > 0);
        }
    }
}
