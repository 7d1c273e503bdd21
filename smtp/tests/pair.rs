//! The session against a model server: every refusal at every step, every cut, every loss. The
//! server's own record decides what the client must report.

mod model;

use model::{Link, Point, Record, Result, Server, session, talk};
use posthaste_smtp::{
    EnvelopeId, FailureKind, Mail, Notify, OriginalRecipient, Outcome, Path, Phase, Priority, Ret,
};

const CONTENT: &[u8] = b"Subject: x\n\n.dot\r\n.\r\nlast";
const DELIVERED: &[u8] = b"Subject: x\r\n\r\n.dot\r\n.\r\nlast\r\n";

fn mail(m: usize, recipients: usize) -> Mail {
    let from = Path::new(&format!("from{m}@example.com")).unwrap();
    let to = (0..recipients).map(|i| Path::new(&format!("to{i}@example.com")).unwrap());
    let mut mail = Mail::new(from, to);
    mail.size = CONTENT.len() as u64;
    mail
}

fn run(mails: usize, script: &[(Point, u16)], up: Link, down: Link) -> (Server, Result) {
    let mut server = Server::new(script, "SIZE 1000\n8BITMIME\nPIPELINING");
    let mut session = session((0..mails).map(|m| mail(m, 3)));
    let result = talk(&mut session, &mut server, up, down, CONTENT);
    (server, result)
}

/// What the client must say of a mail that the server has answered for.
fn check(record: &Record, outcome: &Outcome, context: &dyn std::fmt::Debug) {
    let indexes = |yes: bool| {
        let all = record.recipients.iter().enumerate();
        all.filter(move |(_, (_, code))| (code / 100 == 2) == yes)
            .map(|(i, (_, code))| (i, *code))
    };
    let rejected: Vec<_> = outcome
        .rejected
        .iter()
        .map(|(i, reply)| (*i, reply.code()))
        .collect();
    assert_eq!(rejected, indexes(false).collect::<Vec<_>>(), "{context:?}");
    if let Some(content) = &record.delivered {
        assert_eq!(content, DELIVERED);
        assert_eq!(
            outcome.accepted,
            indexes(true).map(|(i, _)| i).collect::<Vec<_>>(),
            "{context:?}"
        );
        assert_eq!(outcome.failure, None, "{context:?}");
        return;
    }
    assert!(outcome.accepted.is_empty(), "{context:?}");
    let failure = outcome
        .failure
        .as_ref()
        .expect("not delivered is a failure");
    let code = failure.reply.as_ref().map(|reply| reply.code());
    assert_eq!(failure.kind, FailureKind::Refused);
    match record.refused {
        Some((phase, refusal)) => {
            assert_eq!((failure.phase, code), (phase, Some(refusal)), "{context:?}")
        }
        None => {
            let first = indexes(false)
                .map(|(_, code)| code)
                .find(|code| code / 100 == 4);
            let first = first.or(indexes(false).map(|(_, code)| code).next());
            assert_eq!((failure.phase, code), (Phase::Rcpt, first), "{context:?}");
        }
    }
}

/// Checks everything that must hold when no link broke.
fn check_all(script: &[(Point, u16)], server: &Server, result: &Result, mails: usize) {
    let context = (script, &server.commands);
    assert_eq!(result.violation, None, "{context:?}");
    assert_eq!(result.done.len(), server.mails.len(), "{context:?}");
    for ((_, outcome), record) in result.done.iter().zip(&server.mails) {
        check(record, outcome, &context);
    }
    assert_eq!(result.done.len() + result.lost.len(), mails, "{context:?}");
    for (_, unfinished) in &result.lost {
        assert!(
            unfinished.never_started && !unfinished.in_doubt,
            "{context:?}"
        );
    }
    if !result.lost.is_empty() {
        assert!(result.closed.is_some(), "{context:?}");
    }
}

fn points() -> Vec<Point> {
    let mut points = vec![
        Point::Greeting,
        Point::Ehlo,
        Point::Helo,
        Point::Rset,
        Point::Quit,
    ];
    for m in 0..2 {
        points.extend([Point::Mail(m), Point::Data(m), Point::Final(m)]);
        points.extend((0..3).map(|i| Point::Rcpt(m, i)));
    }
    points
}

#[test]
fn all_goes_well() {
    let (server, result) = run(2, &[], Link::Whole, Link::Whole);
    check_all(&[], &server, &result, 2);
    assert!(server.mails.iter().all(|mail| mail.delivered.is_some()));
    let verbs: Vec<_> = server.commands.iter().map(|line| &line[..4]).collect();
    let one = ["MAIL", "RCPT", "RCPT", "RCPT", "DATA"];
    assert_eq!(
        verbs,
        [&["EHLO"][..], &one, &one, &["QUIT"]].concat(),
        "no RSET where nothing failed"
    );
    assert_eq!(server.commands[1], "MAIL FROM:<from0@example.com> SIZE=25");
}

#[test]
fn every_pair_of_refusals() {
    let codes = [421, 450, 550];
    for first in points() {
        for second in points() {
            for (a, b) in codes
                .iter()
                .flat_map(|a| codes.iter().map(move |b| (*a, *b)))
            {
                let script = [(first, a), (second, b)];
                let (server, result) = run(2, &script, Link::Whole, Link::Whole);
                check_all(&script, &server, &result, 2);
            }
        }
    }
}

#[test]
fn every_answer_to_three_recipients() {
    let codes = [250, 251, 421, 450, 550];
    for n in 0..codes.len().pow(3) {
        let script = [n, n / codes.len(), n / codes.len().pow(2)].map(|n| codes[n % codes.len()]);
        let script = [0, 1, 2].map(|i| (Point::Rcpt(0, i), script[i]));
        let (server, result) = run(2, &script, Link::Whole, Link::Whole);
        check_all(&script, &server, &result, 2);
    }
}

/// Scripts that between them take every way through the session.
fn scripts() -> Vec<Vec<(Point, u16)>> {
    use Point::{Data, Ehlo, Final, Mail, Quit, Rcpt, Rset};
    vec![
        vec![],
        vec![(Ehlo, 502), (Rcpt(0, 1), 550)],
        vec![(Mail(0), 550)],
        vec![(Rcpt(0, 0), 550), (Rcpt(0, 1), 450), (Rcpt(0, 2), 550)],
        vec![(Data(0), 451), (Final(1), 554)],
        vec![(Final(0), 452), (Rset, 421)],
        vec![(Rcpt(1, 1), 421)],
        vec![(Final(1), 421), (Quit, 421)],
    ]
}

#[test]
fn every_cut_gives_the_same() {
    for script in scripts() {
        let (server, whole) = run(2, &script, Link::Whole, Link::Whole);
        check_all(&script, &server, &whole, 2);
        let most = server.output.len().max(900);
        let cuts = (1..most).map(Link::CutAt).chain((1..20).map(Link::Pieces));
        for cut in cuts {
            for (up, down) in [(cut, Link::Whole), (Link::Whole, cut), (cut, cut)] {
                let (again, result) = run(2, &script, up, down);
                assert_eq!(result, whole, "{script:?} {up:?} {down:?}");
                assert_eq!(again.mails, server.mails);
            }
        }
    }
}

/// Whatever breaks wherever: no mail is told as taken that was not, and none as not taken, without
/// a doubt, that was.
#[test]
fn every_loss_is_told_truly() {
    for script in scripts() {
        for at in 0..900 {
            for (up, down) in [
                (Link::BrokenAt(at), Link::Whole),
                (Link::Whole, Link::BrokenAt(at)),
            ] {
                let (server, result) = run(2, &script, up, down);
                let context = (&script, up, down, &server.commands);
                assert_eq!(result.violation, None, "{context:?}");
                assert_eq!(result.done.len() + result.lost.len(), 2, "{context:?}");
                for ((_, outcome), record) in result.done.iter().zip(&server.mails) {
                    check(record, outcome, &context);
                }
                for (i, (_, unfinished)) in result.lost.iter().enumerate() {
                    let record = server.mails.get(result.done.len() + i);
                    let delivered = record.is_some_and(|record| record.delivered.is_some());
                    assert!(
                        unfinished.in_doubt || !delivered,
                        "{context:?} {unfinished:?}"
                    );
                    assert!(
                        !unfinished.never_started || record.is_none(),
                        "{context:?} {unfinished:?}"
                    );
                    assert!(!unfinished.in_doubt || unfinished.phase == Phase::Final);
                    let known = record.map_or(0, |record| {
                        record
                            .recipients
                            .iter()
                            .filter(|(_, code)| *code >= 400)
                            .count()
                    });
                    assert!(unfinished.rejected.len() <= known, "{context:?}");
                }
            }
        }
    }
}

/// One mail against these extensions; with the content's needs.
fn fits(
    extensions: &'static str,
    change: impl Fn(&mut Mail),
) -> (Option<FailureKind>, Vec<String>) {
    let mut server = Server::new(&[], extensions);
    let mut needy = mail(0, 1);
    change(&mut needy);
    let mut session = session([needy, mail(1, 1)]);
    let result = talk(&mut session, &mut server, Link::Whole, Link::Whole, CONTENT);
    assert_eq!(result.done.len(), 2);
    assert_eq!(result.done[1].1.failure, None, "the next mail goes its way");
    (
        result.done[0]
            .1
            .failure
            .as_ref()
            .map(|failure| failure.kind),
        server.commands,
    )
}

#[test]
fn a_mail_that_does_not_fit_is_failed_alone_and_unsent() {
    let non_ascii =
        |mail: &mut Mail| mail.to = vec![Path::new("jürgen@example.com").unwrap().into()];
    for (extensions, kind, change) in [
        (
            "SIZE 100",
            FailureKind::TooLarge,
            (&|m: &mut Mail| m.size = 101) as &dyn Fn(&mut Mail),
        ),
        ("SIZE", FailureKind::Unsupported("8BITMIME"), &|m| {
            m.eight_bit = true
        }),
        ("8BITMIME", FailureKind::Unsupported("SMTPUTF8"), &|m| {
            m.smtputf8 = true
        }),
        ("8BITMIME", FailureKind::Unsupported("SMTPUTF8"), &non_ascii),
    ] {
        let (failure, commands) = fits(extensions, change);
        assert_eq!(failure, Some(kind));
        assert!(
            commands[1].starts_with("MAIL FROM:<from1@"),
            "not a byte, and no RSET: {commands:?}"
        );
    }
}

#[test]
fn a_mail_that_fits_says_what_it_needs() {
    let mail_line = |extensions, change: &dyn Fn(&mut Mail)| {
        let (failure, commands) = fits(extensions, change);
        assert_eq!(failure, None);
        commands[1]
            .strip_prefix("MAIL FROM:<from0@example.com>")
            .unwrap()
            .to_owned()
    };
    assert_eq!(mail_line("SIZE 25", &|_| {}), " SIZE=25");
    assert_eq!(
        mail_line("SIZE 0", &|m| m.size = u64::MAX),
        " SIZE=18446744073709551615"
    );
    assert_eq!(mail_line("SIZE", &|m| m.size = 0), "");
    assert_eq!(mail_line("8BITMIME\nSMTPUTF8", &|_| {}), "");
    assert_eq!(
        mail_line("8BITMIME\nSMTPUTF8", &|m| m.eight_bit = true),
        " BODY=8BITMIME"
    );
    assert_eq!(
        mail_line("8BITMIME\nSMTPUTF8", &|m| m.smtputf8 = true),
        " SMTPUTF8"
    );
}

#[test]
fn after_helo_there_are_no_extensions() {
    let (server, result) = run(1, &[(Point::Ehlo, 500)], Link::Whole, Link::Whole);
    assert_eq!(
        server.commands[..3],
        [
            "EHLO [127.0.0.1]",
            "HELO [127.0.0.1]",
            "MAIL FROM:<from0@example.com>"
        ]
    );
    assert_eq!(result.done[0].1.failure, None);
}

#[test]
fn notices_and_priority_are_asked_for_where_the_server_knows_them() {
    let ask = |mail: &mut Mail| {
        mail.ret = Some(Ret::Headers);
        mail.envelope_id = EnvelopeId::new("order+7").ok();
        mail.priority = Priority::new(-3).ok();
        mail.to[0].notify = Some(Notify::NEVER);
        mail.to[0].original = OriginalRecipient::new("list@example.com").ok();
    };
    let lines = |extensions| {
        let (failure, commands) = fits(extensions, ask);
        assert_eq!(failure, None, "the mail goes in any case");
        commands[1..3].join("\n")
    };
    let bare = "MAIL FROM:<from0@example.com>\nRCPT TO:<to0@example.com>";
    assert_eq!(lines(""), bare);
    assert_eq!(
        lines("DSN"),
        "MAIL FROM:<from0@example.com> RET=HDRS ENVID=order+2B7\n\
         RCPT TO:<to0@example.com> NOTIFY=NEVER ORCPT=rfc822;list@example.com"
    );
    assert_eq!(
        lines("MT-PRIORITY"),
        bare.replace("\n", " MT-PRIORITY=-3\n")
    );
}
