//! The web side, asked by requests that are written out.

mod api;
mod events;
mod guard;
mod http;
mod pages;
mod release;
mod wait;

use std::net::SocketAddr;

use posthaste_inbox::Inbox;

/// An inbox with a page, and where the page is.
fn inbox() -> (Inbox, SocketAddr) {
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let inbox = Inbox::builder()
        .web(free)
        .host("inbox.example")
        .start()
        .expect("free ports");
    let web = inbox.web_address().expect("a page");
    (inbox, web)
}

/// Puts a mail in. Gives its number.
fn put_in(web: SocketAddr, envelope: &str, mail: &str) -> u64 {
    let path = format!("POST /api/v1/messages?{envelope}");
    let headers = ["Host: localhost", "Content-Type: message/rfc822"];
    let answer = http::ask(web, &path, &headers, mail.as_bytes());
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["id"].as_u64().expect("a number")
}
