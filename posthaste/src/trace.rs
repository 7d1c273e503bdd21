//! What can be watched: spans and events for [`tracing`], numbers for [`metrics`].
//!
//! Both are off by default. The features `tracing` and `metrics` of this crate turn them on; nothing else has to be done,
//! and nothing else changes. An application that has a subscriber (`tracing_subscriber::fmt::init()`) or a recorder sees
//! what follows. The program `posthaste` shows the same with `-v` and `-vv`.
//!
//! # Events
//!
//! | target | level | what | fields |
//! |---|---|---|---|
//! | `posthaste::message` | INFO | `message sent`, `message skipped` (it has no recipients) | `backend`, `status`, `message_id`, `accepted`, `rejected`, `code`, `queue_id`, `elapsed_ms` |
//! | | WARN | `message failed`, `message sent in part` | the same, and `kind`, `phase`, `temporary`, `in_doubt`; `recipients_in_doubt` |
//! | | DEBUG | `recipient refused`, `recipient in doubt`; `reason` of a failure | `recipient`, `reply`; `error` |
//! | `posthaste::connection` | DEBUG | `connected`, `not connected`, `reused`, `message submitted`, `closed` | `cipher`, `elapsed_ms`; `error`; `message_id`, `recipients`, `octets`; `why`, `messages` |
//! | `posthaste::dialogue` | TRACE | each line of the conversation, after `C: ` or `S: ` | |
//!
//! `elapsed_ms` of a message counts from the call that sends it. `why` a connection is closed is `quit` (by us), `lost`, or
//! `dropped`: whoever used it was cut off.
//!
//! Connections have a span, `connection`, with `id`, `host`, `port`, `lmtp` and `proxy` where it is so, and as soon as they
//! are known `tls` and `login` (the mechanism). Their events are inside. It has no parent, since a connection is kept for
//! other messages; it follows from the span that it was made in. The events of `posthaste::message` are in the caller's span.
//! A call that fails before there is a backend, because a setting is wrong, tells nothing but its error.
//!
//! **What is never there:** passwords, tokens and what is said to log in (it is `***`), subjects, headers and contents.
//! **Addresses** of people are at DEBUG and TRACE alone. What a server says has no control characters any more.
//!
//! # Metrics
//!
//! | name | kind | labels |
//! |---|---|---|
//! | `posthaste_messages_total` | counter | `backend`; `status`: `sent`, `partial`, `failed`, `skipped`; `error`: the kind, or `none` |
//! | `posthaste_recipients_total` | counter | `backend`; `outcome`: `accepted`, `rejected`, `in_doubt` |
//! | `posthaste_send_seconds` | histogram | `backend`; one call, from its start to the last report |
//! | `posthaste_connections_total` | counter | `outcome`: `opened`, `failed`, `reused` |
//! | `posthaste_connections_open` | gauge | |
//! | `posthaste_connect_seconds` | histogram | from the first packet to the end of the login |
//!
//! [`tracing`]: https://docs.rs/tracing
//! [`metrics`]: https://docs.rs/metrics

#[cfg(feature = "tracing")]
mod events;
#[cfg(feature = "metrics")]
mod meters;

use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use posthaste_smtp::{Config, Line, Protocol, Session};

use crate::error::Error;
use crate::net::{Safety, Target};
use crate::report::Report;

#[cfg(not(feature = "tracing"))]
type Events = PhantomData<()>;
#[cfg(feature = "tracing")]
type Events = events::Events;
#[cfg(not(feature = "metrics"))]
type Meters = PhantomData<()>;
#[cfg(feature = "metrics")]
type Meters = meters::Meters;

/// One who hears of what happens on a connection. By default they do not listen.
trait Listener: Default + fmt::Debug {
    /// Whether they want to hear every line.
    fn wants_dialogue() -> bool {
        false
    }

    /// What became of a message, so long after the call.
    fn reported(_backend: &str, _report: &Report, _elapsed: Duration) {}

    /// A call is over, after so long.
    fn called(_backend: &str, _elapsed: Duration) {}

    fn dialing(&mut self, _to: &Target, _is_lmtp: bool) {}

    fn opened(&mut self, _session: &Session, _safety: &dyn Fn() -> Option<Safety>, _in: Duration) {}

    fn failed(&mut self, _error: &Error, _in: Duration) {}

    fn reused(&mut self) {}

    fn submitted(&mut self, _message_id: &str, _recipients: usize, _octets: u64) {}

    fn said(&mut self, _line: &Line) {}

    fn closed(&mut self, _why: &str, _error: Option<&Error>, _messages: u64) {}
}

impl Listener for PhantomData<()> {}

/// Tells of one connection; the default one tells nobody.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    events: Events,
    meters: Meters,
    begun: Option<Instant>,
    is_open: bool,
    messages: u64,
}

impl Trace {
    /// Begins with the attempt to connect. `config` is told whether its lines are wanted.
    pub(crate) fn new(to: &Target, config: &mut Config) -> Self {
        let mut events = Events::default();
        events.dialing(to, config.protocol == Protocol::Lmtp);
        config.transcript |= Events::wants_dialogue();
        Self {
            events,
            meters: Meters::default(),
            begun: Some(Instant::now()),
            is_open: false,
            messages: 0,
        }
    }

    /// The server has let us in.
    pub(crate) fn opened(&mut self, session: &Session, safety: &dyn Fn() -> Option<Safety>) {
        self.is_open = true;
        let elapsed = self.elapsed();
        self.events.opened(session, safety, elapsed);
        self.meters.opened(session, safety, elapsed);
    }

    /// There is no connection. Gives the error on.
    pub(crate) fn failed(&mut self, error: Error) -> Error {
        let elapsed = self.elapsed();
        self.events.failed(&error, elapsed);
        self.meters.failed(&error, elapsed);
        error
    }

    /// It was kept, and is used again.
    pub(crate) fn reused(&mut self) {
        self.events.reused();
        self.meters.reused();
    }

    /// A message goes over it.
    pub(crate) fn submitted(&mut self, message_id: &str, recipients: usize, octets: u64) {
        self.messages += 1;
        self.events.submitted(message_id, recipients, octets);
    }

    /// Takes what was said since the last time.
    pub(crate) fn hear(&mut self, session: &mut Session) {
        if self.begun.is_some() && Events::wants_dialogue() {
            session.transcript().for_each(|line| self.said(&line));
        }
    }

    /// A line was said.
    pub(crate) fn said(&mut self, line: &Line) {
        self.events.said(line);
    }

    /// We have taken leave.
    pub(crate) fn quit(&mut self) {
        self.close("quit", None);
    }

    /// It cannot be used any more.
    pub(crate) fn lost(&mut self, error: &Error) {
        self.close("lost", Some(error));
    }

    fn close(&mut self, why: &str, error: Option<&Error>) {
        if std::mem::take(&mut self.is_open) {
            self.events.closed(why, error, self.messages);
            self.meters.closed(why, error, self.messages);
        }
    }

    fn elapsed(&self) -> Duration {
        self.begun
            .as_ref()
            .map(Instant::elapsed)
            .unwrap_or_default()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.close("dropped", None);
    }
}

/// Tells of one call of a backend, whatever backend it is. Its end is the end of the call.
pub(crate) struct Call<'a> {
    backend: &'a str,
    begun: Instant,
}

impl<'a> Call<'a> {
    /// Begins with the call.
    pub(crate) fn new(backend: &'a str) -> Self {
        Self {
            backend,
            begun: Instant::now(),
        }
    }

    /// What became of a message is known.
    pub(crate) fn reported(&self, report: &Report) {
        let elapsed = self.begun.elapsed();
        Events::reported(self.backend, report, elapsed);
        Meters::reported(self.backend, report, elapsed);
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        Meters::called(self.backend, self.begun.elapsed());
    }
}
