//! Exim leaves the transaction open after a message that it refused: without RSET, the next one goes out by its sender.

use posthaste_tests::exim::Exim;
use posthaste_tests::server::{REFUSED, Server as _, UNWANTED};

use super::batch::Case;
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
