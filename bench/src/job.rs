//! What a client is told to do.

use std::error::Error;
use std::path::PathBuf;

pub(crate) type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// So many messages, over so many connections side by side.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) connections: usize,
    pub(crate) messages: usize,
    pub(crate) recipients: Vec<String>,
    /// The message as it goes over the wire; its name is its size.
    pub(crate) file: PathBuf,
    /// The certificate to trust, if TLS is to be spoken.
    pub(crate) root: Option<PathBuf>,
}

pub(crate) const SENDER: &str = "bench@example.com";

impl Job {
    /// Reads `HOST PORT CONNECTIONS MESSAGES RECIPIENTS FILE [ROOT]`.
    pub(crate) fn new(arguments: &[&str]) -> Option<Self> {
        let [
            host,
            port,
            connections,
            messages,
            recipients,
            file,
            root @ ..,
        ] = arguments
        else {
            return None;
        };
        let recipients: usize = recipients.parse().ok()?;
        Some(Self {
            host: (*host).to_owned(),
            port: port.parse().ok()?,
            connections: connections.parse().ok()?,
            messages: messages.parse().ok()?,
            recipients: (0..recipients)
                .map(|n| format!("r{n}@example.com"))
                .collect(),
            file: PathBuf::from(file),
            root: root.first().map(PathBuf::from),
        })
    }

    /// How many of the messages a connection sends.
    pub(crate) fn share(&self, connection: usize) -> usize {
        self.messages / self.connections
            + usize::from(connection < self.messages % self.connections)
    }
}
