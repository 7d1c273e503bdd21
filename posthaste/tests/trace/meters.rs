//! Which numbers there are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use posthaste::Mailer;
use posthaste::testing::{At, Server};

use crate::message;

/// A recorder that adds up: counters and gauges by their values, histograms by how many values came.
#[derive(Clone, Default)]
struct Sheet(Arc<Mutex<BTreeMap<String, f64>>>);

struct Line(Sheet, String);

impl Line {
    fn add(&self, value: f64) {
        let mut sheet = self.0.0.lock().expect("no panic");
        *sheet.entry(self.1.clone()).or_default() += value;
    }
}

impl CounterFn for Line {
    fn increment(&self, value: u64) {
        self.add(value as f64);
    }

    fn absolute(&self, _: u64) {}
}

impl GaugeFn for Line {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    fn set(&self, _: f64) {}
}

impl HistogramFn for Line {
    fn record(&self, value: f64) {
        assert!((0.0..60.0).contains(&value), "{value} are no seconds");
        self.add(1.0);
    }
}

impl Sheet {
    fn line(&self, key: &Key) -> Arc<Line> {
        let labels: Vec<_> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        Arc::new(Line(
            self.clone(),
            format!("{}{{{}}}", key.name(), labels.join(",")),
        ))
    }
}

impl Recorder for Sheet {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.line(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.line(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.line(key))
    }
}

/// The numbers after `work`, without those that are zero.
fn counted(work: impl FnOnce()) -> Vec<(String, f64)> {
    let sheet = Sheet::default();
    metrics::with_local_recorder(&sheet, work);
    let sheet = sheet.0.lock().expect("no panic");
    sheet
        .iter()
        .filter(|(_, value)| **value != 0.0)
        .map(|(name, value)| (name.clone(), *value))
        .collect()
}

#[track_caller]
fn expect(counted: &[(String, f64)], expected: &[(&str, f64)]) {
    let counted: Vec<_> = counted
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    assert_eq!(counted, expected);
}

#[test]
fn messages_recipients_and_connections_are_counted() {
    let server = Server::builder()
        .rule(At::rcpt("bob@*").reply("550 no"))
        .start();
    let mut kept = None;
    let numbers = counted(|| {
        let mailer = Mailer::new(server.settings()).blocking();
        let _ = mailer.send(&message(&["ann@example.com", "bob@example.com"]));
        let _ =
            mailer.send_messages(&[message(&["ann@example.com"]), message(&["bob@example.com"])]);
        kept = Some(mailer);
    });
    expect(
        &numbers,
        &[
            ("posthaste_connect_seconds{}", 1.0),
            ("posthaste_connections_open{}", 1.0),
            ("posthaste_connections_total{outcome=opened}", 1.0),
            ("posthaste_connections_total{outcome=reused}", 1.0),
            (
                "posthaste_messages_total{backend=smtp,status=failed,error=rejected}",
                1.0,
            ),
            (
                "posthaste_messages_total{backend=smtp,status=partial,error=none}",
                1.0,
            ),
            (
                "posthaste_messages_total{backend=smtp,status=sent,error=none}",
                1.0,
            ),
            (
                "posthaste_recipients_total{backend=smtp,outcome=accepted}",
                2.0,
            ),
            (
                "posthaste_recipients_total{backend=smtp,outcome=rejected}",
                2.0,
            ),
            ("posthaste_send_seconds{backend=smtp}", 2.0),
        ],
    );
}

#[test]
fn a_connection_that_is_over_is_not_open() {
    let server = Server::builder()
        .rule(At::end().holding("X-Lose: yes").close())
        .start();
    for lose in ["no", "yes"] {
        let numbers = counted(|| {
            let mut connection = Mailer::new(server.settings())
                .blocking()
                .connection()
                .expect("made");
            let _ = connection.send(&message(&["ann@example.com"]).header("X-Lose", lose));
        });
        let names: Vec<_> = numbers.iter().map(|(name, _)| name.as_str()).collect();
        assert!(
            names.contains(&"posthaste_connections_total{outcome=opened}"),
            "{names:?}"
        );
        assert!(
            !names.contains(&"posthaste_connections_open{}"),
            "{names:?}"
        );
    }
}

#[test]
fn a_connection_that_fails_is_counted() {
    let server = Server::builder()
        .rule(At::greeting().reply_and_close("554 no"))
        .start();
    let numbers = counted(|| {
        let _ = Mailer::new(server.settings())
            .blocking()
            .send(&message(&["ann@example.com"]));
    });
    expect(
        &numbers,
        &[
            ("posthaste_connections_total{outcome=failed}", 1.0),
            (
                "posthaste_messages_total{backend=smtp,status=failed,error=rejected}",
                1.0,
            ),
            ("posthaste_send_seconds{backend=smtp}", 1.0),
        ],
    );
}
