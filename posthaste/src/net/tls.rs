//! TLS: what to trust and to show, and the engine that turns plain bytes into records.
//!
//! rustls does no input and output of its own either, so one copy serves both ways to wait.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::watch::{Seen, watch};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, HandshakeKind, PeerIncompatible,
    RootCertStore,
};

/// The label and the length of what SCRAM binds to (RFC 9266).
const EXPORTER: &[u8] = b"EXPORTER-Channel-Binding";
const EXPORTED: usize = 32;

/// The files that change what is trusted and what is shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    /// Roots to trust besides the system's.
    pub(crate) ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub(crate) own: Option<(PathBuf, PathBuf)>,
}

/// A file that cannot be used, or no roots at all.
#[derive(Debug)]
pub(crate) struct Unusable {
    /// Which file; none if the system has no roots.
    pub(crate) file: Option<PathBuf>,
    /// What is wrong with it.
    pub(crate) problem: String,
}

/// How to make a connection safe: whom to trust and under which name. It remembers sessions, to resume them.
#[derive(Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    roots: Arc<RootCertStore>,
}

impl Tls {
    /// For a server of this name or address.
    ///
    /// # Errors
    ///
    /// When the name is neither a host name nor an address, a file cannot be used, or there is nothing to trust.
    pub(crate) fn new(host: &str, files: &Files) -> Result<Self, Unusable> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Unusable {
            file: None,
            problem: format!("{host:?} is neither a host name nor an address"),
        })?;
        let roots = Arc::new(roots(files.ca.as_deref())?);
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Unusable {
                file: None,
                problem: error.to_string(),
            })?
            .with_root_certificates(Arc::clone(&roots));
        let config = match &files.own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let unusable = |error: rustls::Error| of_file(key, error);
                let chain = certificates(certificate)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|error| of_file(key, error))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(unusable)?
            }
        };
        Ok(Self {
            config: Arc::new(config),
            name,
            roots,
        })
    }

    /// The same, and the server's certificate is put into `seen`, whether it is trusted or not.
    ///
    /// # Errors
    ///
    /// When rustls cannot be set up.
    pub(crate) fn watched(&self, seen: &Seen) -> Result<Self, Unusable> {
        let mut config = (*self.config).clone();
        watch(&mut config, &self.roots, seen).map_err(|problem| Unusable {
            file: None,
            problem,
        })?;
        Ok(Self {
            config: Arc::new(config),
            ..self.clone()
        })
    }

    /// Begins a handshake.
    pub(super) fn engine(&self) -> Result<Engine, rustls::Error> {
        ClientConnection::new(Arc::clone(&self.config), self.name.clone()).map(Engine)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What is known of a connection that is under TLS.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "for those who want to look at a connection")]
pub(crate) struct Safety {
    /// The version of TLS, as `TLSv1_3`.
    pub(crate) version: String,
    /// The cipher suite, by its name in the standard.
    pub(crate) cipher: String,
    /// The server's certificate and those that lead to a root, in DER.
    pub(crate) certificates: Vec<CertificateDer<'static>>,
    /// Whether a former session was resumed, so that the certificates are those of then.
    pub(crate) is_resumed: bool,
}

impl Safety {
    /// The version as people call it: `TLS 1.3`.
    pub(crate) fn version_name(&self) -> String {
        self.version.replace("TLSv1_", "TLS 1.")
    }
}

/// Says in words why there is no TLS with this server.
pub(crate) fn explain(error: &rustls::Error) -> String {
    use rustls::{CertificateError as Certificate, Error};
    match error {
        Error::InvalidMessage(_) => {
            format!("the server does not speak TLS on this port: {error}")
        }
        Error::InvalidCertificate(Certificate::NotValidForNameContext {
            expected,
            presented,
        }) => {
            let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
            let names = match names.as_slice() {
                [] => "names no host at all (a common name does not count)".to_owned(),
                names => format!("is for {}", names.join(", ")),
            };
            let host = expected.to_str();
            format!("the server's certificate {names}, and not for {host}, which was asked for")
        }
        Error::InvalidCertificate(Certificate::UnknownIssuer) => format!(
            "the server's certificate comes from nobody who is trusted here ({error}); a root of one's own is named by EMAIL_SSL_CAFILE"
        ),
        Error::InvalidCertificate(
            Certificate::Expired
            | Certificate::ExpiredContext { .. }
            | Certificate::NotValidYet
            | Certificate::NotValidYetContext { .. },
        ) => format!("the time of the server's certificate, or of this machine, is wrong: {error}"),
        Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown,
        ) => format!(
            "the server wants another certificate of ours, or one at all ({error}); EMAIL_SSL_CERTFILE and EMAIL_SSL_KEYFILE name it"
        ),
        Error::AlertReceived(AlertDescription::ProtocolVersion)
        | Error::PeerIncompatible(
            PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::ServerDoesNotSupportTls12Or13,
        ) => {
            format!("the server does not speak TLS 1.2 or later: {error}")
        }
        _ => format!("there is no safe connection to the server: {error}"),
    }
}

/// A name of a certificate without the word for its kind, which rustls puts around it.
fn bare(name: &str) -> String {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"').to_owned()
}

/// The system's roots and those of the file.
fn roots(file: Option<&Path>) -> Result<RootCertStore, Unusable> {
    let mut roots = system_roots().clone();
    if let Some(file) = file {
        for certificate in certificates(file)? {
            roots
                .add(certificate)
                .map_err(|error| of_file(file, error))?;
        }
    }
    if roots.is_empty() {
        let problem = "this system has no root certificates; install them (package ca-certificates), or name some";
        return Err(Unusable {
            file: None,
            problem: problem.to_owned(),
        });
    }
    Ok(roots)
}

/// Read once: there are many, and they change with the system only.
fn system_roots() -> &'static RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        // One that cannot be parsed is left out, as OpenSSL does.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots
    })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let all = CertificateDer::pem_file_iter(file).map_err(|error| of_file(file, error))?;
    let all: Result<Vec<_>, _> = all.collect();
    match all.map_err(|error| of_file(file, error))? {
        all if all.is_empty() => Err(of_file(file, "there is no certificate in it")),
        all => Ok(all),
    }
}

fn of_file(file: &Path, problem: impl fmt::Display) -> Unusable {
    Unusable {
        file: Some(file.to_owned()),
        problem: problem.to_string(),
    }
}

/// One end of a TLS connection, without the connection.
pub(super) struct Engine(ClientConnection);

impl Engine {
    pub(super) fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    /// Data that only the two ends of this very connection know.
    pub(super) fn binding(&self) -> Option<Vec<u8>> {
        let exported = self
            .0
            .export_keying_material([0; EXPORTED], EXPORTER, Some(b""));
        exported.ok().map(|bytes| bytes.to_vec())
    }

    /// What was agreed on.
    pub(super) fn safety(&self) -> Safety {
        let version = self
            .0
            .protocol_version()
            .and_then(|version| version.as_str());
        let cipher = self.0.negotiated_cipher_suite().map(|suite| suite.suite());
        Safety {
            version: version.unwrap_or_default().to_owned(),
            cipher: cipher
                .and_then(|cipher| cipher.as_str())
                .unwrap_or_default()
                .to_owned(),
            certificates: self.0.peer_certificates().unwrap_or_default().to_vec(),
            is_resumed: self.0.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }

    /// Takes some plain bytes to be sent; says how many.
    pub(super) fn write(&mut self, plain: &[u8]) -> io::Result<usize> {
        self.0.writer().write(plain)
    }

    /// The records that are to be sent now.
    pub(super) fn take_records(&mut self, records: &mut Vec<u8>) -> io::Result<()> {
        while self.0.wants_write() {
            self.0.write_tls(records)?;
        }
        Ok(())
    }

    /// Takes what came from the peer. Nothing at all means that the peer has closed.
    pub(super) fn read_records(&mut self, mut records: &[u8]) -> Result<(), rustls::Error> {
        loop {
            // Fails only if what came before was not taken out; then nothing must be lost in silence.
            let read = self.0.read_tls(&mut records);
            let read = read.map_err(|error| rustls::Error::General(error.to_string()))?;
            self.0.process_new_packets()?;
            if records.is_empty() || read == 0 {
                return Ok(());
            }
        }
    }

    /// Plain bytes that came; `None` if there are none yet, 0 at a proper end.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        match self.0.reader().read(into) {
            Ok(n) => Ok(Some(n)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            // An end without close_notify may be somebody else's doing; it is no end of a reply.
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}
