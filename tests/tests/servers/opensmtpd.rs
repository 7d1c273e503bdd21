//! OpenSMTPD takes a hundred messages over one connection, and says to the next MAIL that it is too much for now.

use posthaste_tests::opensmtpd::OpenSmtpd;

use super::batch::Case;
use super::suite::{check_arrived, check_reports};
use super::ways::WAYS;

#[test]
fn more_messages_than_one_connection_takes_go_over_another() {
    let Some(server) = OpenSmtpd::start() else {
        return;
    };
    for (way, send) in WAYS {
        let case = |number| Case::new(&format!("{way}.{number}"), &["ann@example.com"]);
        let cases: Vec<_> = (0..250).map(case).collect();
        let messages: Vec<_> = cases.iter().map(|case| case.message.clone()).collect();
        let reports = send(&server, &messages);
        let fates: Vec<_> = cases.iter().map(|case| case.fate(true)).collect();
        check_reports(way, &cases, &fates, &reports);
        check_arrived(way, &cases, &fates, &server);
    }
}
