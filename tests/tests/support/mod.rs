//! A scripted SMTP server on a loopback thread: it takes mail, and misbehaves where a test asks it to.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What the server does instead of its usual answer.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Answers with this line, or these lines.
    Say(&'static str),
    /// Answers, then closes the connection.
    SayAndDrop(&'static str),
    /// Closes the connection.
    Drop,
    /// Says nothing any more, and keeps the connection open until the client leaves.
    Silence,
    /// Says the first bytes of an endless answer, one each 20 ms.
    Trickle,
    /// Says one line that never ends, as fast as it can.
    EndlessLine,
    /// Says an answer of endlessly many lines.
    EndlessLines,
    /// Invites the data, answers this after the first line of it, and closes.
    InviteAndDrop(&'static str),
    /// Invites the data, says this after the first line of it, and takes the rest all the same.
    InviteAndSay(&'static str),
}

/// Where in the conversation the server is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At<'a> {
    /// Before the greeting.
    Greeting,
    /// After this command.
    Command(&'a str),
    /// After the end of this message's data, which is still dot-stuffed.
    Data(&'a [u8]),
    /// After the answer to the end of a message's data.
    Between,
}

/// All that one connection brought.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// The command lines, without their ends.
    pub(crate) commands: Vec<String>,
    /// The raw data of each message, its final dot left out.
    pub(crate) data: Vec<Vec<u8>>,
}

/// A running server.
pub(crate) struct Sink {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    logs: Arc<Mutex<Vec<Log>>>,
}

type Script = dyn Fn(usize, At<'_>) -> Option<Act> + Send + Sync;

impl Sink {
    /// A server that takes everything.
    pub(crate) fn new() -> Self {
        Self::scripted(|_, _| None)
    }

    /// A server that asks `script` before each answer; its first argument is the number of the connection, from 0.
    pub(crate) fn scripted(
        script: impl Fn(usize, At<'_>) -> Option<Act> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("an address");
        let logs = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&logs);
        let script: Arc<Script> = Arc::new(script);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { return };
                shared.lock().expect("no panic").push(Log::default());
                let (script, logs) = (Arc::clone(&script), Arc::clone(&shared));
                thread::spawn(move || {
                    let _ = Talk::new(stream, number, script, logs).run();
                });
            }
        });
        Self { address, logs }
    }

    /// What each connection brought so far.
    pub(crate) fn logs(&self) -> Vec<Log> {
        self.logs.lock().expect("no panic").clone()
    }

    /// All commands of one connection.
    pub(crate) fn commands(&self, connection: usize) -> Vec<String> {
        self.logs()[connection].commands.clone()
    }

    /// All messages of all connections, undone of their dot-stuffing.
    pub(crate) fn messages(&self) -> Vec<String> {
        let logs = self.logs();
        let all = logs.iter().flat_map(|log| &log.data);
        all.map(|data| unstuffed(data)).collect()
    }
}

/// Takes the doubled dots away.
fn unstuffed(data: &[u8]) -> String {
    let text = String::from_utf8(data.to_vec()).expect("text");
    let lines = text.split_inclusive("\r\n");
    lines
        .map(|line| line.strip_prefix('.').unwrap_or(line))
        .collect()
}

/// The end of a connection.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

struct Talk {
    reader: BufReader<TcpStream>,
    stream: TcpStream,
    number: usize,
    script: Arc<Script>,
    logs: Arc<Mutex<Vec<Log>>>,
}

impl Talk {
    fn new(
        stream: TcpStream,
        number: usize,
        script: Arc<Script>,
        logs: Arc<Mutex<Vec<Log>>>,
    ) -> Self {
        let reader = BufReader::new(stream.try_clone().expect("a second handle"));
        Self {
            reader,
            stream,
            number,
            script,
            logs,
        }
    }

    fn run(mut self) -> Result<(), Over> {
        self.answer(At::Greeting, "220 sink.example ESMTP")?;
        loop {
            let line = self.line()?;
            let command = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.log(|log| log.commands.push(command.clone()));
            let verb = command.split(' ').next().unwrap_or("").to_uppercase();
            match verb.as_str() {
                "EHLO" => self.answer(
                    At::Command(&command),
                    "250-sink.example\r\n250-SIZE 30000000\r\n250 8BITMIME",
                )?,
                "DATA" => self.data(&command)?,
                "QUIT" => {
                    self.answer(At::Command(&command), "221 2.0.0 Bye")?;
                    return Ok(());
                }
                _ => self.answer(At::Command(&command), "250 2.0.0 Ok")?,
            }
        }
    }

    /// Answers DATA and takes what follows, if the answer invited it.
    fn data(&mut self, command: &str) -> Result<(), Over> {
        let mut data = Vec::new();
        match (self.script)(self.number, At::Command(command)) {
            Some(Act::InviteAndSay(early)) => {
                self.say("354 Go on")?;
                data.extend(self.line()?);
                self.say(early)?;
            }
            Some(act) => return self.perform(&act),
            None => self.say("354 Go on")?,
        }
        loop {
            let line = self.line()?;
            if line == b".\r\n" {
                break;
            }
            data.extend_from_slice(&line);
        }
        self.log(|log| log.data.push(data.clone()));
        self.answer(At::Data(&data), "250 2.0.0 Taken")?;
        match (self.script)(self.number, At::Between) {
            Some(act) => self.perform(&act),
            None => Ok(()),
        }
    }

    fn answer(&mut self, at: At<'_>, usual: &str) -> Result<(), Over> {
        match (self.script)(self.number, at) {
            Some(act) => self.perform(&act),
            None => self.say(usual),
        }
    }

    fn perform(&mut self, act: &Act) -> Result<(), Over> {
        match act {
            Act::Say(reply) | Act::InviteAndSay(reply) => return self.say(reply),
            Act::SayAndDrop(reply) => self.say(reply)?,
            Act::Drop => {}
            Act::Silence => while !self.line()?.is_empty() {},
            Act::Trickle => loop {
                self.stream.write_all(b"2")?;
                thread::sleep(Duration::from_millis(20));
            },
            Act::EndlessLine => {
                self.stream.write_all(b"250 ")?;
                loop {
                    self.stream.write_all(&[b'x'; 4096])?;
                }
            }
            Act::EndlessLines => loop {
                self.say("250-and more")?;
            },
            Act::InviteAndDrop(reply) => {
                self.say("354 Go on")?;
                self.line()?;
                self.say(reply)?;
            }
        }
        Err(Over)
    }

    fn say(&mut self, reply: &str) -> Result<(), Over> {
        Ok(self.stream.write_all(format!("{reply}\r\n").as_bytes())?)
    }

    /// The next line with its end.
    fn line(&mut self) -> Result<Vec<u8>, Over> {
        let mut line = Vec::new();
        match self.reader.read_until(b'\n', &mut line)? {
            0 => Err(Over),
            _ => Ok(line),
        }
    }

    fn log(&self, write: impl FnOnce(&mut Log)) {
        write(&mut self.logs.lock().expect("no panic")[self.number]);
    }
}
