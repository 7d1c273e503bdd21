//! An inbox that stops lets mails come to their end, and no others begin.

use std::net::TcpStream;
use std::time::Duration;

use posthaste_inbox::Inbox;

use crate::raw::Client;

const LONG: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread")]
async fn mails_that_are_under_way_come_to_their_end() {
    let inbox = Inbox::builder().start().expect("a free port");
    let address = inbox.smtp_address();
    let (mut idle, mut busy) = (Client::new(&inbox), Client::with_mail(&inbox));
    busy.ask("DATA", 354);
    let stopping = tokio::spawn(inbox.stop(LONG));
    assert_eq!(idle.code(), 421);
    assert!(idle.hear().is_none());
    busy.ask("x\r\n.", 250);
    assert_eq!(busy.code(), 421);
    stopping.await.expect("it stops without waiting for long");
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_does_not_end_is_cut() {
    let inbox = Inbox::builder().start().expect("a free port");
    let mut busy = Client::with_mail(&inbox);
    busy.ask("DATA", 354);
    inbox.stop(Duration::from_millis(10)).await;
    assert!(busy.hear().is_none());
}

#[test]
fn its_port_is_free_when_it_has_stopped() {
    let mut address = "127.0.0.1:0".parse().expect("an address");
    for _ in 0..20 {
        let inbox = Inbox::builder().smtp(address).start().expect("a free port");
        address = inbox.smtp_address();
        inbox.stop_blocking(LONG);
    }
}

#[test]
fn an_inbox_that_is_dropped_is_gone() {
    let inbox = Inbox::builder().start().expect("a free port");
    let mut client = Client::new(&inbox);
    drop(inbox);
    // It may be told so; then it is over.
    while let Some(answer) = client.hear() {
        assert!(answer.starts_with("421 "), "{answer}");
    }
}
