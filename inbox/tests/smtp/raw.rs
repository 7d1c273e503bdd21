//! A client that says whatever it is told to.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;

use posthaste_inbox::Inbox;

/// A connection without a mind of its own.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects, and nothing else.
    pub(crate) fn silent(inbox: &Inbox) -> Self {
        let stream = TcpStream::connect(inbox.smtp_address()).expect("a connection");
        // Each write is to be a packet of its own.
        stream.set_nodelay(true).expect("a socket");
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Connects, and has said EHLO.
    pub(crate) fn new(inbox: &Inbox) -> Self {
        let mut client = Self::silent(inbox);
        assert_eq!(client.code(), 220);
        client.ask("EHLO client.example", 250);
        client
    }

    /// Has said MAIL and RCPT as well.
    pub(crate) fn with_mail(inbox: &Inbox) -> Self {
        let mut client = Self::new(inbox);
        client.ask("MAIL FROM:<shop@example.com>", 250);
        client.ask("RCPT TO:<ann@example.com>", 250);
        client
    }

    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .get_mut()
            .write_all(bytes.as_ref())
            .expect("it listens");
    }

    /// Says what it may not be able to say.
    pub(crate) fn try_say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.get_mut().write_all(bytes.as_ref());
    }

    /// The next answer, with all its lines; none if the connection is over.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut answer = String::new();
        loop {
            let mut line = String::new();
            match self.stream.read_line(&mut line) {
                Ok(0) => return None,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                read => read.expect("an answer"),
            };
            assert!(line.ends_with("\r\n"), "{line:?}");
            let is_last = line.as_bytes().get(3) == Some(&b' ');
            answer.push_str(&line);
            if is_last {
                return Some(answer);
            }
        }
    }

    pub(crate) fn code(&mut self) -> u16 {
        let answer = self.hear().expect("an answer");
        answer
            .get(..3)
            .and_then(|code| code.parse().ok())
            .expect("a code")
    }

    /// Says a line, and expects an answer with this code.
    #[track_caller]
    pub(crate) fn ask(&mut self, line: &str, code: u16) -> String {
        self.say(format!("{line}\r\n"));
        let answer = self
            .hear()
            .unwrap_or_else(|| panic!("no answer to {line:?}"));
        assert!(
            answer.starts_with(&code.to_string()),
            "{line:?}: {answer:?}"
        );
        answer
    }

    /// How the connection ends: whether by RST.
    pub(crate) fn is_reset_at_end(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => false,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }
}
