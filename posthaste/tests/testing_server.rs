//! The server for tests, as a client sees it that is no more than a socket.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use posthaste::testing::{At, Extension, Mechanism, Server};

/// A client.
struct Client(BufReader<TcpStream>);

impl Client {
    fn new(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address()).expect("it listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a limit");
        Self(BufReader::new(stream))
    }

    /// After the greeting and EHLO.
    fn greeted(server: &Server) -> Self {
        let mut client = Self::new(server);
        assert_eq!(client.reply(), "220 server.test ready");
        client.say("EHLO me\r\n");
        client.reply();
        client
    }

    fn say(&mut self, text: &str) {
        self.0
            .get_mut()
            .write_all(text.as_bytes())
            .expect("it reads");
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(line),
        }
    }

    /// The last line of the next reply.
    fn reply(&mut self) -> String {
        loop {
            let line = self.line().expect("a reply");
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    fn codes(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.reply()[..3].to_owned()).collect()
    }

    /// How the connection ends.
    fn end(&mut self) -> ErrorKind {
        self.line().expect_err("nothing more").kind()
    }
}

const MAIL: &str = "MAIL FROM:<a@example.com> SIZE=7\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com> NOTIFY=NEVER\r\nDATA\r\n";

#[test]
fn it_keeps_what_it_saw() {
    let server = Server::builder()
        .rule(At::rcpt("c@*").reply("550-5.1.1 No such\r\n550 5.1.1 user"))
        .start();
    let mut client = Client::greeted(&server);
    client.say(MAIL);
    assert_eq!(client.codes(4), ["250", "250", "550", "354"]);
    client.say("..x\r\n\r\n.\r\nMAIL FROM:<>\r\n");
    assert_eq!(client.codes(2), ["250", "250"]);
    client.say("QUIT\r\n");
    assert_eq!(client.reply(), "221 2.0.0 Bye");
    assert_eq!(client.end(), ErrorKind::UnexpectedEof);
    drop(client);
    assert!(server.wait(|all| all[0].is_over));

    let messages = server.messages();
    assert_eq!((messages.len(), server.taken().len()), (2, 1));
    let message = &messages[0];
    assert_eq!(
        (message.from.as_str(), message.parameters.as_str()),
        ("a@example.com", "SIZE=7")
    );
    assert_eq!(message.accepted(), ["b@example.com"]);
    assert_eq!(message.recipients[1].parameters, "NOTIFY=NEVER");
    assert_eq!(
        message.recipients[1]
            .reply
            .as_ref()
            .map(|reply| reply.code()),
        Some(550)
    );
    assert_eq!(message.content, b".x\r\n\r\n");
    assert!(message.is_complete && message.is_taken() && !messages[1].is_complete);
    let conversation = &server.conversations()[0];
    assert_eq!(conversation.commands.len(), 7);
    assert_eq!(conversation.count("rcpt to:"), 2);
    assert_eq!(
        conversation.round_trips, 4,
        "after the greeting, EHLO, the envelope, and the content with the next MAIL"
    );
    let transcript = conversation.transcript();
    assert!(
        transcript.contains("C: DATA\nS: 250 2.1.0 Sender ok\nS: 250"),
        "answered together: {transcript}"
    );
    assert!(transcript.contains("S: 354 Go on, and end with a dot\nC: (6 octets)\nC: MAIL FROM:<>\nS: 250 2.0.0 Taken\nS: 250"), "{transcript}");
    assert!(transcript.ends_with("C: QUIT\nS: 221 2.0.0 Bye\n"));
}

#[test]
fn connections_end_in_every_way() {
    let rules = [
        At::command(1).connection(0).close(),
        At::mail("*").connection(1).reset(),
        At::line("mail*").connection(2).half_close(),
        At::mail("*@example.com").connection(3).cut_reply(5),
        At::mail("").connection(4).close(),
        At::mail("*")
            .connection(4)
            .reply_and_close("421 4.3.2 Enough"),
    ];
    let server = rules
        .into_iter()
        .fold(Server::builder(), |server, rule| server.rule(rule))
        .start();
    let mut ends = Vec::new();
    for _ in 0..5 {
        let mut client = Client::greeted(&server);
        client.say("MAIL FROM:<a@example.com>\r\n");
        let mut rest = String::new();
        let end = client
            .0
            .read_to_string(&mut rest)
            .map_err(|error| error.kind());
        ends.push((rest, end.map(|_| ())));
    }
    let ok = |text: &str| (text.to_owned(), Ok(()));
    let reset = (String::new(), Err(ErrorKind::ConnectionReset));
    assert_eq!(
        ends,
        [
            ok(""),
            reset,
            ok(""),
            ok("250 2"),
            ok("421 4.3.2 Enough\r\n")
        ]
    );
}

#[test]
fn answers_that_never_come() {
    for rule in [
        At::command(1).stall(),
        At::command(1).freeze(),
        At::command(1).no_reply(),
    ] {
        let server = Server::builder().rule(rule).start();
        let mut client = Client::greeted(&server);
        client
            .0
            .get_mut()
            .set_read_timeout(Some(Duration::from_millis(50)))
            .expect("a limit");
        client.say("NOOP\r\n");
        assert_eq!(client.end(), ErrorKind::WouldBlock);
        // What stands still is no reason for the test to do so.
        drop(server);
    }
}

#[test]
fn answers_that_never_end() {
    for rule in [
        At::greeting().endless_line(),
        At::greeting().endless_lines(),
        At::greeting().trickle(Duration::from_millis(1)),
    ] {
        let server = Server::builder().rule(rule).start();
        let mut client = Client::new(&server);
        let mut some = [0; 50];
        client.0.read_exact(&mut some).expect("much");
        drop(server);
    }
}

#[test]
fn answers_in_pieces_and_late_ones() {
    let server = Server::builder()
        .pieces(1)
        .latency(Duration::from_millis(20))
        .rule(At::rcpt("c@*").accept().after(Duration::from_millis(80)))
        .start();
    let start = Instant::now();
    let mut client = Client::greeted(&server);
    assert!(start.elapsed() >= Duration::from_millis(40));
    client.say(MAIL);
    let early = client.codes(2);
    let start = Instant::now();
    let late = client.codes(2);
    assert_eq!([early, late].concat(), ["250", "250", "250", "354"]);
    assert!(
        start.elapsed() >= Duration::from_millis(40),
        "the first two did not wait"
    );
}

#[test]
fn it_says_more_than_it_knows_and_less() {
    let server = Server::builder()
        .without_extensions()
        .with(Extension::Pipelining)
        .announce("CHUNKING")
        .announce("SIZE 10")
        .hide("pipelining")
        .start();
    let mut client = Client::new(&server);
    client.reply();
    client.say("EHLO me\r\n");
    let lines: Vec<_> = (0..3).map(|_| client.line().expect("a line")).collect();
    assert_eq!(
        lines,
        ["250-server.test\r\n", "250-CHUNKING\r\n", "250 SIZE 10\r\n"]
    );
    client.say("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n");
    assert_eq!(client.codes(4), ["250", "250", "502", "250"]);
}

#[test]
fn rules_at_the_content_and_after_it() {
    let server = Server::builder()
        .rule(At::content(4).holding("large").reply("552 5.3.4 Too much"))
        .rule(At::after_end().skip(1).times(1).reply("421 4.3.2 Enough"))
        .start();
    let mut client = Client::greeted(&server);
    client.say(MAIL);
    client.codes(4);
    client.say("large\r\n");
    assert_eq!(client.reply(), "552 5.3.4 Too much", "amid the content");
    client.say(".\r\n");
    assert_eq!(client.reply(), "250 2.0.0 Taken");
    client.say(MAIL);
    client.codes(4);
    client.say("small\r\n.\r\n");
    assert_eq!(client.codes(2), ["250", "421"]);
    assert_eq!(client.end(), ErrorKind::UnexpectedEof);
}

#[test]
fn bdat_is_refused_or_broken_off() {
    let server = Server::builder()
        .rule(At::bdat().times(1).reply("451 4.3.0 Not now"))
        .rule(At::chunk().times(1).raw("something else\r\n"))
        .rule(At::content(3).close())
        .start();
    let mut client = Client::greeted(&server);
    let envelope = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n";
    client.say(&format!(
        "{envelope}BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n{envelope}BDAT 2\r\nab"
    ));
    assert_eq!(client.codes(6), ["250", "250", "451", "250", "250", "250"]);
    assert_eq!(client.reply(), "something else");
    client.say("BDAT 2 LAST\r\ncd");
    assert_eq!(client.end(), ErrorKind::UnexpectedEof);
    let message = server.messages().remove(1);
    assert_eq!(
        (message.content, message.is_complete),
        (b"abcd".to_vec(), false)
    );
}

#[test]
fn logins_are_checked() {
    let server = Server::builder()
        .login("ann", "hunter2")
        .login_required()
        .mechanisms([Mechanism::Plain])
        .start();
    let mut client = Client::greeted(&server);
    client.say("MAIL FROM:<>\r\nAUTH PLAIN AGFubgBodW50ZXIz\r\nAUTH PLAIN\r\nAGFubgBodW50ZXIy\r\nMAIL FROM:<>\r\n");
    assert_eq!(client.codes(5), ["530", "535", "334", "235", "250"]);
    assert_eq!(server.conversations()[0].user.as_deref(), Some("ann"));
    assert_eq!(
        server.commands(0)[4],
        "AGFubgBodW50ZXIy",
        "what a test looks at is not hidden from it"
    );
    let settings = server.settings();
    assert_eq!(
        (
            settings.email_host_user.as_str(),
            settings.email_host_password.expose()
        ),
        ("ann", "hunter2")
    );
}

#[test]
fn lmtp_answers_for_each() {
    let server = Server::builder()
        .lmtp()
        .rule(At::end().skip(1).reply("452 4.2.2 Full"))
        .start();
    let mut client = Client::new(&server);
    client.reply();
    client.say(&format!("LHLO me\r\n{MAIL}x\r\n.\r\n"));
    assert_eq!(
        client.codes(7),
        ["250", "250", "250", "250", "354", "250", "452"]
    );
    let message = server.messages().remove(0);
    let codes = message
        .recipients
        .iter()
        .map(|one| one.delivery.as_ref().map(|reply| reply.code()));
    assert_eq!(codes.collect::<Vec<_>>(), [Some(250), Some(452)]);
    assert!(message.is_taken());
}

#[test]
fn rules_come_and_go_and_do_things() {
    let (server, count) = (Server::start(), Arc::new(AtomicUsize::new(0)));
    let mut client = Client::greeted(&server);
    let counter = Arc::clone(&count);
    server.add_rule(At::rset().reply("500 No").then(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    }));
    client.say("RSET\r\n");
    assert_eq!(client.reply(), "500 No");
    assert_eq!(count.load(Ordering::Relaxed), 1);
    server.clear_rules();
    client.say("RSET\r\n");
    assert_eq!(client.reply(), "250 2.0.0 Forgotten");
}

#[test]
fn it_stops_when_it_is_dropped() {
    let server = Server::start();
    let (mut client, address) = (Client::greeted(&server), server.address());
    drop(server);
    assert_eq!(client.end(), ErrorKind::UnexpectedEof);
    assert!(TcpStream::connect(address).is_err());
}
