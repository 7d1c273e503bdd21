//! Refusals in the middle of a batch: each reply must be counted to its own message, and each message to its own sender.

use std::thread;

use posthaste_tests::server::{LATER, REFUSED, Server, UNWANTED};
use serde_json::Value;

use super::batch::Case;
use super::suite::{check_arrived, check_reports};
use super::ways::{self, WAYS};

/// The kinds of message that a batch is made of.
const SHAPES: [Shape; 8] = [
    Shape::Good,
    Shape::Two,
    Shape::AllRefused,
    Shape::Later,
    Shape::FirstRefused,
    Shape::LastRefused,
    Shape::Unwanted,
    Shape::Elsewhere,
];

#[derive(Clone, Copy, Debug)]
enum Shape {
    /// The server takes it.
    Good,
    /// The same for two recipients.
    Two,
    /// All its recipients are refused for good.
    AllRefused,
    /// Its recipient is refused for now.
    Later,
    /// Its first recipient is refused.
    FirstRefused,
    /// Its last recipient is refused.
    LastRefused,
    /// Its sender is refused.
    Unwanted,
    /// Its recipient is none of the server's.
    Elsewhere,
}

impl Shape {
    fn case(self, id: &str) -> Case {
        let [refused, gone] = REFUSED;
        match self {
            Self::Good => Case::new(id, &["ann@example.com"]),
            Self::Two => Case::new(id, &["ann@example.com", "bob@example.com"]),
            Self::AllRefused => Case::new(id, &[refused, gone]),
            Self::Later => Case::new(id, &[LATER]),
            Self::FirstRefused => Case::new(id, &[refused, "ann@example.com"]),
            Self::LastRefused => Case::new(id, &["ann@example.com", LATER]),
            Self::Unwanted => Case::new(id, &["ann@example.com"]).from(UNWANTED),
            Self::Elsewhere => Case::new(id, &["ann@elsewhere.example"]),
        }
    }
}

/// Every pair of shapes, alone and after a good message, and a good message behind: over a connection of its own, so that the
/// first message of a connection is of every shape, too.
pub(crate) fn nothing_goes_out_under_the_sender_of_another(server: &dyn Server) {
    let (_, send) = WAYS[1];
    let batches = pairs();
    let send_some = |some: &[Vec<Case>]| -> Vec<Value> {
        let messages = |cases: &[Case]| -> Vec<_> {
            let messages = cases.iter().map(|case| case.message.clone());
            messages.collect()
        };
        some.iter()
            .flat_map(|cases| send(server, &messages(cases)))
            .collect()
    };
    // Some servers take their time with each connection.
    let reports: Vec<_> = thread::scope(|scope| {
        let workers = batches
            .chunks(16)
            .map(|some| scope.spawn(move || send_some(some)));
        let workers: Vec<_> = workers.collect();
        let reports = workers.into_iter().map(|worker| worker.join());
        reports
            .flat_map(|reports| reports.expect("no panic"))
            .collect()
    });
    let cases: Vec<_> = batches.into_iter().flatten().collect();
    check("pair", &cases, &reports, server);
}

fn pairs() -> Vec<Vec<Case>> {
    let mut batches = Vec::new();
    for (number, first) in SHAPES.into_iter().enumerate() {
        for (another, second) in SHAPES.into_iter().enumerate() {
            for warm in [false, true] {
                let start = warm.then_some(Shape::Good);
                let shapes = start.into_iter().chain([first, second, Shape::Good]);
                let id = |at| format!("pair.{number}.{another}.{warm}.{at}");
                let cases = shapes.enumerate().map(|(at, shape)| shape.case(&id(at)));
                batches.push(cases.collect());
            }
        }
    }
    batches
}

/// Ninety messages in an order of no order (OpenSMTPD takes no more than 100), all over one connection that has been used before, in each way.
pub(crate) fn a_long_run_comes_out_as_reported(server: &dyn Server) {
    for (way, send) in WAYS {
        let cases = run(way);
        let messages: Vec<_> = cases.iter().map(|case| case.message.clone()).collect();
        let reports = send(server, &messages);
        check(way, &cases, &reports, server);
    }
    over_a_warm_connection(server);
}

/// The same, in bursts over one connection that is open already.
fn over_a_warm_connection(server: &dyn Server) {
    let cases = run("warm");
    let messages: Vec<_> = cases.iter().map(|case| case.message.clone()).collect();
    let mailer = ways::mailer(server).blocking();
    let mut connection = mailer.connection().expect("settings that can be used");
    let mut reports: Vec<Value> = Vec::new();
    for burst in ways::read(&messages).chunks(9) {
        reports.extend(connection.send_messages(burst).iter().map(ways::json));
    }
    connection.close().expect("it is closed");
    check("warm", &cases, &reports, server);
}

/// Messages of all shapes, good ones three times as often as others, in the same order each time.
pub(crate) fn run(way: &str) -> Vec<Case> {
    let mut state = 20_261_125_u64;
    let shapes = (0..90).map(|_| {
        // Knuth's generator: any would do.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let choice = usize::try_from(state >> 33).unwrap_or_default() % (SHAPES.len() + 6);
        SHAPES.get(choice).copied().unwrap_or(Shape::Good)
    });
    shapes
        .enumerate()
        .map(|(number, shape)| shape.case(&format!("{way}.run.{number}")))
        .collect()
}

fn check(way: &str, cases: &[Case], reports: &[Value], server: &dyn Server) {
    let fates: Vec<_> = cases.iter().map(|case| case.fate(true)).collect();
    check_reports(way, cases, &fates, reports);
    check_arrived(way, cases, &fates, server);
}
