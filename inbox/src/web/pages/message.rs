//! A mail, beside the list.

use std::sync::Arc;

use axum::extract::{Path, Query as UrlQuery, State};
use axum::response::Response;
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::panels::{self, Choices, Tab};
use super::render::octets;
use super::site::{self, Problem, Site};
use super::{about, list};
use crate::event::Event;
use crate::inbox::Shared;
use crate::mail::Mail;
use crate::view::Address;

/// People in one role: `To`, and who.
#[derive(Debug, Serialize)]
struct Line {
    label: &'static str,
    people: Vec<Person>,
}

#[derive(Debug, Serialize)]
struct Person {
    name: Option<String>,
    address: String,
    /// Why the server did not take it.
    refused: Option<String>,
}

/// Something about how a mail came.
#[derive(Debug, Serialize)]
struct Fact {
    text: String,
    title: Option<&'static str>,
}

/// A mail, in the view that tells most of it.
pub(super) async fn show(
    site: Site,
    Path(id): Path<String>,
    choices: UrlQuery<Choices>,
    state: State<Arc<Shared>>,
) -> Result<Response, Problem> {
    let mail = site::mail(&site, &state.0, &id).await?;
    let tab = match mail.view().html {
        Some(_) => Tab::Html,
        None => Tab::Text,
    };
    page(site, &mail, tab, &choices.0, &state.0).await
}

/// A mail in a view of choice.
pub(super) async fn show_tab(
    site: Site,
    Path((id, tab)): Path<(String, String)>,
    choices: UrlQuery<Choices>,
    state: State<Arc<Shared>>,
) -> Result<Response, Problem> {
    let mail = site::mail(&site, &state.0, &id).await?;
    let tab = Tab::named(&tab).ok_or_else(|| site.missing())?;
    page(site, &mail, tab, &choices.0, &state.0).await
}

async fn page(
    mut site: Site,
    mail: &Mail,
    tab: Tab,
    choices: &Choices,
    shared: &Shared,
) -> Result<Response, Problem> {
    read(&mut site, mail, shared).await?;
    let list = list::values(&site, shared, Some(mail.id)).await?;
    let values = context! {
        mail => values(mail, shared),
        ..context! { ..panels::values(&site, mail, tab, choices), ..context! { ..about::setup(&site), ..list } }
    };
    site.page("inbox.html", "mail", values)
}

/// Who opens a mail has read it.
async fn read(site: &mut Site, mail: &Mail, shared: &Shared) -> Result<(), Problem> {
    let before = site.stats.unread;
    let marked = shared.store.mark(mail.id, true).await;
    marked.map_err(|error| site.failed(error))?;
    site.count(shared).await?;
    if site.stats.unread != before {
        shared.tell(Event::Marked(mail.id, true));
    }
    Ok(())
}

fn values(mail: &Mail, shared: &Shared) -> Value {
    let answer = match &mail.reply {
        Some(reply) => reply.to_string(),
        None => "everyone was refused, so no content came".to_owned(),
    };
    context! {
        id => mail.id,
        subject => list::subject(mail),
        taken => mail.is_taken(),
        answer,
        release => released(mail, shared),
        people => Serde(people(mail)),
        facts => Serde(facts(mail)),
    }
}

/// Whom the mail may be sent on to. Nobody, where there is no relay.
pub(super) fn released(mail: &Mail, shared: &Shared) -> Vec<String> {
    let recipients = mail.envelope.accepted().map(|one| one.address.clone());
    let allows = |address: &String| {
        let relay = shared.relay.as_ref();
        relay.is_some_and(|relay| relay.allows(address))
    };
    recipients.filter(allows).collect()
}

fn people(mail: &Mail) -> Vec<Line> {
    let view = mail.view();
    let bcc: Vec<_> = view.bcc.iter().map(|address| bare(address)).collect();
    let from = if view.from.is_empty() {
        vec![bare(&list::sender(mail))]
    } else {
        view.from.clone()
    };
    let hidden = if mail.raw.is_empty() { "To" } else { "Bcc" };
    let lines = [
        ("From", &from),
        ("To", &view.to),
        ("Cc", &view.cc),
        (hidden, &bcc),
        ("Reply to", &view.reply_to),
    ];
    lines
        .into_iter()
        .filter(|(_, people)| !people.is_empty())
        .map(|(label, people)| Line {
            label,
            people: people.iter().map(|one| person(mail, one)).collect(),
        })
        .collect()
}

fn bare(address: &str) -> Address {
    Address {
        name: None,
        address: address.to_owned(),
    }
}

fn person(mail: &Mail, who: &Address) -> Person {
    let recipients = mail.envelope.recipients.iter();
    let refused = recipients
        .filter(|recipient| !recipient.is_accepted())
        .find(|recipient| recipient.address.eq_ignore_ascii_case(&who.address));
    Person {
        name: who.name.clone().filter(|name| !name.trim().is_empty()),
        address: who.address.clone(),
        refused: refused.and_then(|recipient| recipient.reply.as_ref().map(ToString::to_string)),
    }
}

fn facts(mail: &Mail) -> Vec<Fact> {
    let session = &mail.session;
    let fact = |text: String, title| Fact { text, title };
    let mut facts = vec![
        fact(list::time(mail.received).full, Some("When it came")),
        fact(octets(mail.raw.len() as u64), Some("Its size")),
        fact(
            session.tls.clone().unwrap_or_else(|| "no TLS".to_owned()),
            Some("How the connection was secured"),
        ),
    ];
    if let Some(user) = &session.user {
        facts.push(fact(format!("AUTH {user}"), Some("Who logged in")));
    }
    let content = match session.chunks {
        0 if mail.reply.is_none() => "no content".to_owned(),
        0 => "DATA".to_owned(),
        chunks => format!("BDAT ×{chunks}"),
    };
    facts.push(fact(content, Some("How the content was sent")));
    if session.pipelined {
        let title = "Commands were written before the last was answered";
        facts.push(fact("pipelined".to_owned(), Some(title)));
    }
    let took = match session.duration_us {
        micros @ ..1000 => format!("{micros} µs"),
        micros => format!("{:.1} ms", micros as f64 / 1000.0),
    };
    facts.push(fact(took, Some("From MAIL to the answer to the content")));
    facts
}
