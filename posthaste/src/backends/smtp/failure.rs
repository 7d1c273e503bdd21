//! What went wrong, in the words of the report.

use std::io;
use std::sync::Arc;

use posthaste_message::RenderError;
use posthaste_smtp::{Failure, FailureKind, Outcome, Reply, Unfinished, Violation, ViolationKind};

use super::faults::Fault as Avoidable;
use super::prepared::Prepared;
use crate::error::{Error, ErrorKind, Phase};
use crate::net::{Fault, LoginRefused, Target, explain};
use crate::report::Rejection;

/// How a conversation ended that should have gone on.
pub(super) enum Ended {
    /// The server closed it, if `Some` with these words.
    Closed(Option<Reply>),
    /// It broke.
    Fault(Fault),
}

impl Ended {
    /// The error of a conversation that ended in `phase`.
    pub(super) fn error(&self, phase: Phase) -> Error {
        let what = phase.as_str();
        let error = match self {
            Self::Closed(Some(reply)) => {
                let temporary = reply.is_temporary();
                let (kind, message) = match phase {
                    Phase::Auth => (
                        ErrorKind::Auth,
                        format!("the server refused the login: {reply}"),
                    ),
                    Phase::Starttls => (
                        ErrorKind::Tls,
                        format!("the server refused STARTTLS: {reply}"),
                    ),
                    _ => {
                        let message =
                            format!("the server ended the conversation ({what}): {reply}");
                        (ErrorKind::Rejected, message)
                    }
                };
                Error::new(kind, message)
                    .with_reply(reply.clone())
                    .with_temporary(temporary)
            }
            Self::Closed(None) => lost(format!("the server ended the conversation ({what})")),
            Self::Fault(Fault::Peer(violation)) => broken(violation),
            Self::Fault(Fault::Tls(error)) => unsafe_server(error.clone()),
            Self::Fault(Fault::Wire(error)) => match of_tls(error) {
                // A server may agree first, and say afterwards that it does not like our certificate.
                Some(error) => unsafe_server(error).with_temporary(phase != Phase::Greeting),
                None => interrupted(what, error),
            },
        };
        error.with_phase(phase)
    }

    /// The fault of the server that this tells of, if it is one that the next connection can avoid.
    pub(super) fn fault_of_server(&self, phase: Phase, is_chunking: bool) -> Option<Avoidable> {
        match self {
            Self::Fault(Fault::Peer(violation)) => match violation.kind() {
                ViolationKind::NoChunking => Some(Avoidable::Chunking),
                ViolationKind::OutOfStep => Some(Avoidable::Pipelining),
                _ => None,
            },
            // Some servers never answer a last BDAT, where they would answer a dot.
            Self::Fault(Fault::Wire(error)) if error.kind() == io::ErrorKind::TimedOut => {
                (is_chunking && phase == Phase::Final).then_some(Avoidable::Chunking)
            }
            _ => None,
        }
    }

    /// Whether the connection itself gave out, as an idle one does when the server tires of it.
    fn is_hang_up(&self) -> bool {
        match self {
            Self::Closed(_) => true,
            Self::Fault(Fault::Wire(error)) => error.kind() != io::ErrorKind::TimedOut,
            Self::Fault(_) => false,
        }
    }

    /// Whether a reply came that nobody asked for, as far as can be told: it may belong to another message than the one whose
    /// answer was awaited.
    fn is_out_of_turn(&self) -> bool {
        let Self::Fault(Fault::Peer(violation)) = self else {
            return false;
        };
        matches!(
            violation.kind(),
            ViolationKind::Unasked | ViolationKind::Unexpected | ViolationKind::OutOfStep
        )
    }

    /// Whether a mail that was lost so may go over another connection. `proven` if this connection was good before:
    /// otherwise the next one would be no better. What the server may have taken never goes again.
    pub(super) fn may_go_again(&self, unfinished: &Unfinished, proven: bool) -> bool {
        let not_begun = unfinished.never_started
            || (self.is_hang_up() && Phase::from(unfinished.phase) == Phase::Mail)
            || (self.is_out_of_turn() && is_before_content(unfinished.phase));
        let is_blameless = !unfinished.was_first || (proven && not_begun);
        !unfinished.in_doubt && (is_blameless || unfinished.by_data)
    }

    /// The error of a mail that was lost so.
    pub(super) fn loss(&self, unfinished: Unfinished, prepared: &Prepared<'_>) -> Error {
        let mut error = self.error(Phase::from(unfinished.phase));
        if unfinished.in_doubt {
            error = error.with_temporary(true).with_in_doubt(true);
        }
        error.with_rejections(prepared.rejections(unfinished.rejected))
    }
}

/// Whether MAIL was answered by 421. The server may have said that before, tired of waiting, so on a connection that was
/// good before it says nothing about this message.
pub(super) fn is_tired_of_waiting(outcome: &Outcome) -> bool {
    let failure = outcome.failure.as_ref();
    failure.is_some_and(|failure| {
        let is_421 = failure
            .reply
            .as_ref()
            .is_some_and(|reply| reply.code() == 421);
        is_421 && failure.phase == posthaste_smtp::Phase::Mail
    })
}

/// A kind of reply: its code, and its enhanced code.
pub(super) type Kind = (u16, Option<String>);

/// What was said to MAIL if it was refused for now, which may be because this connection has carried as much as the server
/// likes.
pub(super) fn too_much_for_now(outcome: &Outcome) -> Option<Kind> {
    let failure = outcome.failure.as_ref()?;
    let reply = failure.reply.as_ref()?;
    let is_it = reply.is_temporary() && failure.phase == posthaste_smtp::Phase::Mail;
    let enhanced = reply.enhanced().map(|code| code.to_string());
    is_it.then(|| (reply.code(), enhanced))
}

fn is_before_content(phase: posthaste_smtp::Phase) -> bool {
    matches!(Phase::from(phase), Phase::Mail | Phase::Rcpt | Phase::Data)
}

/// The error of a server that broke the rules, or that does not offer what has to be.
fn broken(violation: &Violation) -> Error {
    let (kind, message) = match violation.kind() {
        ViolationKind::NoStartTls => (
            ErrorKind::Tls,
            "the server does not offer STARTTLS, which use_tls asks for; nothing was sent in plain instead",
        ),
        ViolationKind::Injected => (
            ErrorKind::Tls,
            "somebody put words into the connection before TLS began",
        ),
        ViolationKind::NoMechanism => (
            ErrorKind::Auth,
            "there is no way to log in that may be used here",
        ),
        ViolationKind::Challenge => (ErrorKind::Auth, "the server's challenge makes no sense"),
        ViolationKind::ServerUnproven => (
            ErrorKind::Auth,
            "the server did not prove that it knows the password",
        ),
        _ => {
            return Error::new(ErrorKind::Protocol, violation.to_string()).with_temporary(true);
        }
    };
    Error::new(kind, message)
}

/// The error of a handshake that failed. Another try does not mend a certificate.
fn unsafe_server(error: rustls::Error) -> Error {
    Error::new(ErrorKind::Tls, explain(&error)).with_source(error)
}

/// The error of a server that cannot be connected to.
pub(super) fn unreachable(target: &Target, error: io::Error) -> Error {
    let is_login = error
        .get_ref()
        .is_some_and(|inner| inner.is::<LoginRefused>());
    let (kind, why) = match error.kind() {
        io::ErrorKind::TimedOut => (ErrorKind::Timeout, "it took too long".to_owned()),
        _ if is_login => (ErrorKind::Auth, error.to_string()),
        _ => (ErrorKind::Connect, error.to_string()),
    };
    Error::new(kind, format!("cannot connect to {target}: {why}"))
        .with_phase(Phase::Connect)
        .with_temporary(!is_login)
        .with_source(error)
}

/// The error of a send that waited in vain for one of the connections that there may be.
pub(super) fn none_free(connections: usize) -> Error {
    let message = format!(
        "no connection came free in time; the limit of {connections} (EMAIL_MAX_CONNECTIONS) is reached"
    );
    Error::new(ErrorKind::Timeout, message)
        .with_phase(Phase::Connect)
        .with_temporary(true)
}

/// The error of a message that the server refused, or that cannot be sent to this server.
pub(super) fn refused(failure: Option<Failure>, rejected: &[Rejection]) -> Error {
    let Some(failure) = failure else {
        return all_refused(rejected);
    };
    let phase = Phase::from(failure.phase);
    let error = match (failure.kind, failure.reply) {
        (FailureKind::Unsupported(what), _) => {
            let message = format!("the server does not offer {what}, which this message needs");
            Error::new(ErrorKind::Rejected, message)
        }
        (FailureKind::Unprotected, _) => {
            let message =
                "the message requires TLS, which the connection to the server does not have";
            Error::new(ErrorKind::Rejected, message)
        }
        (FailureKind::TooLarge, None) => {
            let message = "the message is larger than the server takes".to_owned();
            Error::new(ErrorKind::Rejected, message)
        }
        (_, Some(reply)) => {
            let temporary = reply.is_temporary();
            let message = format!(
                "the server refused the message ({}): {reply}",
                phase.as_str()
            );
            Error::new(ErrorKind::Rejected, message)
                .with_reply(reply)
                .with_temporary(temporary)
        }
        (_, None) => return all_refused(rejected),
    };
    error.with_phase(phase)
}

/// No recipient was accepted. It is worth another try if at least one refusal is a temporary one.
fn all_refused(rejected: &[Rejection]) -> Error {
    let temporary = rejected.iter().any(|one| one.reply.is_temporary());
    let message = match rejected {
        [one] => format!("the server refused {}: {}", one.recipient, one.reply),
        _ => format!("the server refused all {} recipients", rejected.len()),
    };
    let error = Error::new(ErrorKind::Rejected, message)
        .with_phase(Phase::Rcpt)
        .with_temporary(temporary);
    match rejected.first() {
        Some(first) => error.with_reply(first.reply.clone()),
        None => error,
    }
}

/// The error of a content that could not be read to its end. Rendered anew, the same message may well go out.
pub(super) fn unreadable(error: RenderError) -> Error {
    let message = format!("the message's content could not be read: {error}");
    Error::new(ErrorKind::Io, message)
        .with_phase(Phase::Body)
        .with_temporary(true)
        .with_source(error)
}

/// The error of TLS, if a connection failed by one.
fn of_tls(error: &io::Error) -> Option<rustls::Error> {
    error.get_ref()?.downcast_ref().cloned()
}

/// The error of a connection that failed during `what`.
fn interrupted(what: &str, error: &Arc<io::Error>) -> Error {
    match error.kind() {
        io::ErrorKind::TimedOut => {
            let message = format!("the server took too long ({what})");
            Error::new(ErrorKind::Timeout, message).with_temporary(true)
        }
        io::ErrorKind::UnexpectedEof => lost(format!("the server closed the connection ({what})")),
        _ => lost(format!("the connection was lost ({what}): {error}"))
            .with_source(Arc::clone(error)),
    }
}

/// The error of a lost connection.
fn lost(message: String) -> Error {
    Error::new(ErrorKind::Connect, message).with_temporary(true)
}
