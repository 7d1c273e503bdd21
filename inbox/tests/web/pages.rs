//! The pages, asked for without a browser: all of them are there, also where the inbox is mounted in another application.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use posthaste::{EmailMessage, Mailer};
use posthaste_inbox::Inbox;

const TABS: [&str; 8] = [
    "html",
    "text",
    "differ",
    "headers",
    "tree",
    "source",
    "transcript",
    "checks",
];

fn get(address: SocketAddr, path: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

fn inbox() -> Inbox {
    Inbox::builder()
        .web((Ipv4Addr::LOCALHOST, 0).into())
        .start()
        .unwrap()
}

fn send(inbox: &Inbox, html: &str) {
    let message = EmailMessage::new("Hello <b>", "The text.")
        .from("shop@example.com")
        .to(["ann@example.com"])
        .alternative(html, "text/html");
    let report = Mailer::new(inbox.settings()).blocking().send(&message);
    assert_eq!(report.accepted.len(), 1, "{report:?}");
}

#[test]
fn every_page_is_there() {
    let inbox = inbox();
    let web = inbox.web_address().unwrap();
    assert!(get(web, "/").contains("Waiting for the first mail"));
    send(&inbox, "<p>HTML</p>");
    for path in [
        "/",
        "/?q=hello",
        "/?box=",
        "/about",
        "/faults",
        "/clear",
        "/m/1",
    ] {
        let page = get(web, path);
        assert!(page.starts_with("HTTP/1.1 200"), "{path}: {page}");
        assert!(page.contains("trusted-types 'none'"), "{path}");
    }
    for tab in TABS {
        let page = get(web, &format!("/m/1/{tab}"));
        assert!(page.contains(&format!("id=\"tab-{tab}\"")), "{page}");
        assert!(page.contains("Hello &lt;b&gt;"), "{page}");
    }
    for path in [
        "/m/2",
        "/m/x",
        "/m/1/x",
        "/x",
        "/m/1/part/1.9",
        "/ui/app.css",
    ] {
        assert!(get(web, path).starts_with("HTTP/1.1 404"), "{path}");
    }
}

#[test]
fn an_application_mounts_it_where_it_likes() {
    let inbox = inbox();
    send(&inbox, "<p>HTML</p>");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = axum::Router::new().nest("/dev/mail", inbox.router());
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async { axum::serve(listener, app).await });
    for path in ["/dev/mail", "/dev/mail/m/1/html", "/dev/mail/about"] {
        let page = get(address, path);
        assert!(page.starts_with("HTTP/1.1 200"), "{path}: {page}");
        let links = page
            .split("href=\"")
            .chain(page.split("src=\""))
            .chain(page.split("action=\""));
        let links = links.filter(|link| link.starts_with('/'));
        for link in links {
            assert!(link.starts_with("/dev/mail"), "{path}: {link}");
            assert!(
                !link.starts_with("/dev/mail/\""),
                "{path}: the list is at /dev/mail"
            );
        }
    }
}

#[test]
fn a_mail_of_many_depths_is_shown() {
    let inbox = inbox();
    let mut raw = String::from("MIME-Version: 1.0\r\n");
    for depth in 0..60 {
        raw += &format!("Content-Type: multipart/mixed; boundary=b{depth}\r\n\r\n--b{depth}\r\n");
    }
    raw += "Content-Type: text/plain\r\n\r\nDeep";
    let mut socket = TcpStream::connect(inbox.smtp_address()).unwrap();
    let talk = format!(
        "EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n{raw}\r\n.\r\nQUIT\r\n"
    );
    socket.write_all(talk.as_bytes()).unwrap();
    socket.read_to_string(&mut String::new()).unwrap();
    let web = inbox.web_address().unwrap();
    for tab in TABS {
        assert!(get(web, &format!("/m/1/{tab}")).starts_with("HTTP/1.1 200"));
    }
}
