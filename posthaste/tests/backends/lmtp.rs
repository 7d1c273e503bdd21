//! LMTP: the server answers for each recipient, and what it has answered counts whatever comes after.

use posthaste::testing::{At, Rule, Server};
use posthaste::{EmailMessage, ErrorKind, Phase, Report, Status};
use serde_json::{Value, json};

pub(crate) use super::smtp::Driver;
use super::smtp::send;

for_both! {
    each_recipient_has_its_receipt,
    a_loss_leaves_those_without_an_answer_in_doubt,
    a_421_counts_for_its_own_recipient,
    a_loss_before_any_answer_leaves_all_in_doubt,
}

const NAMES: [&str; 3] = ["ann@example.com", "bob@example.com", "cid@example.com"];

fn ruled(rules: impl IntoIterator<Item = Rule>) -> Server {
    let server = Server::builder().lmtp();
    rules
        .into_iter()
        .fold(server, |server, rule| server.rule(rule))
        .start()
}

/// The reports of a message to three, and of one that comes after it.
fn reports(driver: Driver, server: &Server) -> [Report; 2] {
    let message = |name: &str| {
        let message = EmailMessage::new(name, "text").from("me@example.com");
        message.to(NAMES)
    };
    let reports = send(
        driver,
        server.settings(),
        &[message("first"), message("second")],
    );
    let reports: [Report; 2] = reports.try_into().expect("two");
    assert_eq!(reports[1].status(), Status::Sent, "{:?}", reports[1].error);
    reports
}

fn json(report: &Report) -> Value {
    serde_json::to_value(report).expect("JSON")
}

fn each_recipient_has_its_receipt(driver: Driver) {
    let words = [
        "250 2.1.5 <ann@example.com> DnwFGcaC9WCOEwAABCDEFG:1 Saved",
        "552 5.2.2 Full",
        "250 2.1.5 <cid@example.com> DnwFGcaC9WCOEwAABCDEFG:3 Saved",
    ];
    let rules = words.iter();
    let server = ruled(rules.map(|reply| At::end().times(1).reply(reply)));
    let [report, _] = reports(driver, &server);
    assert_eq!(report.status(), Status::Partial);
    let receipts: Vec<_> = report
        .receipts
        .iter()
        .map(|one| (one.recipient.addr_spec(), one.reply.to_string()))
        .collect();
    let [ann, _, cid] = NAMES.map(str::to_owned);
    assert_eq!(
        receipts,
        [(ann, words[0].to_owned()), (cid, words[2].to_owned())]
    );
    assert_eq!(report.reply.as_ref(), Some(&report.receipts[0].reply));
    let line = json(&report);
    assert_eq!(line["accepted"], json!([NAMES[0], NAMES[2]]));
    assert_eq!(line["rejected"][0]["recipient"], NAMES[1]);
    assert_eq!(line["receipts"][1]["recipient"], NAMES[2]);
    assert_eq!(line["receipts"][1]["reply"]["enhanced"], "2.1.5");
    assert_eq!(line["receipts"][1]["queue_id"], "DnwFGcaC9WCOEwAABCDEFG:3");
    assert_eq!(line["in_doubt"], Value::Null);
}

fn a_loss_leaves_those_without_an_answer_in_doubt(driver: Driver) {
    let server = ruled([At::end().connection(0).skip(1).close()]);
    let [report, _] = reports(driver, &server);
    assert_eq!(report.status(), Status::Partial);
    assert!(report.error.is_none() && report.rejected.is_empty());
    let line = json(&report);
    assert_eq!(line["accepted"], json!([NAMES[0]]));
    assert_eq!(line["in_doubt"], json!([NAMES[1], NAMES[2]]));
    assert_eq!(report.receipts.len(), 1);
    assert_eq!(server.conversations().len(), 2);
}

fn a_421_counts_for_its_own_recipient(driver: Driver) {
    let end = At::end()
        .connection(0)
        .skip(1)
        .reply("421 4.3.2 Going down");
    let server = ruled([end]);
    let [report, _] = reports(driver, &server);
    let line = json(&report);
    assert_eq!(line["status"], "partial");
    assert_eq!(line["accepted"], json!([NAMES[0]]));
    assert_eq!(line["rejected"][0]["recipient"], NAMES[1]);
    assert_eq!(line["rejected"][0]["code"], 421);
    assert_eq!(line["in_doubt"], json!([NAMES[2]]));
}

fn a_loss_before_any_answer_leaves_all_in_doubt(driver: Driver) {
    let server = ruled([At::end().connection(0).close()]);
    let [report, _] = reports(driver, &server);
    assert_eq!(report.status(), Status::Failed);
    let error = report.error.as_ref().expect("an error");
    assert!(error.is_in_doubt() && error.is_temporary());
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Connect, Some(Phase::Final))
    );
    assert!(report.in_doubt.is_empty() && report.receipts.is_empty());
}
