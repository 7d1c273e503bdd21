//! lettre and mail-send, sending the same message again and again over connections that they keep.
//!
//! `peers lettre|mail-send HOST PORT CONNECTIONS MESSAGES RECIPIENTS FILE [ROOT]` sends the content of FILE so many times in
//! all, over so many connections side by side; with ROOT, a certificate in PEM, over TLS from the first octet.

use std::error::Error;
use std::fs;
use std::sync::Arc;

use lettre::address::Envelope;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use mail_send::SmtpClientBuilder;
use mail_send::smtp::message::{Address, Message};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

struct Job {
    host: String,
    port: u16,
    connections: usize,
    messages: usize,
    recipients: Vec<String>,
    content: Vec<u8>,
    root: Option<Vec<u8>>,
}

const SENDER: &str = "bench@example.com";

#[tokio::main]
async fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = "usage: peers lettre|mail-send HOST PORT CONNECTIONS MESSAGES RECIPIENTS FILE [ROOT]";
    let [peer, host, port, connections, messages, recipients, file, root @ ..] = &arguments[..]
    else {
        return Err(usage.into());
    };
    let recipients = recipients.parse::<usize>()?;
    let job = Arc::new(Job {
        host: host.clone(),
        port: port.parse()?,
        connections: connections.parse()?,
        messages: messages.parse()?,
        recipients: (0..recipients).map(|n| format!("r{n}@example.com")).collect(),
        content: fs::read(file)?,
        root: root.first().map(fs::read).transpose()?,
    });
    match peer.as_str() {
        "lettre" => lettre(job).await,
        "mail-send" => mail_send(job).await,
        _ => Err(usage.into()),
    }
}

impl Job {
    /// How many of the messages a connection sends.
    fn share(&self, connection: usize) -> usize {
        self.messages / self.connections + usize::from(connection < self.messages % self.connections)
    }
}

async fn all(mut tasks: JoinSet<Outcome>) -> Outcome {
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// One transport with a pool, shared by the tasks.
async fn lettre(job: Arc<Job>) -> Outcome {
    let tls = match &job.root {
        Some(root) => Tls::Wrapper(
            TlsParameters::builder(job.host.clone())
                .add_root_certificate(Certificate::from_pem(root)?)
                .build_rustls()?,
        ),
        None => Tls::None,
    };
    let pool = PoolConfig::new().max_size(u32::try_from(job.connections)?);
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(job.host.clone())
        .port(job.port)
        .tls(tls)
        .pool_config(pool)
        .build();
    let recipients: Result<_, _> = job.recipients.iter().map(|one| one.parse()).collect();
    let envelope = Envelope::new(Some(SENDER.parse()?), recipients?)?;
    let mut tasks = JoinSet::new();
    for connection in 0..job.connections {
        let (transport, envelope, job) = (transport.clone(), envelope.clone(), Arc::clone(&job));
        tasks.spawn(async move {
            for _ in 0..job.share(connection) {
                transport.send_raw(&envelope, &job.content).await?;
            }
            Ok(())
        });
    }
    all(tasks).await?;
    transport.shutdown().await;
    Ok(())
}

/// A client for each task.
async fn mail_send(job: Arc<Job>) -> Outcome {
    let mut roots = RootCertStore::empty();
    if let Some(root) = &job.root {
        roots.add(CertificateDer::from_pem_slice(root)?)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let mut tasks = JoinSet::new();
    for connection in 0..job.connections {
        let (connector, job) = (connector.clone(), Arc::clone(&job));
        tasks.spawn(async move {
            let builder =
                SmtpClientBuilder::new_with_tls_connector(job.host.clone(), job.port, connector);
            if job.root.is_some() {
                mail_send_over(builder.connect().await?, &job, connection).await
            } else {
                mail_send_over(builder.connect_plain().await?, &job, connection).await
            }
        });
    }
    all(tasks).await
}

async fn mail_send_over<S: AsyncRead + AsyncWrite + Unpin>(
    mut client: mail_send::SmtpClient<S>,
    job: &Job,
    connection: usize,
) -> Outcome {
    for _ in 0..job.share(connection) {
        let address = |email: &'static str| Address { email: email.into(), ..Address::default() };
        let recipients = job.recipients.iter();
        client
            .send(Message {
                mail_from: address(SENDER),
                rcpt_to: recipients
                    .map(|one| Address { email: one.as_str().into(), ..Address::default() })
                    .collect(),
                body: job.content.as_slice().into(),
            })
            .await?;
    }
    client.quit().await?;
    Ok(())
}
