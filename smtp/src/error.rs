//! What can go wrong here: the server broke the protocol ([`Violation`]), or the caller gave a bad
//! value ([`InvalidArgument`]). A server that merely refuses is neither; see
//! [`Failure`](crate::Failure).

use std::error::Error;
use std::fmt;

use crate::{Phase, Reply};

/// The server broke the protocol, so nothing it says from here on can be trusted.
///
/// After a violation the connection is of no more use: call [`Session::lost`](crate::Session::lost)
/// and drop it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    kind: ViolationKind,
    phase: Option<Phase>,
    reply: Option<Box<Reply>>,
}

impl Violation {
    /// A violation outside any phase; [`at`](Self::at) adds the phase.
    pub(crate) fn new(kind: ViolationKind) -> Self {
        Self {
            kind,
            phase: None,
            reply: None,
        }
    }

    /// The same, with the whole reply that did not fit.
    pub(crate) fn with_reply(kind: ViolationKind, reply: Reply) -> Self {
        Self {
            kind,
            phase: None,
            reply: Some(Box::new(reply)),
        }
    }

    /// Notes where in the conversation it happened.
    #[must_use]
    pub(crate) fn at(mut self, phase: Phase) -> Self {
        self.phase = Some(phase);
        self
    }

    /// Which rule was broken.
    pub fn kind(&self) -> ViolationKind {
        self.kind
    }

    /// Where in the conversation it happened.
    pub fn phase(&self) -> Option<Phase> {
        self.phase
    }

    /// The reply that did not fit, when there was a whole one.
    pub fn reply(&self) -> Option<&Reply> {
        self.reply.as_deref()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server broke the protocol")?;
        if let Some(phase) = self.phase {
            write!(f, " ({phase})")?;
        }
        write!(f, ": {}", self.kind.as_str())?;
        match &self.reply {
            Some(reply) => write!(f, ": {reply}"),
            None => Ok(()),
        }
    }
}

impl Error for Violation {}

/// The rule that a [`Violation`] broke.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViolationKind {
    /// A reply line does not begin with a code from 200 to 599 and a blank, a hyphen or its end.
    Malformed,
    /// The lines of one reply have different codes.
    MixedCodes,
    /// A reply line is longer than [`ReplyLimits::line`](crate::ReplyLimits::line).
    LongLine,
    /// A reply has more lines than [`ReplyLimits::lines`](crate::ReplyLimits::lines).
    ManyLines,
    /// A reply, or what waits to be read, is longer than
    /// [`ReplyLimits::bytes`](crate::ReplyLimits::bytes).
    LongReply,
    /// The reply came before its command was sent, so it cannot belong to it.
    Unasked,
    /// The reply's code has no meaning for this command, for example 354 to MAIL.
    Unexpected,
    /// The server offered CHUNKING, and does not know BDAT. Whether it has read the content as commands is not known.
    NoChunking,
    /// The server is not in the transaction that its replies are taken to be about.
    OutOfStep,
    /// TLS was asked for, and the server does not offer STARTTLS.
    NoStartTls,
    /// Bytes came in the clear after the answer to STARTTLS: somebody else put them there.
    Injected,
    /// The server offers no way to log in that may be used with these credentials.
    NoMechanism,
    /// A challenge makes no sense, or there are too many of them.
    Challenge,
    /// The server did not prove that it knows the password.
    ServerUnproven,
    /// A command line could not be written. The types prevent it; this is the second fence.
    Command,
}

impl ViolationKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "a reply line without a valid code",
            Self::MixedCodes => "a reply whose lines have different codes",
            Self::LongLine => "a reply line that is too long",
            Self::ManyLines => "a reply of too many lines",
            Self::LongReply => "a reply that is too long",
            Self::Unasked => "a reply that nobody asked for",
            Self::Unexpected => "a reply that does not fit the command",
            Self::NoChunking => "CHUNKING, which was offered, does not work",
            Self::OutOfStep => "an answer that shows it to be in another transaction",
            Self::NoStartTls => "STARTTLS, which was asked for, is not offered",
            Self::Injected => "bytes in the clear after the answer to STARTTLS",
            Self::NoMechanism => "no way to log in that may be used here is offered",
            Self::Challenge => "a challenge that makes no sense",
            Self::ServerUnproven => "no proof that the server knows the password",
            Self::Command => "a command line that may not be sent",
        }
    }
}

/// A value that may not go into a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidArgument {
    what: &'static str,
    problem: &'static str,
}

impl InvalidArgument {
    pub(crate) const fn new(what: &'static str, problem: &'static str) -> Self {
        Self { what, problem }
    }

    /// What kind of value it was: "path", "EHLO name", "command line", "reply".
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// What is wrong with it.
    pub fn problem(&self) -> &'static str {
        self.problem
    }
}

impl fmt::Display for InvalidArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.problem)
    }
}

impl Error for InvalidArgument {}
