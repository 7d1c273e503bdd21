//! Requests as they go over the wire, so that nothing is sent that a test does not say.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

/// Sends a request with these header lines, and reads the answer to its end.
pub(crate) fn ask(to: SocketAddr, request: &str, headers: &[&str], body: &[u8]) -> Answer {
    let mut socket = open(to);
    let mut text = format!("{request} HTTP/1.1\r\nConnection: close\r\n");
    for header in headers {
        text += &format!("{header}\r\n");
    }
    if !body.is_empty() {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    text += "\r\n";
    socket.write_all(text.as_bytes()).expect("it reads");
    // Who is refused may be told before all is sent.
    let _ = socket.write_all(body);
    let mut bytes = Vec::new();
    let _ = socket.read_to_end(&mut bytes);
    Answer::of(&bytes)
}

/// Asks as a program on this machine does.
pub(crate) fn get(to: SocketAddr, path: &str) -> Answer {
    ask(to, &format!("GET {path}"), &["Host: localhost"], b"")
}

/// Asks for a change, with JSON.
pub(crate) fn change(to: SocketAddr, request: &str, json: &str) -> Answer {
    let headers = ["Host: localhost", "Content-Type: application/json"];
    ask(to, request, &headers, json.as_bytes())
}

/// A connection whose reads fail rather than hang.
pub(crate) fn open(to: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(to).expect("it listens");
    let limit = Some(Duration::from_secs(60));
    socket.set_read_timeout(limit).expect("a limit");
    socket
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).expect("ASCII");
        let mut body = bytes[end + 4..].to_vec();
        let status = head[9..12].parse().expect("a status");
        let answer = Self {
            status,
            head,
            body: Vec::new(),
        };
        if answer.header("transfer-encoding") == Some("chunked") {
            body = joined(&body);
        }
        Self { body, ..answer }
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {self:?}: {:?}", self.text()))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }
}

/// The chunks of a body, put together.
fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunks.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&chunks[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        body.extend_from_slice(&chunks[end + 2..][..size]);
        chunks = &chunks[end + 2 + size + 2..];
    }
    body
}
