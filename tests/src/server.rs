//! What the tests want to know of any mail server, whoever made it.

use std::io::{self, BufRead, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// How long anything may take that takes a moment: only a hanging test ever waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The user and group `nobody`, who owns what is delivered: most servers refuse to deliver as root.
pub(crate) const NOBODY: u32 = 65534;

/// Recipients that every server refuses for good.
pub const REFUSED: [&str; 2] = ["refused@example.com", "gone@example.com"];

/// A recipient that every server refuses for now.
pub const LATER: &str = "later@example.com";

/// A sender that every server refuses, be it at MAIL or at RCPT.
pub const UNWANTED: &str = "unwanted@example.com";

/// A running server that takes all mail for `example.com`, but refuses [`REFUSED`], [`LATER`], [`UNWANTED`] and other domains.
pub trait Server: Sync {
    /// The port of 127.0.0.1 that it listens on.
    fn port(&self) -> u16;

    /// All that has arrived, once nothing is on its way any more: one for each recipient that a message was delivered to.
    ///
    /// # Panics
    /// If mail is stuck in the server.
    fn arrived(&self) -> Vec<Arrived>;

    /// What the server has logged.
    fn log(&self) -> String;

    /// The lines of its answer to EHLO, without codes.
    ///
    /// # Panics
    /// If it does not answer.
    fn extensions(&self) -> Vec<String> {
        ehlo(self.port()).expect("the server answers EHLO")
    }

    /// Waits until it has logged that text.
    ///
    /// # Panics
    /// If it never does.
    fn logs(&self, text: &str) {
        wait(
            || self.log().contains(text),
            || format!("no {text:?} in the log:\n{}", self.log()),
        );
    }
}

/// A message in a mailbox.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The sender of the envelope, without angle brackets.
    pub sender: String,
    /// Whom it was delivered to.
    pub recipient: String,
    /// What the client sent, with its own line ends: without the headers that the server wrote in front.
    pub content: Vec<u8>,
}

impl Arrived {
    /// Reads a message as servers store it: with line ends of one octet, behind headers of theirs. `recipient` is the name of
    /// the header that tells it.
    ///
    /// # Panics
    /// If the file cannot be read, or one of the headers is missing.
    #[must_use]
    pub fn read(file: &Path, recipient: &str) -> Self {
        let stored = fs::read(file).expect("a delivered mail can be read");
        let (trace, content) = split_trace(&stored);
        let header = |name: &str| -> String {
            let line = trace
                .lines()
                .find(|line| line.to_lowercase().starts_with(name));
            let line = line.unwrap_or_else(|| panic!("no {name} in {}:\n{trace}", file.display()));
            let value = line[name.len()..].trim();
            value.trim_matches(['<', '>']).to_owned()
        };
        Self {
            sender: header("return-path:"),
            recipient: header(&format!("{}:", recipient.to_lowercase())),
            content: with_crlf(content),
        }
    }
}

/// Divides a stored message behind the headers that the server wrote: the test's own messages begin with none of these.
fn split_trace(stored: &[u8]) -> (String, &[u8]) {
    const TRACE: [&str; 7] = [
        "return-path:",
        "envelope-to:",
        "delivery-date:",
        "x-original-to:",
        "delivered-to:",
        "received:",
        "from ",
    ];
    let mut at = 0;
    let mut in_trace = true;
    for line in stored.split_inclusive(|&octet| octet == b'\n') {
        let text = String::from_utf8_lossy(line).to_lowercase();
        in_trace = TRACE.iter().any(|name| text.starts_with(name))
            || (in_trace && text.starts_with([' ', '\t']));
        if !in_trace {
            break;
        }
        at += line.len();
    }
    let (trace, content) = stored.split_at(at);
    (String::from_utf8_lossy(trace).into_owned(), content)
}

/// A CRLF for each LF.
fn with_crlf(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + content.len() / 32);
    for line in content.split_inclusive(|&octet| octet == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                out.extend_from_slice(line);
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

/// Whether a test is left out because a server is missing, which is said on stderr.
///
/// # Panics
/// If it is missing although `CI` is `true`.
pub(crate) fn left_out(usable: Result<(), String>) -> bool {
    let Err(reason) = usable else {
        return false;
    };
    let ci = env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "needed in CI: {reason}");
    // Not `eprintln!`: what that says is hidden when the test passes.
    let _ = writeln!(io::stderr(), "left out: {reason}");
    true
}

/// Waits until something is so, looking again and again.
///
/// # Panics
/// If it never is.
pub(crate) fn wait(is_so: impl Fn() -> bool, complaint: impl Fn() -> String) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{}", complaint());
        thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// What a server says first.
pub(crate) fn greeting(port: u16) -> io::Result<String> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    (&stream).write_all(b"QUIT\r\n")?;
    Ok(line)
}

fn ehlo(port: u16) -> io::Result<Vec<String>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(&stream);
    reader.read_line(&mut String::new())?;
    (&stream).write_all(b"EHLO client.example.com\r\n")?;
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let last = line.get(3..4) != Some("-");
        lines.push(line.get(4..).unwrap_or_default().trim_end().to_owned());
        if last {
            break;
        }
    }
    (&stream).write_all(b"QUIT\r\n")?;
    Ok(lines)
}

/// All files below a folder; one that vanishes meanwhile was not there.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.file_type() {
            Ok(of) if of.is_dir() => files(&entry.path()),
            Ok(_) => vec![entry.path()],
            Err(_) => Vec::new(),
        })
        .collect()
}
