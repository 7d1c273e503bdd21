//! What can go wrong, as one type for the whole crate.

use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use posthaste_message::{AddressError, RenderError};
use posthaste_smtp::Reply;

use crate::report::{Rejection, Reports};

/// Why a message was not sent, or why a backend could not be made.
///
/// It is one pointer wide and cheap to clone. [`kind`](Self::kind) is the `kind` of the program's JSON; the predicates and
/// accessors tell the rest. What it displays is one line, with control characters escaped; the cause, if there is
/// one, is its [`source`](StdError::source).
///
/// # Examples
///
/// ```
/// use posthaste::{Error, ErrorKind};
///
/// let error = Error::invalid("subject", "a line end is not allowed here:\n");
/// assert_eq!(error.kind(), ErrorKind::Invalid);
/// assert_eq!(error.field(), Some("subject"));
/// assert_eq!(error.to_string(), r"subject: a line end is not allowed here:\n");
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    field: Option<String>,
    phase: Option<Phase>,
    temporary: bool,
    in_doubt: bool,
    reply: Option<Reply>,
    rejections: Vec<Rejection>,
    reports: Reports,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The families of errors.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Logging in failed, or cannot be done.
    Auth,
    /// There is no connection to the server, or it was lost.
    Connect,
    /// The message, a setting or an argument cannot be used.
    Invalid,
    /// A file, a folder or a stream of this machine cannot be used.
    Io,
    /// The server broke the rules of SMTP.
    Protocol,
    /// The server refused.
    Rejected,
    /// The server took too long.
    Timeout,
    /// TLS failed, or cannot be done.
    Tls,
}

impl ErrorKind {
    /// The word in the program's JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Connect => "connect",
            Self::Invalid => "invalid",
            Self::Io => "io",
            Self::Protocol => "protocol",
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
        }
    }
}

/// How far a conversation had come when it failed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Before there was a connection; also what went wrong before anything was sent.
    Connect,
    /// Waiting for the server's first words.
    Greeting,
    /// Saying hello.
    Ehlo,
    /// Switching to TLS.
    Starttls,
    /// Logging in.
    Auth,
    /// Naming the sender.
    Mail,
    /// Naming the recipients.
    Rcpt,
    /// Asking to send the content.
    Data,
    /// Sending the content.
    Body,
    /// Waiting for the server's word on the content.
    Final,
}

impl Phase {
    /// The word in the program's JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Greeting => "greeting",
            Self::Ehlo => "ehlo",
            Self::Starttls => "starttls",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Body => "body",
            Self::Final => "final",
        }
    }
}

impl From<posthaste_smtp::Phase> for Phase {
    fn from(phase: posthaste_smtp::Phase) -> Self {
        use posthaste_smtp::Phase as Smtp;
        match phase {
            Smtp::Greeting => Self::Greeting,
            Smtp::Ehlo => Self::Ehlo,
            Smtp::Starttls => Self::Starttls,
            Smtp::Auth => Self::Auth,
            Smtp::Mail => Self::Mail,
            Smtp::Rcpt => Self::Rcpt,
            Smtp::Data => Self::Data,
            Smtp::Body => Self::Body,
            // QUIT and RSET come after a message's last word.
            _ => Self::Final,
        }
    }
}

impl Error {
    /// Makes an error that is permanent and says nothing else; the `with_` methods add to it.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            field: None,
            phase: None,
            temporary: false,
            in_doubt: false,
            reply: None,
            rejections: Vec::new(),
            reports: Reports::default(),
            source: None,
        }))
    }

    /// Makes the error of a field, setting or argument that cannot be used.
    #[must_use]
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message).with_field(field)
    }

    /// Says in which phase it happened.
    #[must_use]
    pub fn with_phase(self, phase: Phase) -> Self {
        self.change(|inner| inner.phase = Some(phase))
    }

    /// Says whether another try may succeed.
    #[must_use]
    pub fn with_temporary(self, temporary: bool) -> Self {
        self.change(|inner| inner.temporary = temporary)
    }

    /// Says whether the message may have been taken all the same.
    #[must_use]
    pub fn with_in_doubt(self, in_doubt: bool) -> Self {
        self.change(|inner| inner.in_doubt = in_doubt)
    }

    /// Names the field, setting or argument that is to blame.
    #[must_use]
    pub fn with_field(self, field: impl Into<String>) -> Self {
        self.change(|inner| inner.field = Some(field.into()))
    }

    /// Adds the server's words.
    #[must_use]
    pub fn with_reply(self, reply: Reply) -> Self {
        self.change(|inner| inner.reply = Some(reply))
    }

    /// Adds the recipients that were refused before it happened.
    #[must_use]
    pub fn with_rejections(self, rejections: Vec<Rejection>) -> Self {
        self.change(|inner| inner.rejections = rejections)
    }

    /// Adds the reports of all messages of the call that failed.
    #[must_use]
    pub fn with_reports(self, reports: Reports) -> Self {
        self.change(|inner| inner.reports = reports)
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.change(|inner| inner.source = Some(Arc::from(source.into())))
    }

    /// The family.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What happened, without the field; control characters are as they came.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// How far the conversation had come, if there was one.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        self.0.phase
    }

    /// Whether another try may succeed.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.0.temporary
    }

    /// Whether the message may have been taken all the same, so that another try may deliver it twice.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.0.in_doubt
    }

    /// The field, setting or argument that is to blame.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// The server's words.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        self.0.reply.as_ref()
    }

    /// The recipients that were refused before it happened.
    #[must_use]
    pub fn rejections(&self) -> &[Rejection] {
        &self.0.rejections
    }

    /// The reports of all messages of the call that failed, also of those that were sent; empty if nothing was tried.
    pub fn reports(&self) -> &Reports {
        &self.0.reports
    }

    pub(crate) fn with_message(self, message: String) -> Self {
        self.change(|inner| inner.message = message)
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.0.field {
            write_escaped(f, field)?;
            f.write_str(": ")?;
        }
        write_escaped(f, &self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        f.debug_struct("Error")
            .field("kind", &inner.kind)
            .field("message", &inner.message)
            .field("field", &inner.field)
            .field("phase", &inner.phase)
            .field("temporary", &inner.temporary)
            .field("in_doubt", &inner.in_doubt)
            .field("reply", &inner.reply)
            .field("reports", &inner.reports.len())
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}

impl From<RenderError> for Error {
    fn from(error: RenderError) -> Self {
        Self::invalid(error.field(), error.message()).with_source(error)
    }
}

impl From<AddressError> for Error {
    fn from(error: AddressError) -> Self {
        Self::new(ErrorKind::Invalid, error.to_string()).with_source(error)
    }
}

/// Writes `text` so that it stays on its line and cannot steer a terminal.
fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|c| {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            write!(f, "{}", c.escape_default())
        } else {
            f.write_char(c)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_word_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn shows_one_line() {
        let error = Error::invalid("a\rb", "x\u{1b}[31m\u{2028}é");
        assert_eq!(error.to_string(), r"a\rb: x\u{1b}[31m\u{2028}é");
        assert!(!format!("{error:?}").contains('\r'));
    }

    #[test]
    fn keeps_what_it_is_told() {
        let error = Error::new(ErrorKind::Timeout, "late")
            .with_phase(Phase::Final)
            .with_temporary(true)
            .with_in_doubt(true)
            .with_source(std::io::Error::other("inner"));
        let copy = error.clone().with_in_doubt(false);
        assert!(error.is_in_doubt() && error.is_temporary() && !copy.is_in_doubt());
        assert_eq!(error.phase().map(Phase::as_str), Some("final"));
        assert_eq!(error.kind().as_str(), "timeout");
        assert_eq!(error.source().expect("a source").to_string(), "inner");
    }
}
