//! What goes into a session, and what it says of it afterwards.

use std::fmt;

use crate::command::MailParameters;
use crate::{Extensions, Path, Reply};

/// One mail's envelope, and what its content needs. The content itself is asked for later, by
/// [`Step::Content`](crate::Step::Content).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The reverse-path.
    pub from: Path,
    /// The forward-paths; the outcome names them by index.
    pub to: Vec<Path>,
    /// The octets of the content, before dots are doubled; zero if it is not known.
    pub size: u64,
    /// Whether the content holds octets above 127, so that the server must have 8BITMIME.
    pub eight_bit: bool,
    /// Whether the content's headers need SMTPUTF8. A path that is not ASCII needs it anyway.
    pub smtputf8: bool,
}

impl Mail {
    pub(crate) fn needs_smtputf8(&self) -> bool {
        self.smtputf8 || !self.from.is_ascii() || !self.to.iter().all(Path::is_ascii)
    }

    /// What MAIL says beside the reverse-path, as far as the server understands it.
    pub(crate) fn parameters(&self, extensions: Option<&Extensions>) -> MailParameters {
        let declares_size = self.size > 0 && extensions.is_some_and(Extensions::size);
        MailParameters {
            size: declares_size.then_some(self.size),
            eight_bit: self.eight_bit,
            smtputf8: self.needs_smtputf8(),
        }
    }

    /// Why this server cannot take this mail, as far as it said so itself.
    pub(crate) fn misfit(&self, extensions: &Extensions) -> Option<FailureKind> {
        if extensions
            .size_limit()
            .is_some_and(|limit| self.size > limit)
        {
            Some(FailureKind::TooLarge)
        } else if self.needs_smtputf8() && !extensions.smtputf8() {
            // Before 8BITMIME, which such a mail needs too: this is what its sender can see and change.
            Some(FailureKind::Unsupported("SMTPUTF8"))
        } else if self.eight_bit && !extensions.eight_bit_mime() {
            Some(FailureKind::Unsupported("8BITMIME"))
        } else {
            None
        }
    }
}

/// Stands for one submitted mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

/// How far the conversation is.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Waiting for the server's first words.
    Greeting,
    /// EHLO, or HELO after it.
    Ehlo,
    /// STARTTLS, and the handshake after it.
    Starttls,
    /// AUTH.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA, until the server says go.
    Data,
    /// The content.
    Body,
    /// The answer to the dot that ends the content.
    Final,
    /// QUIT.
    Quit,
    /// RSET.
    Rset,
}

impl Phase {
    /// The name in small letters, such as `rcpt`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Ehlo => "ehlo",
            Self::Starttls => "starttls",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Body => "body",
            Self::Final => "final",
            Self::Quit => "quit",
            Self::Rset => "rset",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of a mail, recipient by recipient.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The indexes of the recipients that the server took the mail for. Empty unless it took the
    /// content, too.
    pub accepted: Vec<usize>,
    /// The recipients that the server refused, each with its answer.
    pub rejected: Vec<(usize, Reply)>,
    /// Why nobody gets the mail; `None` if those in `accepted` do.
    pub failure: Option<Failure>,
    /// What the server said when it took the mail, its name for it among other things. Of several answers, as in LMTP,
    /// the first.
    pub reply: Option<Reply>,
}

/// Why nobody gets a mail.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where it happened.
    pub phase: Phase,
    /// The server's answer; `None` if it was not asked, because it had said enough after EHLO, or
    /// because there was no recipient. Where every recipient was refused it is the first refusal
    /// that may pass, or else the first.
    pub reply: Option<Reply>,
    /// Whose decision it was.
    pub kind: FailureKind,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, &self.reply) {
            (FailureKind::Refused, Some(reply)) => {
                write!(f, "the server refused ({}): {reply}", self.phase)
            }
            (FailureKind::Refused, None) => f.write_str("there is no recipient"),
            (FailureKind::TooLarge, _) => {
                f.write_str("the message is larger than the server takes")
            }
            (FailureKind::NoContent, _) => f.write_str("the message's content could not be had"),
            (FailureKind::Unsupported(name), _) => write!(
                f,
                "the message needs {name}, which the server does not offer"
            ),
        }
    }
}

/// The kinds of [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The server said no to the sender, to every recipient, or to the content.
    Refused,
    /// The content is larger than the server's SIZE; nothing was sent.
    TooLarge,
    /// The mail needs this extension, which the server does not offer; nothing was sent.
    Unsupported(&'static str),
    /// The content could not be had, as [`Session::content_failed`](crate::Session::content_failed) said.
    NoContent,
}

/// A mail that had no outcome when the connection was lost.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// How far this mail was; for one that was never started, how far the session was.
    pub phase: Phase,
    /// Whether the server may have it: all of the content had been handed out to be sent, and no
    /// answer came. Such a mail must not be sent again by itself.
    pub in_doubt: bool,
    /// The recipients that had been refused so far, each with its answer.
    pub rejected: Vec<(usize, Reply)>,
    /// Whether nothing of it had been handed out, so that it may go over another connection.
    pub never_started: bool,
    /// Whether it was the mail whose answers were awaited. What the others were told nothing of had no part in the loss.
    pub was_first: bool,
    /// Whether the server did not know BDAT, and so took no content: the mail may go over another connection by DATA.
    pub by_data: bool,
}
