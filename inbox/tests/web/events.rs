//! What is told as it happens.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::http::{change, open};
use crate::{inbox, put_in};

const MAIL: &str = "Subject: Hello\r\nFrom: shop@example.com\r\n\r\nHello\r\n";

/// Who listens.
struct Listener(BufReader<TcpStream>);

#[derive(Debug)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Listener {
    /// Listens, from the start or after an event.
    fn after(web: SocketAddr, last: Option<&str>) -> Self {
        let mut socket = open(web);
        let last = last.map(|last| format!("Last-Event-ID: {last}\r\n"));
        let request = format!(
            "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
            last.unwrap_or_default()
        );
        socket.write_all(request.as_bytes()).expect("it reads");
        let mut listener = Self(BufReader::new(socket));
        let status = listener.line();
        assert!(status.contains(" 200 "), "{status}");
        while !listener.line().is_empty() {}
        listener
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// The next event. Lengths of chunks and comments stand between the lines that matter.
    fn next(&mut self) -> Event {
        let mut event = Event {
            name: String::new(),
            id: String::new(),
            data: Value::Null,
        };
        loop {
            let line = self.line();
            match line.split_once(": ") {
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("id", id)) => event.id = id.to_owned(),
                Some(("data", data)) => event.data = serde_json::from_str(data).expect("JSON"),
                _ if line.is_empty() && !event.name.is_empty() => return event,
                _ => {}
            }
        }
    }
}

#[test]
fn all_that_happens_is_told_in_order() {
    let (_inbox, web) = inbox();
    let mut listener = Listener::after(web, None);
    assert_eq!(listener.next().name, "hello");
    put_in(web, "to=ann@example.com", MAIL);
    let event = listener.next();
    assert_eq!(
        (&*event.name, &event.data["subject"]),
        ("message", &"Hello".into())
    );
    assert_eq!(event.data["to"][0], "ann@example.com");
    change(web, "PATCH /api/v1/messages/1", r#"{"read": true}"#);
    let event = listener.next();
    assert_eq!(
        (&*event.name, &event.data["read"]),
        ("marked", &true.into())
    );
    change(web, "DELETE /api/v1/messages", "");
    let event = listener.next();
    assert_eq!(
        (&*event.name, &event.data["ids"][0]),
        ("deleted", &1.into())
    );
}

#[test]
fn who_comes_back_is_told_what_it_missed() {
    let (_inbox, web) = inbox();
    let mut listener = Listener::after(web, None);
    let hello = listener.next();
    put_in(web, "", MAIL);
    let first = listener.next();
    drop(listener);
    put_in(web, "", MAIL);
    put_in(web, "", MAIL);
    change(web, "DELETE /api/v1/messages/2", "");
    let mut listener = Listener::after(web, Some(&first.id));
    // The second mail is gone, so there is nothing to tell of it.
    let events = [listener.next(), listener.next()];
    assert_eq!(events[0].data["id"], 3);
    assert_eq!(
        (&*events[1].name, &events[1].data["ids"][0]),
        ("deleted", &2.into())
    );
    let mut listener = Listener::after(web, Some(&hello.id));
    assert_eq!(listener.next().data["id"], 1);
}

#[test]
fn who_heard_of_another_inbox_begins_anew() {
    let (_inbox, web) = inbox();
    put_in(web, "", MAIL);
    for last in ["1-1", "7", "nonsense", ""] {
        let mut listener = Listener::after(web, Some(last));
        assert_eq!(listener.next().name, "resync", "{last:?}");
        put_in(web, "", MAIL);
        assert_eq!(listener.next().name, "message", "{last:?}");
    }
}

#[test]
fn there_are_64_places() {
    let (_inbox, web) = inbox();
    let mut listeners: Vec<_> = (0..64).map(|_| Listener::after(web, None)).collect();
    assert!(status(web).contains(" 503 "));
    // One goes, and its place is free as soon as that is noticed.
    listeners.pop();
    let is_free = (0..1000).any(|_| {
        put_in(web, "", MAIL);
        status(web).contains(" 200 ")
    });
    assert!(is_free);
}

/// What is said at once to one more.
fn status(web: SocketAddr) -> String {
    let mut socket = open(web);
    let request = b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    socket.write_all(request).expect("it reads");
    let mut line = String::new();
    BufReader::new(socket).read_line(&mut line).expect("a line");
    line
}
