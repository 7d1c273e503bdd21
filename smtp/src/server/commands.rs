//! What each command means at this point: the request it makes, and the usual answer.

use super::answering::Effect;
use super::config::Extension;
use super::input::Line;
use super::login::{Exchange, Move};
use super::parse::{self, Command, Refusal, Verb};
use super::request::{Parameters, Request};
use super::{Mode, Server, Transaction};
use crate::{Mechanism, Path, Reply};

const FIRST_HELLO: Refusal = Refusal::new(503, "5.5.1", "Say EHLO first");
const NO_MAIL: Refusal = Refusal::new(503, "5.5.1", "Say MAIL first");
const IN_MAIL: Refusal = Refusal::new(503, "5.5.1", "Not during a mail");
/// As with Exim, the mail stays open after it: a client has to say RSET before its next MAIL.
const NOBODY: Refusal = Refusal::new(554, "5.5.1", "There is no valid recipient");
const NOT_OFFERED: Refusal = Refusal::new(502, "5.5.1", "Not offered here");
const NEEDS_UTF8: Refusal = Refusal::new(553, "5.6.7", "An address beyond ASCII needs SMTPUTF8");
const TOO_LARGE: Refusal = Refusal::new(552, "5.3.4", "The message is too large");
const BAD_VALUE: Refusal = Refusal::new(501, "5.5.4", "A parameter has no such value");
const NO_PARAMETER: Refusal = Refusal::new(555, "5.5.4", "There is no such parameter");
const NO_BASE64: Refusal = Refusal::new(501, "5.5.2", "That makes no sense");

/// What a command asks for, how it is usually answered, and what an answer does.
pub(super) type Asked = (Request, Option<Reply>, Effect);

impl Server {
    /// What a line asks for.
    pub(super) fn asked(&mut self, line: Line) -> Asked {
        let (Line::Whole(text) | Line::BareLf(text) | Line::TooLong(text)) = &line;
        self.line.clone_from(text);
        let problem = match line {
            Line::Whole(_) => None,
            Line::BareLf(_) => Some(Refusal::new(500, "5.5.2", "A line ends in CR LF")),
            Line::TooLong(_) => Some(Refusal::new(500, "5.5.2", "The line is too long")),
        };
        let line = std::mem::take(&mut self.line);
        let asked = match (problem, std::mem::take(&mut self.mode)) {
            (Some(problem), _) => Err(problem),
            (None, Mode::Login(exchange)) => self.answer_to_challenge(exchange, &line),
            (None, Mode::Failing(reply)) => Ok((Request::Invalid, Some(reply), Effect::Nothing)),
            (None, _) => parse::command(&line).and_then(|command| self.command(command)),
        };
        self.line = line;
        asked.unwrap_or_else(|refusal| self.invalid(refusal))
    }

    /// Whether octets follow that cannot be told from commands, because their number was not understood.
    fn is_bottomless(&self, refusal: Refusal) -> bool {
        let verb = self.line.get(..4);
        refusal.fatal
            || refusal.code == 500 && verb.is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT"))
    }

    fn invalid(&mut self, refusal: Refusal) -> Asked {
        self.errors += 1;
        let usual = if self.errors > self.config.limits.errors {
            self.usual(421, "4.7.0", "Too many errors")
        } else {
            self.usual(refusal.code, refusal.enhanced, refusal.text)
        };
        let effect = Effect::Refused {
            swallow: refusal.swallow,
            fatal: self.is_bottomless(refusal),
        };
        (Request::Invalid, Some(usual), effect)
    }

    fn command(&mut self, command: Command<'_>) -> Result<Asked, Refusal> {
        let usual = |code, enhanced, text| Some(self.usual(code, enhanced, text));
        Ok(match command {
            Command::Hello(verb, name) => return self.hello(verb, name),
            Command::StartTls => return self.starttls(),
            Command::Auth(mechanism, initial) => return self.auth(mechanism, initial),
            Command::Mail(from, parameters) => return self.mail(from, parameters),
            Command::Rcpt(to, parameters) => return self.rcpt(to, parameters),
            Command::Data => return self.data(),
            Command::Bdat { size, last } => return self.bdat(size, last),
            Command::Reset => (
                Request::Reset,
                usual(250, "2.0.0", "Forgotten"),
                Effect::Reset,
            ),
            Command::Noop => (Request::Noop, usual(250, "2.0.0", "Ok"), Effect::Nothing),
            Command::Verify => {
                let usual = usual(252, "2.1.5", "Send it, and see");
                (Request::Verify, usual, Effect::Nothing)
            }
            Command::Help => (
                Request::Help,
                usual(214, "2.0.0", "See RFC 5321"),
                Effect::Nothing,
            ),
            Command::Quit => (Request::Quit, usual(221, "2.0.0", "Bye"), Effect::Quit),
        })
    }

    fn hello(&mut self, verb: Verb, name: &str) -> Result<Asked, Refusal> {
        if (verb == Verb::Lhlo) != self.config.is_lmtp() {
            return Err(Refusal::new(500, "5.5.1", "This is the other protocol"));
        }
        let extended = verb != Verb::Helo;
        let request = Request::Hello {
            name: name.to_owned(),
            extended,
        };
        Ok((request, Some(self.welcome(extended)), Effect::Hello))
    }

    /// The usual answer to EHLO, or to HELO.
    pub(super) fn welcome(&self, extended: bool) -> Reply {
        let mut lines = self.config.name.clone();
        if extended {
            for line in self.announced() {
                lines.push('\n');
                lines.push_str(&line);
            }
        }
        Reply::new(250, lines)
    }

    /// The lines of the answer to EHLO, without the name.
    fn announced(&self) -> Vec<String> {
        let mut lines: Vec<_> = self
            .config
            .extensions
            .iter()
            .filter(|extension| **extension != Extension::RequireTls || self.tls)
            .map(|extension| match (extension, self.config.limits.size) {
                (Extension::Size, 1..) => format!("SIZE {}", self.config.limits.size),
                _ => extension.as_str().to_owned(),
            })
            .collect();
        if self.config.starttls && !self.tls {
            lines.push("STARTTLS".to_owned());
        }
        let mechanisms = self.config.mechanisms.iter();
        let offered: Vec<_> = mechanisms
            .filter(|mechanism| self.takes(**mechanism))
            .map(|mechanism| mechanism.as_str())
            .collect();
        if !offered.is_empty() {
            lines.push(format!("AUTH {}", offered.join(" ")));
        }
        lines
    }

    /// Whether a mechanism may be used now.
    fn takes(&self, mechanism: Mechanism) -> bool {
        let allowed = self.tls || self.config.cleartext_auth || !mechanism.is_cleartext();
        allowed && self.knows(mechanism)
    }

    fn knows(&self, mechanism: Mechanism) -> bool {
        let possible = !matches!(
            mechanism,
            Mechanism::ScramSha1 | Mechanism::ScramSha256 | Mechanism::ScramSha256Plus
        );
        possible && self.config.mechanisms.contains(&mechanism)
    }

    fn starttls(&self) -> Result<Asked, Refusal> {
        match () {
            () if !self.config.starttls || self.tls => Err(NOT_OFFERED),
            () if !self.greeted => Err(FIRST_HELLO),
            () if self.transaction.is_some() => Err(IN_MAIL),
            () => {
                let usual = self.usual(220, "2.0.0", "Begin TLS");
                Ok((Request::StartTls, Some(usual), Effect::StartTls))
            }
        }
    }

    fn auth(
        &mut self,
        mechanism: Option<Mechanism>,
        initial: Option<&str>,
    ) -> Result<Asked, Refusal> {
        match mechanism.filter(|mechanism| self.knows(*mechanism)) {
            _ if self.config.mechanisms.is_empty() => Err(NOT_OFFERED),
            _ if !self.greeted => Err(FIRST_HELLO),
            _ if self.transaction.is_some() => Err(IN_MAIL),
            _ if self.authenticated.is_some() => {
                Err(Refusal::new(503, "5.5.1", "You are logged in already"))
            }
            Some(mechanism) if self.takes(mechanism) => {
                let mut exchange = Exchange::new(mechanism, &self.config.nonce, &self.config.name);
                let next = exchange.begin(initial);
                self.next_of_login(exchange, next)
            }
            Some(_) => Err(Refusal::new(538, "5.7.11", "Not without TLS")),
            None => Err(Refusal::new(504, "5.5.4", "There is no such mechanism")),
        }
    }

    fn answer_to_challenge(&self, mut exchange: Exchange, line: &[u8]) -> Result<Asked, Refusal> {
        if line == b"*" {
            return Err(Refusal::new(501, "5.7.0", "Given up, as you wish"));
        }
        let answer = std::str::from_utf8(line).map_err(|_| NO_BASE64)?;
        let next = exchange.answered(answer);
        self.next_of_login(exchange, next)
    }

    fn next_of_login(&self, exchange: Exchange, next: Move) -> Result<Asked, Refusal> {
        match next {
            Move::Malformed => Err(NO_BASE64),
            Move::Ask(text) => {
                let request = Request::Challenge(exchange.mechanism);
                Ok((
                    request,
                    Some(Reply::new(334, text)),
                    Effect::Challenge(exchange),
                ))
            }
            Move::Done(login) => {
                let effect = Effect::Login(exchange.mechanism, login.user().to_owned());
                let usual = self.usual(235, "2.7.0", "Welcome");
                Ok((Request::Login(login), Some(usual), effect))
            }
        }
    }

    fn mail(&mut self, from: Path, parameters: Parameters) -> Result<Asked, Refusal> {
        if !self.greeted {
            return Err(FIRST_HELLO);
        }
        if self.transaction.is_some() {
            return Err(Refusal::new(503, "5.5.1", "The sender is known already"));
        }
        for (name, value) in parameters.iter() {
            self.check_mail_parameter(name, value)?;
        }
        if !from.is_ascii() && !parameters.is_smtputf8() {
            return Err(NEEDS_UTF8);
        }
        let limit = self.config.limits.size;
        if limit > 0 && parameters.size().is_some_and(|size| size > limit) {
            return Err(TOO_LARGE);
        }
        let effect = Effect::Mail(Transaction::new(parameters.is_smtputf8()));
        let usual = self.usual(250, "2.1.0", "Sender ok");
        Ok((Request::Mail { from, parameters }, Some(usual), effect))
    }

    fn check_mail_parameter(&self, name: &str, value: Option<&str>) -> Result<(), Refusal> {
        let (extension, good) = match name {
            "SIZE" => (Extension::Size, value.is_some_and(is_size)),
            "BODY" => (
                Extension::EightBitMime,
                is_one_of(value, &["7BIT", "8BITMIME"]),
            ),
            "SMTPUTF8" => (Extension::SmtpUtf8, value.is_none()),
            "RET" => (Extension::Dsn, is_one_of(value, &["FULL", "HDRS"])),
            "ENVID" => (Extension::Dsn, value.is_some_and(is_xtext)),
            "REQUIRETLS" if self.tls => (Extension::RequireTls, value.is_none()),
            "MT-PRIORITY" => (Extension::MtPriority, value.is_some_and(is_priority)),
            "AUTH" if !self.config.mechanisms.is_empty() => {
                return if value.is_some_and(is_xtext) {
                    Ok(())
                } else {
                    Err(BAD_VALUE)
                };
            }
            _ => return Err(NO_PARAMETER),
        };
        self.check(extension, good)
    }

    fn check(&self, extension: Extension, good: bool) -> Result<(), Refusal> {
        match () {
            () if !self.config.offers(extension) => Err(NO_PARAMETER),
            () if !good => Err(BAD_VALUE),
            () => Ok(()),
        }
    }

    fn rcpt(&mut self, to: Path, parameters: Parameters) -> Result<Asked, Refusal> {
        let transaction = self.transaction.as_ref().ok_or(NO_MAIL)?;
        if transaction.chunked {
            return Err(IN_MAIL);
        }
        for (name, value) in parameters.iter() {
            let good = match name {
                "NOTIFY" => value.is_some_and(is_notify),
                "ORCPT" => value.is_some_and(|value| value.contains(';')),
                _ => return Err(NO_PARAMETER),
            };
            self.check(Extension::Dsn, good)?;
        }
        if !to.is_ascii() && !transaction.smtputf8 {
            return Err(NEEDS_UTF8);
        }
        if transaction.recipients >= self.config.limits.recipients {
            return Err(Refusal::new(452, "4.5.3", "Too many recipients"));
        }
        let usual = self.usual(250, "2.1.5", "Recipient ok");
        Ok((Request::Rcpt { to, parameters }, Some(usual), Effect::Rcpt))
    }

    fn data(&self) -> Result<Asked, Refusal> {
        let transaction = self.transaction.as_ref().ok_or(NO_MAIL)?;
        match () {
            () if transaction.chunked => Err(IN_MAIL),
            () if transaction.recipients == 0 => Err(NOBODY),
            () => {
                let usual = self.usual(354, "", "Go on, and end with a dot");
                Ok((Request::Data, Some(usual), Effect::Data))
            }
        }
    }

    fn bdat(&mut self, size: u64, last: bool) -> Result<Asked, Refusal> {
        let refused = |refusal: Refusal| Err(refusal.swallowing(size));
        if !self.config.offers(Extension::Chunking) {
            return refused(NOT_OFFERED);
        }
        let limit = self.config.limits.size;
        match &self.transaction {
            None => return refused(NO_MAIL),
            Some(transaction) if transaction.recipients == 0 => return refused(NOBODY),
            Some(transaction) if limit > 0 && transaction.size.saturating_add(size) > limit => {
                self.transaction = None;
                return refused(TOO_LARGE);
            }
            Some(_) => {}
        }
        Ok((
            Request::Bdat { size, last },
            None,
            Effect::Bdat { size, last },
        ))
    }

    /// The answer, with the enhanced code where such codes are offered.
    pub(super) fn usual(&self, code: u16, enhanced: &str, text: &str) -> Reply {
        let shown = !enhanced.is_empty() && self.config.offers(Extension::EnhancedStatusCodes);
        let text = if shown {
            format!("{enhanced} {text}")
        } else {
            text.to_owned()
        };
        Reply::new(code, text)
    }
}

fn is_one_of(value: Option<&str>, all: &[&str]) -> bool {
    value.is_some_and(|value| all.iter().any(|one| one.eq_ignore_ascii_case(value)))
}

/// RFC 1870: up to twenty digits.
fn is_size(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit()) && value.parse::<u64>().is_ok()
}

/// RFC 3461 section 4: printable ASCII in which `+` begins two hexadecimal digits.
fn is_xtext(value: &str) -> bool {
    let mut parts = value.split('+');
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_graphic());
    parts.next().is_some_and(plain)
        && parts.all(|part| {
            let coded = part.get(..2);
            plain(part) && coded.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
        })
}

fn is_notify(value: &str) -> bool {
    let event = |one: &str| is_one_of(Some(one), &["SUCCESS", "FAILURE", "DELAY"]);
    value.eq_ignore_ascii_case("NEVER") || value.split(',').all(event)
}

fn is_priority(value: &str) -> bool {
    value
        .parse()
        .is_ok_and(|priority: i8| (-9..=9).contains(&priority))
}
