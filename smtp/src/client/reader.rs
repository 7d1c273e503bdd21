//! The reader: which reply is expected, and what each one means.

use super::job::Job;
use super::mail::{FailureKind, Phase};
use super::opening::Opening;
use super::writer::Cursor;
use super::{End, Session};
use crate::error::ViolationKind;
use crate::{Extensions, Reply, Violation};

/// Replies to BDAT that say "what is that?".
const UNKNOWN_COMMAND: [u16; 3] = [500, 502, 504];

/// A reply that the server owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Awaited {
    pub(super) what: Expected,
    /// Where in the stream the command ends. A reply that comes before has another cause.
    pub(super) end: u64,
}

/// What a reply answers.
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
    Chunk {
        octets: usize,
        last: bool,
    },
    /// The dot; in LMTP for this recipient.
    Final(Option<usize>),
    Rset,
    Noop,
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
            Self::Chunk { last: false, .. } => Phase::Body,
            Self::Chunk { last: true, .. } | Self::Final(_) => Phase::Final,
            // Like RSET it says nothing of any mail.
            Self::Rset | Self::Noop => Phase::Rset,
            Self::Quit => Phase::Quit,
        }
    }

    pub(super) fn is_of_a_mail(self) -> bool {
        matches!(
            self,
            Self::Mail | Self::Rcpt(_) | Self::Data | Self::Chunk { .. } | Self::Final(_)
        )
    }
}

impl Session {
    /// Takes one whole reply, if there is one.
    pub(super) fn read_one(&mut self) -> Result<bool, Violation> {
        let sent = self.out.sent_total();
        match self.reader.next()? {
            Some(reply) => {
                self.replies += 1;
                let reply = self.without_secrets(reply);
                self.transcript.heard(&reply);
                match self.expected.front().copied() {
                    Some(awaited) if awaited.end <= sent => self.answer(awaited, reply)?,
                    _ => self.unasked(reply)?,
                }
                Ok(true)
            }
            None if self.is_early() && !self.in_content() && !self.reader.is_empty() => {
                Err(Violation::new(ViolationKind::Unasked))
            }
            None => Ok(false),
        }
    }

    /// Whether the command that is to be answered next has not left yet.
    fn is_early(&self) -> bool {
        let sent = self.out.sent_total();
        let front = self.expected.front();
        front.map_or(self.out.is_pending(), |awaited| awaited.end > sent)
    }

    /// Servers repeat what they do not like, and their words end up in logs. A challenge stays as it is.
    fn without_secrets(&self, reply: Reply) -> Reply {
        let front = self.expected.front().map(|awaited| awaited.what);
        let is_login = front == Some(Expected::Auth) && reply.code() != 334;
        match &self.config.credentials {
            Some(credentials) if is_login || reply.code() >= 400 => {
                reply.without(credentials.telling())
            }
            _ => reply,
        }
    }

    /// Whether the content of the first mail is on its way.
    fn in_content(&self) -> bool {
        let is_open = matches!(self.cursor, Cursor::Body | Cursor::Dot) && self.writing == 0;
        let front = self.expected.front().map(|awaited| awaited.what);
        is_open || matches!(front, Some(Expected::Final(_) | Expected::Chunk { .. }))
    }

    /// What an expected reply means.
    fn answer(&mut self, awaited: Awaited, reply: Reply) -> Result<(), Violation> {
        let expected = awaited.what;
        if reply.code() == 421 && expected != Expected::Quit {
            match expected {
                Expected::Final(recipient @ Some(_)) => self.hang_up_on(recipient, reply),
                _ => self.hang_up(expected.phase(), reply),
            }
            return Ok(());
        }
        self.expected.pop_front();
        let understood = match expected.is_of_a_mail() {
            true => self.mail_answered(expected, &reply)?,
            false => self.session_answered(expected, &reply)?,
        };
        if !understood {
            // Put back, so that the violation and `lost` know the phase.
            self.expected.push_front(awaited);
            return Err(Violation::with_reply(ViolationKind::Unexpected, reply));
        }
        Ok(())
    }

    /// The answers that are about the session. `false` if it makes no sense.
    fn session_answered(&mut self, expected: Expected, reply: &Reply) -> Result<bool, Violation> {
        match (expected, reply.code() / 100) {
            (Expected::Quit, _) => self.end = Some(End::Closed(None)),
            (Expected::Greeting | Expected::Rset, 2) | (Expected::Noop, 2 | 4 | 5) => {}
            (Expected::Ehlo, 2) => self.greeted(Extensions::from_reply(reply))?,
            // RFC 5321 section 3.2: a server of before the extensions knows only HELO. It knows neither TLS nor logins.
            (Expected::Ehlo, 5) if self.wants_no_more_than_mail() => self.opening = Opening::Helo,
            (Expected::Helo, 2) => self.greeted(Extensions::default())?,
            (Expected::StartTls, 2) => self.agreed_on_tls()?,
            (Expected::Auth, _) => return self.authenticated(reply),
            (_, 4 | 5) => self.end = Some(End::Closed(Some(reply.clone()))),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The answers that are about the first of the mails. `false` if it makes no sense.
    fn mail_answered(&mut self, expected: Expected, reply: &Reply) -> Result<bool, Violation> {
        let is_unknown = self.is_unknown(reply);
        let Some(job) = self.jobs.front_mut() else {
            return Ok(false);
        };
        let ahead = job.ahead;
        let no_chunking = is_unknown && !job.accepted().is_empty();
        job.pay();
        if let Expected::Chunk { octets, .. } = expected {
            self.unanswered = self.unanswered.saturating_sub(octets as u64);
        }
        match (expected, reply.code() / 100) {
            (Expected::Mail, 2) => {}
            (Expected::Chunk { last: false, .. }, 2) => self.has_chunked = true,
            // "Sender already given": it is not the transaction that we meant, and what follows would go out in its name.
            (Expected::Mail, 5) if ahead && reply.code() == 503 => return self.out_of_step(reply),
            (Expected::Rcpt(i), 2 | 4 | 5) => self.recipient_answered(i, reply),
            (Expected::Data, 3) => self.go_ahead(),
            (Expected::Chunk { .. }, 5) if no_chunking => {
                return Err(Violation::with_reply(
                    ViolationKind::NoChunking,
                    reply.clone(),
                ));
            }
            (Expected::Chunk { last: true, .. } | Expected::Final(_), 2) => {
                return self.content_taken(expected, reply);
            }
            (Expected::Final(recipient @ Some(_)), 4 | 5) => {
                job.content_refused(recipient, reply);
            }
            (Expected::Mail, 4 | 5) => {
                self.trust.was_refused();
                self.fail(Phase::Mail, Some(reply.clone()));
            }
            (_, 4 | 5) => self.fail(expected.phase(), Some(reply.clone())),
            _ => {
                job.owe();
                return Ok(false);
            }
        }
        self.settle();
        Ok(true)
    }

    /// Whether BDAT itself was refused, by a server that never took one.
    fn is_unknown(&self, reply: &Reply) -> bool {
        UNKNOWN_COMMAND.contains(&reply.code()) && !self.has_chunked
    }

    fn out_of_step(&self, reply: &Reply) -> Result<bool, Violation> {
        Err(Violation::with_reply(
            ViolationKind::OutOfStep,
            reply.clone(),
        ))
    }

    /// The server wants the content. A mail that has failed by then is ended by the lone dot.
    fn go_ahead(&mut self) {
        let failed = self.jobs.front().is_some_and(|job| job.failure.is_some());
        self.cursor = if failed { Cursor::Dot } else { Cursor::Body };
    }

    /// The server took the content.
    fn content_taken(&mut self, expected: Expected, reply: &Reply) -> Result<bool, Violation> {
        let Some(job) = self.jobs.front_mut() else {
            return Ok(false);
        };
        // A refused sender, or a refused chunk, and yet it was taken: what was it that the server took?
        if job.failure.is_some() && !job.accepted().is_empty() {
            return self.out_of_step(reply);
        }
        let recipient = match expected {
            Expected::Final(recipient) => recipient,
            _ => None,
        };
        job.content_answered(recipient, reply.clone());
        if job.failure.is_none() {
            self.has_chunked |= matches!(expected, Expected::Chunk { .. });
            self.trust.went_well();
        }
        self.settle();
        Ok(true)
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

    /// The server ends the conversation by this reply. It settles the mail under way; the others stay for `lost`.
    fn hang_up(&mut self, phase: Phase, reply: Reply) {
        let handed_out = self.out.handed_out();
        let is_of_the_mail = !matches!(phase, Phase::Rset);
        if is_of_the_mail
            && let Some(mut job) = self.jobs.pop_front_if(|job| job.is_started(handed_out))
        {
            self.writing = self.writing.saturating_sub(1);
            job.fail(phase, Some(reply.clone()), FailureKind::Refused);
            self.done.push_back(job.outcome());
        }
        self.end = Some(End::Closed(Some(reply)));
    }

    /// In LMTP it ends by what it says to one recipient. Those before have their answers, those behind never will.
    fn hang_up_on(&mut self, recipient: Option<usize>, reply: Reply) {
        self.expected.pop_front();
        if let Some(job) = self.jobs.front_mut() {
            job.pay();
            job.content_refused(recipient, &reply);
        }
        self.settle();
        self.end = Some(End::Closed(Some(reply)));
    }

    fn recipient_answered(&mut self, i: usize, reply: &Reply) {
        let Some(job) = self.jobs.front_mut() else {
            return;
        };
        if !reply.is_success() {
            self.trust.was_refused();
        }
        job.recipient_answered(i, reply);
        // Every recipient is asked, whatever the others were told.
        if job.knows_recipients() && job.accepted().is_empty() {
            let refusal = job.main_refusal();
            self.fail(Phase::Rcpt, refusal);
        }
    }

    /// Nobody gets the first of the mails. What was not written of it yet is left out.
    fn fail(&mut self, phase: Phase, reply: Option<Reply>) {
        if let Some(job) = self.jobs.front_mut() {
            job.fail(phase, reply, FailureKind::Refused);
        }
        match (self.writing, self.cursor) {
            (0, Cursor::Go) if phase != Phase::Data => {}
            (0, _) => self.stop_writing(),
            // The next mail has not been begun.
            (1, Cursor::Mail) => self.must_reset = !self.is_reset,
            _ => {}
        }
    }

    /// Moves the first of the mails to the outcomes, if all is said about it.
    pub(super) fn settle(&mut self) {
        if let Some(job) = self.jobs.pop_front_if(|job| job.is_settled()) {
            if job.is_whole() && self.unacknowledged > 0 {
                self.unacknowledged -= 1;
            }
            self.writing = self.writing.saturating_sub(1);
            self.done.push_back(job.outcome());
        }
    }

    /// The end of every mail that has none, since the connection is gone.
    pub(super) fn abandon_all(&mut self) -> Vec<(super::Ticket, super::Unfinished)> {
        let phase = self.phase();
        let handed_out = self.out.handed_out();
        let no_bdat =
            matches!(&self.end, Some(End::Broken(why)) if why.kind() == ViolationKind::NoChunking);
        let jobs: Vec<Job> = self.jobs.drain(..).collect();
        let ends = jobs.into_iter().enumerate();
        ends.map(|(i, job)| job.unfinished(phase, i == 0, no_bdat && i == 0, handed_out))
            .collect()
    }
}
