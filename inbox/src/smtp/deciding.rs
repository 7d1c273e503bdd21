//! What a request is answered: as usual, or as a fault wants it.

use std::sync::Arc;
use std::time::Instant;

use posthaste_smtp::Reply;
use posthaste_smtp::server::{Extension, Request};

use super::connection::{Connection, Over};
use super::delivery::Delivery;
use crate::event::Event;
use crate::fault::{Act, Certificate, Ending, Here, Hit, Step};
use crate::tls::Tls;
use crate::transcript::Speaker;

/// The answer to a client that should have said STARTTLS.
const WITHOUT_TLS: &str = "530 5.7.0 Say STARTTLS first";
/// The answer to STARTTLS where a fault wants none.
const NO_TLS: &str = "454 4.7.0 There is no TLS now";
/// The answer to a browser. What it says behind its headers could be commands that a web page has put together.
const NO_WEB: &[u8] = b"421 4.7.0 This is a mail server; the page is at another port\r\n";

impl Connection<'_> {
    /// Answers, and notes what was asked and said.
    pub(super) async fn decide(&mut self, request: &Request) -> Result<(), Over> {
        self.note_answers();
        if let Request::Mail { .. } | Request::Hello { .. } = request {
            self.give_up().await;
        }
        self.asked(request);
        if matches!(request, Request::Invalid) && is_of_browser(self.server.line()) {
            self.server.say(NO_WEB);
            self.server.close();
            return Ok(());
        }
        let act = self.fault(request).await?;
        if let Request::Message { .. } = request {
            return self.complete(act.unwrap_or_default()).await;
        }
        let act = self.prepared(request, act.unwrap_or_default());
        if act.ending.is_some_and(|ending| ending != Ending::Close) {
            self.answered(request, None);
            self.flush().await?;
            return self.cut_if(act.ending);
        }
        let reply = act.reply.or_else(|| self.server.usual_answer().cloned());
        self.answered(request, reply.as_ref());
        self.say(reply, act.ending);
        if let Request::Reset | Request::Quit = request {
            self.note_answers();
            self.give_up().await;
        }
        Ok(())
    }

    /// Says an answer, and ends the connection after it if that is asked for.
    pub(super) fn say(&mut self, reply: Option<Reply>, ending: Option<Ending>) {
        let closes = ending == Some(Ending::Close);
        match reply {
            // What would follow, be it the octets of a BDAT, is not waited for.
            Some(reply) if closes => self.server.say(reply.to_wire().as_bytes()),
            Some(reply) => self.server.answer(reply),
            None => {}
        }
        if closes {
            self.server.close();
        }
    }

    /// What a fault does to this request, once its delay is over.
    async fn fault(&mut self, request: &Request) -> Result<Option<Act>, Over> {
        let act = match request {
            Request::Connect => {
                let act = self.meet(Step::Banner).await?;
                act.or(self.greeting.take())
            }
            Request::Challenge(_) => None,
            Request::Login(login) => self.meet_as(Step::Auth, Some(login.user())).await?,
            _ => self.meet(step(request)).await?,
        };
        Ok(act)
    }

    /// Looks for a fault here; notes it, and lets the client wait if it says so.
    pub(super) async fn meet(&mut self, step: Step) -> Result<Option<Act>, Over> {
        self.meet_as(step, None).await
    }

    async fn meet_as(&mut self, step: Step, user: Option<&str>) -> Result<Option<Act>, Over> {
        let here = self.here(step, user, None);
        let Some(acting) = self.shared.faults.at(&here) else {
            return Ok(None);
        };
        self.hit(acting.rule, step, &acting.act);
        if !acting.act.after_store {
            self.pause(acting.act.delay).await?;
        }
        Ok(Some(acting.act))
    }

    fn here<'h>(&'h self, step: Step, user: Option<&'h str>, came: Option<(u64, u64)>) -> Here<'h> {
        let delivery = self.delivery.as_ref();
        let envelope = delivery.map(|delivery| &delivery.envelope);
        let recipients = envelope.map_or(&[][..], |envelope| &envelope.recipients);
        let recipients = match step {
            Step::Rcpt => recipients.last().into_iter().collect(),
            _ => recipients
                .iter()
                .filter(|to| to.is_accepted())
                .collect::<Vec<_>>(),
        };
        Here {
            step,
            now: Instant::now(),
            from: envelope.map(|envelope| envelope.mail_from.as_str()),
            recipients: recipients.iter().map(|to| to.address.as_str()).collect(),
            user: user.or(self.session.user.as_deref()).unwrap_or_default(),
            content: delivery.map_or(&[], |delivery| &delivery.content),
            came,
        }
    }

    /// A rule has its turn: that is counted, marked and told.
    fn hit(&mut self, rule: Option<usize>, step: Step, act: &Act) {
        self.note_answers();
        let what = act.to_string();
        let mark = match rule {
            Some(rule) => format!("fault rule {rule}: {what}"),
            None => format!("fault by address: {what}"),
        };
        self.record.note(Speaker::Event, mark.as_bytes(), false);
        if let Some(delivery) = &mut self.delivery {
            delivery.is_faulty = true;
        }
        let pace = self.stream.pace();
        pace.latency = act.latency.unwrap_or(pace.latency);
        pace.throttle = act.throttle.or(pace.throttle);
        let session = self.session.id;
        self.shared.tell(Event::Fault(Arc::new(Hit {
            rule,
            step,
            session,
            what,
        })));
    }

    /// A piece of content came; a rule may wait for it.
    pub(super) async fn content_came(&mut self, came: (u64, u64)) -> Result<(), Over> {
        if !self.shared.faults.looks_into_content() {
            return Ok(());
        }
        let here = self.here(Step::Data, None, Some(came));
        let Some(acting) = self.shared.faults.at(&here) else {
            return Ok(());
        };
        self.note_content();
        self.hit(acting.rule, Step::Data, &acting.act);
        self.pause(acting.act.delay).await?;
        match acting.act.ending {
            // There is no answer now; what was said before is sent.
            Some(ending) => {
                self.flush().await?;
                self.cut_if(Some(ending))?;
                Err(Over)
            }
            None => Ok(()),
        }
    }

    /// Does what has to be done before an answer.
    fn prepared(&mut self, request: &Request, mut act: Act) -> Act {
        let refusal = match request {
            Request::Hello { .. } => {
                self.offer(&act.hide);
                None
            }
            Request::Mail { .. }
                if self.shared.smtp.tls == Tls::Required && !self.server.is_tls() =>
            {
                Some(WITHOUT_TLS)
            }
            Request::StartTls if act.certificate == Some(Certificate::Refuse) => Some(NO_TLS),
            _ => None,
        };
        if let Request::StartTls = request {
            self.certificate = act.certificate;
        }
        act.reply = act.reply.or_else(|| refusal?.parse().ok());
        act
    }

    /// Offers all but this.
    fn offer(&mut self, hide: &[String]) {
        let hides = |name: &str| hide.iter().any(|hidden| hidden == name);
        let mut config = self.config();
        config
            .extensions
            .retain(|extension: &Extension| !hides(extension.as_str()));
        config
            .mechanisms
            .retain(|mechanism| !hides("AUTH") && !hides(mechanism.as_str()));
        config.starttls &= !hides("STARTTLS");
        self.server.offer(&config);
    }

    /// Notes a command.
    fn asked(&mut self, request: &Request) {
        let line = self.server.line().to_vec();
        if let Request::Mail { .. } = request {
            self.record.mail_begins();
        }
        let is_secret =
            std::mem::replace(&mut self.is_asked, matches!(request, Request::Challenge(_)));
        let is_line = !matches!(
            request,
            Request::Connect | Request::Chunk | Request::Message { .. }
        );
        if is_line {
            let joined = std::mem::replace(&mut self.is_further, true);
            self.session.pipelined |= joined || !self.server.unsent().is_empty();
            let shown = shown(request, &line, is_secret);
            self.record.note(Speaker::Client, &shown, joined);
        } else {
            self.note_content();
        }
        match request {
            Request::Hello { name, .. } => self.session.hello.clone_from(name),
            Request::Mail { from, parameters } => {
                self.delivery = Some(Delivery::new(
                    from.as_str(),
                    parameters,
                    &self.shared.smtp.under_way,
                ));
            }
            Request::Rcpt { to, parameters } => {
                if let Some(delivery) = &mut self.delivery {
                    delivery.recipient(to.as_str(), parameters, None);
                }
            }
            Request::Bdat { .. } => {
                if let Some(delivery) = &mut self.delivery {
                    delivery.chunks += 1;
                }
            }
            _ => {}
        }
    }

    /// Notes how much content came since the last line.
    fn note_content(&mut self) {
        if let Some(delivery) = &mut self.delivery
            && delivery.piece > 0
        {
            let content = format!("[content of {} octets]", delivery.piece);
            delivery.piece = 0;
            self.record
                .note(Speaker::Client, content.as_bytes(), self.is_further);
        }
    }

    /// Notes what an answer changes; without a reply it was withheld.
    fn answered(&mut self, request: &Request, reply: Option<&Reply>) {
        let is_refused = reply.is_some_and(|reply| reply.code() >= 400);
        if let Request::Login(login) = request
            && !is_refused
        {
            self.session.user = Some(login.user().to_owned());
        }
        if let Request::Invalid = request {
            return self.misunderstood(reply);
        }
        let Some(delivery) = &mut self.delivery else {
            return;
        };
        match request {
            Request::Mail { .. } => delivery.is_refused = is_refused,
            Request::Rcpt { .. } => {
                if let Some(recipient) = delivery.envelope.recipients.last_mut() {
                    recipient.reply = reply.cloned();
                }
            }
            Request::Data | Request::Bdat { .. } | Request::Chunk if is_refused => {
                delivery.refusal = reply.cloned();
            }
            _ => {}
        }
    }

    /// A line was refused as such. Senders, recipients and contents are kept in mind all the same.
    fn misunderstood(&mut self, reply: Option<&Reply>) {
        let line = String::from_utf8_lossy(self.server.line()).into_owned();
        let no_parameters = Default::default();
        let is_open = self
            .delivery
            .as_ref()
            .is_some_and(|delivery| !delivery.is_refused);
        if let Some(from) = address(&line, "MAIL FROM:")
            && !is_open
        {
            self.record.mail_begins();
            let mut delivery = Delivery::new(from, &no_parameters, &self.shared.smtp.under_way);
            delivery.is_refused = true;
            self.delivery = Some(delivery);
        }
        let Some(delivery) = &mut self.delivery else {
            return;
        };
        if let Some(to) = address(&line, "RCPT TO:") {
            delivery.recipient(to, &no_parameters, reply.cloned());
        }
        let is_content = ["DATA", "BDAT"].iter().any(|verb| begins(&line, verb));
        if is_content && delivery.envelope.accepted().next().is_some() {
            delivery.refusal = reply.cloned();
        }
    }
}

/// Where in a conversation a request is.
fn step(request: &Request) -> Step {
    match request {
        Request::Connect => Step::Banner,
        Request::Hello { .. } => Step::Ehlo,
        Request::StartTls => Step::StartTls,
        Request::Challenge(_) | Request::Login(_) => Step::Auth,
        Request::Mail { .. } => Step::Mail,
        Request::Rcpt { .. } => Step::Rcpt,
        Request::Data => Step::Data,
        Request::Bdat { .. } => Step::Bdat,
        Request::Message { .. } => Step::End,
        Request::Reset => Step::Rset,
        Request::Quit => Step::Quit,
        _ => Step::Any,
    }
}

fn begins(line: &str, verb: &str) -> bool {
    line.get(..verb.len())
        .is_some_and(|begin| begin.eq_ignore_ascii_case(verb))
}

/// What stands in angle brackets, or behind the colon, of a line that may be malformed.
fn address<'l>(line: &'l str, verb: &str) -> Option<&'l str> {
    let rest = line
        .get(verb.len()..)
        .filter(|_| begins(line, verb))?
        .trim_start();
    let rest = rest.strip_prefix('<').unwrap_or(rest);
    Some(rest.split(['>', ' ']).next().unwrap_or(rest))
}

/// A command as it may be shown: without secrets. `is_secret` says that the client was asked for one.
fn shown(request: &Request, line: &[u8], is_secret: bool) -> Vec<u8> {
    let is_auth = line
        .get(..4)
        .is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTH"));
    match request {
        _ if is_auth => hidden_auth(line),
        Request::Challenge(_) | Request::Login(_) => hidden(line),
        Request::Invalid if is_secret => hidden(line),
        _ => line.to_vec(),
    }
}

fn hidden(line: &[u8]) -> Vec<u8> {
    format!("<hidden, {} octets>", line.len()).into_bytes()
}

/// `AUTH PLAIN <hidden, 24 octets>`.
fn hidden_auth(line: &[u8]) -> Vec<u8> {
    let mut words = line.splitn(3, |octet| *octet == b' ');
    let words = [words.next(), words.next(), words.next()];
    match words {
        [Some(auth), Some(mechanism), Some(secret)] => {
            [auth, b" ", mechanism, b" ", &hidden(secret)].concat()
        }
        _ => line.to_vec(),
    }
}

/// Whether a line is the first of HTTP.
fn is_of_browser(line: &[u8]) -> bool {
    let mut words = line.rsplit(|octet| *octet == b' ');
    words.next().is_some_and(|last| last.starts_with(b"HTTP/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_never_shown() {
        for (line, is_asked, expected) in [
            (
                "AUTH PLAIN AGFubgBodW50ZXIy",
                false,
                "AUTH PLAIN <hidden, 16 octets>",
            ),
            (
                "auth plain not base64 at all",
                false,
                "auth plain <hidden, 17 octets>",
            ),
            ("AUTH LOGIN", false, "AUTH LOGIN"),
            ("hunter2", true, "<hidden, 7 octets>"),
            ("NOOP", false, "NOOP"),
        ] {
            let shown = shown(&Request::Invalid, line.as_bytes(), is_asked);
            assert_eq!(String::from_utf8_lossy(&shown), expected);
        }
    }

    #[test]
    fn addresses_are_found_in_lines_that_make_no_sense() {
        for (line, expected) in [
            (
                "RCPT TO:<ann@example.com> NOTIFY=EVER",
                Some("ann@example.com"),
            ),
            ("rcpt to: ann@example.com X", Some("ann@example.com")),
            ("RCPT TO:", Some("")),
            ("RCPT", None),
            ("MAIL FROM:<a@b>", None),
        ] {
            assert_eq!(address(line, "RCPT TO:"), expected, "{line}");
        }
    }
}
