//! Sending a mail on that was caught: to a server that was named when the inbox was started, and to recipients that were allowed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use posthaste::{Settings, Sources};
use posthaste_smtp::{
    Config, Credentials, Hello, Mail as Outgoing, Outcome, Path, Security, Session, Step,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::fault::Pattern;
use crate::mail::Mail;
use crate::web::Token;

/// All of it may take so long.
const LIMIT: Duration = Duration::from_secs(60);

/// A server that mails may be sent on to, and the recipients that they may be sent on to.
#[derive(Clone, Debug)]
pub struct Relay {
    settings: Settings,
    allowed: Vec<String>,
}

/// What the relay said of a mail.
#[derive(Debug)]
pub(crate) struct Released {
    pub(crate) accepted: Vec<String>,
    pub(crate) rejected: Vec<(String, posthaste_smtp::Reply)>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Relay {
    /// A relay at `url`, which is what [`EMAIL_URL`](Settings::email_url) may be. `allowed` are addresses, in which `*` stands for any text:
    /// `ann@example.com`, `*@example.com`.
    ///
    /// # Errors
    ///
    /// When the URL makes no sense, or nobody is allowed.
    pub fn new(
        url: &str,
        allowed: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, posthaste::Error> {
        let settings = Settings::load(&Sources::default().flag("EMAIL_URL", url))?;
        let allowed: Vec<String> = allowed.into_iter().map(Into::into).collect();
        if allowed.is_empty() {
            let message = "nobody is allowed; name the recipients that mail may be sent on to";
            return Err(posthaste::Error::invalid("relay", message));
        }
        Ok(Self { settings, allowed })
    }

    /// Whether mail may be sent on to this address.
    pub(crate) fn allows(&self, address: &str) -> bool {
        let mut allowed = self.allowed.iter();
        allowed.any(|pattern| Pattern::new(pattern).fits(address))
    }

    /// Sends the octets of a mail as they came.
    pub(crate) async fn send(&self, mail: &Mail, to: &[String]) -> io::Result<Released> {
        let outcome = timeout(LIMIT, self.talk(mail, to)).await??;
        if let Some(failure) = &outcome.failure
            && outcome.rejected.len() < to.len()
        {
            return Err(io::Error::other(failure.to_string()));
        }
        let name = |place: usize| to.get(place).cloned().unwrap_or_default();
        let rejected = outcome.rejected.into_iter();
        Ok(Released {
            accepted: outcome.accepted.into_iter().map(name).collect(),
            rejected: rejected
                .map(|(place, reply)| (name(place), reply))
                .collect(),
        })
    }

    async fn talk(&self, mail: &Mail, to: &[String]) -> io::Result<Outcome> {
        let Settings {
            email_host: host,
            email_use_ssl,
            ..
        } = &self.settings;
        let port = self.settings.email_port.unwrap_or(25);
        let mut stream: Box<dyn Stream> = Box::new(TcpStream::connect((&**host, port)).await?);
        if *email_use_ssl {
            stream = self.secure(stream).await?;
        }
        let mut session = Session::new(self.config()?);
        let _ = session.submit(outgoing(mail, to)?);
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match session.poll().map_err(io::Error::other)? {
                Step::Send(bytes) => {
                    let sent = stream.write(bytes).await?;
                    stream.flush().await?;
                    session.sent(sent);
                }
                Step::Receive(_) => match stream.read(&mut buffer).await? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    n => session.received(buffer.get(..n).unwrap_or_default()),
                },
                Step::Content(_) => {
                    session.content(&mail.raw);
                    session.content_end();
                }
                Step::StartTls => {
                    stream = self.secure(stream).await?;
                    session.tls_started(None);
                }
                Step::Done(_, outcome) => {
                    // The mail is settled; the rest is politeness.
                    let _ = stream.write_all(b"QUIT\r\n").await;
                    return Ok(outcome);
                }
                Step::Closed(Some(reply)) => return Err(io::Error::other(reply.to_string())),
                Step::Closed(None) | Step::Idle => {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
            }
        }
    }

    fn config(&self) -> io::Result<Config> {
        let settings = &self.settings;
        let mut config = Config::new(Hello::default());
        config.security = match (settings.email_use_ssl, settings.email_use_tls) {
            (true, _) => Security::Tls(None),
            (false, true) => Security::StartTls,
            (false, false) => Security::None,
        };
        if !settings.email_host_user.is_empty() {
            let password = settings.email_host_password.expose();
            let credentials = Credentials::password(&settings.email_host_user, password);
            config.credentials = Some(credentials.map_err(io::Error::other)?);
        }
        config.allow_cleartext_auth =
            matches!(&*settings.email_host, "localhost" | "127.0.0.1" | "::1");
        config.nonce = Token::random()?.0;
        Ok(config)
    }

    async fn secure(&self, stream: Box<dyn Stream>) -> io::Result<Box<dyn Stream>> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(file) = &self.settings.email_ssl_cafile {
            for certificate in CertificateDer::pem_file_iter(file).map_err(io::Error::other)? {
                let certificate = certificate.map_err(io::Error::other)?;
                roots.add(certificate).map_err(io::Error::other)?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name =
            ServerName::try_from(self.settings.email_host.clone()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?;
        Ok(Box::new(stream))
    }
}

/// The mail as the client has it.
fn outgoing(mail: &Mail, to: &[String]) -> io::Result<Outgoing> {
    let path = |address: &str| {
        Path::new(address).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
    };
    let recipients: io::Result<Vec<Path>> = to.iter().map(|to| path(to)).collect();
    let mut outgoing = Outgoing::new(path(&mail.envelope.mail_from)?, recipients?);
    outgoing.size = mail.raw.len() as u64;
    outgoing.eight_bit = !mail.raw.is_ascii();
    outgoing.smtputf8 = mail.envelope.smtputf8;
    Ok(outgoing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_allowed_gets_mail() {
        let relay = Relay::new(
            "smtp://mail.example.com",
            ["Ann@example.com", "*@team.example"],
        );
        let relay = relay.expect("a URL");
        for allowed in ["ann@example.com", "ANN@EXAMPLE.COM", "bob@team.example"] {
            assert!(relay.allows(allowed), "{allowed}");
        }
        for refused in [
            "bob@example.com",
            "ann@example.com.evil",
            "x@notteam.example",
            "",
            "@",
        ] {
            assert!(!relay.allows(refused), "{refused}");
        }
        assert!(Relay::new("smtp://mail.example.com", [""; 0]).is_err());
        assert!(Relay::new("mail.example.com", ["ann@example.com"]).is_err());
    }
}
