//! What a server has seen.

use std::fmt;

use posthaste_smtp::Reply;

/// One connection, as the server saw it.
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    /// All command lines, without their ends, and with the secrets in them. Lines that answer a challenge, too.
    pub commands: Vec<String>,
    /// All messages that were begun: whose MAIL the server accepted.
    pub messages: Vec<Received>,
    /// How often the server had to wait for the client after it had said something: the round trips of this conversation,
    /// with the greeting's.
    pub round_trips: usize,
    /// Whether TLS is on.
    pub tls: bool,
    /// Who logged in.
    pub user: Option<String>,
    /// Whether the connection is over.
    pub is_over: bool,
    pub(super) transcript: String,
    /// Octets of content since the last line of the transcript.
    pub(super) octets: u64,
}

impl Conversation {
    /// What was said, in the order in which the server heard and said it; `C:` before the client's lines, `S:` before its
    /// own, and of contents their length alone.
    #[must_use]
    pub fn transcript(&self) -> &str {
        &self.transcript
    }

    /// How many command lines begin so, in capital or small letters.
    #[must_use]
    pub fn count(&self, start: &str) -> usize {
        let begins = |line: &&String| {
            line.get(..start.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(start))
        };
        self.commands.iter().filter(begins).count()
    }

    pub(super) fn client_said(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        self.write("C", &line);
        self.commands.push(line);
    }

    pub(super) fn server_said(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        for line in text.split_terminator('\n') {
            self.write("S", line.trim_end_matches('\r'));
        }
    }

    /// Notes a piece of content; gives how much there is now.
    pub(super) fn content_came(&mut self, piece: &[u8]) -> usize {
        self.octets += piece.len() as u64;
        self.messages.last_mut().map_or(0, |message| {
            message.content.extend_from_slice(piece);
            message.content.len()
        })
    }

    /// Notes that something happened that is no line.
    pub(super) fn happened(&mut self, what: &str) {
        self.write("-", what);
    }

    fn write(&mut self, who: &str, line: &str) {
        let octets = std::mem::take(&mut self.octets);
        if octets > 0 {
            self.transcript.push_str(&format!("C: ({octets} octets)\n"));
        }
        self.transcript.push_str(&format!("{who}: {line}\n"));
    }
}

/// A message as it came to a server, taken or not.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// The number of its connection, counted from 0.
    pub connection: usize,
    /// The sender of the envelope; empty for notices.
    pub from: String,
    /// What followed it in MAIL, such as `SIZE=123 BODY=8BITMIME`.
    pub parameters: String,
    /// All recipients that were named, accepted or not.
    pub recipients: Vec<Recipient>,
    /// The octets of its content as far as they came, dots undone.
    pub content: Vec<u8>,
    /// Whether all of the content came.
    pub is_complete: bool,
    /// The server's answer to the content, if it gave one. In LMTP the last one; each recipient has its own.
    pub reply: Option<Reply>,
}

impl Received {
    pub(super) fn new(connection: usize, from: String, parameters: String) -> Self {
        Self {
            connection,
            from,
            parameters,
            recipients: Vec::new(),
            content: Vec::new(),
            is_complete: false,
            reply: None,
        }
    }

    /// Notes the answer to the content, in LMTP for this one of the recipients that were accepted.
    pub(super) fn delivered(&mut self, recipient: Option<usize>, reply: Option<Reply>) {
        let accepted = |one: &&mut Recipient| one.reply.as_ref().is_none_or(Reply::is_success);
        if let Some(nth) = recipient
            && let Some(recipient) = self.recipients.iter_mut().filter(accepted).nth(nth)
        {
            recipient.delivery.clone_from(&reply);
        }
        self.reply = reply;
    }

    /// Whether the server said that it has taken the message, for one recipient at least.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        let success = |reply: &Option<Reply>| reply.as_ref().is_some_and(Reply::is_success);
        success(&self.reply) || self.recipients.iter().any(|one| success(&one.delivery))
    }

    /// The recipients that were accepted by RCPT.
    #[must_use]
    pub fn accepted(&self) -> Vec<&str> {
        let accepted = |one: &&Recipient| one.reply.as_ref().is_some_and(Reply::is_success);
        let all = self.recipients.iter().filter(accepted);
        all.map(|one| one.address.as_str()).collect()
    }

    /// The content as text; what is not UTF-8 becomes `\u{fffd}`.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("connection", &self.connection)
            .field("from", &self.from)
            .field("parameters", &self.parameters)
            .field("recipients", &self.recipients)
            .field("content", &format_args!("{} octets", self.content.len()))
            .field("is_complete", &self.is_complete)
            .field("reply", &self.reply)
            .finish()
    }
}

/// A recipient of a message, as RCPT named it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The address.
    pub address: String,
    /// What followed it in RCPT, such as `NOTIFY=NEVER`.
    pub parameters: String,
    /// The answer to RCPT, if there was one.
    pub reply: Option<Reply>,
    /// In LMTP, the answer to the content for this recipient.
    pub delivery: Option<Reply>,
}
