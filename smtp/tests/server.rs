//! The server's half by itself: what it answers, what it passes on, and what it never does.

use posthaste_smtp::server::{Config, Extension, Request, Server, Step};
use posthaste_smtp::{Mechanism, Protocol, Reply};
use proptest::collection::vec;
use proptest::prelude::*;

/// What came of a conversation.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    said: String,
    requests: Vec<Request>,
    lines: Vec<String>,
    content: Vec<u8>,
    closed: bool,
}

impl Heard {
    /// The codes of the answers, without the greeting.
    fn codes(&self) -> Vec<u16> {
        let lines = self.said.split_terminator("\r\n");
        let last = lines.filter(|line| line.as_bytes()[3] == b' ');
        last.skip(1)
            .map(|line| line[..3].parse().unwrap())
            .collect()
    }

    fn content(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }
}

/// Lets the server hear these pieces, and decides by `decide`.
fn play(
    config: Config,
    pieces: &[&[u8]],
    mut decide: impl FnMut(&Request) -> Option<&'static str>,
) -> Heard {
    let (mut server, mut heard) = (Server::new(config), Heard::default());
    let mut pieces = pieces.iter();
    loop {
        match server.poll() {
            Step::Send(bytes) => {
                heard.said.push_str(std::str::from_utf8(bytes).unwrap());
                let n = bytes.len();
                server.sent(n);
            }
            Step::Receive => match pieces.next() {
                Some(piece) => server.received(piece),
                None => break,
            },
            Step::Decide(request) => {
                if let Some(reply) = decide(&request) {
                    server.answer(reply.parse().unwrap());
                }
                heard
                    .lines
                    .push(String::from_utf8_lossy(server.line()).into_owned());
                heard.requests.push(request);
            }
            Step::Content(piece) => heard.content.extend_from_slice(piece),
            Step::StartTls => server.tls_started(),
            Step::Closed => {
                heard.closed = true;
                break;
            }
        }
    }
    heard
}

/// All that is said in one piece, and in pieces of every size; it must come to the same.
fn say_to(
    config: Config,
    text: &str,
    decide: impl Fn(&Request) -> Option<&'static str> + Copy,
) -> Heard {
    let whole = play(config.clone(), &[text.as_bytes()], decide);
    for piece in 1..text.len().min(80) {
        let pieces: Vec<_> = text.as_bytes().chunks(piece).collect();
        assert_eq!(
            play(config.clone(), &pieces, decide),
            whole,
            "pieces of {piece}: {text:?}"
        );
    }
    whole
}

fn say(text: &str) -> Heard {
    say_to(Config::new("mx.example"), text, |_| None)
}

const OPEN: &str = "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n";

fn refuse(
    pattern: &'static str,
    reply: &'static str,
) -> impl Fn(&Request) -> Option<&'static str> + Copy {
    move |request| format!("{request:?}").starts_with(pattern).then_some(reply)
}

#[test]
fn what_is_offered_is_announced() {
    let mut config = Config::new("mx.example");
    config.starttls = true;
    config.mechanisms = Mechanism::ALL.to_vec();
    let heard = say_to(config.clone(), "EHLO x\r\n", |_| None);
    let expected = "220 mx.example ready\r\n250-mx.example\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n\
                    250-SMTPUTF8\r\n250-CHUNKING\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250-MT-PRIORITY\r\n\
                    250-STARTTLS\r\n250 AUTH CRAM-MD5\r\n";
    assert_eq!(heard.said, expected);
    config.extensions.clear();
    config.starttls = false;
    config.mechanisms.clear();
    let heard = say_to(config, "EHLO x\r\nHELO x\r\nQUIT\r\n", |_| None);
    assert_eq!(
        heard.said,
        "220 mx.example ready\r\n250 mx.example\r\n250 mx.example\r\n221 Bye\r\n"
    );
}

#[test]
fn a_mail_by_data() {
    let heard = say(&format!("{OPEN}DATA\r\n..a\r\nb\r\n.\r\nQUIT\r\nNOOP\r\n"));
    assert_eq!(heard.codes(), [250, 250, 250, 354, 250, 221]);
    assert_eq!(heard.content(), ".a\r\nb\r\n");
    assert!(heard.closed, "and nothing is heard after QUIT");
    assert_eq!(
        heard.lines[2..5],
        ["MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA"]
    );
    let complete = Request::Message {
        size: 7,
        too_large: false,
        recipient: None,
    };
    assert_eq!(heard.requests[5], complete);
}

#[test]
fn a_mail_by_bdat() {
    let heard = say(&format!(
        "{OPEN}BDAT 4\r\nQUITBDAT 0\r\nBDAT 6 LAST\r\n\r\n.\r\n.NOOP\r\n"
    ));
    assert_eq!(heard.codes(), [250, 250, 250, 250, 250, 250, 250]);
    assert_eq!(heard.content(), "QUIT\r\n.\r\n.");
    assert_eq!(heard.requests.last(), Some(&Request::Noop));
    let heard = say(&format!("{OPEN}BDAT 0 LAST\r\nNOOP\r\n"));
    assert_eq!((heard.codes().len(), heard.content()), (5, String::new()));
}

#[test]
fn octets_of_a_refused_bdat_are_no_commands() {
    let evil = "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n";
    // No mail; nobody; refused by the owner; not offered; too large; with an argument too many.
    let heard = say(&format!("EHLO x\r\n{evil}"));
    assert_eq!(heard.codes(), [250, 503, 503, 250]);
    let heard = say(&format!("EHLO x\r\nMAIL FROM:<>\r\n{evil}"));
    assert_eq!(heard.codes(), [250, 250, 554, 554, 250]);
    let heard = say_to(
        Config::new("x"),
        &format!("{OPEN}{evil}"),
        refuse("Bdat", "451 4.3.0 Not now"),
    );
    assert_eq!(heard.codes(), [250, 250, 250, 451, 503, 250]);
    let heard = say_to(
        Config::new("x"),
        &format!("{OPEN}{evil}"),
        refuse("Chunk", "552 5.2.2 Full"),
    );
    assert_eq!(heard.codes(), [250, 250, 250, 552, 503, 250]);
    let mut config = Config::new("x");
    config
        .extensions
        .retain(|extension| *extension != Extension::Chunking);
    assert_eq!(
        say_to(config, &format!("{OPEN}{evil}"), |_| None).codes(),
        [250, 250, 250, 502, 502, 250]
    );
    let mut config = Config::new("x");
    config.limits.size = 10;
    let heard = say_to(config, &format!("{OPEN}{evil}"), |_| None);
    assert_eq!(heard.codes(), [250, 250, 250, 250, 552, 250]);
    let heard = say(&format!("{OPEN}BDAT 6 LATER\r\nQUIT\r\nNOOP\r\n"));
    assert_eq!(heard.codes(), [250, 250, 250, 501, 250]);
    assert!(!heard.closed);
}

#[test]
fn after_a_bdat_without_a_number_nothing_is_heard() {
    for line in [
        "BDAT x",
        "BDAT",
        "BDAT 99999999999999999999",
        "BDAT 6\t",
        "BDAT \u{e9}\0",
    ] {
        let heard = say(&format!("{OPEN}{line}\r\nNOOP\r\n"));
        assert_eq!(heard.codes().len(), 4, "{line:?}");
        assert!(heard.closed, "{line:?}");
    }
    let long = format!("{OPEN}BDAT 6 {}\r\nNOOP\r\n", "x".repeat(3000));
    assert!(play(Config::new("x"), &[long.as_bytes()], |_| None).closed);
    assert!(say(&format!("{OPEN}BDAT 6\nNOOP\r\n")).closed);
}

#[test]
fn commands_out_of_order() {
    assert_eq!(
        say("MAIL FROM:<a@b>\r\nSTARTTLS\r\nAUTH PLAIN\r\n").codes(),
        [503, 502, 502]
    );
    assert_eq!(
        say("EHLO x\r\nRCPT TO:<a@b>\r\nDATA\r\n").codes(),
        [250, 503, 503]
    );
    assert_eq!(
        say("EHLO x\r\nMAIL FROM:<a@b>\r\nDATA\r\nMAIL FROM:<a@b>\r\n").codes(),
        [250, 250, 554, 503]
    );
    assert_eq!(
        say(&format!(
            "{OPEN}BDAT 1\r\nxRCPT TO:<a@b>\r\nDATA\r\nMAIL FROM:<>\r\n"
        ))
        .codes()[4..],
        [503, 503, 503]
    );
    assert_eq!(
        say(&format!("{OPEN}RSET\r\nDATA\r\nMAIL FROM:<>\r\n")).codes()[3..],
        [250, 503, 250]
    );
    assert_eq!(
        say(&format!("{OPEN}EHLO y\r\nDATA\r\n")).codes()[3..],
        [250, 503]
    );
    assert_eq!(say("LHLO x\r\n").codes(), [500]);
}

#[test]
fn a_refused_recipient_is_none() {
    let text = format!("{OPEN}DATA\r\nRCPT TO:<e@f>\r\nDATA\r\n.\r\n");
    let heard = say_to(Config::new("x"), &text, |request| match request {
        Request::Rcpt { to, .. } if to.as_str() == "c@d" => Some("550 5.1.1 No"),
        _ => None,
    });
    assert_eq!(heard.codes(), [250, 250, 550, 554, 250, 354, 250]);
}

#[test]
fn each_answer_is_the_owners() {
    for (pattern, reply, codes) in [
        ("Hello", "550 no", &[550, 503, 503, 503, 500][..]),
        ("Mail", "452 4.3.1 full", &[250, 452, 503, 503, 500]),
        ("Data", "451 no", &[250, 250, 250, 451, 500]),
        ("Data", "250 what?", &[250, 250, 250, 250, 500]),
        ("Message", "554 spam", &[250, 250, 250, 354, 554]),
        ("Rcpt", "421 enough", &[250, 250, 421]),
        ("Invalid", "200 fine", &[250, 250, 250, 354, 250]),
    ] {
        let heard = say_to(
            Config::new("x"),
            &format!("{OPEN}DATA\r\n.\r\n"),
            refuse(pattern, reply),
        );
        let expected = if codes.last() == Some(&500) {
            &codes[..4]
        } else {
            codes
        };
        let codes = heard.codes();
        assert_eq!(codes[..expected.len()], *expected, "{pattern} {reply}");
    }
    let heard = say_to(
        Config::new("x"),
        "EHLO x\r\n",
        refuse("Connect", "554 go away"),
    );
    assert_eq!(
        (heard.said.as_str(), heard.closed),
        ("554 go away\r\n", true)
    );
    let heard = say_to(
        Config::new("x"),
        &format!("{OPEN}BDAT 9\r\n"),
        refuse("Bdat", "421 enough"),
    );
    assert_eq!((heard.codes()[3], heard.closed), (421, true));
    let heard = say_to(
        Config::new("x"),
        "XYZZY\r\nQUIT\r\n",
        refuse("Quit", "500 stay"),
    );
    assert_eq!((heard.codes(), heard.closed), (vec![500, 500], true));
}

#[test]
fn answers_may_be_held_back_and_others_said() {
    let mut server = Server::new(Config::new("x"));
    server.received(format!("{OPEN}RCPT TO:<no@d>\r\nDATA\r\nhi\r\n.\r\nNOOP\r\n").as_bytes());
    let mut said = Vec::new();
    loop {
        match server.poll() {
            Step::Decide(Request::Mail { .. }) => {
                assert_eq!(server.usual_answer().map(Reply::code), Some(250));
                server.say(b"no reply\r\n");
                server.withhold();
                assert_eq!(server.usual_answer(), None);
                server.answer("550 too late".parse().unwrap());
            }
            Step::Decide(Request::Noop) => server.close(),
            Step::Decide(Request::Rcpt { to, .. }) if to.as_str() != "c@d" => {
                server.withhold_refusal();
            }
            Step::Decide(Request::Invalid) => panic!("{:?}", server.line()),
            Step::Decide(_) => server.withhold(),
            Step::Content(piece) => assert_eq!(piece, b"hi\r\n"),
            Step::Send(bytes) => {
                said.extend_from_slice(bytes);
                let n = bytes.len();
                server.sent(n);
            }
            Step::Closed => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(said, b"no reply\r\n");
}

#[test]
fn a_message_that_is_too_large_is_read_to_its_end() {
    let mut config = Config::new("x");
    config.limits.size = 10;
    for (text, code) in [
        ("12345678\r\n", 250),
        ("123456789\r\n", 552),
        ("1\r\n2\r\n3\r\n4\r\n", 552),
    ] {
        let heard = say_to_data(&config, text);
        assert_eq!(heard.codes()[3..], [354, code, 250], "{text:?}");
        assert!(code == 552 || heard.content() == text);
    }
    let heard = say_to(
        config,
        "EHLO x\r\nMAIL FROM:<> SIZE=11\r\nMAIL FROM:<> SIZE=10\r\n",
        |_| None,
    );
    assert_eq!(heard.codes(), [250, 552, 250]);
}

/// The pieces that were passed on of a message that is too large depend on how it was cut; nothing else does.
fn say_to_data(config: &Config, text: &str) -> Heard {
    let text = format!("{OPEN}DATA\r\n{text}.\r\nNOOP\r\n");
    let whole = play(config.clone(), &[text.as_bytes()], |_| None);
    for piece in 1..text.len() {
        let pieces: Vec<_> = text.as_bytes().chunks(piece).collect();
        let heard = play(config.clone(), &pieces, |_| None);
        assert_eq!(
            (&heard.said, &heard.requests.len()),
            (&whole.said, &whole.requests.len())
        );
        assert!(heard.content.len() <= 10);
    }
    whole
}

#[test]
fn limits_hold_at_the_limit_and_beyond() {
    let mut config = Config::new("x");
    config.limits.recipients = 2;
    config.limits.line = 30;
    config.limits.auth_line = 50;
    config.limits.errors = 2;
    config.mechanisms = vec![Mechanism::Plain];
    config.cleartext_auth = true;
    let text = format!("{OPEN}RCPT TO:<e@f>\r\nRCPT TO:<g@h>\r\n");
    assert_eq!(
        say_to(config.clone(), &text, |_| None).codes()[3..],
        [250, 452]
    );
    let line = |n: usize| format!("NOOP {}\r\n", "x".repeat(n - 7));
    let text = [line(30), line(31), line(300), line(30)].concat();
    assert_eq!(
        say_to(config.clone(), &text, |_| None).codes(),
        [250, 500, 500, 250]
    );
    let heard = say_to(config.clone(), "X\r\nX\r\nX\r\nNOOP\r\n", |_| None);
    assert_eq!((heard.codes(), heard.closed), (vec![500, 500, 421], true));
    let auth = |n: usize| format!("AUTH PLAIN {}\r\n", "=".repeat(n - 13));
    let text = ["EHLO x\r\n".to_owned(), auth(50), auth(51)].concat();
    let heard = say_to(config, &text, |_| None);
    assert!(
        heard.said.contains("501") && heard.said.ends_with("500 5.5.2 The line is too long\r\n"),
        "{}",
        heard.said
    );
}

#[test]
fn lines_end_in_cr_lf() {
    let heard = say("EHLO x\nMAIL FROM:<a@b>\r\nNOOP \rMAIL\r\nEHLO x\r\n");
    assert_eq!(heard.codes(), [500, 503, 500, 250]);
}

#[test]
fn parameters_are_taken_where_they_are_offered() {
    let all = "MAIL FROM:<a@b> SIZE=1 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=a+3Db MT-PRIORITY=-9\r\n\
               RCPT TO:<ü@b> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;ü@b\r\n";
    assert_eq!(say(&format!("EHLO x\r\n{all}")).codes(), [250, 250, 250]);
    let mut config = Config::new("x");
    config.extensions.clear();
    for parameter in [
        "SIZE=1",
        "BODY=7BIT",
        "SMTPUTF8",
        "RET=FULL",
        "ENVID=a",
        "MT-PRIORITY=1",
        "AUTH=<>",
        "REQUIRETLS",
        "X=1",
    ] {
        let text = format!("EHLO x\r\nMAIL FROM:<a@b> {parameter}\r\n");
        assert_eq!(
            say_to(config.clone(), &text, |_| None).codes(),
            [250, 555],
            "{parameter}"
        );
    }
    for bad in [
        "SIZE",
        "SIZE=x",
        "BODY=9BIT",
        "SMTPUTF8=1",
        "RET=ALL",
        "ENVID=+G0",
        "ENVID=+",
        "MT-PRIORITY=10",
        "ENVID=ü",
    ] {
        assert_eq!(
            say(&format!("EHLO x\r\nMAIL FROM:<a@b> {bad}\r\n")).codes(),
            [250, 501],
            "{bad}"
        );
    }
    for bad in ["NOTIFY=NEVER,DELAY", "NOTIFY=", "NOTIFY", "ORCPT=x"] {
        assert_eq!(
            say(&format!("{OPEN}RCPT TO:<x@y> {bad}\r\n")).codes()[3],
            501,
            "{bad}"
        );
    }
    assert_eq!(
        say(&format!("{OPEN}RCPT TO:<x@y> X=1\r\nRCPT TO:<ü@y>\r\n")).codes()[3..],
        [555, 553]
    );
    assert_eq!(say("EHLO x\r\nMAIL FROM:<ü@y>\r\n").codes(), [250, 553]);
}

fn with_login(mechanism: Mechanism) -> Config {
    let mut config = Config::new("mx.example");
    config.mechanisms = vec![mechanism];
    config.cleartext_auth = true;
    config
}

#[test]
fn logins() {
    let login = |heard: &Heard| {
        heard.requests.iter().find_map(|request| match request {
            Request::Login(login) => Some((login.user().to_owned(), login.is_proved_by("hunter2"))),
            _ => None,
        })
    };
    let ann = Some(("ann".to_owned(), true));
    for (mechanism, text, codes) in [
        (
            Mechanism::Plain,
            "AUTH PLAIN AGFubgBodW50ZXIy\r\n",
            &[235][..],
        ),
        (
            Mechanism::Plain,
            "AUTH PLAIN\r\nAGFubgBodW50ZXIy\r\n",
            &[334, 235],
        ),
        (
            Mechanism::Login,
            "AUTH LOGIN\r\nYW5u\r\naHVudGVyMg==\r\n",
            &[334, 334, 235],
        ),
        (
            Mechanism::Login,
            "AUTH LOGIN YW5u\r\naHVudGVyMg==\r\n",
            &[334, 235],
        ),
        (
            Mechanism::Xoauth2,
            "AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgaHVudGVyMgEB\r\n",
            &[235],
        ),
    ] {
        let heard = say_to(
            with_login(mechanism),
            &format!("EHLO x\r\n{text}AUTH {mechanism}\r\n"),
            |_| None,
        );
        assert_eq!(heard.codes(), [&[250], codes, &[503]].concat(), "{text}");
        assert_eq!(login(&heard), ann);
    }
    let heard = say_to(
        with_login(Mechanism::Plain),
        "EHLO x\r\nAUTH PLAIN\r\n*\r\nAUTH PLAIN ?\r\nNOOP\r\n",
        |_| None,
    );
    assert_eq!(heard.codes(), [250, 334, 501, 501, 250]);
    let text =
        "EHLO x\r\nAUTH PLAIN AGFubgBodW50ZXIy\r\nAUTH PLAIN AGFubgBodW50ZXIy\r\nAUTH GSSAPI\r\n";
    let heard = say_to(
        with_login(Mechanism::Plain),
        text,
        refuse("Login", "535 5.7.8 No"),
    );
    assert_eq!(heard.codes(), [250, 535, 535, 504]);
    let token = "EHLO x\r\nAUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgaHVudGVyMgEB\r\n\r\nNOOP\r\n";
    let heard = say_to(
        with_login(Mechanism::Xoauth2),
        token,
        refuse("Login", "535 5.7.8 No"),
    );
    assert_eq!(
        heard.codes(),
        [250, 334, 535, 250],
        "the client has to answer the reason"
    );
    let mut config = with_login(Mechanism::Plain);
    config.cleartext_auth = false;
    assert_eq!(
        say_to(config, "EHLO x\r\nAUTH PLAIN AGEAYg==\r\n", |_| None).codes(),
        [250, 538]
    );
}

#[test]
fn nothing_said_in_the_clear_counts_under_tls() {
    let mut config = Config::new("x");
    config.starttls = true;
    config.mechanisms = vec![Mechanism::Plain];
    let heard = play(
        config,
        &[
            b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<evil@example.com>\r\nRCPT",
            b"MAIL FROM:<a@b>\r\nEHLO y\r\nSTARTTLS\r\nAUTH PLAIN AGEAYg==\r\n",
        ],
        |_| None,
    );
    assert_eq!(heard.codes(), [250, 220, 503, 250, 502, 235]);
    assert_eq!(heard.requests.len(), 7, "{:?}", heard.requests);
    assert!(
        heard.said.contains("250-REQUIRETLS\r\n") && heard.said.contains("250 AUTH PLAIN\r\n"),
        "{}",
        heard.said
    );
}

#[test]
fn lmtp_answers_for_each_recipient() {
    let mut config = Config::new("x");
    config.protocol = Protocol::Lmtp;
    let mail = "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<no@b>\r\nRCPT TO:<c@d>\r\n";
    let text =
        format!("EHLO x\r\nLHLO x\r\n{mail}DATA\r\nhi\r\n.\r\n{mail}BDAT 2 LAST\r\nhiDATA\r\n");
    let heard = say_to(config, &text, |request| match request {
        Request::Rcpt { to, .. } if to.as_str() == "no@b" => Some("550 no"),
        Request::Message {
            recipient: Some(1), ..
        } => Some("452 full"),
        _ => None,
    });
    let once = [250, 250, 550, 250];
    assert_eq!(
        heard.codes(),
        [
            &[500, 250],
            &once[..],
            &[354, 250, 452],
            &once,
            &[250, 452, 503]
        ]
        .concat()
    );
}

#[test]
fn answers_are_bounded() {
    let mut server = Server::new(Config::new("x"));
    let flood = "EHLO x\r\n".repeat(100_000);
    server.received(flood.as_bytes());
    let mut most = 0;
    loop {
        match server.poll() {
            Step::Send(bytes) => {
                most = most.max(bytes.len());
                let n = bytes.len();
                server.sent(n);
            }
            Step::Decide(_) => {}
            Step::Receive => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(most < 20_000, "{most}");
}

/// Bytes that are often nearly a command.
fn words() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => proptest::sample::select(vec![
            "EHLO x\r\n", "HELO x\r\n", "MAIL FROM:<a@b>\r\n", "RCPT TO:<c@d>\r\n", "DATA\r\n", ".\r\n", "BDAT 7\r\n",
            "BDAT 3 LAST\r\n", "RSET\r\n", "STARTTLS\r\n", "AUTH LOGIN\r\n", "YQ==\r\n", "AUTH PLAIN AGEAYg==\r\n", "NOOP\r\n",
            "\r\n.\r\n", "\n.\n", "VRFY x\r\n", "LHLO x\r\n", "MAIL FROM:<> SIZE=99 RET=FULL\r\n", "QUIT\r\n",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..20),
    ];
    vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

fn some_config(kind: u8) -> Config {
    let mut config = Config::new("x");
    if kind & 1 != 0 {
        config.protocol = Protocol::Lmtp;
    }
    config.starttls = kind & 2 != 0;
    config.mechanisms = vec![Mechanism::Plain, Mechanism::Login];
    config.cleartext_auth = kind & 4 != 0;
    config.limits.size = if kind & 8 != 0 { 20 } else { 0 };
    config.limits.recipients = 3;
    config
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    /// Whatever comes and however it is cut: no panic, one answer for each request, and the same course. STARTTLS is left
    /// out, since what comes together with it is thrown away.
    #[test]
    fn the_course_does_not_depend_on_the_cuts(words in words(), cuts in vec(1_usize..30, 1..8), kind in 0_u8..16) {
        let config = some_config(kind & !2);
        let whole = play(config.clone(), &[&words], |_| None);
        let (mut rest, mut pieces, mut cuts) = (&words[..], Vec::new(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            pieces.push(piece);
            rest = later;
        }
        let cut = play(config, &pieces, |_| None);
        prop_assert_eq!(&cut.said, &whole.said);
        prop_assert_eq!(&cut.requests, &whole.requests);
        if kind & 8 == 0 {
            prop_assert_eq!(&cut.content, &whole.content);
        }
    }

    #[test]
    fn every_request_has_at_most_one_answer(words in words(), kind in 0_u8..16) {
        let heard = play(some_config(kind), &[&words], |_| None);
        let answers = heard.codes().len() + 1;
        prop_assert!(answers <= heard.requests.len());
        let silent = heard.requests.iter().filter(|request| matches!(request, Request::Bdat { .. })).count();
        prop_assert!(answers + silent >= heard.requests.len() - 1);
    }
}

#[test]
fn what_is_offered_may_change_while_ehlo_waits() {
    let mut server = Server::new(Config::new("mx.example"));
    let mut less = Config::new("mx.example");
    less.extensions
        .retain(|extension| *extension != Extension::Chunking);
    server.received(b"EHLO x\r\nBDAT 0 LAST\r\nEHLO x\r\nHELO x\r\n");
    let (mut said, mut hellos) = (String::new(), 0);
    loop {
        match server.poll() {
            Step::Send(bytes) => {
                said.push_str(std::str::from_utf8(bytes).unwrap());
                let n = bytes.len();
                server.sent(n);
            }
            Step::Decide(Request::Hello { .. }) => {
                hellos += 1;
                match hellos {
                    1 => server.offer(&less),
                    _ => server.offer(&Config::new("mx.example")),
                }
            }
            Step::Decide(_) => {}
            _ => break,
        }
    }
    let answers: Vec<_> = said.split("250-mx.example\r\n").collect();
    assert!(!answers[1].contains("CHUNKING") && answers[1].contains("PIPELINING"));
    assert!(answers[1].contains("\r\n502 "));
    assert!(answers[2].contains("CHUNKING"));
    assert!(said.ends_with("\r\n250 mx.example\r\n"), "{said}");
}
