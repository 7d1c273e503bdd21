//! A mail as it came: its exact octets, and apart from them who said what to whom.

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use posthaste_smtp::Reply;
use serde::{Deserialize, Serialize};

use crate::transcript::Transcript;
use crate::view::View;

/// The number of a mail in its inbox: 1 for the first, and never used again.
pub type Id = u64;

/// A mail that came, or that a client tried to send.
#[derive(Debug)]
pub struct Mail {
    /// Its number. 0 until it is stored.
    pub id: Id,
    /// When its last octet was there.
    pub received: Timestamp,
    /// The box it is in: the name that the client logged in by, or empty.
    pub mailbox: String,
    /// From whom and to whom, as the server was told.
    pub envelope: Envelope,
    /// The connection that it came over.
    pub session: Session,
    /// The answer to the content. None if there was none: everyone was refused, or the connection broke off.
    pub reply: Option<Reply>,
    /// The octets of the content, dots undone. Nothing is added and nothing is changed. Of a content that was not taken, those
    /// that came.
    pub raw: Arc<[u8]>,
    /// What was said, up to the answer to this mail.
    pub transcript: Transcript,
    /// The mail as a reader sees it; made when it is first asked for.
    view: OnceLock<Arc<View>>,
}

/// What a mail is told of before it is stored.
#[derive(Debug)]
pub struct Arrival {
    /// See [`Mail::mailbox`].
    pub mailbox: String,
    /// See [`Mail::envelope`].
    pub envelope: Envelope,
    /// See [`Mail::session`].
    pub session: Session,
    /// See [`Mail::reply`].
    pub reply: Option<Reply>,
    /// See [`Mail::raw`].
    pub raw: Vec<u8>,
    /// See [`Mail::transcript`].
    pub transcript: Transcript,
}

impl Arrival {
    /// One that does not come over SMTP.
    pub(crate) fn put_in(mailbox: &str, envelope: Envelope, raw: Vec<u8>) -> Self {
        Self {
            mailbox: mailbox.to_owned(),
            envelope,
            session: Session::default(),
            reply: "250 2.0.0 Put in without SMTP".parse().ok(),
            raw,
            transcript: Transcript::default(),
        }
    }
}

/// From whom and to whom, and what was said about it (RFC 5321 section 3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Envelope {
    /// The reverse-path without angle brackets; empty for `<>`.
    pub mail_from: String,
    /// The recipients, also those that were refused, in order.
    pub recipients: Vec<Recipient>,
    /// `7BIT` or `8BITMIME`, where it was said.
    pub body: Option<String>,
    /// Whether SMTPUTF8 was said.
    pub smtputf8: bool,
    /// RET (RFC 3461): `FULL` or `HDRS`.
    pub ret: Option<String>,
    /// ENVID (RFC 3461).
    pub envid: Option<String>,
    /// The size that the client declared.
    pub size: Option<u64>,
    /// REQUIRETLS (RFC 8689).
    pub require_tls: bool,
    /// MT-PRIORITY (RFC 6710).
    pub priority: Option<i8>,
}

/// A recipient, and what the server said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The forward-path without angle brackets.
    pub address: String,
    /// The answer; none if it was withheld.
    #[serde(with = "wire")]
    pub reply: Option<Reply>,
    /// ORCPT (RFC 3461), as it was said.
    pub orcpt: Option<String>,
    /// NOTIFY (RFC 3461), as it was said.
    pub notify: Option<String>,
}

/// The connection that a mail came over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    /// The number of the connection, from 1.
    pub id: u64,
    /// The version and cipher of TLS; none without.
    pub tls: Option<String>,
    /// Who logged in.
    pub user: Option<String>,
    /// What the client called itself.
    pub hello: String,
    /// How many BDAT brought the content; 0 for DATA.
    pub chunks: u32,
    /// Whether the client wrote the next command before the last was answered.
    pub pipelined: bool,
    /// Microseconds from MAIL to the answer to the content.
    pub duration_us: u64,
}

impl Mail {
    /// A mail that is stored under `id`.
    pub fn new(id: Id, received: Timestamp, arrival: Arrival) -> Self {
        Self {
            id,
            received,
            mailbox: arrival.mailbox,
            envelope: arrival.envelope,
            session: arrival.session,
            reply: arrival.reply,
            raw: arrival.raw.into(),
            transcript: arrival.transcript,
            view: OnceLock::new(),
        }
    }

    /// Whether the server took it, for one recipient at least.
    pub fn is_taken(&self) -> bool {
        self.reply.as_ref().is_some_and(Reply::is_success)
    }

    /// The mail as a reader sees it.
    pub fn view(&self) -> &Arc<View> {
        self.view.get_or_init(|| Arc::new(View::of(self)))
    }

    /// The same mail, of which no view was made yet.
    pub(crate) fn without_view(&self) -> Self {
        Self {
            id: self.id,
            received: self.received,
            mailbox: self.mailbox.clone(),
            envelope: self.envelope.clone(),
            session: self.session.clone(),
            reply: self.reply.clone(),
            raw: Arc::clone(&self.raw),
            transcript: self.transcript.clone(),
            view: OnceLock::new(),
        }
    }

    /// The mail as a reader sees it, and not kept for later: so that a search through all mails does not fill the memory.
    pub(crate) fn glance(&self) -> Arc<View> {
        let kept = self.view.get().map(Arc::clone);
        kept.unwrap_or_else(|| Arc::new(View::of(self)))
    }

    /// The octets of a part of it, decoded. `path` is [`Part::path`](crate::view::Part::path).
    pub fn part_bytes(&self, path: &str) -> Option<Vec<u8>> {
        let part = self.view().part(path)?;
        Some(part.bytes(&self.raw))
    }
}

impl Envelope {
    /// The addresses of the recipients that were accepted, in order.
    pub fn rcpt_to(&self) -> Vec<&str> {
        self.accepted().map(|to| to.address.as_str()).collect()
    }

    /// The recipients that were accepted.
    pub fn accepted(&self) -> impl Iterator<Item = &Recipient> {
        self.recipients
            .iter()
            .filter(|recipient| recipient.is_accepted())
    }
}

impl Recipient {
    /// Whether the server accepted it.
    pub fn is_accepted(&self) -> bool {
        self.reply.as_ref().is_none_or(Reply::is_success)
    }
}

/// Replies in JSON: as they are said.
pub(crate) mod wire {
    use posthaste_smtp::Reply;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        reply: &Option<Reply>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        reply.as_ref().map(Reply::to_wire).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Reply>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom))
            .transpose()
    }
}
