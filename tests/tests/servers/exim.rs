//! Exim leaves the transaction open after a message that it refused: without RSET, the next one goes out by its sender.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};

use posthaste_tests::exim::Exim;
use posthaste_tests::server::{REFUSED, Server as _, UNWANTED};

use super::batch::Case;
use super::burst;
use super::suite::{message_id, texts};
use super::ways::WAYS;

#[test]
fn the_log_knows_each_message_by_its_own_sender() {
    let Some(exim) = Exim::start() else {
        return;
    };
    let [refused, gone] = REFUSED;
    let mut meant = Vec::new();
    for (way, send) in WAYS {
        for length in 1..6 {
            let case = |name: &str, to: &[&str]| Case::new(&format!("{way}.{length}.{name}"), to);
            // So many refused ones in front of a good one, of each kind, and again behind it.
            let mut batch = Vec::new();
            for kind in ["all", "unwanted", "partly"] {
                for number in 0..length {
                    let name = format!("{kind}.{number}");
                    batch.push(match kind {
                        "all" => case(&name, &[refused, gone]),
                        "unwanted" => case(&name, &["ann@example.com"]).from(UNWANTED),
                        _ => case(&name, &[refused, "ann@example.com", gone]),
                    });
                }
                batch.push(case(&format!("{kind}.good"), &["bob@example.com"]));
            }
            let messages: Vec<_> = batch.iter().map(|case| case.message.clone()).collect();
            let reports = send(&exim, &messages);
            for (case, report) in batch.iter().zip(&reports) {
                let is_taken = !case.fate(true).taken.is_empty();
                assert_eq!(report["status"] != "failed", is_taken, "{report}");
                if is_taken {
                    meant.push((case.sender.clone(), case.id.clone()));
                }
            }
        }
    }
    let mut taken = exim.taken();
    taken.sort();
    meant.sort();
    assert_eq!(taken, meant, "{}", exim.log());
    let mut arrived: Vec<_> = exim.arrived().into_iter().map(|one| one.sender).collect();
    arrived.sort();
    let senders: Vec<_> = taken.into_iter().map(|(sender, _)| sender).collect();
    assert_eq!(arrived, senders.clone());
}

/// Exim hangs up after ten more RSETs than it likes, which is after about ten refused messages. What it has not answered
/// by then may be in doubt, but what was reported as taken has arrived, and nothing twice.
#[test]
fn a_server_that_hangs_up_amid_a_burst_is_reported_on_truly() {
    let Some(exim) = Exim::start() else {
        return;
    };
    for (way, send) in WAYS {
        let cases = burst::run(&format!("{way}.cut"));
        let messages: Vec<_> = cases.iter().map(|case| case.message.clone()).collect();
        let reports = send(&exim, &messages);
        let arrived = exim.arrived();
        for (case, report) in cases.iter().zip(&reports) {
            let copies = arrived
                .iter()
                .filter(|one| message_id(&one.content) == case.id);
            let mut found: Vec<_> = copies
                .inspect(|copy| assert_eq!(copy.sender, case.sender))
                .map(|copy| copy.recipient.clone())
                .collect();
            found.sort();
            let meant = case.fate(true).taken;
            if report["error"]["in_doubt"] == true {
                assert!(found.is_empty() || found == meant, "{report}");
            } else {
                assert_eq!(texts(&report["accepted"]), meant, "{report}");
                assert_eq!(found, meant, "{report}");
            }
        }
    }
}

/// The same, but no message is to be in doubt: none of them was, before contents ran ahead.
#[test]
fn refusals_put_no_other_message_in_doubt() {
    let Some(exim) = Exim::start() else {
        return;
    };
    for (way, send) in WAYS {
        let cases = burst::run(&format!("{way}.doubt"));
        let messages: Vec<_> = cases.iter().map(|case| case.message.clone()).collect();
        let reports = send(&exim, &messages);
        let doubtful = reports
            .iter()
            .filter(|report| report["error"]["in_doubt"] == true);
        assert_eq!(doubtful.count(), 0, "by {way}");
    }
}

/// The other tests would show nothing if this Exim were not like that.
#[test]
fn the_trap_is_there_for_a_client_that_does_not_reset() {
    let Some(exim) = Exim::start() else {
        return;
    };
    for (reset, sender) in [
        ("", "refused-one@example.com"),
        ("RSET\r\n", "other@example.com"),
    ] {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, exim.port())).expect("Exim");
        let mut replies = BufReader::new(&stream).lines();
        let mut hear = |last: &str| {
            let found = replies.find(|line| line.as_ref().is_ok_and(|line| line.starts_with(last)));
            found.expect("Exim answers").expect("text");
        };
        hear("220 ");
        (&stream)
            .write_all(b"EHLO client.example.com\r\n")
            .expect("sent");
        hear("250 ");
        let content = format!("Message-ID: <{sender}>\r\n\r\ntext\r\n");
        let chunk = format!("BDAT {} LAST\r\n{content}", content.len());
        let burst = format!(
            "MAIL FROM:<refused-one@example.com>\r\nRCPT TO:<{}>\r\n{chunk}{reset}\
             MAIL FROM:<other@example.com>\r\nRCPT TO:<ann@example.com>\r\n{chunk}QUIT\r\n",
            REFUSED[0],
        );
        (&stream).write_all(burst.as_bytes()).expect("sent");
        hear("221 ");
        let id = format!("<{sender}>");
        assert_eq!(
            exim.taken().last(),
            Some(&(sender.to_owned(), id)),
            "{}",
            exim.log()
        );
    }
}
