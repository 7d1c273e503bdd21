//! Whatever a client says, wherever its words are cut and whatever the owner decides: no panic, one answer for each request,
//! no memory without bound, nothing heard in the clear after STARTTLS, and the same course however it was cut.
#![no_main]
use libfuzzer_sys::fuzz_target;
use posthaste_smtp::server::{Config, Request, Server, Step};
use posthaste_smtp::{Mechanism, Protocol};

fuzz_target!(|input: (u8, Vec<u8>, Vec<u8>, Vec<u8>)| {
    let (kind, words, cuts, refusals) = input;
    let whole = play(kind, &words, &[], &refusals);
    let cut = play(kind, &words, &cuts, &refusals);
    // What comes together with STARTTLS is thrown away, so the cuts matter there.
    if kind & 2 == 0 {
        assert_eq!(whole, cut);
    }
});

fn play(kind: u8, words: &[u8], cuts: &[u8], refusals: &[u8]) -> (Vec<u8>, Vec<String>, Vec<u8>) {
    let mut server = Server::new(config(kind));
    let (mut said, mut asked, mut content) = (Vec::new(), Vec::new(), Vec::new());
    let (mut words, mut cuts, mut refusals) = (words, cuts.iter().cycle(), refusals.iter());
    let mut size = 0;
    loop {
        assert!(server.unsent().len() < 100_000);
        match server.poll() {
            Step::Send(bytes) => {
                assert!(!bytes.is_empty());
                said.extend_from_slice(bytes);
                let n = bytes.len();
                server.sent(n);
            }
            Step::Receive if words.is_empty() => break,
            Step::Receive => {
                let piece = cuts.next().map_or(usize::MAX, |&cut| usize::from(cut).max(1));
                let (now, later) = words.split_at(piece.min(words.len()));
                server.received(now);
                words = later;
            }
            Step::Decide(request) => {
                if let Request::Message { size: whole, too_large, recipient } = &request {
                    assert!(*too_large || recipient.is_some() || *whole == size);
                }
                if matches!(request, Request::Mail { .. }) {
                    size = 0;
                }
                asked.push(format!("{request:?}"));
                match refusals.next().map_or(0, |byte| byte % 16) {
                    1 => server.answer("550 5.0.0 no".parse().expect("a reply")),
                    2 => server.answer("421 no".parse().expect("a reply")),
                    3 => server.withhold(),
                    4 => server.answer("250 yes".parse().expect("a reply")),
                    5 => server.answer("354 go".parse().expect("a reply")),
                    _ => {}
                }
            }
            Step::Content(piece) => {
                size += piece.len() as u64;
                content.extend_from_slice(piece);
            }
            Step::StartTls => server.tls_started(),
            Step::Closed => break,
        }
    }
    // How much is passed on of a message that is too large depends on the cuts.
    if kind & 8 != 0 {
        content.clear();
    }
    assert!(std::str::from_utf8(&said).is_ok());
    (said, asked, content)
}

fn config(kind: u8) -> Config {
    let mut config = Config::new("mx.example");
    if kind & 1 != 0 {
        config.protocol = Protocol::Lmtp;
    }
    config.starttls = kind & 2 != 0;
    config.cleartext_auth = kind & 4 != 0;
    config.limits.size = if kind & 8 != 0 { 50 } else { 0 };
    config.limits.line = 64;
    config.limits.auth_line = 100;
    config.limits.recipients = 3;
    config.limits.errors = usize::from(kind >> 4);
    config.mechanisms = Mechanism::ALL.to_vec();
    config
}
