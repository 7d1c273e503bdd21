//! Whatever is reported is what has arrived: octet by octet, for each recipient, exactly once.

use std::collections::BTreeMap;

use posthaste::{EmailMessage, RenderOptions, Transfer};
use posthaste_tests::server::{Arrived, Server};
use serde_json::Value;

use super::batch::{Case, batch};
use super::ways::WAYS;

pub(crate) fn what_has_arrived_is_what_was_reported(server: &dyn Server) {
    let extensions = server.extensions();
    let smtputf8 = extensions.iter().any(|line| line == "SMTPUTF8");
    for (way, send) in WAYS {
        let cases = batch(way);
        let messages: Vec<_> = cases.iter().map(|case| case.message.clone()).collect();
        let reports = send(server, &messages);
        let fates: Vec<_> = cases.iter().map(|case| case.fate(smtputf8)).collect();
        check_reports(way, &cases, &fates, &reports);
        check_arrived(way, &cases, &fates, server);
    }
}

/// What has to become of a message.
pub(crate) struct Fate {
    pub(crate) taken: Vec<String>,
    pub(crate) refused: Vec<String>,
}

/// Compares what was reported with what had to be.
#[track_caller]
pub(crate) fn check_reports(way: &str, cases: &[Case], fates: &[Fate], reports: &[Value]) {
    assert_eq!(reports.len(), cases.len(), "by {way}: a report for each");
    for ((case, fate), report) in cases.iter().zip(fates).zip(reports) {
        let status = match (fate.taken.is_empty(), fate.refused.is_empty()) {
            (true, _) => "failed",
            (false, true) => "sent",
            (false, false) => "partial",
        };
        let id = &case.id;
        assert_eq!(report["status"], status, "{id} by {way}: {report}");
        assert_eq!(report["message_id"], *id, "{id} by {way}: {report}");
        assert_eq!(
            texts(&report["accepted"]),
            fate.taken,
            "{id} by {way}: {report}"
        );
        if status == "failed" {
            assert_eq!(
                report["error"]["in_doubt"], false,
                "{id} by {way}: {report}"
            );
        }
        // An unwanted sender is refused at MAIL by some servers, and by others at each RCPT.
        if case.is_unwanted() {
            continue;
        }
        let rejected = report["rejected"].as_array().expect("a list").iter();
        let rejected: Vec<_> = rejected.map(|one| text(&one["recipient"])).collect();
        assert_eq!(rejected, fate.refused, "{id} by {way}: {report}");
    }
}

/// Compares what has arrived with what had to.
#[track_caller]
pub(crate) fn check_arrived(way: &str, cases: &[Case], fates: &[Fate], server: &dyn Server) {
    let mut found: BTreeMap<String, Vec<Arrived>> = BTreeMap::new();
    for arrived in server.arrived() {
        let id = message_id(&arrived.content);
        if id.contains(way) {
            found.entry(id).or_default().push(arrived);
        }
    }
    for (case, fate) in cases.iter().zip(fates) {
        let copies = found.remove(&case.id).unwrap_or_default();
        let mut recipients: Vec<_> = copies.iter().map(|copy| copy.recipient.clone()).collect();
        let mut meant = fate.taken.clone();
        recipients.sort();
        meant.sort();
        assert_eq!(recipients, meant, "{} by {way}\n{}", case.id, server.log());
        for copy in copies {
            assert_eq!(
                copy.sender,
                case.sender,
                "{} by {way}\n{}",
                case.id,
                server.log()
            );
            check_content(case, &copy.content);
        }
    }
    assert!(
        found.is_empty(),
        "by {way}, nobody knows: {:?}",
        found.keys()
    );
}

/// The value of the first `Message-ID`.
pub(crate) fn message_id(content: &[u8]) -> String {
    let text = String::from_utf8_lossy(content);
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("Message-ID: "));
    line.unwrap_or_default().to_owned()
}

/// The octets are those that the library renders, in 7 or in 8 bits, but for the boundaries, which are random.
fn check_content(case: &Case, content: &[u8]) {
    let message = EmailMessage::from_json(case.message.to_string()).expect("a message");
    let content = without_boundaries(content);
    let rendered = [Transfer::SevenBit, Transfer::EightBit].map(|transfer| {
        let mut options = RenderOptions::default();
        options.transfer = transfer;
        let rendered = message.render(&options).expect("it can be rendered");
        without_boundaries(&rendered.to_vec().expect("no files"))
    });
    let [seven_bit, _] = &rendered;
    assert!(
        rendered.contains(&content),
        "{}: arrived:\n{}\nmeant:\n{}",
        case.id,
        content.escape_ascii(),
        seven_bit.escape_ascii()
    );
}

/// The octets with each boundary's number replaced by zeros.
fn without_boundaries(content: &[u8]) -> Vec<u8> {
    const BEFORE: &[u8] = b"===============";
    const DIGITS: usize = 19;
    let mut out = content.to_vec();
    let mut at = 0;
    while let Some(found) = position(&out[at..], BEFORE) {
        at += found + BEFORE.len();
        let number = out.get_mut(at..at + DIGITS);
        if let Some(number) = number.filter(|number| number.iter().all(u8::is_ascii_digit)) {
            number.fill(b'0');
        }
    }
    out
}

fn position(octets: &[u8], wanted: &[u8]) -> Option<usize> {
    octets
        .windows(wanted.len())
        .position(|window| window == wanted)
}

pub(crate) fn texts(values: &Value) -> Vec<String> {
    values
        .as_array()
        .expect("a list")
        .iter()
        .map(text)
        .collect()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}
