//! What a server offers, and what it puts up with.

use crate::{Mechanism, Protocol};

/// How a server presents itself, and what it puts up with.
///
/// # Example
///
/// ```
/// use posthaste_smtp::server::{Config, Extension};
///
/// let mut config = Config::new("mx.example");
/// config.extensions.retain(|extension| *extension != Extension::Chunking);
/// config.limits.size = 1_000_000;
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The name said in the greeting and in the answer to EHLO.
    pub name: String,
    /// SMTP, or LMTP.
    pub protocol: Protocol,
    /// What is announced and understood, in this order. At first all that there is.
    pub extensions: Vec<Extension>,
    /// Whether STARTTLS (RFC 3207) is offered: the owner can make a handshake.
    pub starttls: bool,
    /// Whether the connection is under TLS from its first byte.
    pub tls: bool,
    /// The ways to log in that are offered. Those that need a password that only the owner could know (SCRAM) are left out.
    pub mechanisms: Vec<Mechanism>,
    /// Whether ways that say the secret as it is are offered without TLS, too.
    pub cleartext_auth: bool,
    /// Random text for this connection alone, of printable ASCII without blanks and angle brackets: CRAM-MD5 asks by it.
    pub nonce: String,
    /// What it puts up with.
    pub limits: Limits,
}

impl Config {
    /// All extensions, the usual limits; neither STARTTLS nor logins.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            protocol: Protocol::Smtp,
            extensions: Extension::ALL.to_vec(),
            starttls: false,
            tls: false,
            mechanisms: Vec::new(),
            cleartext_auth: false,
            nonce: "nonce".to_owned(),
            limits: Limits::default(),
        }
    }

    pub(super) fn is_lmtp(&self) -> bool {
        self.protocol == Protocol::Lmtp
    }

    pub(super) fn offers(&self, extension: Extension) -> bool {
        self.extensions.contains(&extension)
    }
}

/// How much a client may say. Whoever goes beyond is refused; nothing is kept of it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a command line, with its line end: 2,048. RFC 5321 asks for 512, and each extension for some more.
    pub line: usize,
    /// Octets of a line that logs in: 12,288 (RFC 4954 section 4).
    pub auth_line: usize,
    /// Recipients of a message: 1,000.
    pub recipients: usize,
    /// Octets of a message: 50 MiB. It is announced by SIZE; 0 is no limit.
    pub size: u64,
    /// Command lines that make no sense, on one connection: 20. The next is answered by 421.
    pub errors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: 2048,
            auth_line: 12_288,
            recipients: 1000,
            size: 50 << 20,
            errors: 20,
        }
    }
}

/// What a server can do beyond plain SMTP, other than STARTTLS and AUTH.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extension {
    /// PIPELINING (RFC 2920). Commands that come in groups are understood in any case.
    Pipelining,
    /// SIZE (RFC 1870).
    Size,
    /// 8BITMIME (RFC 6152).
    EightBitMime,
    /// SMTPUTF8 (RFC 6531).
    SmtpUtf8,
    /// CHUNKING (RFC 3030): BDAT. Without it BDAT is refused, but the octets that follow are never taken for commands.
    Chunking,
    /// DSN (RFC 3461).
    Dsn,
    /// ENHANCEDSTATUSCODES (RFC 2034).
    EnhancedStatusCodes,
    /// REQUIRETLS (RFC 8689). Announced under TLS only.
    RequireTls,
    /// MT-PRIORITY (RFC 6710).
    MtPriority,
}

impl Extension {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Pipelining,
        Self::Size,
        Self::EightBitMime,
        Self::SmtpUtf8,
        Self::Chunking,
        Self::Dsn,
        Self::EnhancedStatusCodes,
        Self::RequireTls,
        Self::MtPriority,
    ];

    /// The keyword in the answer to EHLO.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pipelining => "PIPELINING",
            Self::Size => "SIZE",
            Self::EightBitMime => "8BITMIME",
            Self::SmtpUtf8 => "SMTPUTF8",
            Self::Chunking => "CHUNKING",
            Self::Dsn => "DSN",
            Self::EnhancedStatusCodes => "ENHANCEDSTATUSCODES",
            Self::RequireTls => "REQUIRETLS",
            Self::MtPriority => "MT-PRIORITY",
        }
    }
}
