//! What goes into a session, and what it says of it afterwards.

use std::fmt;

use crate::command::MailParameters;
use crate::{EnvelopeId, Extensions, Notify, OriginalRecipient, Path, Priority, Reply, Ret};

/// One mail's envelope, and what its content needs. The content itself is asked for later, by
/// [`Step::Content`](crate::Step::Content).
///
/// # Example
///
/// ```
/// use posthaste_smtp::{Mail, Notify, Path, Recipient};
///
/// let mut bob = Recipient::new(Path::new("bob@example.com")?);
/// bob.notify = Some(Notify { success: true, failure: true, delay: false });
/// let mut mail = Mail::new(Path::new("ann@example.com")?, [bob]);
/// mail.size = 1200;
/// # Ok::<(), posthaste_smtp::InvalidArgument>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The reverse-path.
    pub from: Path,
    /// The recipients; the outcome names them by index.
    pub to: Vec<Recipient>,
    /// The octets of the content, before dots are doubled; zero if it is not known.
    pub size: u64,
    /// Whether the content holds octets above 127, so that the server must have 8BITMIME.
    pub eight_bit: bool,
    /// Whether the content's headers need SMTPUTF8. A path that is not ASCII needs it anyway.
    pub smtputf8: bool,
    /// How much of the mail a notice of failure is to bring back. Where the server does not offer DSN the mail goes
    /// without it, as RFC 3461 section 6.2 has it, and the notices are whatever the server's are.
    pub ret: Option<Ret>,
    /// The sender's name for the mail in notices; like `ret`.
    pub envelope_id: Option<EnvelopeId>,
    /// Whether the mail may travel under TLS only, on the whole of its way (RFC 8689). It fails where this connection is
    /// not under TLS, or where the server does not offer REQUIRETLS.
    pub require_tls: bool,
    /// How urgent the mail is. Where the server does not offer MT-PRIORITY the mail goes without it.
    pub priority: Option<Priority>,
}

/// One recipient of a mail.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The forward-path.
    pub path: Path,
    /// When the sender wants a notice. Where the server does not offer DSN the mail goes without this, as RFC 3461
    /// section 6.2 has it.
    pub notify: Option<Notify>,
    /// The address that the mail was first meant for; like `notify`.
    pub original: Option<OriginalRecipient>,
}

impl Recipient {
    /// A recipient of whom notices are as the server likes.
    pub fn new(path: Path) -> Self {
        Self {
            path,
            notify: None,
            original: None,
        }
    }
}

impl From<Path> for Recipient {
    fn from(path: Path) -> Self {
        Self::new(path)
    }
}

impl Mail {
    /// A mail that asks for nothing special, with content in ASCII of unknown size.
    pub fn new<R: Into<Recipient>>(from: Path, to: impl IntoIterator<Item = R>) -> Self {
        Self {
            from,
            to: to.into_iter().map(Into::into).collect(),
            size: 0,
            eight_bit: false,
            smtputf8: false,
            ret: None,
            envelope_id: None,
            require_tls: false,
            priority: None,
        }
    }

    pub(crate) fn needs_smtputf8(&self) -> bool {
        self.smtputf8 || !self.from.is_ascii() || !self.to.iter().all(|one| one.path.is_ascii())
    }

    /// What MAIL says beside the reverse-path, as far as the server understands it.
    pub(crate) fn parameters(&self, extensions: Option<&Extensions>) -> MailParameters<'_> {
        let offers = |extension: fn(&Extensions) -> bool| extensions.is_some_and(extension);
        let dsn = offers(Extensions::dsn);
        MailParameters {
            size: (self.size > 0 && offers(Extensions::size)).then_some(self.size),
            eight_bit: self.eight_bit,
            smtputf8: self.needs_smtputf8(),
            ret: self.ret.filter(|_| dsn),
            envelope_id: self.envelope_id.as_ref().filter(|_| dsn),
            require_tls: self.require_tls,
            priority: self.priority.filter(|_| offers(Extensions::mt_priority)),
        }
    }

    /// Why this server cannot take this mail over this connection, as far as is known before anything is said of it.
    pub(crate) fn misfit(&self, extensions: &Extensions, under_tls: bool) -> Option<FailureKind> {
        let too_large = |limit| self.size > limit;
        if extensions.size_limit().is_some_and(too_large) {
            Some(FailureKind::TooLarge)
        } else if self.require_tls && !under_tls {
            Some(FailureKind::Unprotected)
        } else if self.require_tls && !extensions.requiretls() {
            Some(FailureKind::Unsupported("REQUIRETLS"))
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
    /// What it said when it took the mail for each of those in `accepted`, where it answers for each (LMTP).
    pub replies: Vec<(usize, Reply)>,
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
            (FailureKind::Unprotected, _) => {
                f.write_str("the message requires TLS, which this connection does not have")
            }
            (FailureKind::Unsupported(name), _) => write!(
                f,
                "the message needs {name}, which the server does not offer"
            ),
        }
    }
}

/// The kinds of [`Failure`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The server said no to the sender, to every recipient, or to the content.
    Refused,
    /// The content is larger than the server's SIZE; nothing was sent.
    TooLarge,
    /// The mail requires TLS, and the connection has none; nothing was sent.
    Unprotected,
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
    /// The recipients that have it, each with its answer: in LMTP some may, while the others are in doubt.
    pub replies: Vec<(usize, Reply)>,
    /// Whether nothing of it had been handed out, so that it may go over another connection.
    pub never_started: bool,
    /// Whether it was the mail whose answers were awaited. What the others were told nothing of had no part in the loss.
    pub was_first: bool,
    /// Whether the server did not know BDAT, and so took no content: the mail may go over another connection by DATA.
    pub by_data: bool,
}
