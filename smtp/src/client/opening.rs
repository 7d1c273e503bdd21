//! What comes before the first mail: TLS where it is asked for, and the login.

use super::{End, Protocol, Security, Session};
use crate::auth::{self, Circumstances, Exchange};
use crate::command::{Command, Hidden};
use crate::error::ViolationKind;
use crate::{Credentials, Extensions, Mechanism, Reply, Violation};

/// The server does not know this mechanism after all (RFC 4954 section 6 has 504 for it, RFC 4422's registry 534).
const NO_SUCH_MECHANISM: [u16; 2] = [504, 534];

/// Which greeting the writer owes the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// EHLO, or LHLO.
    Ehlo,
    Helo,
    StartTls,
    /// STARTTLS was agreed on; the driver makes the handshake.
    Handshake,
    Auth,
    /// The answer to a challenge is to be sent.
    Challenged(Hidden),
    Done,
}

impl Session {
    /// Whether a server without extensions will do.
    pub(super) fn wants_no_more_than_mail(&self) -> bool {
        let is_smtp = self.config.protocol == Protocol::Smtp;
        is_smtp && !self.wants_tls() && self.config.credentials.is_none()
    }

    fn wants_tls(&self) -> bool {
        self.config.security == Security::StartTls && self.tls.is_none()
    }

    /// The server said what it can do: TLS comes first, then the login, then mail.
    pub(super) fn greeted(&mut self, extensions: Extensions) -> Result<(), Violation> {
        let offers_tls = extensions.has("STARTTLS");
        self.extensions = Some(extensions);
        if !self.wants_tls() {
            return self.log_in();
        }
        if !offers_tls {
            return Err(Violation::new(ViolationKind::NoStartTls));
        }
        self.opening = Opening::StartTls;
        Ok(())
    }

    /// Nothing may wait behind the answer to STARTTLS: it would be taken for the server's word under TLS (CVE-2011-0411).
    pub(super) fn agreed_on_tls(&mut self) -> Result<(), Violation> {
        if !self.reader.is_empty() {
            return Err(Violation::new(ViolationKind::Injected));
        }
        self.opening = Opening::Handshake;
        Ok(())
    }

    /// Begins to log in by the strongest way that was not tried, if a login is asked for.
    fn log_in(&mut self) -> Result<(), Violation> {
        let Some(credentials) = self.config.credentials.clone() else {
            self.opening = Opening::Done;
            return Ok(());
        };
        let Some(mechanism) = self.choose(&credentials) else {
            return Err(Violation::new(ViolationKind::NoMechanism));
        };
        let binding = self.tls.as_ref().and_then(Option::as_deref);
        self.tried.push(mechanism);
        self.exchange = Some(Exchange::new(
            mechanism,
            &credentials,
            &self.config.nonce,
            binding,
        ));
        self.opening = Opening::Auth;
        Ok(())
    }

    fn choose(&self, credentials: &Credentials) -> Option<Mechanism> {
        let circumstances = Circumstances {
            cleartext: self.tls.is_some() || self.config.allow_cleartext_auth,
            bindable: matches!(self.tls, Some(Some(_))),
        };
        let extensions = self.extensions.as_ref()?;
        auth::choose(extensions, credentials, circumstances, &self.tried)
    }

    /// Writes AUTH, or the answer to a challenge.
    pub(super) fn write_auth(&mut self) -> Result<(), Violation> {
        let refused = |_| Violation::new(ViolationKind::Command);
        let opening = std::mem::replace(&mut self.opening, Opening::Auth);
        if let Opening::Challenged(answer) = opening {
            let command = Command::AuthAnswer(&answer);
            return command.write(self.out.bytes()).map_err(refused);
        }
        let (Some(exchange), Some(mechanism)) = (&mut self.exchange, self.tried.last()) else {
            return Err(Violation::new(ViolationKind::Command));
        };
        let initial = exchange.initial().map(Hidden);
        let fits = |initial: &Hidden| initial.fits_initial(*mechanism);
        if initial.as_ref().is_some_and(|initial| !fits(initial)) {
            exchange.withhold_initial();
        }
        let initial = initial.filter(fits);
        let command = Command::Auth(*mechanism, initial.as_ref());
        command.write(self.out.bytes()).map_err(refused)
    }

    /// What the server said to AUTH, or to the answer to its challenge. `false` if it makes no sense.
    pub(super) fn authenticated(&mut self, reply: &Reply) -> Result<bool, Violation> {
        let another = NO_SUCH_MECHANISM.contains(&reply.code()) && self.can_try_another();
        match (&mut self.exchange, reply.code()) {
            _ if another => self.log_in()?,
            (Some(exchange), 334) => {
                let challenge = reply.lines().next().unwrap_or_default();
                let answer = exchange.answer(challenge).map_err(Violation::new)?;
                self.opening = Opening::Challenged(Hidden(answer));
            }
            (Some(exchange), 235) => {
                exchange.finish().map_err(Violation::new)?;
                self.exchange = None;
                self.opening = Opening::Done;
            }
            // After 535 nothing weaker is tried: the password is wrong, or somebody wants it said in the clear.
            (_, 400..=599) => self.end = Some(End::Closed(Some(reply.clone()))),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn can_try_another(&self) -> bool {
        let credentials = self.config.credentials.as_ref();
        credentials.is_some_and(|credentials| self.choose(credentials).is_some())
    }
}
