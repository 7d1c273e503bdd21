//! What can be had at best: hand-written clients that check nothing.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use crate::job::{Job, Outcome, SENDER};

/// How many messages may be under way without an answer.
const WINDOW: usize = 64;

/// Messages are put together to writes of about this size.
const WRITE: usize = 256 * 1024;

/// Sends by `BDAT`, 64 whole messages ahead of their replies. Each message is put together anew, as a client must that has
/// more than one.
pub(crate) fn floor(job: &Job) -> Outcome {
    let content = fs::read(&job.file)?;
    let replies = job.recipients.len() + 2;
    side_by_side(job, |count| {
        pipelined(job, replies, count, |out| {
            out.extend(format!("MAIL FROM:<{SENDER}>\r\n").bytes());
            for recipient in &job.recipients {
                out.extend(format!("RCPT TO:<{recipient}>\r\n").bytes());
            }
            out.extend(format!("BDAT {} LAST\r\n", content.len()).bytes());
            out.extend(&content);
        })
    })
}

/// Copies the same octets to the sink's second port, and waits until it has all.
pub(crate) fn copy(job: &Job) -> Outcome {
    let content = fs::read(&job.file)?;
    side_by_side(job, |count| {
        let mut stream = TcpStream::connect((job.host.as_str(), job.port + 1))?;
        stream.set_nodelay(true)?;
        for _ in 0..count {
            stream.write_all(&content)?;
        }
        stream.shutdown(Shutdown::Write)?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(())
    })
}

fn side_by_side(job: &Job, send: impl Fn(usize) -> io::Result<()> + Sync) -> Outcome {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..job.connections)
            .map(|connection| (job.share(connection), &send))
            .map(|(count, send)| scope.spawn(move || send(count)))
            .collect();
        for thread in threads {
            thread.join().map_err(|_| "a connection failed")??;
        }
        Ok(())
    })
}

fn pipelined(
    job: &Job,
    replies: usize,
    count: usize,
    compose: impl Fn(&mut Vec<u8>),
) -> io::Result<()> {
    let mut stream = TcpStream::connect((job.host.as_str(), job.port))?;
    stream.set_nodelay(true)?;
    let mut heard = Replies::new();
    heard.until(&mut stream, 1)?;
    stream.write_all(b"EHLO bench.example.com\r\n")?;
    heard.until(&mut stream, 2)?;
    let before = heard.count;
    let mut out = Vec::new();
    let mut sent = 0;
    loop {
        let answered = (heard.count - before) / replies;
        if answered == count {
            break;
        }
        let last = count.min(answered + WINDOW);
        while sent < last {
            compose(&mut out);
            sent += 1;
            if out.len() >= WRITE || sent == last {
                stream.write_all(&out)?;
                out.clear();
            }
        }
        heard.more(&mut stream)?;
    }
    stream.write_all(b"QUIT\r\n")?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Counts replies, and gives up at the first that is a refusal.
struct Replies {
    buffer: Box<[u8]>,
    line: Vec<u8>,
    count: usize,
}

impl Replies {
    fn new() -> Self {
        Self {
            buffer: vec![0; 64 * 1024].into_boxed_slice(),
            line: Vec::new(),
            count: 0,
        }
    }

    fn until(&mut self, stream: &mut TcpStream, count: usize) -> io::Result<()> {
        while self.count < count {
            self.more(stream)?;
        }
        Ok(())
    }

    fn more(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        let read = stream.read(&mut self.buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for part in self.buffer[..read].split_inclusive(|octet| *octet == b'\n') {
            self.line.extend(part);
            if !part.ends_with(b"\n") {
                continue;
            }
            if self.line.first() != Some(&b'2') {
                let line = String::from_utf8_lossy(&self.line);
                return Err(io::Error::other(format!("refused: {}", line.trim())));
            }
            self.count += usize::from(self.line.get(3) != Some(&b'-'));
            self.line.clear();
        }
        Ok(())
    }
}
