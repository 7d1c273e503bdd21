//! The list of mails.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::about;
use super::site::{Problem, Site};
use crate::inbox::Shared;
use crate::mail::{Id, Mail, Recipient};
use crate::store::Page;
use crate::view::Address;

/// So many mails are on a page.
const LENGTH: usize = 50;

/// A mail in the list.
#[derive(Debug, Serialize)]
struct Row {
    id: Id,
    subject: String,
    from: String,
    to: String,
    /// How many recipients there are besides.
    others: usize,
    bcc: usize,
    attachments: usize,
    code: Option<String>,
    refused: Vec<String>,
    taken: bool,
    unread: bool,
    current: bool,
    time: Time,
}

/// A time, for people and for programs.
#[derive(Debug, Serialize)]
pub(super) struct Time {
    iso: String,
    pub(super) full: String,
    short: String,
}

#[derive(Debug, Serialize)]
struct Mailbox<'a> {
    name: &'a str,
    count: usize,
    href: String,
    current: bool,
}

/// The list alone.
pub(super) async fn show(
    site: Site,
    State(shared): State<Arc<Shared>>,
) -> Result<Response, Problem> {
    let list = values(&site, &shared, None).await?;
    let values = context! { ..about::setup(&site), ..list };
    site.page("inbox.html", "list", values)
}

/// What the template of the list needs. `current` is the mail that is open beside it.
pub(super) async fn values(
    site: &Site,
    shared: &Shared,
    current: Option<Id>,
) -> Result<Value, Problem> {
    let asked = &site.asked;
    let page = Page {
        before: asked.before,
        limit: LENGTH,
        ..Page::default()
    };
    // A search that cannot be read finds nothing; the page says why.
    let found = match asked.query() {
        Ok(query) => shared.store.list(&query, page).await,
        Err(_) => Ok(Default::default()),
    };
    let found = found.map_err(|error| site.failed(error))?;
    let last = found.mails.last().map(|(mail, _)| mail.id);
    let older = last.filter(|_| found.more);
    let rows: Vec<_> = found
        .mails
        .iter()
        .map(|(mail, is_read)| row(mail, !is_read, current))
        .collect();
    Ok(context! {
        list => context! {
            rows => Serde(rows),
            total => found.total,
            older => older.map(|id| asked.in_url(asked.mailbox.as_deref(), Some(id))),
            newest => asked.before.is_some(),
        },
        boxes => Serde(boxes(site)),
    })
}

fn boxes(site: &Site) -> Vec<Mailbox<'_>> {
    let boxes = site.stats.boxes.iter();
    boxes
        .map(|(name, count)| Mailbox {
            name,
            count: *count,
            href: site.asked.in_url(Some(name), None),
            current: site.asked.mailbox.as_ref() == Some(name),
        })
        .collect()
}

fn row(mail: &Mail, unread: bool, current: Option<Id>) -> Row {
    let view = mail.view();
    let recipients = &mail.envelope.recipients;
    let to = view.to.first().map(|to| to.address.clone());
    let to = to.or_else(|| recipients.first().map(|first| first.address.clone()));
    Row {
        id: mail.id,
        subject: subject(mail),
        from: view.from.first().map_or_else(|| sender(mail), name),
        to: to.unwrap_or_else(|| "(nobody)".to_owned()),
        others: recipients.len().saturating_sub(1),
        // Where no header came, nobody is hidden from it.
        bcc: if mail.raw.is_empty() {
            0
        } else {
            view.bcc.len()
        },
        attachments: view.attachments.len(),
        code: view.codes.first().cloned(),
        refused: refused(recipients),
        taken: mail.is_taken(),
        unread,
        current: current == Some(mail.id),
        time: time(mail.received),
    }
}

/// Its subject, in words if there is none: a link has to have a name.
pub(super) fn subject(mail: &Mail) -> String {
    let subject = mail.view().subject.trim();
    if mail.raw.is_empty() && !mail.is_taken() {
        "(refused before its content)".to_owned()
    } else if subject.is_empty() {
        "(no subject)".to_owned()
    } else {
        subject.to_owned()
    }
}

/// The sender of the envelope, as it is written there if it is empty.
pub(super) fn sender(mail: &Mail) -> String {
    match mail.envelope.mail_from.as_str() {
        "" => "<>".to_owned(),
        address => address.to_owned(),
    }
}

/// The first refusals: the code, and whose it was.
fn refused(recipients: &[Recipient]) -> Vec<String> {
    let refused = recipients
        .iter()
        .filter(|recipient| !recipient.is_accepted());
    refused
        .take(2)
        .map(|recipient| {
            let code = recipient.reply.as_ref().map_or(0, |reply| reply.code());
            let (local, _) = recipient
                .address
                .rsplit_once('@')
                .unwrap_or((&recipient.address, ""));
            format!("{code} {local}@")
        })
        .collect()
}

fn name(address: &Address) -> String {
    let name = address.name.as_deref().map(str::trim);
    name.filter(|name| !name.is_empty())
        .unwrap_or(&address.address)
        .to_owned()
}

/// A time as the clock of this machine shows it. The list has no dates of today and no years of this one.
pub(super) fn time(at: Timestamp) -> Time {
    let zone = TimeZone::system();
    let now = Timestamp::now().to_zoned_datetime(zone.clone());
    let local = at.to_zoned_datetime(zone);
    let short = if local.date() == now.date() {
        "%H:%M:%S"
    } else if local.year() == now.year() {
        "%-d %b %H:%M"
    } else {
        "%-d %b %Y"
    };
    Time {
        iso: at.to_string(),
        full: local.strftime("%a, %-d %b %Y, %H:%M:%S %Z").to_string(),
        short: local.strftime(short).to_string(),
    }
}
