//! Logging in by OAuth 2.0 access tokens, against a server that knows which tokens are good.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use encodify::base64::STANDARD;
use posthaste::{EmailMessage, Error, ErrorKind, Mailer, Phase, Report, Settings, Status};

/// What the server tells of a token it does not like (RFC 7628 section 3.2.2).
const CHALLENGE: &str = r#"{"status":"invalid_token","scope":"mail"}"#;

struct Server {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// A server that offers these mechanisms and takes this token alone; others it refuses by `code`.
    fn start(mechanisms: &'static str, good: &'static str, code: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                thread::spawn(move || serve(stream, mechanisms, good, code, &log));
            }
        });
        Self { port, heard }
    }

    fn mailer(&self) -> Mailer {
        let mut settings = Settings::default();
        settings.email_host = "127.0.0.1".into();
        settings.email_port = Some(self.port);
        settings.email_host_user = "ann@example.com".into();
        Mailer::new(settings)
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("no panic").clone()
    }
}

fn serve(
    stream: TcpStream,
    mechanisms: &str,
    good: &str,
    code: u16,
    log: &Mutex<Vec<String>>,
) -> Option<()> {
    let mut out = stream.try_clone().ok()?;
    let mut say = |text: &str| out.write_all(format!("{text}\r\n").as_bytes()).ok();
    let mut lines = BufReader::new(stream).lines();
    let mut hear = || {
        let line = lines.next()?.ok()?;
        log.lock().ok()?.push(line.clone());
        Some(line)
    };
    say("220 mx")?;
    loop {
        let line = hear()?;
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["EHLO", ..] => say(&format!("250-mx\r\n250 AUTH {mechanisms}"))?,
            ["AUTH", _, initial] => {
                let said = STANDARD.decode(initial).ok()?;
                let said = String::from_utf8(said).ok()?;
                if said.contains(&format!("auth=Bearer {good}\u{1}")) {
                    say("235 welcome")?;
                } else {
                    say(&format!("334 {}", STANDARD.encode(CHALLENGE.as_bytes())))?;
                    hear()?;
                    // Servers repeat what they do not like.
                    say(&format!("{code} 5.7.8 not {said:?}").replace("5.7.8 ", ""))?;
                }
            }
            ["DATA"] => {
                say("354 go")?;
                while hear()? != "." {}
                say("250 ok")?;
            }
            ["QUIT"] => return say("221 bye"),
            _ => say("250 ok")?,
        }
    }
}

fn message() -> EmailMessage {
    EmailMessage::new("Hi", "Body")
        .from("ann@example.com")
        .to(["b@example.com"])
}

/// A mailer whose provider gives these tokens by turns, and what it was asked.
fn giving(server: &Server, tokens: &'static [&'static str]) -> (Mailer, Arc<Mutex<Vec<bool>>>) {
    let asked: Arc<Mutex<Vec<bool>>> = Arc::default();
    let log = Arc::clone(&asked);
    let mailer = server.mailer().token_from(move |request| {
        assert_eq!(
            (request.user, request.host),
            ("ann@example.com", "127.0.0.1")
        );
        let mut log = log.lock().expect("no panic");
        log.push(request.is_refused);
        Ok(tokens[(log.len() - 1).min(tokens.len() - 1)].into())
    });
    (mailer, asked)
}

fn failure(report: Report) -> Error {
    let error = report.into_result().expect_err("refused");
    let shown = format!("{error} {error:?} {:?}", error.reply());
    assert!(!shown.contains("t0ken"), "{shown}");
    error
}

fn auth_lines(server: &Server) -> Vec<String> {
    let heard = server.heard().into_iter();
    heard.filter(|line| line.starts_with("AUTH")).collect()
}

#[test]
fn a_refused_token_is_asked_for_anew_once() {
    let server = Server::start("XOAUTH2 PLAIN", "good-t0ken", 535);
    let (mailer, asked) = giving(&server, &["stale-t0ken", "good-t0ken"]);
    let report = mailer.blocking().send(&message());
    assert_eq!(report.status(), Status::Sent, "{report:?}");
    assert_eq!(*asked.lock().expect("no panic"), [false, true]);
    let heard = server.heard();
    let stale = heard
        .iter()
        .position(|line| line.starts_with("AUTH XOAUTH2 "));
    // The challenge that tells the failure is answered by an empty line, so that the refusal itself comes.
    assert_eq!(heard[stale.expect("a login") + 1], "");
    assert_eq!(auth_lines(&server).len(), 2);
}

#[test]
fn oauthbearer_is_preferred_and_answers_by_its_own_rule() {
    let server = Server::start("XOAUTH2 OAUTHBEARER", "good-t0ken", 535);
    let (mailer, _) = giving(&server, &["stale-t0ken", "good-t0ken"]);
    assert_eq!(mailer.blocking().send(&message()).status(), Status::Sent);
    let heard = server.heard();
    let stale = heard
        .iter()
        .position(|line| line.starts_with("AUTH OAUTHBEARER "));
    assert_eq!(heard[stale.expect("a login") + 1], "AQ==");
}

#[test]
fn two_refusals_are_the_end() {
    let server = Server::start("XOAUTH2", "another", 535);
    let (mailer, asked) = giving(&server, &["stale-t0ken", "fresh-t0ken", "third-t0ken"]);
    let error = failure(mailer.blocking().send(&message()));
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Auth, Some(Phase::Auth))
    );
    assert!(!error.is_temporary());
    assert!(
        error.message().contains("with a fresh token, too"),
        "{error}"
    );
    assert_eq!(*asked.lock().expect("no panic"), [false, true]);
    assert!(server.heard().iter().all(|line| !line.starts_with("MAIL")));
}

#[test]
fn the_same_token_is_not_tried_twice() {
    let server = Server::start("XOAUTH2", "another", 535);
    let (mailer, asked) = giving(&server, &["stale-t0ken"]);
    let error = failure(mailer.blocking().send(&message()));
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert_eq!(asked.lock().expect("no panic").len(), 2);
    assert_eq!(auth_lines(&server).len(), 1);
}

#[test]
fn a_refusal_that_may_pass_says_nothing_of_the_token() {
    let server = Server::start("XOAUTH2", "another", 454);
    let (mailer, asked) = giving(&server, &["good-t0ken", "fresh-t0ken"]);
    let error = failure(mailer.blocking().send(&message()));
    assert!(error.is_temporary());
    assert_eq!(asked.lock().expect("no panic").len(), 1);
}

#[test]
fn a_server_without_oauth_is_told_from_a_refusal() {
    let server = Server::start("PLAIN LOGIN", "good-t0ken", 535);
    let (mailer, asked) = giving(&server, &["good-t0ken"]);
    let error = failure(mailer.blocking().send(&message()));
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert!(
        error.message().contains("OAUTHBEARER or XOAUTH2"),
        "{error}"
    );
    assert_eq!(asked.lock().expect("no panic").len(), 1);
    assert!(auth_lines(&server).is_empty(), "a token is no password");
}

#[test]
fn what_the_provider_says_is_the_error() {
    let server = Server::start("XOAUTH2", "good-t0ken", 535);
    let mailer = server.mailer().token_from(|_| {
        let error = Error::new(ErrorKind::Auth, "the key has been revoked");
        Err(error.with_temporary(true))
    });
    let error = failure(mailer.blocking().send(&message()));
    assert_eq!(error.message(), "the key has been revoked");
    assert!(error.is_temporary() && error.phase() == Some(Phase::Auth));
    let mailer = server
        .mailer()
        .token_from(|_| Ok("hunter-t0ken\r\nQUIT".into()));
    let error = failure(mailer.blocking().send(&message()));
    assert!(error.message().contains("control character"), "{error}");
    assert!(server.heard().is_empty(), "nothing was said to the server");
}

#[cfg(unix)]
#[test]
fn a_command_gives_tokens() {
    let server = Server::start("XOAUTH2", "2", 535);
    let folder = tempfile::tempdir().expect("a folder");
    let count = folder.path().join("count");
    let script = format!("sh -c \"echo x >> '{0}'; wc -l < '{0}'\"", count.display());
    let mut settings = server.mailer().settings().clone();
    settings.email_token_command = script.into();
    let report = Mailer::new(settings.clone()).blocking().send(&message());
    assert_eq!(report.status(), Status::Sent, "{report:?}");
    settings.email_token_command = "sh -c 'exit 7'".into();
    let error = failure(Mailer::new(settings).blocking().send(&message()));
    assert_eq!(error.field(), Some("EMAIL_TOKEN_COMMAND"));
    assert!(
        error.message().contains("failed (exit status: 7)"),
        "{error}"
    );
}

#[cfg(feature = "tokio")]
mod on_tokio {
    use posthaste::{BoxFuture, Io, Secret, TokenProvider, TokenRequest};

    use super::*;

    struct Slow;

    impl TokenProvider for Slow {
        fn token<'a>(&'a self, request: TokenRequest<'a>) -> BoxFuture<'a, Result<Secret, Error>> {
            Box::pin(async move {
                assert_eq!(request.io, Io::Tokio);
                tokio::task::yield_now().await;
                Ok(if request.is_refused {
                    "good-t0ken"
                } else {
                    "stale-t0ken"
                }
                .into())
            })
        }
    }

    #[tokio::test]
    async fn a_provider_may_wait() {
        let server = Server::start("OAUTHBEARER", "good-t0ken", 535);
        let mailer = server.mailer().token_provider(Slow);
        let report = mailer.send(&message()).await;
        assert_eq!(report.status(), Status::Sent, "{report:?}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_does_not_block_the_runtime() {
        let server = Server::start("XOAUTH2", "good-t0ken", 535);
        let mut settings = server.mailer().settings().clone();
        settings.email_token_command = "echo good-t0ken".into();
        let report = Mailer::new(settings).send(&message()).await;
        assert_eq!(report.status(), Status::Sent, "{report:?}");
    }
}
