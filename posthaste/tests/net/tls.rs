//! TLS across connections: sessions, certificates of ours, and the versions that there may be.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use posthaste::{ErrorKind, Mailer, Phase, Report, Settings};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    HandshakeKind, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion,
};

use crate::common::{Driver, LONG, assert_sent, eventually, message};

for_both! {
    a_second_connection_resumes_the_session,
    a_kept_connection_under_tls,
    another_certificate_of_ours_is_read_anew,
    a_certificate_of_ours,
    no_certificate_where_one_is_wanted,
    a_certificate_of_another_name,
    a_certificate_of_no_name,
    a_certificate_that_was_good_once,
    a_certificate_that_is_not_good_yet,
    a_certificate_of_a_stranger,
    a_server_of_the_last_century,
}

/// A root, and certificates that it signed.
struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut root = CertificateParams::new(Vec::new()).expect("no names");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = folder.path().display().to_string();
        root.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(root, KeyPair::generate().expect("a key"));
        let issuer = issuer.expect("a root");
        std::fs::write(folder.path().join("root.pem"), issuer.pem()).expect("written");
        Self { folder, issuer }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// Writes a certificate and its key into one file.
    fn certify(&self, file: &str, params: &CertificateParams) -> PathBuf {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let path = self.folder.path().join(file);
        let both = certificate.pem() + &key.serialize_pem();
        std::fs::write(&path, both).expect("written");
        path
    }
}

fn names(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).expect("good names")
}

fn of_localhost() -> CertificateParams {
    names(&["localhost"])
}

/// What the server saw of each connection.
type Handshakes = Arc<Mutex<Vec<(Option<HandshakeKind>, usize)>>>;

/// An SMTP server under implicit TLS.
struct Server {
    address: SocketAddr,
    authority: Authority,
    handshakes: Handshakes,
}

impl Server {
    fn new(leaf: &CertificateParams) -> Self {
        Self::with(leaf, false, rustls::DEFAULT_VERSIONS)
    }

    fn with(
        leaf: &CertificateParams,
        wants_ours: bool,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let authority = Authority::new();
        let file = authority.certify("server.pem", leaf);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(versions).expect("versions");
        let builder = match wants_ours {
            false => builder.with_no_client_auth(),
            true => {
                let mut roots = RootCertStore::empty();
                roots.add(certificate(&authority.root())).expect("a root");
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
            }
        };
        let key = PrivateKeyDer::from_pem_file(&file).expect("a key");
        let mut config = builder
            .with_single_cert(vec![certificate(&file)], key)
            .expect("it fits");
        // Tickets that come late: what was not sent with the handshake is still no word.
        config.send_tls13_tickets = 4;
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let handshakes = Handshakes::default();
        let shared = Arc::clone(&handshakes);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, shared) = (Arc::clone(&config), Arc::clone(&shared));
                thread::spawn(move || talk(stream, config, &shared));
            }
        });
        Self {
            address,
            authority,
            handshakes,
        }
    }

    fn settings(&self) -> Settings {
        let mut settings = settings(self.address);
        settings.email_ssl_cafile = Some(self.authority.root());
        settings
    }

    fn handshakes(&self) -> Vec<(Option<HandshakeKind>, usize)> {
        self.handshakes.lock().expect("no panic").clone()
    }
}

fn certificate(file: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).expect("a certificate")
}

fn settings(address: SocketAddr) -> Settings {
    let mut settings = Settings::default();
    settings.email_host = "localhost".to_owned();
    settings.email_port = Some(address.port());
    settings.email_timeout = Some(LONG);
    settings.email_use_ssl = true;
    settings
}

fn talk(stream: TcpStream, config: Arc<ServerConfig>, handshakes: &Handshakes) -> io::Result<()> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    stream.get_mut().write_all(b"220 tls.example\r\n")?;
    let mut line = String::new();
    let mut is_noted = false;
    while stream.read_line(&mut line)? > 0 {
        if !is_noted {
            let connection = &stream.get_ref().conn;
            let ours = connection.peer_certificates().map_or(0, <[_]>::len);
            let kind = connection.handshake_kind();
            handshakes.lock().expect("no panic").push((kind, ours));
            is_noted = true;
        }
        let answer: &[u8] = match line.trim_end() {
            "DATA" => b"354 go\r\n",
            "QUIT" => return stream.get_mut().write_all(b"221 bye\r\n"),
            _ => b"250 ok\r\n",
        };
        stream.get_mut().write_all(answer)?;
        if line.trim_end() == "DATA" {
            while line.trim_end() != "." {
                line.clear();
                stream.read_line(&mut line)?;
            }
            stream.get_mut().write_all(b"250 taken\r\n")?;
        }
        line.clear();
    }
    Ok(())
}

/// Sends by a mailer that never keeps a connection.
fn in_turn<D: Driver>(mut settings: Settings, times: usize) {
    settings.email_idle_timeout = std::time::Duration::ZERO;
    let mailer = Mailer::new(settings);
    for _ in 0..times {
        assert_sent(&D::send(&mailer, &message("a")));
    }
}

#[track_caller]
fn fails(report: &Report, words: &[&str]) {
    let error = report.error.as_ref().expect("an error");
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    assert!(!error.is_in_doubt(), "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "no {word:?} in {error}");
    }
}

fn a_second_connection_resumes_the_session<D: Driver>() {
    for version in rustls::ALL_VERSIONS {
        let server = Server::with(&of_localhost(), false, &[version]);
        in_turn::<D>(server.settings(), 3);
        let kinds: Vec<_> = server
            .handshakes()
            .into_iter()
            .map(|(kind, _)| kind)
            .collect();
        let resumed = Some(HandshakeKind::Resumed);
        assert_eq!(kinds[1..], [resumed, resumed], "{version:?}");
        assert_ne!(kinds[0], resumed);
    }
}

/// The tickets that come after the handshake are no unasked words.
fn a_kept_connection_under_tls<D: Driver>() {
    let server = Server::new(&of_localhost());
    let mailer = Mailer::new(server.settings());
    for _ in 0..3 {
        assert_sent(&D::send(&mailer, &message("a")));
    }
    assert_eq!(server.handshakes().len(), 1);
}

fn a_certificate_of_ours<D: Driver>() {
    for version in rustls::ALL_VERSIONS {
        let server = Server::with(&of_localhost(), true, &[version]);
        let ours = server
            .authority
            .certify("ours.pem", &names(&["client.example"]));
        let mut settings = server.settings();
        settings.email_ssl_certfile = Some(ours);
        assert_sent(&D::send(&Mailer::new(settings), &message("a")));
        assert_eq!(server.handshakes()[0].1, 1, "{version:?}");
    }
}

fn another_certificate_of_ours_is_read_anew<D: Driver>() {
    let server = Server::with(&of_localhost(), true, rustls::DEFAULT_VERSIONS);
    let mut old = names(&["client.example"]);
    old.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let ours = server.authority.certify("ours.pem", &old);
    let mut settings = server.settings();
    settings.email_ssl_certfile = Some(ours);
    let mailer = Mailer::new(settings);
    fails(&D::send(&mailer, &message("a")), &[]);
    // Longer than the old one, so that also a clock of whole seconds tells them apart.
    server
        .authority
        .certify("ours.pem", &names(&["client.example", "another.example"]));
    assert_sent(&D::send(&mailer, &message("a")));
}

fn no_certificate_where_one_is_wanted<D: Driver>() {
    for version in rustls::ALL_VERSIONS {
        let server = Server::with(&of_localhost(), true, &[version]);
        let report = D::send(&Mailer::new(server.settings()), &message("a"));
        fails(&report, &["EMAIL_SSL_CERTFILE"]);
        assert!(server.handshakes().is_empty(), "{version:?}");
    }
}

fn refuses<D: Driver>(leaf: &CertificateParams, words: &[&str]) {
    let server = Server::new(leaf);
    let report = D::send(&Mailer::new(server.settings()), &message("a"));
    fails(&report, words);
    let error = report.error.as_ref().expect("an error");
    assert_eq!(error.phase(), Some(Phase::Starttls));
    assert!(server.handshakes().is_empty());
}

fn a_certificate_of_another_name<D: Driver>() {
    let words = ["is for mail.example.org, 192.0.2.1, and not for localhost"];
    refuses::<D>(&names(&["mail.example.org", "192.0.2.1"]), &words);
}

fn a_certificate_of_no_name<D: Driver>() {
    let mut leaf = names(&[]);
    leaf.distinguished_name
        .push(DnType::CommonName, "localhost");
    refuses::<D>(&leaf, &["names no host", "common name", "localhost"]);
}

fn a_certificate_that_was_good_once<D: Driver>() {
    let mut leaf = of_localhost();
    leaf.not_after = rcgen::date_time_ymd(2020, 1, 1);
    refuses::<D>(&leaf, &["expired"]);
}

fn a_certificate_that_is_not_good_yet<D: Driver>() {
    let mut leaf = of_localhost();
    leaf.not_before = rcgen::date_time_ymd(2999, 1, 1);
    leaf.not_after = rcgen::date_time_ymd(3000, 1, 1);
    refuses::<D>(&leaf, &["not valid yet"]);
}

fn a_certificate_of_a_stranger<D: Driver>() {
    let server = Server::new(&of_localhost());
    let mut settings = server.settings();
    let stranger = Authority::new();
    settings.email_ssl_cafile = Some(stranger.root());
    let report = D::send(&Mailer::new(settings), &message("a"));
    fails(&report, &["nobody who is trusted", "EMAIL_SSL_CAFILE"]);
    assert!(server.handshakes().is_empty());
}

/// TLS 1.1 is answered with a ServerHello of it, or by an alert; neither is gone along with.
fn a_server_of_the_last_century<D: Driver>() {
    let mut hello = vec![0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 0x2f, 0]);
    let alert = vec![0x15, 3, 2, 0, 2, 2, 70];
    for answer in [hello, alert] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let served = Arc::new(Mutex::new(false));
        let done = Arc::clone(&served);
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut header = [0; 5];
            stream.read_exact(&mut header).expect("a record");
            let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
            stream.read_exact(&mut vec![0; length]).expect("a hello");
            stream.write_all(&answer).expect("written");
            let _ = io::copy(&mut stream, &mut io::sink());
            *done.lock().expect("no panic") = true;
        });
        let report = D::send(&Mailer::new(settings(address)), &message("a"));
        fails(&report, &["TLS 1.2 or later"]);
        eventually("we hang up", || *served.lock().expect("no panic"));
    }
}
