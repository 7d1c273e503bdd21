//! How long a send may take.

use std::time::{Duration, Instant};

use posthaste::{ErrorKind, Mailer, Phase};

use crate::common::{Driver, LONG, assert_sent, message, messages, settings};
use crate::counting::Server;

for_both! {
    a_send_as_a_whole_is_limited,
    each_message_has_its_time,
    connecting_counts,
}

const SHORT: Duration = Duration::from_millis(300);

fn a_send_as_a_whole_is_limited<D: Driver>() {
    let server = Server::new();
    let mut settings = settings(&server);
    settings.email_send_timeout = Some(SHORT);
    let mailer = Mailer::new(settings);
    server.hold("held");
    let begun = Instant::now();
    let report = D::send(&mailer, &message("held"));
    let error = report.error.expect("an error");
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Timeout, Some(Phase::Final)),
        "{error}"
    );
    assert!(error.is_temporary() && error.is_in_doubt(), "{error}");
    assert!(begun.elapsed() < LONG, "the limit of a phase is longer");
    server.release();
    // What came of it is not used again, and nothing is left of the limit.
    assert_sent(&D::send(&mailer, &message("next")));
    assert_eq!(server.seen().connections, 2);
}

fn each_message_has_its_time<D: Driver>() {
    let server = Server::new();
    let mut settings = settings(&server);
    settings.email_send_timeout = Some(SHORT);
    let mailer = Mailer::new(settings);
    server.hold("m1");
    let reports = D::send_messages(&mailer, &messages(3));
    assert_sent(&reports[0]);
    let error = reports[1].error.as_ref().expect("an error");
    assert!(
        error.kind() == ErrorKind::Timeout && error.is_in_doubt(),
        "{error}"
    );
    assert_sent(&reports[2]);
    server.release();
}

fn connecting_counts<D: Driver>() {
    // It listens, and says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut settings = posthaste::Settings::default();
    settings.email_host = "127.0.0.1".to_owned();
    settings.email_port = Some(listener.local_addr().expect("an address").port());
    settings.email_send_timeout = Some(SHORT);
    let report = D::send(&Mailer::new(settings), &message("a"));
    let error = report.error.expect("an error");
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Timeout, Some(Phase::Greeting)),
        "{error}"
    );
    assert!(error.is_temporary() && !error.is_in_doubt(), "{error}");
}
