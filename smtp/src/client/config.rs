//! What a session is told before it begins.

use crate::{Credentials, Hello, ReplyLimits};

/// How a session presents itself, and what it puts up with.
///
/// # Example
///
/// ```
/// use posthaste_smtp::{Config, Hello};
///
/// let mut config = Config::new(Hello::new("client.example")?);
/// config.limits.lines = 50;
/// # Ok::<(), posthaste_smtp::InvalidArgument>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The name said in EHLO.
    pub hello: Hello,
    /// How much the server may say in one reply.
    pub limits: ReplyLimits,
    /// How the connection is to be protected.
    pub security: Security,
    /// Who to log in as; nobody if none.
    pub credentials: Option<Credentials>,
    /// Whether PLAIN, LOGIN and tokens may be used without TLS, so that whoever listens learns the secret.
    pub allow_cleartext_auth: bool,
    /// Random text for this connection alone, of printable ASCII without commas: SCRAM needs it.
    pub nonce: String,
    /// SMTP, or LMTP.
    pub protocol: Protocol,
    /// Whether commands may be sent in groups to a server that offers PIPELINING.
    pub pipelining: bool,
    /// Whether content may be sent by BDAT to a server that offers CHUNKING, and PIPELINING too.
    pub chunking: bool,
    /// How far to run ahead of the server's answers.
    pub window: Window,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hello: Hello::default(),
            limits: ReplyLimits::default(),
            security: Security::None,
            credentials: None,
            allow_cleartext_auth: false,
            nonce: String::new(),
            protocol: Protocol::Smtp,
            pipelining: true,
            chunking: true,
            window: Window::default(),
        }
    }
}

/// The protocol that is spoken.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// SMTP (RFC 5321).
    #[default]
    Smtp,
    /// LMTP (RFC 2033): the server answers the content once for each recipient that it accepted.
    Lmtp,
}

/// How far a session runs ahead of the server's answers, where the server offers PIPELINING (RFC 2920).
///
/// A larger window hides more of the network's delay. What it costs is in the fields' words.
///
/// # Example
///
/// ```
/// use posthaste_smtp::{Config, Hello, Window};
///
/// let mut config = Config::new(Hello::default());
/// // Never more than one mail of which nobody can say whether it arrived.
/// config.window.messages = 1;
/// assert_eq!(Window::default().messages, 64);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The most replies that the server may owe: 512. They have to fit into what the network stores on their way back,
    /// lest both ends wait for each other. At least 1.
    pub replies: usize,
    /// The most octets sent by BDAT without an answer: 8 MiB. One chunk may always go. That much may be sent for
    /// recipients that are then refused.
    pub octets: u64,
    /// The most mails sent whole without an answer: 64. So many are in doubt when the connection is lost. At least 1.
    pub messages: usize,
    /// The most octets of one BDAT: 262,144. So much is kept in memory. At least 1.
    pub chunk: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            replies: 512,
            octets: 8 << 20,
            messages: 64,
            chunk: 256 << 10,
        }
    }
}

/// How a connection is protected.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    #[default]
    None,
    /// By STARTTLS (RFC 3207), which the server has to offer: there is no mail without it.
    StartTls,
    /// By TLS from the first byte (RFC 8314). With the channel's data of `tls-exporter` (RFC 9266), if there are any.
    Tls(Option<Vec<u8>>),
}

impl Config {
    /// The usual limits, and this name.
    pub fn new(hello: Hello) -> Self {
        Self {
            hello,
            ..Self::default()
        }
    }
}
