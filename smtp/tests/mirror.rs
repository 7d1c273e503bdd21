//! The client's half against the server's, in memory: what the client reports is what the server's owner knows, whatever
//! the owner decides, whatever the server offers, and wherever the two streams are cut.

use posthaste_smtp::server::{self, Extension, Request, Server};
use posthaste_smtp::{Config, Mail, Outcome, Path, Recipient, Reply, Session, Step, Ticket};
use proptest::collection::vec;
use proptest::prelude::*;

/// What the owner of the server knows of one mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    from: String,
    accepted: Vec<String>,
    refused: Vec<(String, u16)>,
    content: Vec<u8>,
    /// The answer to the content.
    said: Option<u16>,
}

/// The server and its owner, who refuses by a list: one word for each request, then yes to all.
struct Owner {
    server: Server,
    refusals: std::vec::IntoIter<Option<u16>>,
    mails: Vec<Known>,
    closed: bool,
}

impl Owner {
    fn new(config: server::Config, refusals: Vec<Option<u16>>) -> Self {
        Self {
            server: Server::new(config),
            refusals: refusals.into_iter(),
            mails: Vec::new(),
            closed: false,
        }
    }

    /// Lets the server speak, at most so many octets at once; `None` if it has to hear something.
    fn speak(&mut self, most: usize) -> Option<Vec<u8>> {
        loop {
            match self.server.poll() {
                server::Step::Send(bytes) => {
                    let piece = bytes[..bytes.len().min(most)].to_vec();
                    self.server.sent(piece.len());
                    return Some(piece);
                }
                server::Step::Receive => return None,
                server::Step::Decide(request) => self.decide(request),
                server::Step::Content(piece) => {
                    let piece = piece.to_vec();
                    self.mails.last_mut().expect("a mail").content.extend(piece);
                }
                server::Step::StartTls => panic!("not offered"),
                server::Step::Closed => {
                    self.closed = true;
                    return None;
                }
            }
        }
    }

    /// The mail of this number, if it was begun.
    fn known(&self, m: usize) -> Option<&Known> {
        let sender = format!("from{m}@example.com");
        let mut known = self.mails.iter().filter(|mail| mail.from == sender);
        let first = known.next();
        assert!(known.next().is_none(), "no mail is begun twice");
        first
    }

    fn decide(&mut self, request: Request) {
        let refusable = !matches!(
            request,
            Request::Connect | Request::Hello { .. } | Request::Reset | Request::Quit
        );
        let refusal = if refusable {
            self.refusals.next().flatten()
        } else {
            None
        };
        let usual = self.server.usual_answer().map_or(250, Reply::code);
        let code = refusal.unwrap_or(usual);
        match request {
            Request::Mail { from, .. } if code < 400 => {
                let from = from.to_string();
                self.mails.push(Known {
                    from,
                    ..Known::default()
                });
            }
            Request::Rcpt { to, .. } => {
                let mail = self.mails.last_mut().expect("a mail");
                match code {
                    250 => mail.accepted.push(to.to_string()),
                    // The end of the connection, and so of the whole mail.
                    421 => {}
                    code => mail.refused.push((to.to_string(), code)),
                }
            }
            Request::Message { .. } => self.mails.last_mut().expect("a mail").said = Some(code),
            Request::Invalid => {
                let line = String::from_utf8_lossy(self.server.line()).into_owned();
                // What was written ahead may come to nothing after a refusal; that is no fault of the client.
                assert!(usual == 503 || usual == 554, "{usual} {line:?}");
            }
            _ => {}
        }
        if let Some(code) = refusal {
            self.server
                .answer(format!("{code} no").parse().expect("a reply"));
        }
    }
}

fn mail(m: usize, recipients: usize) -> Mail {
    let path = |name: String| Path::new(&format!("{name}@example.com")).unwrap();
    let to = (0..recipients).map(|i| path(format!("to{m}.{i}")));
    let mut mail = Mail::new(path(format!("from{m}")), to.map(Recipient::new));
    mail.size = 10;
    mail
}

/// All mails over one connection. The outcomes, in the order of the mails, and the server's side.
fn talk(
    mails: usize,
    content: &[u8],
    owner: &mut Owner,
    up: usize,
    down: usize,
) -> Vec<Option<Outcome>> {
    let mut session = Session::new(Config::default());
    let tickets: Vec<Ticket> = (0..mails).map(|m| session.submit(mail(m, 3))).collect();
    session.quit();
    let (mut outcomes, mut given) = (vec![None; mails], false);
    loop {
        match session.poll().expect("the server keeps the protocol") {
            Step::Send(bytes) => {
                let n = bytes.len().min(up);
                owner.server.received(&bytes[..n]);
                session.sent(n);
            }
            Step::Receive(_) => match owner.speak(down) {
                Some(piece) => session.received(&piece),
                None => {
                    assert!(owner.closed, "both wait");
                    break;
                }
            },
            Step::Content(_) => {
                if given {
                    session.content_end()
                } else {
                    session.content(content)
                }
                given = !given;
            }
            Step::Done(ticket, outcome) => {
                let at = tickets
                    .iter()
                    .position(|known| *known == ticket)
                    .expect("a ticket");
                assert!(outcomes[at].replace(outcome).is_none(), "settled twice");
            }
            Step::Closed(_) => break,
            other => panic!("{other:?}"),
        }
    }
    for (ticket, unfinished) in session.lost() {
        let at = tickets
            .iter()
            .position(|known| *known == ticket)
            .expect("a ticket");
        let known = owner.known(at);
        let taken = known.is_some_and(|mail| mail.said == Some(250));
        assert!(unfinished.in_doubt || !taken, "{unfinished:?} {known:?}");
        assert!(
            !unfinished.never_started || known.is_none(),
            "{unfinished:?} {known:?}"
        );
    }
    outcomes
}

fn extensions(offered: usize) -> server::Config {
    let mut config = server::Config::new("mx.example");
    let all = [
        Extension::Size,
        Extension::EightBitMime,
        Extension::Pipelining,
        Extension::Chunking,
    ];
    config.extensions = all[..=offered + 1].to_vec();
    config
}

/// What the client must report is what the owner knows.
fn check(outcomes: &[Option<Outcome>], owner: &Owner, content: &[u8]) {
    for (m, outcome) in outcomes.iter().enumerate() {
        let known = owner.known(m);
        let delivered = known.filter(|mail| mail.said == Some(250));
        let Some(outcome) = outcome else {
            assert!(delivered.is_none() || owner.closed);
            continue;
        };
        assert_eq!(
            outcome.failure.is_none(),
            delivered.is_some(),
            "{outcome:?} {known:?}"
        );
        let names = |mut indexes: Vec<usize>| {
            indexes.sort_unstable();
            indexes
                .iter()
                .map(|i| format!("to{m}.{i}@example.com"))
                .collect::<Vec<_>>()
        };
        if let Some(mail) = delivered {
            assert_eq!(names(outcome.accepted.clone()), mail.accepted);
            assert_eq!(mail.content, content, "octet for octet");
        }
        if let Some(mail) = known {
            let said: Vec<_> = outcome
                .rejected
                .iter()
                .map(|(i, reply)| (format!("to{m}.{i}@example.com"), reply.code()))
                .collect();
            assert_eq!(said, mail.refused);
        }
    }
}

const CONTENT: &[u8] = b"Subject: x\r\n\r\n.\r\n..dots\r\nlast\r\n";

#[test]
fn every_cut_of_both_streams() {
    for offered in 0..3 {
        for refusals in [
            vec![],
            vec![None, None, Some(550)],
            vec![Some(451)],
            vec![None, Some(550), Some(550), Some(450)],
        ] {
            for piece in (1..150).chain([1000]) {
                for (up, down) in [(piece, usize::MAX), (usize::MAX, piece), (piece, piece)] {
                    let mut owner = Owner::new(extensions(offered), refusals.clone());
                    let outcomes = talk(3, CONTENT, &mut owner, up, down);
                    assert!(outcomes.iter().all(Option::is_some));
                    check(&outcomes, &owner, CONTENT);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn whatever_is_refused(
        refusals in vec(prop_oneof![6 => Just(None), 1 => Just(Some(550)), 1 => Just(Some(451)), 1 => Just(Some(421))], 0..20),
        content in vec(prop_oneof![Just(b'.'), Just(b'\n'), Just(b'a')], 0..40),
        offered in 0_usize..3,
        (up, down) in (1_usize..60, 1_usize..60),
    ) {
        let mut owner = Owner::new(extensions(offered), refusals);
        let outcomes = talk(4, &content, &mut owner, up, down);
        let mut expected = String::from_utf8(content).unwrap().replace('\n', "\r\n");
        if !expected.is_empty() && !expected.ends_with('\n') {
            expected.push_str("\r\n");
        }
        check(&outcomes, &owner, expected.as_bytes());
    }
}
