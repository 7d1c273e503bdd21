//! Asking an inbox that is running.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use posthaste::{Error, ErrorKind};
use serde_json::Value;

use super::args::Which;
use crate::exit::Failure;

/// Where an inbox is, if nothing says otherwise.
const USUAL: &str = "http://127.0.0.1:8025/";
/// The variable that says where it is.
pub(super) const VARIABLE: &str = "POSTHASTE_INBOX";
/// How long an answer may take, besides the time that is to be waited.
const PATIENCE: Duration = Duration::from_secs(30);
/// No more is read of an answer.
const MOST: u64 = 1 << 30;

/// An inbox that is running.
pub(super) struct Client {
    authority: String,
    path: String,
    token: Option<String>,
    mailbox: Option<String>,
}

/// What it answers.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Client {
    /// The inbox that the arguments or the environment name.
    pub(super) fn of(which: &Which) -> Result<Self, Failure> {
        let url = which.url.clone();
        let url = url.or_else(|| std::env::var(VARIABLE).ok().filter(|url| !url.is_empty()));
        let url = url.unwrap_or_else(|| USUAL.to_owned());
        let Some(rest) = url.strip_prefix("http://") else {
            return Err(Failure::usage("--url", "expected http://ADDRESS:PORT/"));
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let is_odd = |c: char| c.is_control() || c == ' ';
        if authority.is_empty() || url.contains(is_odd) {
            return Err(Failure::usage("--url", "expected http://ADDRESS:PORT/"));
        }
        let token = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("token="));
        Ok(Self {
            authority: authority.to_owned(),
            path: path.trim_end_matches('/').to_owned(),
            token: token.map(str::to_owned),
            mailbox: which.mailbox.clone(),
        })
    }

    /// Asks for JSON. An error that the inbox tells is one here.
    pub(super) fn json(&self, path: &str, query: &Query) -> Result<Value, Failure> {
        let answer = self.get(path, query, PATIENCE)?.or_error()?;
        answer.json()
    }

    /// Asks, and takes what comes.
    pub(super) fn get(
        &self,
        path: &str,
        query: &Query,
        patience: Duration,
    ) -> Result<Answer, Failure> {
        let mut query = query.clone();
        if let Some(name) = &self.mailbox {
            query.add("box", name);
        }
        self.ask(path, &query, patience).map_err(|error| {
            let message = format!("cannot ask the inbox: {error}; is it running?");
            let error = Error::new(ErrorKind::Connect, message);
            error
                .with_field(format!("http://{}", self.authority))
                .into()
        })
    }

    fn ask(&self, path: &str, query: &Query, patience: Duration) -> io::Result<Answer> {
        let address = match self.authority.contains("]:") || self.has_port() {
            true => self.authority.clone(),
            false => format!("{}:80", self.authority),
        };
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(patience))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let prefix = match self.path.as_str() {
            "" => String::new(),
            path => format!("/{path}"),
        };
        let mut request = format!(
            "GET {prefix}{path}{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            query.0, self.authority
        );
        if let Some(token) = &self.token {
            request += &format!("Authorization: Bearer {token}\r\n");
        }
        socket.write_all((request + "\r\n").as_bytes())?;
        let mut bytes = Vec::new();
        socket.take(MOST).read_to_end(&mut bytes)?;
        Answer::of(&bytes).ok_or_else(|| io::Error::other("it does not answer as an inbox does"))
    }

    fn has_port(&self) -> bool {
        let port = self.authority.rsplit_once(':');
        port.is_some_and(|(_, port)| port.parse::<u16>().is_ok())
    }
}

impl Answer {
    fn of(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let body = bytes.get(end + 4..)?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let head = head.to_ascii_lowercase();
        let body = match head.contains("\r\ntransfer-encoding: chunked") {
            true => joined(body)?,
            false => body.to_vec(),
        };
        Some(Self { status, body })
    }

    pub(super) fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::new(
                ErrorKind::Protocol,
                format!("the inbox answers with bad JSON: {error}"),
            )
            .into()
        })
    }

    /// An error, if that is what it tells.
    pub(super) fn or_error(self) -> Result<Self, Failure> {
        if self.status < 400 {
            return Ok(self);
        }
        let json: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let text = String::from_utf8_lossy(&self.body);
        let text = json["error"].as_str().unwrap_or(text.trim()).to_owned();
        let kind = match self.status {
            400..500 => ErrorKind::Invalid,
            _ => ErrorKind::Io,
        };
        Err(Error::new(kind, text).into())
    }
}

/// The chunks of a body, put together.
fn joined(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(chunks.get(..end)?).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let start = end + 2;
        body.extend_from_slice(chunks.get(start..start.checked_add(size)?)?);
        chunks = chunks.get(start + size + 2..)?;
    }
}

/// What stands behind the question mark.
#[derive(Clone, Default)]
pub(super) struct Query(String);

impl Query {
    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.add(name, &value.to_string());
        self
    }

    pub(super) fn with_some(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The words of a search.
    pub(super) fn with_words(self, words: &[String]) -> Self {
        match words {
            [] => self,
            words => self.with("q", words.join(" ")),
        }
    }

    fn add(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0 += name;
        self.0.push('=');
        for octet in value.bytes() {
            match octet {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    self.0.push(char::from(octet));
                }
                _ => self.0 += &format!("%{octet:02X}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_chunks_is_put_together() {
        let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        let answer = Answer::of(bytes).expect("an answer");
        assert_eq!((answer.status, &*answer.body), (200, &b"abcde"[..]));
        for cut in 0..bytes.len() - 2 {
            let part = Answer::of(&bytes[..cut]);
            assert!(part.is_none(), "{cut}");
        }
        assert!(
            Answer::of(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"
            )
            .is_none()
        );
    }

    #[test]
    fn what_is_asked_is_escaped() {
        let query = Query::default()
            .with("to", "ann+x@example.com")
            .with("q", "a b&c=é");
        assert_eq!(query.0, "?to=ann%2Bx%40example.com&q=a%20b%26c%3D%C3%A9");
    }
}
