//! An SMTP server that counts, and does what a test asks of it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use crate::common::LONG;

/// What it has seen so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Connections that were made.
    pub(crate) connections: usize,
    /// Connections that are open.
    pub(crate) open: usize,
    /// The most that were open at the same time.
    pub(crate) most: usize,
    /// The subjects of messages, in the order in which they were taken.
    pub(crate) messages: Vec<String>,
    /// How many connections were ended by QUIT.
    pub(crate) quits: usize,
    /// The command lines of all connections, with the connection's number.
    pub(crate) commands: Vec<(usize, String)>,
}

#[derive(Default)]
struct State {
    seen: Seen,
    /// While a message with this subject is held, its server waits before it answers its data.
    held: Option<String>,
    streams: Vec<Option<TcpStream>>,
    is_slow: bool,
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Server {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("an address");
        let state: Arc<(Mutex<State>, Condvar)> = Arc::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let number = lock(&shared).opened(&stream);
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let _ = talk(stream, number, &shared);
                    lock(&shared).closed(number);
                });
            }
        });
        Self { address, state }
    }

    pub(crate) fn seen(&self) -> Seen {
        lock(&self.state).seen.clone()
    }

    /// Thinks for a moment before each answer from now on, so that clients have to wait for it.
    pub(crate) fn slow_down(&self) {
        lock(&self.state).is_slow = true;
    }

    /// Holds the answer to the message with this subject back until it is released.
    pub(crate) fn hold(&self, subject: &str) {
        lock(&self.state).held = Some(subject.to_owned());
    }

    pub(crate) fn release(&self) {
        lock(&self.state).held = None;
        self.state.1.notify_all();
    }

    /// Says `words` on all connections, and closes them if it is to.
    pub(crate) fn interject(&self, words: &str, closes: bool) {
        for stream in lock(&self.state).streams.iter_mut().flatten() {
            // A client that has gone does not hear it.
            let _ = stream.write_all(words.as_bytes());
            if closes {
                let _ = stream.shutdown(Shutdown::Write);
            }
        }
    }
}

fn lock(state: &(Mutex<State>, Condvar)) -> MutexGuard<'_, State> {
    state.0.lock().expect("no panic")
}

impl State {
    fn opened(&mut self, stream: &TcpStream) -> usize {
        self.streams
            .push(Some(stream.try_clone().expect("a handle")));
        self.seen.connections += 1;
        self.seen.open += 1;
        self.seen.most = self.seen.most.max(self.seen.open);
        self.seen.connections - 1
    }

    fn closed(&mut self, number: usize) {
        self.streams[number] = None;
        self.seen.open -= 1;
    }
}

fn talk(stream: TcpStream, number: usize, state: &(Mutex<State>, Condvar)) -> io::Result<()> {
    // What is said has to be there at once, also when nothing was asked.
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    writer.write_all(b"220 counting.example\r\n")?;
    while let Some(line) = lines.next() {
        let line = line?;
        lock(state).seen.commands.push((number, line.clone()));
        let answer: &str = match line.split(' ').next().unwrap_or_default() {
            "EHLO" => "250-counting.example\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n",
            "AUTH" => "235 2.7.0 welcome\r\n",
            "DATA" => {
                writer.write_all(b"354 go\r\n")?;
                let mut subject = String::new();
                for line in lines.by_ref() {
                    let line = line?;
                    if let Some(text) = line.strip_prefix("Subject: ") {
                        subject = text.to_owned();
                    }
                    if line == "." {
                        break;
                    }
                }
                let mut locked = lock(state);
                locked.seen.messages.push(subject.clone());
                let is_held = |state: &mut State| state.held.as_ref() == Some(&subject);
                while is_held(&mut locked) {
                    locked = state.1.wait_timeout(locked, LONG).expect("no panic").0;
                }
                "250 2.0.0 taken\r\n"
            }
            "QUIT" => {
                lock(state).seen.quits += 1;
                return writer.write_all(b"221 2.0.0 bye\r\n");
            }
            _ => "250 2.0.0 ok\r\n",
        };
        if lock(state).is_slow {
            thread::sleep(Duration::from_millis(2));
        }
        writer.write_all(answer.as_bytes())?;
    }
    Ok(())
}
