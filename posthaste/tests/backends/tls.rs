//! TLS and logins against a server with certificates of our own making, by both drivers.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use posthaste::{EmailMessage, ErrorKind, Mailer, Phase, Report, Settings, Status};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::smtp::{Driver, send};

for_both! {
    starttls,
    implicit_tls,
    a_large_message_under_tls,
    an_unknown_root_is_not_trusted,
    a_certificate_of_another_name_is_not_trusted,
    an_old_certificate_is_not_trusted,
    starttls_that_is_not_offered,
    words_put_in_before_the_handshake,
    starttls_on_a_port_of_implicit_tls,
    implicit_tls_on_a_plain_port,
    a_cut_connection_is_no_end,
    plain_words_when_tls_has_failed,
    a_login_under_tls,
    a_wrong_password,
    a_password_is_not_said_in_the_clear,
    a_login_that_is_not_offered,
    files_that_cannot_be_used,
}

/// What the server does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    StartTls,
    Implicit,
    /// Says more than `220` to STARTTLS.
    Injecting,
    /// Closes the connection after DATA's content, without close_notify and without an answer.
    Cutting,
    /// Stops reading at the content, while somebody on the way puts words in that are not under TLS.
    Stalling,
}

/// A server for these names, with a root of its own.
struct Server {
    address: SocketAddr,
    folder: tempfile::TempDir,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(way: Way, auth: &'static str) -> Self {
        Self::with(way, auth, |names| {
            CertificateParams::new(names).expect("good names")
        })
    }

    fn with(
        way: Way,
        auth: &'static str,
        leaf: impl FnOnce(Vec<String>) -> CertificateParams,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut root = CertificateParams::new(Vec::new()).expect("no names");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = folder.path().display().to_string();
        root.distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate().expect("a key"));
        let root = root.expect("a root");
        std::fs::write(folder.path().join("root.pem"), root.pem()).expect("written");
        let key = KeyPair::generate().expect("a key");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = leaf(names).signed_by(&key, &root).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(certificate.pem().as_bytes()).expect("PEM")],
                PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("PEM"),
            )
            .expect("a key that fits");
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let talk = Talk {
                    way,
                    auth,
                    heard: Arc::clone(&shared),
                };
                let config = Arc::clone(&config);
                thread::spawn(move || talk.run(stream, config));
            }
        });
        Self {
            address,
            folder,
            heard,
        }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.email_host = "localhost".to_owned();
        settings.email_port = Some(self.address.port());
        settings.email_timeout = Some(Duration::from_secs(20));
        settings.email_ssl_cafile = Some(self.root());
        settings
    }

    fn starttls(&self) -> Settings {
        let mut settings = self.settings();
        settings.email_use_tls = true;
        settings
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("no panic").clone()
    }
}

struct Talk {
    way: Way,
    auth: &'static str,
    heard: Arc<Mutex<Vec<String>>>,
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Talk {
    fn run(self, stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<()> {
        let raw = stream.try_clone()?;
        let tls = |stream| -> io::Result<Box<dyn Stream>> {
            let connection =
                ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
            Ok(Box::new(StreamOwned::new(connection, stream)))
        };
        let mut stream: Box<dyn Stream> = match self.way {
            Way::Implicit => tls(stream)?,
            _ => Box::new(stream),
        };
        stream.write_all(b"220 tls.example\r\n")?;
        let mut reader = BufReader::new(stream);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end().to_owned();
            self.heard.lock().expect("no panic").push(line.clone());
            match line.split(' ').next().unwrap_or("") {
                "EHLO" => {
                    let starttls = match self.way {
                        Way::StartTls | Way::Injecting | Way::Cutting | Way::Stalling => {
                            "250-STARTTLS\r\n"
                        }
                        Way::Plain | Way::Implicit => "",
                    };
                    let auth = self.auth;
                    write!(
                        reader.get_mut(),
                        "250-tls.example\r\n{starttls}{auth}250 8BITMIME\r\n"
                    )?;
                }
                "STARTTLS" => {
                    let more = if self.way == Way::Injecting {
                        "250 x\r\n"
                    } else {
                        ""
                    };
                    // In one piece, so that both are read at once.
                    reader
                        .get_mut()
                        .write_all(format!("220 go\r\n{more}").as_bytes())?;
                    reader = BufReader::new(tls(raw.try_clone()?)?);
                }
                // ann and hunter2.
                "AUTH" if line == "AUTH PLAIN AGFubgBodW50ZXIy" => {
                    reader.get_mut().write_all(b"235 2.7.0 welcome\r\n")?;
                }
                "AUTH" => reader.get_mut().write_all(b"535 5.7.8 wrong\r\n")?,
                "DATA" => {
                    reader.get_mut().write_all(b"354 go\r\n")?;
                    if self.way == Way::Stalling {
                        (&raw).write_all(b"552 5.3.4 put in\r\n")?;
                        thread::sleep(Duration::from_secs(10));
                        return Ok(());
                    }
                    let mut size = 0;
                    loop {
                        let mut line = Vec::new();
                        size += reader.read_until(b'\n', &mut line)?;
                        if line == b".\r\n" {
                            break;
                        }
                    }
                    self.heard
                        .lock()
                        .expect("no panic")
                        .push(format!("{size} octets"));
                    if self.way == Way::Cutting {
                        return raw.shutdown(std::net::Shutdown::Both);
                    }
                    reader.get_mut().write_all(b"250 2.0.0 taken\r\n")?;
                }
                "QUIT" => return reader.get_mut().write_all(b"221 bye\r\n"),
                _ => reader.get_mut().write_all(b"250 2.0.0 ok\r\n")?,
            }
        }
    }
}

fn message() -> EmailMessage {
    EmailMessage::new("Hello", "text")
        .from("a@example.com")
        .to(["b@example.com"])
}

fn send_one(driver: Driver, settings: Settings) -> Report {
    send(driver, settings, &[message()]).remove(0)
}

#[track_caller]
fn fails(report: &Report, kind: ErrorKind, phase: Phase, words: &[&str]) {
    let error = report.error.as_ref().expect("an error");
    assert_eq!(
        (error.kind(), error.phase()),
        (kind, Some(phase)),
        "{error}"
    );
    for word in words {
        assert!(error.to_string().contains(word), "no {word:?} in {error}");
    }
}

#[track_caller]
fn sent(report: &Report) {
    assert_eq!(report.status(), Status::Sent, "{:?}", report.error);
}

fn starttls(driver: Driver) {
    let server = Server::new(Way::StartTls, "");
    sent(&send_one(driver, server.starttls()));
    let heard = server.heard();
    assert_eq!(heard[1], "STARTTLS");
    assert!(heard[2].starts_with("EHLO"), "{heard:?}");
    assert_eq!(heard.last().map(String::as_str), Some("QUIT"));
}

fn implicit_tls(driver: Driver) {
    let server = Server::new(Way::Implicit, "");
    let mut settings = server.settings();
    settings.email_use_ssl = true;
    sent(&send_one(driver, settings.clone()));
    // An address is looked for among the addresses of the certificate.
    settings.email_host = "127.0.0.1".to_owned();
    sent(&send_one(driver, settings));
}

fn a_large_message_under_tls(driver: Driver) {
    let server = Server::new(Way::StartTls, "");
    let large = message().body("a line of text that is not long\n".repeat(200_000));
    let reports = send(driver, server.starttls(), &[large, message()]);
    reports.iter().for_each(sent);
    let size = server
        .heard()
        .iter()
        .find_map(|line| line.strip_suffix(" octets")?.parse::<u64>().ok());
    assert!(size > Some(6_000_000), "{size:?}");
}

fn an_unknown_root_is_not_trusted(driver: Driver) {
    let server = Server::new(Way::StartTls, "");
    let other = Server::new(Way::StartTls, "");
    let mut settings = server.starttls();
    settings.email_ssl_cafile = Some(other.root());
    let report = send_one(driver, settings);
    fails(&report, ErrorKind::Tls, Phase::Starttls, &["UnknownIssuer"]);
    assert!(!server.heard().iter().any(|line| line.starts_with("MAIL")));
}

fn a_certificate_of_another_name_is_not_trusted(driver: Driver) {
    let server = Server::with(Way::StartTls, "", |_| {
        let mut other =
            CertificateParams::new(vec!["mail.example.org".to_owned()]).expect("a name");
        // The common name counts for nothing.
        other
            .distinguished_name
            .push(rcgen::DnType::CommonName, "localhost");
        other
    });
    let report = send_one(driver, server.starttls());
    let words = ["localhost", "mail.example.org"];
    fails(&report, ErrorKind::Tls, Phase::Starttls, &words);
}

fn an_old_certificate_is_not_trusted(driver: Driver) {
    let server = Server::with(Way::StartTls, "", |names| {
        let mut old = CertificateParams::new(names).expect("good names");
        old.not_after = rcgen::date_time_ymd(2020, 1, 1);
        old
    });
    let report = send_one(driver, server.starttls());
    fails(&report, ErrorKind::Tls, Phase::Starttls, &["expired"]);
}

fn starttls_that_is_not_offered(driver: Driver) {
    let server = Server::new(Way::Plain, "250-AUTH PLAIN\r\n");
    let mut settings = server.starttls();
    settings.email_host_user = "ann".to_owned();
    settings.email_host_password = "hunter2".into();
    let report = send_one(driver, settings);
    fails(&report, ErrorKind::Tls, Phase::Ehlo, &["STARTTLS", "plain"]);
    assert_eq!(server.heard().len(), 1, "{:?}", server.heard());
}

fn words_put_in_before_the_handshake(driver: Driver) {
    let server = Server::new(Way::Injecting, "");
    let report = send_one(driver, server.starttls());
    fails(&report, ErrorKind::Tls, Phase::Starttls, &["before TLS"]);
}

fn starttls_on_a_port_of_implicit_tls(driver: Driver) {
    let server = Server::new(Way::Implicit, "");
    let mut settings = server.starttls();
    settings.email_timeout = Some(Duration::from_millis(500));
    let report = send_one(driver, settings);
    let error = report.error.as_ref().expect("an error");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

fn implicit_tls_on_a_plain_port(driver: Driver) {
    let server = Server::new(Way::Plain, "");
    let mut settings = server.settings();
    settings.email_use_ssl = true;
    let report = send_one(driver, settings);
    fails(
        &report,
        ErrorKind::Tls,
        Phase::Starttls,
        &["does not speak TLS"],
    );
}

fn a_cut_connection_is_no_end(driver: Driver) {
    let server = Server::new(Way::Cutting, "");
    let report = send_one(driver, server.starttls());
    fails(&report, ErrorKind::Connect, Phase::Final, &[]);
    let error = report.error.as_ref().expect("an error");
    assert!(error.is_in_doubt() && error.is_temporary());
}

fn plain_words_when_tls_has_failed(driver: Driver) {
    let server = Server::new(Way::Stalling, "");
    let mut settings = server.starttls();
    settings.email_timeout = Some(Duration::from_secs(1));
    let large = message().body("a line of text that is not long\n".repeat(500_000));
    let report = send(driver, settings, &[large]).remove(0);
    let error = report.error.as_ref().expect("an error");
    assert!(error.reply().is_none(), "{error}");
    assert_ne!(error.kind(), ErrorKind::Rejected, "{error}");
    assert!(error.is_temporary() && !error.is_in_doubt(), "{error}");
}

/// The settings of a login.
fn login(mut settings: Settings, password: &str) -> Settings {
    settings.email_host_user = "ann".to_owned();
    settings.email_host_password = password.into();
    settings
}

fn a_login_under_tls(driver: Driver) {
    let server = Server::new(Way::StartTls, "250-AUTH PLAIN LOGIN\r\n");
    sent(&send_one(driver, login(server.starttls(), "hunter2")));
    let heard = server.heard();
    let auth = heard
        .iter()
        .position(|line| line.starts_with("AUTH"))
        .expect("a login");
    assert!(
        auth > heard
            .iter()
            .position(|line| line == "STARTTLS")
            .expect("TLS")
    );
}

fn a_wrong_password(driver: Driver) {
    let server = Server::new(Way::StartTls, "250-AUTH PLAIN LOGIN CRAM-MD5\r\n");
    let report = send_one(driver, login(server.starttls(), "tr0ub4dor"));
    fails(&report, ErrorKind::Auth, Phase::Auth, &["535", "wrong"]);
    let logins = server
        .heard()
        .iter()
        .filter(|line| line.starts_with("AUTH"))
        .count();
    assert_eq!(logins, 1, "nothing weaker is tried");
    let shown = format!(
        "{:?} {}",
        report,
        serde_json::to_string(&report).expect("JSON")
    );
    assert!(
        !shown.contains("tr0ub4dor") && !shown.contains("dHIwdWI0ZG9y"),
        "{shown}"
    );
}

fn a_password_is_not_said_in_the_clear(driver: Driver) {
    let server = Server::new(Way::Plain, "250-AUTH PLAIN LOGIN\r\n");
    // Another address of this machine, so that it does not look like this machine.
    let mut settings = login(server.settings(), "hunter2");
    settings.email_host = "localhost.localdomain".to_owned();
    let known = std::net::ToSocketAddrs::to_socket_addrs("localhost.localdomain:1").is_ok();
    if known {
        let report = send_one(driver, settings.clone());
        fails(&report, ErrorKind::Auth, Phase::Ehlo, &["EMAIL_USE_TLS"]);
        settings.email_allow_cleartext_auth = true;
        sent(&send_one(driver, settings.clone()));
    }
    settings.email_host = "localhost".to_owned();
    settings.email_allow_cleartext_auth = false;
    sent(&send_one(driver, settings));
}

fn a_login_that_is_not_offered(driver: Driver) {
    let server = Server::new(Way::StartTls, "");
    let report = send_one(driver, login(server.starttls(), "hunter2"));
    fails(&report, ErrorKind::Auth, Phase::Ehlo, &["offers no login"]);
}

fn files_that_cannot_be_used(driver: Driver) {
    let server = Server::new(Way::StartTls, "");
    let empty = server.folder.path().join("empty.pem");
    std::fs::write(&empty, "").expect("written");
    for file in [server.folder.path().join("missing.pem"), empty] {
        let mut settings = server.starttls();
        settings.email_ssl_cafile = Some(file.clone());
        let report = send_one(driver, settings);
        let file = file.display().to_string();
        fails(
            &report,
            ErrorKind::Tls,
            Phase::Starttls,
            &["EMAIL_SSL_CAFILE", &file],
        );
    }
    assert!(
        Mailer::new(server.starttls())
            .blocking()
            .connection()
            .is_ok()
    );
}
