//! What a test server offers, and what it says that it offers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use posthaste_smtp::server::{self as smtp, Extension, Login};
use posthaste_smtp::{Mechanism, Protocol, Reply};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Server;
use super::rule::Rule;

/// Makes a [`Server`].
///
/// # Examples
///
/// ```
/// use posthaste::testing::{At, Extension, Server};
///
/// let server = Server::builder()
///     .without(Extension::Chunking)
///     // It says that it knows BDAT, and does not.
///     .announce("CHUNKING")
///     .login("ann", "hunter2")
///     .rule(At::quit().close())
///     .start();
/// ```
#[must_use = "nothing listens before start()"]
#[derive(Debug)]
pub struct Builder {
    config: Setup,
    rules: Vec<Rule>,
}

/// What a server is like, apart from its rules.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) smtp: smtp::Config,
    announced: Vec<String>,
    hidden: Vec<String>,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) implicit_tls: bool,
    pub(super) logins: Vec<(String, String)>,
    pub(super) login_required: bool,
    pub(super) latency: Duration,
    pub(super) piece: usize,
}

impl Builder {
    pub(super) fn new() -> Self {
        let mut smtp = smtp::Config::new("server.test");
        smtp.cleartext_auth = true;
        Self {
            config: Setup {
                smtp,
                announced: Vec::new(),
                hidden: Vec::new(),
                tls: None,
                implicit_tls: false,
                logins: Vec::new(),
                login_required: false,
                latency: Duration::ZERO,
                piece: usize::MAX,
            },
            rules: Vec::new(),
        }
    }

    /// Does not know this extension, and does not announce it.
    pub fn without(mut self, extension: Extension) -> Self {
        self.config
            .smtp
            .extensions
            .retain(|known| *known != extension);
        self
    }

    /// Knows no extensions, but for the TLS and the logins that it is given.
    pub fn without_extensions(mut self) -> Self {
        self.config.smtp.extensions.clear();
        self
    }

    /// Knows this extension, which is only of use after [`without_extensions`](Self::without_extensions).
    pub fn with(mut self, extension: Extension) -> Self {
        self.config
            .smtp
            .extensions
            .retain(|known| *known != extension);
        self.config.smtp.extensions.push(extension);
        self
    }

    /// Announces this line, whether it is true or not: `CHUNKING`, `SIZE 10`.
    pub fn announce(mut self, line: &str) -> Self {
        self.config.announced.push(line.to_owned());
        self
    }

    /// Does not announce what it knows all the same: `STARTTLS`, `PIPELINING`.
    pub fn hide(mut self, keyword: &str) -> Self {
        self.config.hidden.push(keyword.to_owned());
        self
    }

    /// Takes messages of so many octets at most, and says so. At first it is 50 MiB.
    pub fn max_size(mut self, octets: u64) -> Self {
        self.config.smtp.limits.size = octets;
        self
    }

    /// Takes so many recipients in a message at most. At first it is 1,000.
    pub fn max_recipients(mut self, recipients: usize) -> Self {
        self.config.smtp.limits.recipients = recipients;
        self
    }

    /// Speaks LMTP instead of SMTP: each recipient has its own answer to the content.
    pub fn lmtp(mut self) -> Self {
        self.config.smtp.protocol = Protocol::Lmtp;
        self
    }

    /// Offers STARTTLS.
    pub fn starttls(mut self, certificate: impl Into<Certificate>) -> Self {
        self.config.smtp.starttls = true;
        self.config.tls = Some(certificate.into().0);
        self
    }

    /// Expects TLS from the first byte.
    pub fn implicit_tls(mut self, certificate: impl Into<Certificate>) -> Self {
        self.config.smtp.tls = true;
        self.config.implicit_tls = true;
        self.config.tls = Some(certificate.into().0);
        self
    }

    /// Offers logins, with and without TLS, and admits this one and others that are given so; the secret is a password or a
    /// token. By PLAIN, LOGIN, CRAM-MD5, XOAUTH2 and OAUTHBEARER, unless [`mechanisms`](Self::mechanisms) are given.
    pub fn login(mut self, user: &str, secret: &str) -> Self {
        self.config
            .logins
            .push((user.to_owned(), secret.to_owned()));
        self.any_login()
    }

    /// Offers logins, and admits everybody, unless a [`login`](Self::login) is given.
    pub fn any_login(self) -> Self {
        if !self.config.smtp.mechanisms.is_empty() {
            return self;
        }
        self.mechanisms([
            Mechanism::Plain,
            Mechanism::Login,
            Mechanism::CramMd5,
            Mechanism::Xoauth2,
            Mechanism::OauthBearer,
        ])
    }

    /// Offers these ways to log in. SCRAM is not among those that it knows.
    pub fn mechanisms(mut self, mechanisms: impl IntoIterator<Item = Mechanism>) -> Self {
        self.config.smtp.mechanisms = mechanisms.into_iter().collect();
        self
    }

    /// Takes no mail without a login.
    pub fn login_required(mut self) -> Self {
        self.config.login_required = true;
        self
    }

    /// Waits so long before each answer, or group of answers, as if the way were long.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.config.latency = latency;
        self
    }

    /// Sends its answers in pieces of so many bytes.
    pub fn pieces(mut self, bytes: usize) -> Self {
        self.config.piece = bytes;
        self
    }

    /// What it does at some point. Of several rules that hold at the same time the first counts.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Begins to listen.
    ///
    /// # Panics
    ///
    /// When this machine has no free port.
    #[must_use = "the server stops when it is dropped"]
    pub fn start(self) -> Server {
        let started = Server::new(self.config, self.rules);
        started.unwrap_or_else(|error| panic!("no server for tests: {error}"))
    }
}

impl Setup {
    /// The answer to EHLO, with what is to be added and without what is to be hidden.
    pub(super) fn announcement(&self, reply: &Reply) -> Reply {
        let mut lines = reply.lines();
        let name = lines.next().unwrap_or_default();
        let is_hidden = |line: &&str| {
            let keyword = line.split(' ').next().unwrap_or_default();
            self.hidden
                .iter()
                .any(|hidden| hidden.eq_ignore_ascii_case(keyword))
        };
        let lines = lines.filter(|line| !is_hidden(line));
        let all: Vec<_> = std::iter::once(name)
            .chain(lines)
            .chain(self.announced.iter().map(String::as_str))
            .collect();
        let text = format!("250-{}", all.join("\r\n250-"));
        let last = text.rfind("250-").unwrap_or_default();
        let (before, last) = text.split_at(last);
        let text = format!("{before}{}", last.replacen('-', " ", 1));
        text.parse().unwrap_or_else(|_| reply.clone())
    }

    pub(super) fn admits(&self, login: &Login) -> bool {
        let knows =
            |(user, secret): &(String, String)| user == login.user() && login.is_proved_by(secret);
        self.logins.is_empty() || self.logins.iter().any(knows)
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("smtp", &self.smtp)
            .finish_non_exhaustive()
    }
}

/// The certificate that a server shows, with its key; or all that rustls can be told about a server.
///
/// # Examples
///
/// With `rcgen`, which makes certificates for tests:
///
/// ```
/// use posthaste::testing::{Certificate, Server};
/// use posthaste::{EmailMessage, Mailer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
/// let certificate = Certificate::from_pem(&made.cert.pem(), &made.signing_key.serialize_pem());
/// let server = Server::builder().starttls(certificate).start();
///
/// let folder = tempfile::tempdir()?;
/// let root = folder.path().join("root.pem");
/// std::fs::write(&root, made.cert.pem())?;
/// let mut settings = server.settings();
/// settings.email_ssl_cafile = Some(root);
/// let message = EmailMessage::new("Hello", "").from("a@example.com").to(["b@example.com"]);
/// assert_eq!(Mailer::new(settings).blocking().send(&message).count(), 1);
/// assert!(server.conversations()[0].tls);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Certificate(Arc<ServerConfig>);

impl Certificate {
    /// The certificate, perhaps with others that lead to its root, and its key, both in PEM.
    ///
    /// # Panics
    ///
    /// When either is none, or they do not belong together.
    #[must_use]
    pub fn from_pem(certificates: &str, key: &str) -> Self {
        let config = from_pem(certificates, key);
        Self(Arc::new(config.unwrap_or_else(|problem| {
            panic!("no certificate and its key: {problem}")
        })))
    }
}

impl From<Arc<ServerConfig>> for Certificate {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self(config)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate")
    }
}

fn from_pem(certificates: &str, key: &str) -> Result<ServerConfig, Box<dyn std::error::Error>> {
    let chain: Result<_, _> = CertificateDer::pem_slice_iter(certificates.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(builder
        .with_no_client_auth()
        .with_single_cert(chain?, key)?)
}
