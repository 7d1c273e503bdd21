//! The reader: which reply is expected, and what each one means.

use super::job::Job;
use super::mail::{FailureKind, Outcome, Phase, Ticket};
use super::writer::{Cursor, Opening};
use super::{End, Session};
use crate::error::ViolationKind;
use crate::{Extensions, Reply, Violation};

/// A reply that the server owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Auth,
    Mail,
    Rcpt(usize),
    Data,
    Final,
    Rset,
    Quit,
}

impl Expected {
    pub(super) fn phase(self) -> Phase {
        match self {
            Self::Greeting => Phase::Greeting,
            Self::Ehlo | Self::Helo => Phase::Ehlo,
            Self::StartTls => Phase::Starttls,
            Self::Auth => Phase::Auth,
            Self::Mail => Phase::Mail,
            Self::Rcpt(_) => Phase::Rcpt,
            Self::Data => Phase::Data,
            Self::Final => Phase::Final,
            Self::Rset => Phase::Rset,
            Self::Quit => Phase::Quit,
        }
    }
}

impl Session {
    /// Takes one whole reply, if there is one.
    pub(super) fn read_one(&mut self) -> Result<bool, Violation> {
        match self.reader.next()? {
            Some(reply) => {
                let reply = self.without_secrets(reply);
                // A reply that comes before its command has left answers something else.
                match self
                    .expected
                    .front()
                    .copied()
                    .filter(|_| !self.out.is_pending())
                {
                    Some(expected) => self.answer(expected, reply)?,
                    None => self.unasked(reply)?,
                }
                Ok(true)
            }
            None if self.out.is_pending() && !self.in_content() && !self.reader.is_empty() => {
                Err(Violation::new(ViolationKind::Unasked))
            }
            None => Ok(false),
        }
    }

    /// Servers repeat what they do not like, and their words end up in logs. A challenge stays as it is.
    fn without_secrets(&self, reply: Reply) -> Reply {
        let is_login = self.expected.front() == Some(&Expected::Auth) && reply.code() != 334;
        match &self.config.credentials {
            Some(credentials) if is_login || reply.code() >= 400 => {
                reply.without(credentials.telling())
            }
            _ => reply,
        }
    }

    fn in_content(&self) -> bool {
        matches!(self.cursor, Cursor::Body | Cursor::Dot | Cursor::End)
    }

    /// What an expected reply means.
    fn answer(&mut self, expected: Expected, reply: Reply) -> Result<(), Violation> {
        if reply.code() == 421 && expected != Expected::Quit {
            self.hang_up(expected.phase(), reply);
            return Ok(());
        }
        self.expected.pop_front();
        match (expected, reply.code() / 100) {
            (Expected::Quit, _) => self.end = Some(End::Closed(None)),
            (Expected::Greeting, 2) => {}
            (Expected::Ehlo, 2) => self.greeted(Extensions::from_reply(&reply))?,
            // RFC 5321 section 3.2: a server of before the extensions knows only HELO. It knows neither TLS nor logins.
            (Expected::Ehlo, 5) if self.wants_no_more_than_mail() => self.opening = Opening::Helo,
            (Expected::Helo, 2) => self.greeted(Extensions::default())?,
            (Expected::StartTls, 2) => self.agreed_on_tls()?,
            (Expected::Auth, _) => self.authenticated(reply)?,
            (
                Expected::Greeting
                | Expected::Ehlo
                | Expected::Helo
                | Expected::StartTls
                | Expected::Rset,
                4 | 5,
            ) => {
                self.end = Some(End::Closed(Some(reply)));
            }
            (Expected::Rset, 2) => self.must_reset = false,
            (Expected::Mail, 2) => {}
            (Expected::Rcpt(i), 2 | 4 | 5) => self.recipient_answered(i, reply),
            (Expected::Data, 3) => self.cursor = Cursor::Body,
            (Expected::Final, 2) => self.settle(Job::succeed),
            (Expected::Mail | Expected::Data | Expected::Final, 4 | 5) => {
                self.fail(expected.phase(), Some(reply));
            }
            _ => {
                // Put back, so that the violation and `lost` know the phase.
                self.expected.push_front(expected);
                return Err(Violation::with_reply(ViolationKind::Unexpected, reply));
            }
        }
        Ok(())
    }

    /// What a reply means that answers no command. Three have a sense: 421, which a server may say
    /// at any time before it closes, and 4xx or 5xx amid the content. There is no way to stop the
    /// content but to close.
    fn unasked(&mut self, reply: Reply) -> Result<(), Violation> {
        let phase = self.phase();
        if reply.code() == 421 {
            self.hang_up(phase, reply);
        } else if self.in_content() && reply.code() >= 400 {
            self.hang_up(Phase::Body, reply);
        } else {
            return Err(Violation::with_reply(ViolationKind::Unasked, reply));
        }
        Ok(())
    }

    /// The server ends the conversation by this reply. It settles the mail under way; those that
    /// were not begun stay for `lost`.
    fn hang_up(&mut self, phase: Phase, reply: Reply) {
        if self.jobs.front().is_some_and(|job| job.started) {
            self.fail(phase, Some(reply.clone()));
        }
        self.end = Some(End::Closed(Some(reply)));
    }

    fn recipient_answered(&mut self, i: usize, reply: Reply) {
        let Some(job) = self.jobs.front_mut() else {
            return;
        };
        if reply.is_success() {
            job.accepted.push(i);
        } else {
            job.rejected.push((i, reply.shortened()));
        }
        // Every recipient is asked, whatever the others were told.
        if i + 1 == job.mail.to.len() && job.accepted.is_empty() {
            let refusal = job.main_refusal();
            self.fail(Phase::Rcpt, refusal);
        }
    }

    fn fail(&mut self, phase: Phase, reply: Option<Reply>) {
        self.must_reset = true;
        self.settle(|job| job.fail(phase, reply, FailureKind::Refused));
    }

    /// Moves the mail under way to the outcomes, and the writer to the next one.
    fn settle(&mut self, how: impl FnOnce(Job) -> (Ticket, Outcome)) {
        self.done.extend(self.jobs.pop_front().map(how));
        self.cursor = Cursor::Mail;
    }
}
