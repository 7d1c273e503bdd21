//! `posthaste check` against servers of every kind that people meet.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use posthaste_tests::{Ended, Place};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A server that serves each connection by this function; its port.
fn serve(each: impl Fn(TcpStream) -> Option<()> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let each = Arc::new(each);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let each = Arc::clone(&each);
            thread::spawn(move || each(stream));
        }
    });
    port.to_string()
}

fn say(stream: &mut impl Write, text: &str) -> Option<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).ok()
}

/// A line, an octet at a time: what follows it may be a handshake.
fn hear(stream: &mut impl Read) -> Option<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\r\n") {
        stream.read_exact(&mut byte).ok()?;
        line.push(byte[0]);
    }
    String::from_utf8(line)
        .ok()
        .map(|line| line.trim_end().to_owned())
}

/// Talks until STARTTLS or the end; `true` at STARTTLS. The login of ann with `hunter2` is good.
fn talk(stream: &mut (impl Read + Write), offers: &str) -> Option<bool> {
    loop {
        let line = hear(stream)?;
        match line.split(' ').next()? {
            "EHLO" => say(
                stream,
                &format!("250-mx.example\r\n250-SIZE 1000\r\n250 {offers}"),
            )?,
            "STARTTLS" => {
                say(stream, "220 go")?;
                return Some(true);
            }
            "AUTH" if line.ends_with("AGFubgBodW50ZXIy") => say(stream, "235 2.7.0 welcome")?,
            "AUTH" => say(stream, &format!("535 5.7.8 no: {line}"))?,
            "NOOP" => say(stream, "250 ok")?,
            "QUIT" => {
                say(stream, "221 bye")?;
                return Some(false);
            }
            _ => say(stream, "502 what?")?,
        }
    }
}

fn plain(offers: &'static str) -> String {
    serve(move |mut stream| {
        say(&mut stream, "220 mx.example ESMTP \u{1b}[31mready")?;
        talk(&mut stream, offers).map(drop)
    })
}

/// The certificate of a server, and the root that signed it, as a file in `place`.
fn certified(place: &Place, change: impl FnOnce(&mut CertificateParams)) -> Arc<ServerConfig> {
    let mut root = CertificateParams::new(Vec::new()).expect("no names");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.distinguished_name
        .push(DnType::CommonName, "Test Root");
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().expect("a key"));
    let root = root.expect("a root");
    place.write("root.pem", root.pem());
    let names = vec!["127.0.0.1".to_owned(), "mx.example".to_owned()];
    let mut leaf = CertificateParams::new(names).expect("good names");
    change(&mut leaf);
    let key = KeyPair::generate().expect("a key");
    let leaf = leaf.signed_by(&key, &root).expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key);
    Arc::new(config.expect("a certificate that goes with its key"))
}

fn under_tls(
    config: &Arc<ServerConfig>,
    stream: TcpStream,
) -> StreamOwned<ServerConnection, TcpStream> {
    let connection = ServerConnection::new(Arc::clone(config)).expect("good");
    StreamOwned::new(connection, stream)
}

fn starttls(config: Arc<ServerConfig>) -> String {
    serve(move |mut stream| {
        say(&mut stream, "220 mx.example")?;
        if talk(&mut stream, "STARTTLS")? {
            talk(&mut under_tls(&config, stream), "AUTH PLAIN")?;
        }
        Some(())
    })
}

fn implicit(config: Arc<ServerConfig>) -> String {
    serve(move |stream| {
        let mut stream = under_tls(&config, stream);
        say(&mut stream, "220 mx.example")?;
        talk(&mut stream, "AUTH PLAIN").map(drop)
    })
}

fn check(place: &Place, port: &str, settings: &[(&str, &str)], args: &[&str]) -> Ended {
    let run = place.posthaste([&["check"][..], args].concat());
    let run = run
        .env("EMAIL_HOST", "127.0.0.1")
        .env("EMAIL_PORT", port)
        .env("EMAIL_TIMEOUT", "20");
    let run = settings
        .iter()
        .fold(run, |run, (name, value)| run.env(name, value));
    let ended = run.end();
    let shown = format!("{} {}", ended.text(), ended.stderr);
    assert!(
        !shown.contains("hunter2") && !shown.contains("AGFubgBodW50ZXIy"),
        "{shown}"
    );
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    ended
}

/// Checks that mail cannot be sent, and that what is said of it has all these texts.
#[track_caller]
fn finds(ended: Ended, texts: &[&str]) {
    let ended = ended.exits(1);
    let text = ended.text();
    assert!(
        text.contains("result\tmail cannot be sent this way\n"),
        "{text}"
    );
    let told: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("problem\t") || line.starts_with("what to do\t"))
        .collect();
    let told = told.join("\n");
    for wanted in texts {
        assert!(told.contains(wanted), "no {wanted:?} in {text}");
    }
}

const ANN: (&str, &str) = ("EMAIL_HOST_USER", "ann");
const PASSWORD: (&str, &str) = ("EMAIL_HOST_PASSWORD", "hunter2");

#[test]
fn a_good_server_is_shown() {
    let place = Place::new();
    let port = plain("AUTH PLAIN");
    let ended = check(&place, &port, &[ANN, PASSWORD], &[]).exits(0);
    let server = format!("server\t127.0.0.1 port {port}\n");
    for line in [
        server.as_str(),
        "greeting\t220 mx.example ESMTP ?[31mready\n",
        "offers\tSIZE 1000, AUTH PLAIN\n",
        "login\tPLAIN, accepted (235 2.7.0 welcome)\n",
        "round trip\t",
        "result\tmail can be sent this way\n",
    ] {
        assert!(
            ended.text().contains(line),
            "no {line:?} in {}",
            ended.text()
        );
    }
    assert_eq!(ended.stderr, "");
}

#[test]
fn starttls_is_shown_with_its_certificate() {
    let place = Place::new();
    let port = starttls(certified(&place, |_| {}));
    let tls = [
        ANN,
        PASSWORD,
        ("EMAIL_USE_TLS", "on"),
        ("EMAIL_SSL_CAFILE", "root.pem"),
    ];
    let ended = check(&place, &port, &tls, &["--json"]).exits(0);
    let found = &ended.json()[0];
    assert_eq!(found["fine"], true);
    assert_eq!(found["tls_version"], "TLS 1.3");
    assert_eq!(found["offered"][1], "STARTTLS");
    assert_eq!(found["offered_under_tls"][1], "AUTH PLAIN");
    let names: Vec<_> = found["certificate"]["names"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    assert!(names.iter().any(|name| **name == "mx.example"), "{found}");
    assert_eq!(found["certificate"]["issuer"], "Test Root");
    assert_eq!(found["login"]["accepted"], true);
    assert!(
        found["round_trip_seconds"]
            .as_f64()
            .is_some_and(|time| time > 0.0)
    );
    assert_eq!(found["error"], serde_json::Value::Null);
}

#[test]
fn a_certificate_that_is_not_trusted_is_shown_and_explained() {
    let place = Place::new();
    let tls = ("EMAIL_USE_TLS", "on");
    let unknown = starttls(certified(&place, |_| {}));
    finds(
        check(&place, &unknown, &[tls], &[]),
        &["Test Root", "EMAIL_SSL_CAFILE"],
    );

    let root = ("EMAIL_SSL_CAFILE", "root.pem");
    let wrong = starttls(certified(&place, |leaf| {
        let other = CertificateParams::new(vec!["other.example".to_owned()]).expect("a name");
        *leaf = other;
    }));
    let wanted = ["is for other.example, and not for 127.0.0.1", "EMAIL_HOST"];
    finds(check(&place, &wrong, &[tls, root], &[]), &wanted);

    let old = implicit(certified(&place, |leaf| {
        leaf.not_before = rcgen::date_time_ymd(2020, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2020, 2, 1);
    }));
    let wanted = ["has expired (2020-02-01T00:00:00Z)", "clock"];
    finds(
        check(&place, &old, &[("EMAIL_USE_SSL", "on"), root], &[]),
        &wanted,
    );
}

#[test]
fn the_wrong_kind_of_tls_is_explained() {
    let place = Place::new();
    let port = plain("STARTTLS");
    let wanted = ["speaks plain SMTP", "EMAIL_USE_TLS=true"];
    finds(
        check(&place, &port, &[("EMAIL_USE_SSL", "on")], &[]),
        &wanted,
    );

    let port = implicit(certified(&place, |_| {}));
    let short = ("EMAIL_TIMEOUT", "1");
    for way in ["EMAIL_USE_TLS", "EMAIL_USE_LOCALTIME"] {
        let ended = check(&place, &port, &[(way, "on"), short], &[]);
        finds(ended, &["did not greet", "EMAIL_USE_SSL=true"]);
    }

    let port = plain("PIPELINING");
    let wanted = ["does not offer STARTTLS", "EMAIL_USE_SSL=true"];
    finds(
        check(&place, &port, &[("EMAIL_USE_TLS", "on")], &[]),
        &wanted,
    );
}

#[test]
fn logins_that_fail_are_explained() {
    let place = Place::new();
    let port = plain("AUTH PLAIN");
    let wrong = ("EMAIL_HOST_PASSWORD", "other-password");
    let ended = check(&place, &port, &[ANN, wrong], &[]);
    assert!(!ended.text().contains("other-password"));
    assert!(
        ended
            .text()
            .contains("login\tPLAIN, refused (535 5.7.8 no: "),
        "{}",
        ended.text()
    );
    finds(ended, &["refused the login", "EMAIL_HOST_PASSWORD"]);

    let port = plain("PIPELINING");
    finds(
        check(&place, &port, &[ANN, PASSWORD], &[]),
        &["offers no login", "587"],
    );
}

#[test]
fn a_password_in_the_clear_is_refused_and_explained() {
    let place = Place::new();
    // Behind a proxy, so that the server is another machine than this.
    let behind = |offers: &'static str| {
        let proxy = serve(move |mut stream| {
            let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
            while !lines.next()?.ok()?.is_empty() {}
            say(&mut stream, "HTTP/1.1 200 OK\r\n")?;
            say(&mut stream, "220 mx.example")?;
            talk(&mut stream, offers).map(drop)
        });
        let proxy = format!("http://127.0.0.1:{proxy}");
        let remote = [
            ANN,
            PASSWORD,
            ("EMAIL_HOST", "mx.example"),
            ("EMAIL_PROXY", proxy.as_str()),
        ];
        check(&place, "587", &remote, &[])
    };
    finds(
        behind("STARTTLS\r\n250 AUTH PLAIN"),
        &["not said in the clear", "EMAIL_USE_TLS=true"],
    );
    finds(
        behind("AUTH PLAIN"),
        &["not said in the clear", "EMAIL_ALLOW_CLEARTEXT_AUTH"],
    );
}

#[test]
fn servers_that_are_not_there_or_something_else_are_explained() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener
        .local_addr()
        .expect("an address")
        .port()
        .to_string();
    drop(listener);
    finds(
        check(&place, &port, &[], &[]),
        &["Nothing listens there", "EMAIL_PORT"],
    );

    let nowhere = ("EMAIL_HOST", "nowhere.invalid");
    finds(
        check(&place, "25", &[nowhere], &[]),
        &["nowhere.invalid", "EMAIL_HOST"],
    );

    let ssh = serve(|mut stream| {
        say(&mut stream, "SSH-2.0-OpenSSH_9.9")?;
        hear(&mut stream).map(drop)
    });
    finds(
        check(&place, &ssh, &[], &[]),
        &["not an SMTP server", "EMAIL_PORT"],
    );

    let silent = serve(|mut stream| hear(&mut stream).map(drop));
    let short = ("EMAIL_TIMEOUT", "0.5");
    finds(
        check(&place, &silent, &[short], &[]),
        &["did not greet", "too long"],
    );

    let busy = serve(|mut stream| say(&mut stream, "554 5.3.2 not today"));
    finds(check(&place, &busy, &[], &[]), &["not today"]);

    let socket = [("EMAIL_HOST", "/nowhere/lmtp.sock"), ("EMAIL_LMTP", "on")];
    finds(check(&place, "0", &socket, &[]), &["socket", "EMAIL_HOST"]);
}

#[test]
fn settings_that_cannot_be_used_end_it_before() {
    let place = Place::new();
    let run = |name: &str, value: &str| place.posthaste(["check"]).env(name, value).end();
    run("EMAIL_BACKEND", "console").refuses(&["EMAIL_BACKEND", "smtp"]);
    run("EMAIL_PROXY", "socks4://h:1").refuses(&["EMAIL_PROXY"]);
    place
        .posthaste(["check", "--using", "bulk"])
        .end()
        .refuses(&["bulk"]);
}
