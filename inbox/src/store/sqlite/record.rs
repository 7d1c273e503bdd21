//! What of a mail is kept beside its octets, as JSON: nobody looks for it there, and new fields need no new tables.

use std::sync::Arc;

use jiff::Timestamp;
use posthaste_smtp::Reply;
use serde::{Deserialize, Serialize};

use crate::mail::{Arrival, Envelope, Id, Mail, Session};
use crate::store::StoreError;
use crate::transcript::{Line, Transcript};

#[derive(Serialize, Deserialize)]
struct Record {
    envelope: Envelope,
    session: Session,
    #[serde(with = "crate::mail::wire")]
    reply: Option<Reply>,
    lines: Vec<Line>,
}

/// The record of a mail.
pub(super) fn write(mail: &Mail) -> Result<String, StoreError> {
    json(&Record {
        envelope: mail.envelope.clone(),
        session: mail.session.clone(),
        reply: mail.reply.clone(),
        lines: mail.transcript.lines.to_vec(),
    })
}

/// The lines that mails of one connection share.
pub(super) fn write_opening(lines: &[Line]) -> Result<String, StoreError> {
    json(&lines)
}

/// What the tables have of a mail.
pub(super) struct Row {
    pub(super) id: Id,
    pub(super) received: i64,
    pub(super) mailbox: String,
    pub(super) record: String,
    pub(super) opening: Option<String>,
    pub(super) raw: Vec<u8>,
}

impl Row {
    pub(super) fn mail(self) -> Result<Mail, StoreError> {
        let damaged =
            |error: serde_json::Error| StoreError(format!("mail {} is damaged: {error}", self.id));
        let record: Record = serde_json::from_str(&self.record).map_err(damaged)?;
        let opening: Option<Vec<Line>> = self
            .opening
            .map(|opening| serde_json::from_str(&opening))
            .transpose()
            .map_err(damaged)?;
        let received = Timestamp::from_microsecond(self.received).unwrap_or_default();
        let arrival = Arrival {
            mailbox: self.mailbox,
            envelope: record.envelope,
            session: record.session,
            reply: record.reply,
            raw: self.raw,
            transcript: Transcript {
                opening: opening.unwrap_or_default().into(),
                lines: Arc::from(record.lines),
            },
        };
        Ok(Mail::new(self.id, received, arrival))
    }
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError(error.to_string()))
}
