//! What a client asks for, as the owner of a server sees it.

use std::fmt;

use super::login::Login;
use crate::{Mechanism, Path};

/// Something that the server owes an answer for. The owner may decide it; see [`Server`](super::Server).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A client has come. The usual answer greets it with 220; a refusal closes.
    Connect,
    /// EHLO, HELO or LHLO.
    Hello {
        /// What the client calls itself, in any form.
        name: String,
        /// Whether the client asked for extensions: EHLO or LHLO.
        extended: bool,
    },
    /// STARTTLS. After 220 comes [`Step::StartTls`](super::Step::StartTls).
    StartTls,
    /// AUTH, or an answer on the way, after which the client has to say more. The usual answer is 334 with what to say.
    Challenge(Mechanism),
    /// A client has said all that it needs to log in. The usual answer is 235, whatever it said.
    Login(Login),
    /// MAIL.
    Mail {
        /// The reverse-path.
        from: Path,
        /// What followed it.
        parameters: Parameters,
    },
    /// RCPT.
    Rcpt {
        /// The forward-path.
        to: Path,
        /// What followed it.
        parameters: Parameters,
    },
    /// DATA. After 354 the content comes.
    Data,
    /// BDAT. A success is not said here but after the octets ([`Chunk`](Self::Chunk), [`Message`](Self::Message)). After a
    /// refusal the octets are passed over, then it is said, and the mail is over.
    Bdat {
        /// How many octets follow.
        size: u64,
        /// Whether they are the last.
        last: bool,
    },
    /// The octets of a BDAT that was not the last are there.
    Chunk,
    /// The content is complete. The one answer that makes a server responsible for the mail.
    Message {
        /// The octets of the content, dots undone.
        size: u64,
        /// Whether it was larger than [`Limits::size`](super::Limits::size): not all of it was passed on, and the usual
        /// answer is 552.
        too_large: bool,
        /// In LMTP, where each recipient that was accepted has an answer, its index among them.
        recipient: Option<usize>,
    },
    /// RSET.
    Reset,
    /// NOOP.
    Noop,
    /// VRFY. The usual answer is 252.
    Verify,
    /// HELP.
    Help,
    /// QUIT. Whatever the answer, the connection is closed after it.
    Quit,
    /// A line that the server does not understand or that may not come now; the usual answer says why. It changes nothing,
    /// whatever the answer is.
    Invalid,
}

/// What follows a path in MAIL or RCPT: keywords and their values, as RFC 5321 section 4.1.2 has them.
///
/// # Example
///
/// ```
/// use posthaste_smtp::server::{Config, Request, Server, Step};
///
/// let mut server = Server::new(Config::new("mx.example"));
/// server.received(b"EHLO x\r\nMAIL FROM:<a@example.com> SIZE=100 BODY=8BITMIME RET=HDRS\r\n");
/// let parameters = loop {
///     match server.poll() {
///         Step::Decide(Request::Mail { parameters, .. }) => break parameters,
///         Step::Decide(_) => {}
///         other => panic!("{other:?}"),
///     }
/// };
/// assert_eq!(parameters.size(), Some(100));
/// assert!(parameters.is_eight_bit() && !parameters.is_smtputf8());
/// assert_eq!(parameters.value("ret"), Some("HDRS"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(pub(super) Vec<(String, Option<String>)>);

impl Parameters {
    /// Whether a keyword is there, in any case of letters.
    pub fn has(&self, keyword: &str) -> bool {
        self.iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(keyword))
    }

    /// The value of a keyword, as it stands on the wire.
    pub fn value(&self, keyword: &str) -> Option<&str> {
        let mut all = self.iter();
        all.find(|(name, _)| name.eq_ignore_ascii_case(keyword))
            .and_then(|(_, value)| value)
    }

    /// All of them: the keyword in capitals, and its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// The size that the client declares (RFC 1870).
    pub fn size(&self) -> Option<u64> {
        self.value("SIZE")?.parse().ok()
    }

    /// Whether the client declares octets above 127 (RFC 6152).
    pub fn is_eight_bit(&self) -> bool {
        self.value("BODY")
            .is_some_and(|body| body.eq_ignore_ascii_case("8BITMIME"))
    }

    /// Whether addresses and headers may be in UTF-8 (RFC 6531).
    pub fn is_smtputf8(&self) -> bool {
        self.has("SMTPUTF8")
    }
}

impl fmt::Display for Parameters {
    /// As they stand on the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { " " })?;
            f.write_str(name)?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}
