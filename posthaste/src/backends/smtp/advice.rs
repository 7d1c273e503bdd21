//! What is wrong with a server or with the settings, in plain words, and what to change.

use std::error::Error as _;
use std::io;

use jiff::{SignedDuration, Timestamp};
use posthaste_smtp::ViolationKind;
use rustls::{AlertDescription, CertificateError};

use super::options::Server;
use crate::check::{Diagnosis, Problem};
use crate::error::{Error, ErrorKind, Phase};
use crate::net::Place;

/// Certificates that end so soon are worth a word.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Why a conversation came to nothing.
pub(super) struct Trouble {
    /// Which rule the server broke, if it broke one.
    pub(super) violation: Option<ViolationKind>,
    /// The error of it.
    pub(super) error: Error,
}

/// All that is wrong: the trouble first, then what is only worth knowing.
pub(super) fn problems(
    server: &Server,
    found: &Diagnosis,
    trouble: Option<&Trouble>,
) -> Vec<Problem> {
    let advice = Advice { server, found };
    let main = trouble.map(|trouble| advice.of(trouble));
    main.into_iter().chain(advice.remarks()).collect()
}

struct Advice<'a> {
    server: &'a Server,
    found: &'a Diagnosis,
}

impl Advice<'_> {
    fn of(&self, trouble: &Trouble) -> Problem {
        let error = &trouble.error;
        let tls = error.source().and_then(|source| source.downcast_ref());
        let io = error.source().and_then(|source| source.downcast_ref());
        match (error.phase(), trouble.violation) {
            _ if tls.is_some() => self.of_tls(error, tls),
            (Some(Phase::Connect), _) => self.of_connecting(error, io),
            (Some(Phase::Auth), _) | (_, Some(ViolationKind::NoMechanism)) => self.of_login(error),
            (_, Some(ViolationKind::NoStartTls)) => Problem::new(
                "The server does not offer STARTTLS on this port, so nothing was sent to it.",
                "If it speaks TLS from the first byte on another port (mostly 465), set EMAIL_USE_SSL=true, \
                 EMAIL_USE_TLS=false and EMAIL_PORT. If it has no TLS at all, set EMAIL_USE_TLS=false: then mail and \
                 addresses can be read on the way.",
            ),
            (Some(Phase::Greeting), Some(_)) => Problem::new(
                format!(
                    "This is not an SMTP server, or not on this port: {}.",
                    error.message()
                ),
                "Check EMAIL_HOST and EMAIL_PORT. Mail is handed in on port 587 (EMAIL_USE_TLS) or 465 (EMAIL_USE_SSL).",
            ),
            (Some(Phase::Greeting), None) if error.reply().is_none() => self.of_silence(error),
            (Some(Phase::Starttls), None) if self.server.is_implicit => Problem::new(
                format!("There was no TLS handshake: {}.", error.message()),
                "The server may want STARTTLS here: set EMAIL_USE_TLS=true and EMAIL_USE_SSL=false, with port 587 or 25.",
            ),
            _ => Problem::new(
                sentence(error.message()),
                "The server's words say what it wants; its administrator knows more.",
            ),
        }
    }

    fn of_connecting(&self, error: &Error, io: Option<&io::Error>) -> Problem {
        let what = sentence(error.message());
        if error.kind() == ErrorKind::Auth {
            return Problem::new(what, "Check the user name and the password in EMAIL_PROXY.");
        }
        let Place::Tcp(host, _) = &self.server.target.place else {
            let advice = "Check that the socket in EMAIL_HOST exists, that the server runs and that this user may write to it.";
            return Problem::new(what, advice);
        };
        let text = error.message();
        let is_unknown = text.contains("lookup address") || text.contains("has no address");
        if is_unknown && self.server.target.proxy.is_none() {
            let what = format!("There is no host called {host:?}: {}.", error.message());
            return Problem::new(
                what,
                "Check the spelling of EMAIL_HOST, and this machine's DNS.",
            );
        }
        if error.kind() == ErrorKind::Timeout {
            let advice = "Nobody answers. Check EMAIL_HOST and EMAIL_PORT. Many networks block port 25 without a word: try \
                          587 (EMAIL_USE_TLS) or 465 (EMAIL_USE_SSL), or ask whoever runs the network.";
            return Problem::new(what, advice);
        }
        match io.map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => Problem::new(
                format!("Nothing listens there: {}.", error.message()),
                "Check EMAIL_HOST and EMAIL_PORT, and that the server runs. Mail is handed in on port 587 (EMAIL_USE_TLS) \
                 or 465 (EMAIL_USE_SSL).",
            ),
            _ => Problem::new(
                what,
                "Check EMAIL_HOST, EMAIL_PORT and this machine's network.",
            ),
        }
    }

    /// Nothing was said where a greeting should have come.
    fn of_silence(&self, error: &Error) -> Problem {
        let is_465 = matches!(&self.server.target.place, Place::Tcp(_, 465));
        if self.server.is_implicit {
            return Problem::new(
                format!("TLS works, but there is no greeting: {}.", error.message()),
                "Check that this is a mail server and not another service with TLS.",
            );
        }
        let why = if is_465 {
            "On port 465 TLS comes first, and the server waits for it"
        } else {
            "Such silence is usual where TLS comes first"
        };
        Problem::new(
            format!("The server did not greet: {}. {why}.", error.message()),
            "Set EMAIL_USE_SSL=true and EMAIL_USE_TLS=false, or EMAIL_PORT to 587 with EMAIL_USE_TLS=true.",
        )
    }

    fn of_tls(&self, error: &Error, tls: Option<&rustls::Error>) -> Problem {
        match tls {
            Some(rustls::Error::InvalidMessage(_)) if self.server.is_implicit => Problem::new(
                "The server speaks plain SMTP on this port, and TLS was expected from the first byte.",
                "Set EMAIL_USE_TLS=true and EMAIL_USE_SSL=false (STARTTLS), or EMAIL_PORT=465.",
            ),
            Some(rustls::Error::InvalidCertificate(why)) => self.of_certificate(error, why),
            Some(
                rustls::Error::PeerIncompatible(_)
                | rustls::Error::AlertReceived(
                    AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure,
                ),
            ) => Problem::new(
                sentence(error.message()),
                "The server knows neither TLS 1.2 nor 1.3, or no cipher that is still safe. It has to be updated.",
            ),
            Some(rustls::Error::AlertReceived(_)) => Problem::new(
                sentence(error.message()),
                "The server refused us. If it asks for a certificate of ours, set EMAIL_SSL_CERTFILE and EMAIL_SSL_KEYFILE.",
            ),
            _ => Problem::new(
                sentence(error.message()),
                "Check EMAIL_PORT: TLS from the first byte (EMAIL_USE_SSL) is mostly on 465, STARTTLS (EMAIL_USE_TLS) on 587.",
            ),
        }
    }

    fn of_certificate(&self, error: &Error, why: &CertificateError) -> Problem {
        let seen = self.found.certificate.as_ref();
        let host = match &self.server.target.place {
            Place::Tcp(host, _) => host.as_str(),
            Place::Unix(_) => "localhost",
        };
        match why {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                let names = seen.map(|seen| seen.names.join(", ")).unwrap_or_default();
                let names = if names.is_empty() {
                    "no host at all"
                } else {
                    &names
                };
                Problem::new(
                    format!("The server's certificate is for {names}, and not for {host}."),
                    "Set EMAIL_HOST to a name that is in the certificate, or have the server's certificate made out to this one.",
                )
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                let end = seen.map_or("", |seen| seen.not_after.as_str());
                Problem::new(
                    format!("The server's certificate has expired ({end})."),
                    "The server's administrator has to renew it. If that date is still to come, this machine's clock is wrong.",
                )
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                let begin = seen.map_or("", |seen| seen.not_before.as_str());
                Problem::new(
                    format!("The server's certificate is not valid before {begin}."),
                    "Check this machine's clock.",
                )
            }
            CertificateError::UnknownIssuer => {
                let issuer = seen.map_or("", |seen| seen.issuer.as_str());
                Problem::new(
                    format!(
                        "The server's certificate is vouched for by {issuer:?}, whom this machine does not trust."
                    ),
                    "If that is an authority of your own, put its root certificate into a file and name that in \
                     EMAIL_SSL_CAFILE. Else install the system's roots (package ca-certificates), or have the server send \
                     its intermediate certificates, too.",
                )
            }
            _ => Problem::new(
                sentence(error.message()),
                "The server's certificate is not good; its administrator has to replace it.",
            ),
        }
    }

    fn of_login(&self, error: &Error) -> Problem {
        let what = sentence(error.message());
        let offered = match self.server.tls {
            Some(_) => &self.found.offered_under_tls,
            None => &self.found.offered,
        };
        let is_offered = offered.iter().any(|line| is_keyword(line, "AUTH"));
        let offers_tls = self
            .found
            .offered
            .iter()
            .any(|line| is_keyword(line, "STARTTLS"));
        let advice = if error.reply().is_some() {
            "Check EMAIL_HOST_USER and EMAIL_HOST_PASSWORD. Some providers want a password made for this program, or a token \
             (EMAIL_HOST_TOKEN, EMAIL_TOKEN_COMMAND)."
        } else if self.server.tls.is_none() && offers_tls {
            "Set EMAIL_USE_TLS=true: the server offers STARTTLS, and passwords are not said in the clear."
        } else if self.server.tls.is_none() && is_offered {
            "Use a port with TLS (EMAIL_USE_SSL with 465, EMAIL_USE_TLS with 587). Only if you trust everybody on the way, \
             set EMAIL_ALLOW_CLEARTEXT_AUTH=true."
        } else if is_offered {
            "The server offers no way to log in that goes with these settings: check whether it wants a password or a token."
        } else {
            "The server has no login here. Use its port for handing in mail (587 or 465), or leave EMAIL_HOST_USER and \
             EMAIL_HOST_PASSWORD out."
        };
        Problem::new(what, advice)
    }

    /// What is no error, and worth knowing all the same.
    fn remarks(&self) -> Vec<Problem> {
        let mut remarks = Vec::new();
        let is_local = self.server.is_local();
        if self.found.is_greeted() && self.server.tls.is_none() && !is_local {
            remarks.push(Problem::new(
                "The connection is not under TLS: mail and addresses can be read on the way.",
                "Set EMAIL_USE_TLS=true (port 587) or EMAIL_USE_SSL=true (port 465).",
            ));
        }
        let end = self
            .found
            .certificate
            .as_ref()
            .map(|seen| seen.not_after.parse());
        if let Some(Ok(end)) = end {
            let left = Timestamp::duration_until(Timestamp::now(), end);
            if !left.is_negative() && left < SOON {
                remarks.push(Problem::new(
                    format!(
                        "The server's certificate ends in {} days.",
                        left.as_hours() / 24
                    ),
                    "The server's administrator has to renew it.",
                ));
            }
        }
        remarks
    }
}

impl Diagnosis {
    fn is_greeted(&self) -> bool {
        self.greeting.is_some()
    }
}

fn is_keyword(line: &str, keyword: &str) -> bool {
    let word = line.split([' ', '=']).next().unwrap_or_default();
    word.eq_ignore_ascii_case(keyword)
}

/// The message as a sentence of its own.
fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    format!(
        "{}{}.",
        first.unwrap_or_default(),
        chars.as_str().trim_end_matches('.')
    )
}
