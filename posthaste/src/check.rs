//! What a look at a mail server finds out.
//!
//! [`Mailer::check`](crate::Mailer::check) and its blocking twin connect as a message would, log in, and send nothing.

pub(crate) mod certificate;

use std::time::Duration;

use posthaste_smtp::Reply;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::error::Error;

/// What a look at a mail server found: how far it came, what the server said of itself, and what is wrong.
///
/// No secret is in it. It serialises as what `posthaste check --json` prints.
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    /// Where the server is, and through which proxy.
    pub server: String,
    /// The server's first words.
    pub greeting: Option<Reply>,
    /// What the server offers in the clear, a line for each extension.
    pub offered: Vec<String>,
    /// What it offers under TLS.
    pub offered_under_tls: Vec<String>,
    /// The version of TLS, such as `TLS 1.3`.
    pub tls_version: Option<String>,
    /// The cipher that was agreed on.
    pub tls_cipher: Option<String>,
    /// The certificate that the server showed, also if it is not trusted.
    pub certificate: Option<Certificate>,
    /// The login, if one was tried.
    pub login: Option<LoginResult>,
    /// How long an answer of the server takes: the median of some.
    pub round_trip: Option<Duration>,
    /// What is wrong, and what to change. Those without an error are only worth knowing.
    pub problems: Vec<Problem>,
    /// Why no mail can be sent this way.
    pub error: Option<Error>,
}

impl Diagnosis {
    /// Whether mail can be sent this way.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.error.is_none()
    }
}

/// A certificate, as far as people ask for it.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The host names and addresses that it is for.
    pub names: Vec<String>,
    /// Whom it was made out to.
    pub subject: String,
    /// Who vouches for it.
    pub issuer: String,
    /// From when on it is good, such as `2026-01-31T12:00:00Z`.
    pub not_before: String,
    /// Until when it is good.
    pub not_after: String,
}

/// How a login went.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct LoginResult {
    /// The way it was made, such as `PLAIN`; none if there was no way to.
    pub mechanism: Option<String>,
    /// Whether the server let us in.
    pub is_accepted: bool,
    /// What the server said to it.
    pub reply: Option<Reply>,
}

/// Something that is wrong.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it is.
    pub what: String,
    /// What to change.
    pub advice: String,
}

impl Problem {
    pub(crate) fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            advice: advice.into(),
        }
    }
}

impl Serialize for Diagnosis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_struct("Diagnosis", 12)?;
        all.serialize_field("fine", &self.is_fine())?;
        all.serialize_field("server", &self.server)?;
        all.serialize_field("greeting", &self.greeting.as_ref().map(Reply::to_string))?;
        all.serialize_field("offered", &self.offered)?;
        all.serialize_field("offered_under_tls", &self.offered_under_tls)?;
        all.serialize_field("tls_version", &self.tls_version)?;
        all.serialize_field("tls_cipher", &self.tls_cipher)?;
        all.serialize_field("certificate", &self.certificate)?;
        all.serialize_field("login", &self.login)?;
        let seconds = self.round_trip.map(|time| time.as_secs_f64());
        all.serialize_field("round_trip_seconds", &seconds)?;
        all.serialize_field("problems", &self.problems)?;
        all.serialize_field("error", &self.error.as_ref().map(crate::report::Line))?;
        all.end()
    }
}

impl Serialize for Certificate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_struct("Certificate", 5)?;
        all.serialize_field("names", &self.names)?;
        all.serialize_field("subject", &self.subject)?;
        all.serialize_field("issuer", &self.issuer)?;
        all.serialize_field("not_before", &self.not_before)?;
        all.serialize_field("not_after", &self.not_after)?;
        all.end()
    }
}

impl Serialize for LoginResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_struct("LoginResult", 3)?;
        all.serialize_field("mechanism", &self.mechanism)?;
        all.serialize_field("accepted", &self.is_accepted)?;
        all.serialize_field("reply", &self.reply.as_ref().map(Reply::to_string))?;
        all.end()
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_struct("Problem", 2)?;
        all.serialize_field("what", &self.what)?;
        all.serialize_field("advice", &self.advice)?;
        all.end()
    }
}
