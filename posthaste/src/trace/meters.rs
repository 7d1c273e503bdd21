//! Numbers.

use std::time::Duration;

use metrics::{counter, gauge, histogram};
use posthaste_smtp::Session;

use super::Listener;
use crate::error::Error;
use crate::net::Safety;
use crate::report::Report;

const CONNECTIONS: &str = "posthaste_connections_total";
const OPEN: &str = "posthaste_connections_open";

/// Counts; it keeps nothing itself.
#[derive(Debug, Default)]
pub(super) struct Meters;

impl Listener for Meters {
    fn reported(backend: &str, report: &Report, _: Duration) {
        let backend = backend.to_owned();
        let error = report
            .error
            .as_ref()
            .map_or("none", |error| error.kind().as_str());
        let status = report.status().as_str();
        counter!("posthaste_messages_total", "backend" => backend.clone(), "status" => status, "error" => error)
            .increment(1);
        for (outcome, people) in [
            ("accepted", report.accepted.len()),
            ("rejected", report.rejected.len()),
            ("in_doubt", report.in_doubt.len()),
        ] {
            counter!("posthaste_recipients_total", "backend" => backend.clone(), "outcome" => outcome)
                .increment(people as u64);
        }
    }

    fn called(backend: &str, elapsed: Duration) {
        histogram!("posthaste_send_seconds", "backend" => backend.to_owned()).record(elapsed);
    }

    fn opened(&mut self, _: &Session, _: &dyn Fn() -> Option<Safety>, elapsed: Duration) {
        counter!(CONNECTIONS, "outcome" => "opened").increment(1);
        gauge!(OPEN).increment(1);
        histogram!("posthaste_connect_seconds").record(elapsed);
    }

    fn failed(&mut self, _: &Error, _: Duration) {
        counter!(CONNECTIONS, "outcome" => "failed").increment(1);
    }

    fn reused(&mut self) {
        counter!(CONNECTIONS, "outcome" => "reused").increment(1);
    }

    fn closed(&mut self, _: &str, _: Option<&Error>, _: u64) {
        gauge!(OPEN).decrement(1);
    }
}
