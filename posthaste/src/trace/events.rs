//! Spans and events.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use posthaste_message::Mailbox;
use posthaste_smtp::{Line, Reply, Session};
use tracing::field::{Empty, display};
use tracing::{Level, Span, debug, enabled, info, info_span, trace, warn};

use super::Listener;
use crate::error::{Error, Phase};
use crate::net::{Place, Safety, Target};
use crate::report::{Report, Status};

const MESSAGE: &str = "posthaste::message";
const CONNECTION: &str = "posthaste::connection";
const DIALOGUE: &str = "posthaste::dialogue";

/// Numbers for connections, so that one can be told from another in a log.
static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

/// The span of a connection.
#[derive(Debug)]
pub(super) struct Events(Span);

impl Default for Events {
    fn default() -> Self {
        Self(Span::none())
    }
}

impl Listener for Events {
    fn wants_dialogue() -> bool {
        enabled!(target: DIALOGUE, Level::TRACE)
    }

    fn reported(backend: &str, report: &Report, elapsed: Duration) {
        let (status, message_id) = (report.status().as_str(), report.message_id.as_deref());
        let (accepted, rejected) = (report.accepted.len(), report.rejected.len());
        let error = report.error.as_ref();
        let reply = report.reply.as_ref().or(error.and_then(Error::reply));
        let code = reply.map(Reply::code);
        let queue_id = report.queue_id();
        let queue_id = queue_id.as_deref();
        let elapsed_ms = milliseconds(elapsed);
        match report.status() {
            Status::Sent | Status::Skipped => info!(
                target: MESSAGE, backend, status, message_id, accepted, rejected, code, queue_id, elapsed_ms,
                "message {}", outcome(report.status())
            ),
            Status::Partial | Status::Failed => warn!(
                target: MESSAGE, backend, status, message_id, accepted, rejected, code, queue_id, elapsed_ms,
                kind = error.map(|error| error.kind().as_str()),
                phase = error.and_then(Error::phase).map(Phase::as_str),
                temporary = error.map(Error::is_temporary),
                in_doubt = error.map(Error::is_in_doubt),
                recipients_in_doubt = Some(report.in_doubt.len()).filter(|count| *count > 0),
                "message {}", outcome(report.status())
            ),
        }
        // Both may name people.
        for refused in &report.rejected {
            let (recipient, reply) = (refused.recipient.addr_spec(), display(&refused.reply));
            debug!(target: MESSAGE, message_id, recipient, reply, "recipient refused");
        }
        for recipient in report.in_doubt.iter().map(Mailbox::addr_spec) {
            debug!(target: MESSAGE, message_id, recipient, "recipient in doubt");
        }
        if let Some(error) = error {
            debug!(target: MESSAGE, message_id, error = display(error), "reason");
        }
    }

    fn dialing(&mut self, to: &Target, is_lmtp: bool) {
        let (host, port) = match &to.place {
            Place::Tcp(host, port) => (host.clone(), Some(*port)),
            Place::Unix(path) => (path.display().to_string(), None),
        };
        // Not who logs in there.
        let proxy = to.proxy.as_ref();
        let proxy = proxy.map(|proxy| format!("{}:{}", proxy.host, proxy.port));
        let id = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        // A parent would last as long as a connection that is kept.
        self.0 = info_span!(
            target: CONNECTION, parent: None, "connection",
            id, host, port, lmtp = is_lmtp.then_some(true), proxy, tls = Empty, login = Empty
        );
        self.0.follows_from(Span::current());
    }

    fn opened(
        &mut self,
        session: &Session,
        safety: &dyn Fn() -> Option<Safety>,
        elapsed: Duration,
    ) {
        if self.0.is_disabled() {
            return;
        }
        let safety = safety();
        if let Some(safety) = &safety {
            self.0.record("tls", safety.version_name());
        }
        if let Some(mechanism) = session.mechanism() {
            self.0.record("login", display(mechanism));
        }
        let cipher = safety.map(|safety| safety.cipher);
        let elapsed_ms = milliseconds(elapsed);
        debug!(target: CONNECTION, parent: &self.0, cipher, elapsed_ms, "connected");
    }

    fn failed(&mut self, error: &Error, elapsed: Duration) {
        let elapsed_ms = milliseconds(elapsed);
        debug!(target: CONNECTION, parent: &self.0, error = display(error), elapsed_ms, "not connected");
    }

    fn reused(&mut self) {
        debug!(target: CONNECTION, parent: &self.0, "reused");
    }

    fn submitted(&mut self, message_id: &str, recipients: usize, octets: u64) {
        debug!(target: CONNECTION, parent: &self.0, message_id, recipients, octets, "message submitted");
    }

    fn said(&mut self, line: &Line) {
        match line {
            Line::Client(line) => trace!(target: DIALOGUE, parent: &self.0, "C: {line}"),
            Line::Server(reply) => {
                let code = reply.code();
                let mut lines = reply.lines().peekable();
                while let Some(line) = lines.next() {
                    let mark = if lines.peek().is_some() { '-' } else { ' ' };
                    trace!(target: DIALOGUE, parent: &self.0, "S: {code}{mark}{line}");
                }
            }
            _ => trace!(target: DIALOGUE, parent: &self.0, "TLS from here on"),
        }
    }

    fn closed(&mut self, why: &str, error: Option<&Error>, messages: u64) {
        let error = error.map(display);
        debug!(target: CONNECTION, parent: &self.0, why, error, messages, "closed");
    }
}

fn outcome(status: Status) -> &'static str {
    match status {
        Status::Sent => "sent",
        Status::Partial => "sent in part",
        Status::Failed => "failed",
        Status::Skipped => "skipped",
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
