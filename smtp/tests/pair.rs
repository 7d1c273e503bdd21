//! The session against a model server: every refusal at every step, every cut, every loss. The server's own record
//! decides what the client must report.

mod model;

use model::truth::{check, mails, run};
use model::{CHUNKING, Client, Link, Make, PIPELINING, PLAIN, Point, Server, talk};
use posthaste_smtp::{
    Config, EnvelopeId, FailureKind, Mail, Notify, OriginalRecipient, Path, Phase, Priority, Ret,
    Trust, ViolationKind,
};

/// Every kind of server.
const MAKES: [Make; 5] = [
    PLAIN,
    PIPELINING,
    Make {
        data_for_nobody: true,
        ..PIPELINING
    },
    CHUNKING,
    Make {
        keeps_transaction: true,
        ..CHUNKING
    },
];

fn points() -> Vec<Point> {
    let mut points = vec![
        Point::Greeting,
        Point::Ehlo,
        Point::Helo,
        Point::Rset,
        Point::Quit,
    ];
    // The first mail earns trust, so that the others run ahead.
    for m in 0..3 {
        points.extend([Point::Mail(m), Point::Data(m), Point::Final(m)]);
        points.extend((0..2).map(|i| Point::Rcpt(m, i)));
    }
    points
}

fn verbs(server: &Server) -> Vec<&str> {
    server.commands.iter().map(|line| &line[..4]).collect()
}

#[test]
fn all_goes_well() {
    for make in MAKES {
        let (client, server, result) =
            run(make, Config::default(), 3, &[], Link::Whole, Link::Whole);
        check(&client, &server, &result, &make);
        assert_eq!(result.done.len(), 3);
        assert!((0..3).all(|m| server.record(m).delivered.len() == 1));
    }
}

#[test]
fn without_pipelining_each_command_waits() {
    let (_, server, result) = run(PLAIN, Config::default(), 2, &[], Link::Whole, Link::Whole);
    let one = ["MAIL", "RCPT", "RCPT", "DATA"];
    assert_eq!(
        verbs(&server),
        [&["EHLO"][..], &one, &one, &["QUIT"]].concat(),
        "no RSET where nothing failed"
    );
    assert_eq!(server.commands[1], "MAIL FROM:<from0@example.com> SIZE=26");
    assert_eq!(result.trips, 2 + 2 * 5 + 1);
}

#[test]
fn with_pipelining_the_end_and_the_next_envelope_leave_together() {
    let (_, server, result) = run(
        PIPELINING,
        Config::default(),
        9,
        &[],
        Link::Whole,
        Link::Whole,
    );
    let next = ["RSET", "MAIL", "RCPT", "RCPT", "DATA"];
    assert_eq!(
        verbs(&server)[..10],
        [&["EHLO"][..], &next[1..], &next].concat()
    );
    // The greeting, EHLO, the first 354, and one for each mail; then QUIT.
    assert_eq!(result.trips, 3 + 9 + 1);
}

#[test]
fn with_chunking_whole_mails_follow_one_another() {
    let (_, server, result) = run(
        CHUNKING,
        Config::default(),
        50,
        &[],
        Link::Whole,
        Link::Whole,
    );
    let next = ["RSET", "MAIL", "RCPT", "RCPT", "BDAT"];
    assert_eq!(
        verbs(&server)[..10],
        [&["EHLO"][..], &next[1..], &next].concat()
    );
    // The greeting, EHLO, the first mail's recipients, its content, eight more, all others at once; then QUIT.
    assert_eq!(result.trips, 2 + 4 + 1);
}

#[test]
fn each_of_the_two_can_be_switched_off() {
    let trips = |change: fn(&mut Config)| {
        let mut config = Config::default();
        change(&mut config);
        let (client, server, result) = run(CHUNKING, config, 9, &[], Link::Whole, Link::Whole);
        check(&client, &server, &result, &"off");
        (
            result.trips,
            server.commands.iter().any(|line| line.starts_with("BDAT")),
        )
    };
    assert_eq!(trips(|config| config.chunking = false), (3 + 9 + 1, false));
    assert_eq!(
        trips(|config| config.pipelining = false),
        (2 + 9 * 5 + 1, false)
    );
}

#[test]
fn the_window_is_kept() {
    let mut config = Config::default();
    config.window.messages = 1;
    let (client, server, result) = run(CHUNKING, config, 9, &[], Link::Whole, Link::Whole);
    check(&client, &server, &result, &"one in doubt");
    assert_eq!(result.trips, 2 + 1 + 9 + 1, "one trip a mail");
    let mut config = Config::default();
    config.window.replies = 10;
    let (client, server, result) = run(CHUNKING, config, 21, &[], Link::Whole, Link::Whole);
    check(&client, &server, &result, &"ten replies");
    assert_eq!(
        result.trips,
        2 + 2 + 10 + 1,
        "two mails of five replies a trip"
    );
    let mut config = Config::default();
    config.window.octets = 60;
    let (client, server, result) = run(CHUNKING, config, 21, &[], Link::Whole, Link::Whole);
    check(&client, &server, &result, &"sixty octets");
    assert!(
        result.trips >= 2 + 2 + 10,
        "two contents of 28 octets a trip"
    );
}

#[test]
fn long_content_goes_in_chunks() {
    let mut config = Config::default();
    config.window.chunk = 10;
    let (client, server, result) = run(CHUNKING, config, 2, &[], Link::Whole, Link::Whole);
    check(&client, &server, &result, &"chunks");
    let sizes = server.commands.iter();
    let sizes = sizes.filter_map(|line| line.strip_prefix("BDAT "));
    let sizes: Vec<&str> = sizes.take(3).collect();
    assert_eq!(
        sizes,
        ["14", "12", "4 LAST"],
        "full as soon as it holds ten octets"
    );
}

#[test]
fn a_chunk_refused_in_the_middle_ends_the_mail_alone() {
    for code in [450, 552] {
        let mut config = Config::default();
        config.window.chunk = 10;
        let script = [(Point::Chunk(1, 0), code)];
        let (client, server, result) = run(CHUNKING, config, 4, &script, Link::Whole, Link::Whole);
        check(&client, &server, &result, &code);
        assert_eq!(result.done.len(), 4, "the connection stays usable");
        let failure = result.done[1].1.failure.as_ref().expect("it failed");
        assert_eq!(failure.phase, Phase::Body);
    }
}

#[test]
fn after_a_refusal_contents_wait_for_their_recipients() {
    let script = [(Point::Rcpt(1, 0), 550), (Point::Rcpt(1, 1), 550)];
    let (client, server, result) = run(
        CHUNKING,
        Config::default(),
        40,
        &script,
        Link::Whole,
        Link::Whole,
    );
    check(&client, &server, &result, &"narrow");
    // Of the next sixteen each waits for its recipients; then eight go at once, and the others.
    assert_eq!(result.trips, 2 + 2 + 17 + 2 + 1);
    let script: Vec<_> = (0..40).map(|m| (Point::Mail(m), 550)).collect();
    let (client, server, result) = run(
        CHUNKING,
        Config::default(),
        40,
        &script,
        Link::Whole,
        Link::Whole,
    );
    check(&client, &server, &result, &"all refused");
    let contents = server
        .commands
        .iter()
        .filter(|line| line.starts_with("BDAT"));
    assert_eq!(
        contents.count(),
        0,
        "no content for nobody from a server that is not trusted"
    );
}

/// So many contents are sent for nobody to a server that has taken some mails, and from then on refuses every one. One mail's
/// addresses are always ahead, so that one is known to be refused.
#[test]
fn no_more_contents_run_ahead_than_there_is_trust() {
    for (good, ahead) in [(0, 0), (1, 0), (2, 7), (9, 0), (20, 53)] {
        let refused = (good..200).map(|m| (Point::Mail(m), 550));
        let script: Vec<_> = refused.collect();
        let (client, server, result) = run(
            CHUNKING,
            Config::default(),
            200,
            &script,
            Link::Whole,
            Link::Whole,
        );
        check(&client, &server, &result, &good);
        let contents = server
            .commands
            .iter()
            .filter(|line| line.starts_with("BDAT"));
        assert_eq!(contents.count() - good, ahead, "after {good}");
    }
}

#[test]
fn a_session_knows_what_another_has_learnt() {
    let in_doubt = |trust: Option<Trust>| {
        let cuts = (0..6000).step_by(101);
        let most = cuts.map(|at| {
            let mut client = Client::new(Config::default(), mails(40, 2));
            if let Some(trust) = trust {
                client.session.set_trust(trust);
            }
            let mut server = Server::new(&[], CHUNKING);
            let result = talk(&mut client, &mut server, Link::BrokenAt(at), Link::Whole);
            check(&client, &server, &result, &(trust, at));
            result.lost.iter().filter(|(_, one)| one.in_doubt).count()
        });
        most.max()
    };
    assert!(in_doubt(None) > Some(1));
    assert_eq!(in_doubt(Some(Trust::after(40))), Some(1));

    let (client, _, result) = run(
        CHUNKING,
        Config::default(),
        30,
        &[],
        Link::Whole,
        Link::Whole,
    );
    assert_eq!(result.trips, 2 + 4 + 1);
    let learnt = client.session.trust().anew();
    let mut client = Client::new(Config::default(), mails(30, 2));
    client.session.set_trust(learnt);
    let mut server = Server::new(&[], CHUNKING);
    let result = talk(&mut client, &mut server, Link::Whole, Link::Whole);
    assert_eq!(result.trips, 2 + 3 + 1, "all at once after the first");
}

#[test]
fn a_server_that_does_not_know_its_own_chunking_is_found_out() {
    for code in [500, 502, 504] {
        let script = [(Point::Final(0), code)];
        let (client, server, result) = run(
            CHUNKING,
            Config::default(),
            3,
            &script,
            Link::Whole,
            Link::Whole,
        );
        let violation = result.violation.as_ref().expect("it cannot go on");
        assert_eq!(violation.kind(), ViolationKind::NoChunking);
        assert_eq!(result.lost.len(), 3);
        for (m, (_, unfinished)) in result.lost.iter().enumerate() {
            assert!(!unfinished.in_doubt, "no content was taken");
            assert_eq!(unfinished.by_data, m == 0);
        }
        let _ = (client, server);
    }
    // From a server that has taken a chunk it is a refusal like any other.
    let script = [(Point::Final(1), 500)];
    let (client, server, result) = run(
        CHUNKING,
        Config::default(),
        3,
        &script,
        Link::Whole,
        Link::Whole,
    );
    check(&client, &server, &result, &"a refusal");
    assert_eq!(result.done.len(), 3);
}

#[test]
fn a_mail_in_another_ones_transaction_is_out_of_step() {
    let script = [(Point::Mail(2), 503)];
    let (client, server, result) = run(
        CHUNKING,
        Config::default(),
        4,
        &script,
        Link::Whole,
        Link::Whole,
    );
    let violation = result.violation.as_ref().expect("it cannot go on");
    assert_eq!(violation.kind(), ViolationKind::OutOfStep);
    check(&client, &server, &result, &"out of step");
    assert!(result.lost.iter().all(|(_, one)| one.in_doubt));
    // Of a mail that was not written ahead it is only a refusal.
    let script = [(Point::Mail(0), 503)];
    let (client, server, result) = run(
        CHUNKING,
        Config::default(),
        2,
        &script,
        Link::Whole,
        Link::Whole,
    );
    check(&client, &server, &result, &"refused");
    assert_eq!(result.done.len(), 2);
}

#[test]
fn content_that_cannot_be_had_fails_its_mail_alone() {
    let mut client = Client::new(Config::default(), mails(4, 2));
    client.fail_content(2);
    let mut server = Server::new(&[], CHUNKING);
    let result = talk(&mut client, &mut server, Link::Whole, Link::Whole);
    assert_eq!(result.done.len(), 4);
    for (ticket, outcome) in &result.done {
        let m = client.number(*ticket);
        let kind = outcome.failure.as_ref().map(|failure| failure.kind);
        assert_eq!(kind, (m == 2).then_some(FailureKind::NoContent));
        assert_eq!(server.record(m).delivered.len(), usize::from(m != 2));
    }
    // After DATA there is no way back, but nothing is in doubt.
    let mut client = Client::new(Config::default(), mails(4, 2));
    client.fail_content(2);
    let mut server = Server::new(&[], PIPELINING);
    let result = talk(&mut client, &mut server, Link::Whole, Link::Whole);
    assert_eq!((result.done.len(), result.lost.len()), (2, 2));
    assert!(!result.lost[0].1.in_doubt && result.lost[1].1.never_started);
}

#[test]
fn every_pair_of_refusals() {
    let codes = [421, 450, 550];
    for make in MAKES {
        for first in points() {
            for second in points() {
                for (a, b) in codes
                    .iter()
                    .flat_map(|a| codes.iter().map(move |b| (*a, *b)))
                {
                    let script = [(first, a), (second, b)];
                    let (client, server, result) = run(
                        make,
                        Config::default(),
                        4,
                        &script,
                        Link::Whole,
                        Link::Whole,
                    );
                    let context = (make, script);
                    check(&client, &server, &result, &context);
                    let is_end = [a, b].contains(&421)
                        || [first, second].iter().any(|point| {
                            matches!(
                                point,
                                Point::Greeting | Point::Ehlo | Point::Helo | Point::Rset
                            )
                        });
                    assert!(is_end || result.done.len() == 4, "{context:?} {result:?}");
                }
            }
        }
    }
}

#[test]
fn every_answer_to_two_recipients() {
    let codes = [250, 251, 421, 450, 550];
    for make in MAKES {
        for n in 0..codes.len().pow(3) {
            let codes =
                [n, n / codes.len(), n / codes.len().pow(2)].map(|n| codes[n % codes.len()]);
            let script = [
                (Point::Rcpt(1, 0), codes[0]),
                (Point::Rcpt(1, 1), codes[1]),
                (Point::Rcpt(2, 0), codes[2]),
            ];
            let (client, server, result) = run(
                make,
                Config::default(),
                4,
                &script,
                Link::Whole,
                Link::Whole,
            );
            check(&client, &server, &result, &(make, script));
        }
    }
}

/// Scripts that between them take every way through the session.
fn scripts() -> Vec<Vec<(Point, u16)>> {
    use Point::{Data, Ehlo, Final, Mail, Quit, Rcpt, Rset};
    vec![
        vec![],
        vec![(Ehlo, 502), (Rcpt(0, 1), 550)],
        vec![(Mail(1), 550)],
        vec![(Rcpt(1, 0), 550), (Rcpt(1, 1), 450)],
        vec![(Data(0), 451), (Final(1), 554)],
        vec![(Final(0), 452), (Rset, 421)],
        vec![(Rcpt(1, 1), 421)],
        vec![(Final(1), 421), (Quit, 421)],
    ]
}

#[test]
fn every_cut_gives_the_same() {
    for make in MAKES {
        for script in scripts() {
            let (client, server, whole) = run(
                make,
                Config::default(),
                3,
                &script,
                Link::Whole,
                Link::Whole,
            );
            check(&client, &server, &whole, &(make, &script));
            // How far the client runs ahead depends on when replies come, and so what is lost when the server hangs up.
            let same_end = script.iter().all(|(_, code)| *code != 421);
            let most = server.output.len().max(900);
            let cuts = (1..most).map(Link::CutAt).chain((1..20).map(Link::Pieces));
            for cut in cuts {
                for (up, down) in [(cut, Link::Whole), (Link::Whole, cut), (cut, cut)] {
                    let (client, server, result) =
                        run(make, Config::default(), 3, &script, up, down);
                    let context = (make, &script, up, down);
                    check(&client, &server, &result, &context);
                    assert!(!same_end || result.done == whole.done, "{context:?}");
                }
            }
        }
    }
}

/// Whatever breaks wherever: no mail is told as taken that was not, and none as not taken, without
/// a doubt, that was.
#[test]
fn every_loss_is_told_truly() {
    for make in MAKES {
        for script in scripts() {
            for at in 0..900 {
                for (up, down) in [
                    (Link::BrokenAt(at), Link::Whole),
                    (Link::Whole, Link::BrokenAt(at)),
                ] {
                    let (client, server, result) =
                        run(make, Config::default(), 3, &script, up, down);
                    check(&client, &server, &result, &(make, &script, up, down));
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
    let mut server = Server::new(
        &[],
        Make {
            extensions,
            ..PLAIN
        },
    );
    let mut two = mails(2, 1);
    change(&mut two[0].0);
    let mut client = Client::new(Config::default(), two);
    let result = talk(&mut client, &mut server, Link::Whole, Link::Whole);
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
    assert_eq!(mail_line("SIZE 26", &|_| {}), " SIZE=26");
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
    let script = [(Point::Ehlo, 500)];
    let (_, server, result) = run(
        PLAIN,
        Config::default(),
        1,
        &script,
        Link::Whole,
        Link::Whole,
    );
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
