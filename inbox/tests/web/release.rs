//! Sending on what was caught.

use std::net::SocketAddr;

use posthaste_inbox::store::Page;
use posthaste_inbox::{Inbox, Relay};
use serde_json::json;

use crate::http::{change, get};
use crate::put_in;

const MAIL: &str = "Subject: Hello\r\nFrom: shop@example.com\r\n\r\n.Hello\r\n";

/// An inbox that may send on to another.
fn pair() -> (Inbox, SocketAddr, Inbox) {
    let target = Inbox::builder().start().expect("a port");
    let url = format!("smtp://{}", target.smtp_address());
    let relay = Relay::new(&url, ["ann@example.com", "*@fault.test"]).expect("a relay");
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let inbox = Inbox::builder()
        .web(free)
        .relay(relay)
        .start()
        .expect("ports");
    let web = inbox.web_address().expect("a page");
    (inbox, web, target)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_goes_on_as_it_came() {
    let (_inbox, web, target) = pair();
    put_in(web, "", MAIL);
    let to = r#"{"to": ["ann@example.com", "550-5.1.1@fault.test"]}"#;
    let answer = change(web, "POST /api/v1/messages/1/release", to);
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!(answer["accepted"], json!(["ann@example.com"]));
    assert_eq!(answer["rejected"][0]["code"], 550);
    let query = Default::default();
    let found = target
        .store()
        .list(&query, Page::default())
        .await
        .expect("memory");
    let (mail, _) = &found.mails[0];
    assert_eq!(&*mail.raw, MAIL.as_bytes());
    assert_eq!(mail.envelope.mail_from, "shop@example.com");
    assert_eq!(mail.envelope.recipients.len(), 2);
}

#[test]
fn nobody_else_gets_it() {
    let (_inbox, web, target) = pair();
    put_in(web, "", MAIL);
    let release = |json: &str| change(web, "POST /api/v1/messages/1/release", json);
    for (to, status) in [
        (r#"{"to": ["bob@example.com"]}"#, 403),
        (r#"{"to": ["ann@example.com", "bob@example.com"]}"#, 403),
        (
            r#"{"to": ["x> NOTIFY=NEVER\r\nRCPT TO:<y@fault.test"]}"#,
            502,
        ),
        (r#"{"to": []}"#, 400),
        (r#"{"to": ["550@fault.test"]}"#, 200),
        ("{}", 422),
    ] {
        assert_eq!(release(to).status, status, "{to}");
    }
    drop(target);
    assert_eq!(release(r#"{"to": ["ann@example.com"]}"#).status, 502);
}

#[test]
fn without_a_relay_nothing_goes_on() {
    let (_inbox, web) = crate::inbox();
    put_in(web, "", MAIL);
    let to = r#"{"to": ["ann@example.com"]}"#;
    let answer = change(web, "POST /api/v1/messages/1/release", to);
    assert_eq!(answer.status, 403);
    assert_eq!(get(web, "/api/v1/info").json()["relay"], false);
}
