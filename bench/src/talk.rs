//! What the sink hears and says. It checks the order of things, so that no message passes that a server would refuse.

use std::time::Instant;

use memchr::memmem;

use crate::sink::Counts;

/// One conversation.
#[derive(Debug)]
pub(crate) struct Talk {
    greeting: String,
    extensions: Vec<String>,
    awaits: Awaits,
    has_sender: bool,
    recipients: usize,
    /// Octets of the message that is coming in.
    size: u64,
    /// What is to be said.
    pub(crate) replies: Vec<u8>,
    /// Whether a message was taken since this was last cleared.
    pub(crate) accepted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Awaits {
    Command,
    /// Content up to the lone dot; whether nothing of it has come yet.
    Content {
        fresh: bool,
    },
    /// So many octets, and then maybe more.
    Chunk {
        left: u64,
        last: bool,
    },
    Nothing,
}

const END: &[u8] = b"\r\n.\r\n";

impl Talk {
    pub(crate) fn new(extensions: &[String]) -> Self {
        let mut lines: Vec<String> = vec![String::from("sink"), String::from("8BITMIME")];
        lines.extend(extensions.iter().cloned());
        let last = lines.len() - 1;
        let line = |(at, line): (usize, &String)| {
            format!("250{}{line}\r\n", if at == last { ' ' } else { '-' })
        };
        Self {
            greeting: lines.iter().enumerate().map(line).collect(),
            extensions: extensions.to_vec(),
            awaits: Awaits::Command,
            has_sender: false,
            recipients: 0,
            size: 0,
            replies: Vec::new(),
            accepted: false,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.awaits == Awaits::Nothing
    }

    /// Takes what it can of `bytes`; how many those are.
    pub(crate) fn hear(&mut self, bytes: &[u8], counts: &mut Counts, now: Instant) -> usize {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            let before = self.awaits;
            let taken = match self.awaits {
                Awaits::Command => self.command(rest, counts, now),
                Awaits::Content { fresh } => self.content(rest, fresh, counts),
                Awaits::Chunk { left, last } => self.chunk(rest, left, last, counts),
                Awaits::Nothing => 0,
            };
            at += taken;
            // An empty chunk takes no octets, but ends.
            if taken == 0 && self.awaits == before {
                return at;
            }
        }
    }

    fn command(&mut self, bytes: &[u8], counts: &mut Counts, now: Instant) -> usize {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            return 0;
        };
        let line = bytes[..end].trim_ascii_end();
        let verb: Vec<u8> = line.iter().take(4).map(u8::to_ascii_uppercase).collect();
        match &verb[..] {
            b"EHLO" => self.replies.extend(self.greeting.bytes()),
            b"MAIL" if !self.has_sender => {
                counts.first.get_or_insert(now);
                self.has_sender = true;
                self.say("250 2.1.0 sender ok");
            }
            b"RCPT" if self.has_sender => {
                self.recipients += 1;
                self.say("250 2.1.5 recipient ok");
            }
            b"DATA" if self.recipients > 0 => {
                self.awaits = Awaits::Content { fresh: true };
                self.say("354 go on");
            }
            b"BDAT" => self.bdat(line),
            b"RSET" | b"HELO" => {
                self.forget();
                self.say("250 2.0.0 ok");
            }
            b"NOOP" => self.say("250 2.0.0 ok"),
            b"QUIT" => {
                self.awaits = Awaits::Nothing;
                self.say("221 2.0.0 bye");
            }
            _ => self.say("503 5.5.1 not here, or not now"),
        }
        end + 1
    }

    fn bdat(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).to_ascii_uppercase();
        let mut words = line.split(' ').skip(1);
        let left = words.next().and_then(|size| size.parse().ok());
        let known = self.extensions.iter().any(|name| name == "CHUNKING");
        match left {
            Some(left) if known && self.recipients > 0 => {
                self.awaits = Awaits::Chunk {
                    left,
                    last: words.next() == Some("LAST"),
                };
            }
            _ => self.say("503 5.5.1 no chunk is wanted"),
        }
    }

    /// Content as it comes over the wire: doubled dots count twice.
    fn content(&mut self, bytes: &[u8], fresh: bool, counts: &mut Counts) -> usize {
        if fresh && bytes.starts_with(&END[2..]) {
            self.accept(counts);
            return END.len() - 2;
        }
        match memmem::find(bytes, END) {
            Some(at) => {
                self.size += at as u64 + 2;
                self.accept(counts);
                at + END.len()
            }
            // The end may have begun in the last octets.
            None => {
                let taken = bytes.len().saturating_sub(END.len() - 1);
                self.size += taken as u64;
                if taken > 0 {
                    self.awaits = Awaits::Content { fresh: false };
                }
                taken
            }
        }
    }

    fn chunk(&mut self, bytes: &[u8], left: u64, last: bool, counts: &mut Counts) -> usize {
        let taken = left.min(bytes.len() as u64);
        self.size += taken;
        self.awaits = Awaits::Chunk {
            left: left - taken,
            last,
        };
        if left == taken && last {
            self.accept(counts);
        } else if left == taken {
            self.awaits = Awaits::Command;
            self.say("250 2.0.0 chunk ok");
        }
        usize::try_from(taken).unwrap_or(0)
    }

    fn accept(&mut self, counts: &mut Counts) {
        counts.messages += 1;
        counts.octets += self.size;
        self.accepted = true;
        self.awaits = Awaits::Command;
        self.forget();
        self.say("250 2.0.0 message taken");
    }

    fn forget(&mut self) {
        self.has_sender = false;
        self.recipients = 0;
        self.size = 0;
    }

    fn say(&mut self, line: &str) {
        self.replies.extend(line.bytes());
        self.replies.extend(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n..\r\nx\r\n.\r\n\
        MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 3\r\nDATBDAT 0 LAST\r\nRSET\r\n\
        MAIL FROM:<a@b>\r\nDATA\r\nQUIT\r\n";

    /// Speaks the script in pieces of so many octets.
    fn speak(piece: usize) -> (String, Counts) {
        let mut talk = Talk::new(&["CHUNKING".to_owned()]);
        let mut counts = Counts::default();
        let mut kept = Vec::new();
        for part in SCRIPT.as_bytes().chunks(piece) {
            kept.extend(part);
            let taken = talk.hear(&kept, &mut counts, Instant::now());
            kept.drain(..taken);
        }
        assert!(talk.is_over() && kept.is_empty());
        (String::from_utf8_lossy(&talk.replies).into_owned(), counts)
    }

    #[test]
    fn it_counts_the_same_however_the_stream_is_cut() {
        let (said, counts) = speak(SCRIPT.len());
        assert_eq!((counts.messages, counts.octets), (2, 7 + 3));
        let codes: Vec<_> = said.lines().map(|line| &line[..3]).collect();
        let expected = "250 250 250 250 250 354 250 250 250 250 250 250 250 503 221";
        assert_eq!(codes.join(" "), expected);
        for piece in 1..SCRIPT.len() {
            let (again, counts) = speak(piece);
            assert_eq!(again, said, "in pieces of {piece}");
            assert_eq!((counts.messages, counts.octets), (2, 7 + 3));
        }
    }
}
