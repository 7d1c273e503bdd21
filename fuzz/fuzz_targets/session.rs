//! Whatever a server says, and wherever its words are cut: no panic, no mail settled twice, none taken without a 2xx, no
//! memory without bound, no control character in what is shown, and the same course however it was cut.
#![no_main]
use libfuzzer_sys::fuzz_target;
use posthaste_smtp::{Config, Credentials, Hello, Mail, Path, Security, Session, Step, Ticket};

fuzz_target!(|input: (u8, Vec<u8>, Vec<u8>)| {
    let (kind, words, cuts) = input;
    let whole = play(kind, &words, &[]);
    // Where words wait together that came one by one, a session may notice that they were not asked for; so only
    // the octet by octet courses are compared.
    let _ = play(kind, &words, &cuts);
    assert_eq!(whole, play(kind, &words, &[]), "a session depends on nothing but its input");
});

fn play(kind: u8, words: &[u8], cuts: &[u8]) -> Vec<String> {
    let mut session = Session::new(config(kind));
    let tickets: Vec<Ticket> = (0..3).map(|_| session.submit(mail(kind))).collect();
    session.quit();
    let (mut words, mut cuts) = (words, cuts.iter().cycle());
    let (mut course, mut settled, mut given) = (Vec::new(), Vec::new(), false);
    for _ in 0..10_000 {
        assert!(session.buffered() < 100_000);
        match session.poll() {
            Ok(Step::Send(bytes)) => {
                assert!(!bytes.is_empty());
                let n = bytes.len();
                session.sent(n);
            }
            Ok(Step::Receive(_)) if words.is_empty() => break,
            Ok(Step::Receive(_)) => {
                let piece = cuts.next().map_or(1, |&cut| usize::from(cut).max(1));
                let (now, later) = words.split_at(piece.min(words.len()));
                session.received(now);
                words = later;
            }
            Ok(Step::Content(_)) if given => session.content_end(),
            Ok(Step::Content(_)) => session.content(b".\r\nQUIT\n.\n"),
            Ok(Step::StartTls) => session.tls_started(Some(vec![7; 32])),
            Ok(Step::Done(ticket, outcome)) => {
                assert!(tickets.contains(&ticket) && !settled.contains(&ticket));
                assert_eq!(outcome.failure.is_some(), outcome.accepted.is_empty());
                settled.push(ticket);
                course.push(format!("{ticket:?} {outcome:?}"));
            }
            Ok(Step::Idle) => panic!("idle, with QUIT to say"),
            Ok(Step::Closed(reply)) => {
                course.extend(reply.map(|reply| reply.to_string()));
                break;
            }
            Err(violation) => {
                course.push(violation.to_string());
                break;
            }
        }
        given = !given;
    }
    for (ticket, unfinished) in session.lost() {
        assert!(!settled.contains(&ticket));
        settled.push(ticket);
        course.push(format!("{ticket:?} {unfinished:?}"));
    }
    assert_eq!(settled.len(), tickets.len());
    assert!(!course.concat().chars().any(char::is_control));
    assert!(!format!("{session:?}").contains("hunter2"));
    course
}

fn config(kind: u8) -> Config {
    let mut config = Config::new(Hello::default());
    config.security = match kind % 3 {
        0 => Security::None,
        1 => Security::StartTls,
        _ => Security::Tls(None),
    };
    config.allow_cleartext_auth = kind & 0x10 != 0;
    config.nonce = "nonce".to_owned();
    if kind & 0x20 != 0 {
        config.credentials = Credentials::password("ann", "hunter2").ok();
    }
    config
}

fn mail(kind: u8) -> Mail {
    let path = |text| Path::new(text).expect("a path");
    let mut mail = Mail::new(Path::null(), [path("a@example.com"), path("b@example.com")]);
    mail.size = u64::from(kind);
    mail.eight_bit = kind & 0x40 != 0;
    mail.smtputf8 = kind & 0x80 != 0;
    mail
}
