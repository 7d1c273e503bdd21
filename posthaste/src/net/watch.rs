//! A look at the certificate that a server shows. It changes nothing of what is trusted.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// The certificate that was shown last, in DER.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Mutex<Option<Vec<u8>>>>);

impl Seen {
    /// The certificate, if there was one.
    pub(crate) fn certificate(&self) -> Option<Vec<u8>> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }
}

/// Lets `config` put what it is shown into `seen`. It trusts what it trusted before: `roots`, by rustls's own rules.
///
/// # Errors
///
/// When there are no roots.
pub(super) fn watch(
    config: &mut ClientConfig,
    roots: &Arc<RootCertStore>,
    seen: &Seen,
) -> Result<(), String> {
    let provider = Arc::clone(config.crypto_provider());
    let judge = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), provider).build();
    let judge = judge.map_err(|error| error.to_string())?;
    let seen = seen.clone();
    config
        .dangerous()
        .set_certificate_verifier(Arc::new(Watcher { judge, seen }));
    Ok(())
}

/// Notes what is shown, and leaves every decision to rustls's own verifier.
struct Watcher {
    judge: Arc<WebPkiServerVerifier>,
    seen: Seen,
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}

impl ServerCertVerifier for Watcher {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Some(end_entity.to_vec());
        drop(seen);
        self.judge
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}
