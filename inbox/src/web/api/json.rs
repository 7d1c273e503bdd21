//! How mails are told to programs.

use posthaste_smtp::Reply;
use serde::Serialize;
use serde_json::{Value, json};

use crate::mail::{Envelope, Id, Mail, Recipient};
use crate::transcript::{Line, Speaker};
use crate::view::{Address, View};

/// So many characters of a subject are told to who listens.
const SUBJECT: usize = 200;
/// So many recipients.
const RECIPIENTS: usize = 10;

/// What a list tells of a mail.
#[derive(Serialize)]
pub(super) struct Summary<'m> {
    id: Id,
    received: String,
    #[serde(rename = "box")]
    mailbox: &'m str,
    read: bool,
    taken: bool,
    subject: &'m str,
    from: &'m [Address],
    to: &'m [Address],
    cc: &'m [Address],
    bcc: &'m [String],
    message_id: Option<&'m str>,
    size: usize,
    attachments: Vec<Value>,
    codes: &'m [String],
    envelope: Value,
    reply: Option<Value>,
    session: Value,
}

/// All that there is to tell of a mail.
#[derive(Serialize)]
pub(super) struct Whole<'m> {
    #[serde(flatten)]
    summary: Summary<'m>,
    date: Option<&'m str>,
    reply_to: &'m [Address],
    headers: Vec<Value>,
    text: Option<&'m str>,
    html: Option<&'m str>,
    links: Vec<Value>,
    remote: usize,
}

impl<'m> Summary<'m> {
    pub(super) fn of(mail: &'m Mail, view: &'m View, read: bool) -> Self {
        let attachments = view.attachments.iter().map(|part| {
            json!({
                "path": part.path,
                "file_name": part.file_name,
                "content_type": part.content_type,
                "content_id": part.content_id,
                "disposition": part.disposition,
                "size": part.size,
            })
        });
        Self {
            id: mail.id,
            received: mail.received.to_string(),
            mailbox: &mail.mailbox,
            read,
            taken: mail.is_taken(),
            subject: &view.subject,
            from: &view.from,
            to: &view.to,
            cc: &view.cc,
            bcc: &view.bcc,
            message_id: view.message_id.as_deref(),
            size: mail.raw.len(),
            attachments: attachments.collect(),
            codes: &view.codes,
            envelope: envelope(&mail.envelope),
            reply: mail.reply.as_ref().map(reply),
            session: session(mail),
        }
    }
}

impl<'m> Whole<'m> {
    pub(super) fn of(mail: &'m Mail, view: &'m View, read: bool) -> Self {
        let headers = view.headers.iter();
        let links = view.links.iter();
        Self {
            summary: Summary::of(mail, view, read),
            date: view.date.as_deref(),
            reply_to: &view.reply_to,
            headers: headers
                .map(|header| json!({"name": header.name, "value": header.value}))
                .collect(),
            text: view.text.as_deref(),
            html: view.html.as_deref(),
            links: links
                .map(|link| json!({"url": link.url, "text": link.text}))
                .collect(),
            remote: view.remote,
        }
    }
}

impl Mail {
    /// What the API tells of it to who listens: a little of everything, as a JSON object.
    pub fn brief(&self) -> Value {
        row(self)
    }
}

/// What is told of a mail to who listens: little, so that a slow listener costs little.
pub(super) fn row(mail: &Mail) -> Value {
    let view = mail.glance();
    let from = view.from.first().map(|from| &from.address);
    let recipients = mail.envelope.recipients.iter();
    let refused = recipients.clone().filter(|to| !to.is_accepted()).count();
    let to: Vec<_> = recipients.take(RECIPIENTS).map(|to| &to.address).collect();
    json!({
        "id": mail.id,
        "received": mail.received.to_string(),
        "box": mail.mailbox,
        "taken": mail.is_taken(),
        "subject": view.subject.chars().take(SUBJECT).collect::<String>(),
        "from": from.unwrap_or(&mail.envelope.mail_from),
        "to": to,
        "recipients": mail.envelope.recipients.len(),
        "refused": refused,
        "attachments": view.attachments.len(),
        "code": view.codes.first(),
        "size": mail.raw.len(),
    })
}

fn envelope(envelope: &Envelope) -> Value {
    json!({
        "mail_from": envelope.mail_from,
        "rcpt_to": envelope.recipients.iter().map(recipient).collect::<Vec<_>>(),
        "body": envelope.body,
        "smtputf8": envelope.smtputf8,
        "ret": envelope.ret,
        "envid": envelope.envid,
        "size_declared": envelope.size,
        "require_tls": envelope.require_tls,
        "priority": envelope.priority,
    })
}

fn recipient(recipient: &Recipient) -> Value {
    let answer = recipient.reply.as_ref();
    json!({
        "address": recipient.address,
        "accepted": recipient.is_accepted(),
        "code": answer.map(Reply::code),
        "enhanced": answer.and_then(Reply::enhanced).map(|code| code.to_string()),
        "message": answer.map(Reply::message),
        "orcpt": recipient.orcpt,
        "notify": recipient.notify,
    })
}

fn reply(reply: &Reply) -> Value {
    json!({
        "code": reply.code(),
        "enhanced": reply.enhanced().map(|code| code.to_string()),
        "message": reply.message(),
    })
}

fn session(mail: &Mail) -> Value {
    let session = &mail.session;
    json!({
        "id": session.id,
        "tls": session.tls,
        "auth_user": session.user,
        "ehlo": session.hello,
        "bdat_chunks": session.chunks,
        "pipelined": session.pipelined,
        "duration_us": session.duration_us,
    })
}

/// A line of a transcript.
pub(super) fn line(line: &Line) -> Value {
    let speaker = match line.speaker {
        Speaker::Client => "client",
        Speaker::Server => "server",
        Speaker::Event => "event",
    };
    json!({
        "at_us": u64::try_from(line.at.as_micros()).unwrap_or(u64::MAX),
        "speaker": speaker,
        "text": line.text,
        "joined": line.joined,
    })
}
