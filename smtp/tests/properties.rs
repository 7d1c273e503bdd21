//! What must hold for any input.

mod model;

use model::truth::{check, mails};
use model::{CHUNKING, Client, Link, Make, PIPELINING, PLAIN, Point, Server, talk};
use posthaste_smtp::{Config, DotStuffer, Hello, Mail, Path, Session, Step};
use proptest::collection::vec;
use proptest::prelude::*;

fn mail(from: Path, to: Vec<Path>) -> Mail {
    let mut mail = Mail::new(from, to);
    mail.size = 1;
    mail
}

/// So many mails, and QUIT.
fn session(mails: usize) -> Session {
    let mut session = Session::new(Config::default());
    for _ in 0..mails {
        session.submit(mail(Path::null(), vec![Path::new("a@b").unwrap()]));
    }
    session.quit();
    session
}

/// What a server may say at some point.
fn script() -> impl Strategy<Value = Vec<(Point, u16)>> {
    let point = prop_oneof![
        Just(Point::Rset),
        (0..8_usize).prop_map(Point::Mail),
        (0..8_usize, 0..2_usize).prop_map(|(m, i)| Point::Rcpt(m, i)),
        (0..8_usize).prop_map(Point::Data),
        (0..8_usize, 0..3_usize).prop_map(|(m, i)| Point::Chunk(m, i)),
        (0..8_usize).prop_map(Point::Final),
    ];
    let code = prop_oneof![8 => Just(550_u16), 8 => Just(450), 1 => Just(421), 1 => Just(503), 1 => Just(502)];
    // A server that refuses RSET and keeps the transaction cannot be helped.
    let possible = |(point, code)| (point, if point == Point::Rset { 421 } else { code });
    vec((point, code).prop_map(possible), 0..8)
}

fn make() -> impl Strategy<Value = Make> {
    let one = prop_oneof![1 => Just(PLAIN), 1 => Just(PIPELINING), 3 => Just(CHUNKING)];
    (one, any::<bool>(), any::<bool>()).prop_map(|(make, keeps_transaction, data_for_nobody)| {
        Make {
            keeps_transaction,
            data_for_nobody,
            ..make
        }
    })
}

fn link() -> impl Strategy<Value = Link> {
    prop_oneof![
        2 => Just(Link::Whole),
        2 => (1..60_usize).prop_map(Link::Pieces),
        1 => (0..2000_usize).prop_map(Link::BrokenAt),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    (
        1..12_usize,
        1..100_u64,
        1..5_usize,
        1..40_usize,
        any::<bool>(),
    )
        .prop_map(|(replies, octets, messages, chunk, wide)| {
            let mut config = Config::default();
            if !wide {
                config.window.replies = replies;
                config.window.octets = octets;
                config.window.messages = messages;
            }
            config.window.chunk = chunk;
            config
        })
}

/// The obvious way to do it, all at once.
fn stuffed(content: &[u8]) -> Vec<u8> {
    let text: String = content.iter().map(|b| char::from(*b)).collect();
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        if line.starts_with('.') {
            out.push('.');
        }
        out.push_str(line.trim_end_matches('\n'));
        out.push_str("\r\n");
    }
    out.push_str(".\r\n");
    out.chars().map(|c| c as u8).collect()
}

/// Content in which line ends and dots are frequent.
fn content() -> impl Strategy<Value = Vec<u8>> {
    vec(
        prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), any::<u8>()],
        0..200,
    )
}

/// Text in which the characters that break commands are frequent.
fn nasty() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c@.\"\\\\<> \r\n\t\u{0}\u{85}\u{2028}ü\\[\\]:,;()]{0,12}",
        "[a-c.]{1,4}@[a-c.]{1,6}",
        "\"[a-c<> @\\\\\"\r\n]{0,6}\"@[a-c]{1,3}",
        any::<String>(),
    ]
}

/// Bytes that are often nearly a reply.
fn replies() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => "(220|250|354|421|450|550|221|199|600)[ -]?[a-z]{0,3}(\r\n|\n|)".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..20),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn dot_stuffing_over_any_split_is_the_obvious_one(content in content(), cuts in vec(0_usize..200, 0..6)) {
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(content.len())).collect();
        cuts.push(content.len());
        cuts.sort_unstable();
        let (mut stuffer, mut out, mut at) = (DotStuffer::new(), Vec::new(), 0);
        for cut in cuts {
            stuffer.push(&content[at..cut], &mut out);
            at = cut;
        }
        stuffer.finish(&mut out);
        prop_assert_eq!(out, stuffed(&content));
    }

    #[test]
    fn no_path_makes_a_second_command(from in nasty(), to in nasty()) {
        let (Ok(from), Ok(to)) = (Path::new(&from), Path::new(&to)) else { return Ok(()) };
        let mut server = Server::new(&[], Make { extensions: "8BITMIME\nSMTPUTF8", ..PLAIN });
        let mail = (mail(from.clone(), vec![to.clone()]), b"x".to_vec());
        let mut client = Client::new(Config::default(), [mail]);
        let result = talk(&mut client, &mut server, Link::Whole, Link::Whole);
        prop_assert_eq!(result.done[0].1.failure.as_ref(), None);
        let utf8 = if from.is_ascii() && to.is_ascii() { "" } else { " SMTPUTF8" };
        let lines = [
            "EHLO [127.0.0.1]".to_owned(),
            format!("MAIL FROM:<{from}>{utf8}"),
            format!("RCPT TO:<{to}>"),
            "DATA".to_owned(),
            "QUIT".to_owned(),
        ];
        prop_assert_eq!(&server.commands[..], &lines[..]);
    }

    #[test]
    fn no_path_closes_its_bracket_outside_of_quotes(text in nasty()) {
        let Ok(path) = Path::new(&text) else { return Ok(()) };
        prop_assert!(!path.as_str().chars().any(char::is_control));
        if !path.as_str().starts_with('"') {
            prop_assert!(!path.as_str().contains(['<', '>', ' ']));
        }
    }

    #[test]
    fn no_hello_makes_a_second_command(text in nasty()) {
        let Ok(hello) = Hello::new(&text) else { return Ok(()) };
        let mut session = Session::new(Config::new(hello));
        session.received(b"220 hi\r\n");
        let line = format!("EHLO {text}\r\n");
        prop_assert_eq!(session.poll().unwrap(), Step::Send(line.as_bytes()));
    }

    #[test]
    fn any_reply_ends_in_an_answer_for_every_mail(bytes in replies(), piece in 1_usize..40) {
        let mut session = session(2);
        let (mut pieces, mut done) = (bytes.chunks(piece), 0);
        for _ in 0..1000 {
            match session.poll() {
                Ok(Step::Send(bytes)) => {
                    let n = bytes.len().min(piece);
                    session.sent(n);
                }
                Ok(Step::Receive(_)) => match pieces.next() {
                    Some(piece) => session.received(piece),
                    None => break,
                },
                Ok(Step::Content(_)) => session.content_end(),
                Ok(Step::Done(..)) => done += 1,
                Ok(Step::Idle) => prop_assert!(false, "idle after quit"),
                Ok(Step::Closed(_) | Step::StartTls) | Err(_) => break,
            }
        }
        prop_assert_eq!(done + session.lost().len(), 2);
        prop_assert!(session.buffered() == 0);
    }

    #[test]
    fn the_report_is_what_the_server_knows(
        make in make(),
        config in config(),
        script in script(),
        up in link(),
        down in link(),
        count in 1..9_usize,
    ) {
        let mut server = Server::new(&script, make);
        let mut client = Client::new(config, mails(count, 2));
        let result = talk(&mut client, &mut server, up, down);
        check(&client, &server, &result, &(make, &script, up, down));
    }

    #[test]
    fn any_bytes_at_any_time_never_panic(chunks in vec((replies(), 0_usize..9), 0..12)) {
        let mut session = session(1);
        for (bytes, n) in chunks {
            session.received(&bytes);
            let _ = session.poll();
            session.sent(n);
            session.content(&bytes);
            session.content_end();
            if let Err(violation) = session.poll() {
                prop_assert!(!violation.to_string().chars().any(char::is_control));
            }
        }
    }
}
