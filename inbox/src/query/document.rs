//! A mail as a query sees it.

use std::cell::OnceCell;
use std::sync::Arc;

use super::{Column, Trait, What};
use crate::mail::{Envelope, Mail};
use crate::view::{SEARCHED, View};
use crate::words::{fold, start};
use posthaste_smtp::Reply;

/// A mail, of which no more is read than is asked for.
pub(super) struct Document<'m> {
    mail: &'m Mail,
    is_read: bool,
    view: OnceCell<Arc<View>>,
    columns: OnceCell<Columns>,
}

impl<'m> Document<'m> {
    pub(super) fn new(mail: &'m Mail, is_read: bool) -> Self {
        Self {
            mail,
            is_read,
            view: OnceCell::new(),
            columns: OnceCell::new(),
        }
    }

    pub(super) fn has(&self, what: &What) -> bool {
        match what {
            What::Read(is_read) => self.is_read == *is_read,
            What::Taken(is_taken) => self.mail.is_taken() == *is_taken,
            What::Before(time) => self.mail.received < *time,
            What::NotBefore(time) => self.mail.received >= *time,
            What::Larger(size) => self.mail.raw.len() as u64 > *size,
            What::Smaller(size) => (self.mail.raw.len() as u64) < *size,
            What::Mailbox(name) => self.mail.mailbox == *name,
            What::User(name) => {
                let user = self.mail.session.user.as_ref();
                user.is_some_and(|user| user.to_lowercase() == *name)
            }
            What::Code(code) => codes(&self.mail.envelope, self.mail.reply.as_ref())
                .any(|said| is_code(&said, code)),
            What::Has(one) => traits(self.view()).any(|found| found == *one),
            What::Tag(tag) => self.view().tags().any(|found| found.to_lowercase() == *tag),
            What::Header(name, words) => self.has_header(name, words.as_deref()),
            What::Words(columns, words) => columns
                .iter()
                .any(|column| self.columns().of(*column).contains(words)),
        }
    }

    fn has_header(&self, name: &str, words: Option<&str>) -> bool {
        let headers = self.view().headers.iter();
        headers
            .filter(|header| header.name.eq_ignore_ascii_case(name))
            .any(|header| words.is_none_or(|words| fold(&header.value).contains(words)))
    }

    fn view(&self) -> &View {
        self.view.get_or_init(|| self.mail.glance())
    }

    fn columns(&self) -> &Columns {
        self.columns
            .get_or_init(|| Columns::new(self.view(), &self.mail.envelope))
    }
}

/// The codes that were said for a mail: `550`, `5.1.1`.
pub(crate) fn codes<'m>(
    envelope: &'m Envelope,
    reply: Option<&'m Reply>,
) -> impl Iterator<Item = String> + 'm {
    let recipients = envelope.recipients.iter();
    recipients
        .filter_map(|recipient| recipient.reply.as_ref())
        .chain(reply)
        .flat_map(|reply| {
            let enhanced = reply.enhanced().map(|code| code.to_string());
            [Some(reply.code().to_string()), enhanced]
        })
        .flatten()
}

/// `5` and `55` find `550`; an enhanced code only itself.
fn is_code(said: &str, asked: &str) -> bool {
    said == asked || !said.contains('.') && !asked.contains('.') && said.starts_with(asked)
}

/// What `has:` finds a mail by.
pub(crate) fn traits(view: &View) -> impl Iterator<Item = Trait> {
    let is_inline = |part: &crate::view::Part| {
        part.disposition.as_deref() == Some("inline") || part.content_id.is_some()
    };
    let has = [
        (Trait::Attachment, !view.attachments.is_empty()),
        (Trait::Inline, view.attachments.iter().any(is_inline)),
        (Trait::Html, view.html.is_some()),
        (Trait::Text, view.text.is_some()),
        (Trait::Link, !view.links.is_empty()),
        (Trait::Code, !view.codes.is_empty()),
        (Trait::Tag, view.tags().next().is_some()),
    ];
    has.into_iter().filter(|(_, has)| *has).map(|(one, _)| one)
}

/// The words of a mail, by where they are.
#[derive(Debug)]
pub(crate) struct Columns(Vec<String>);

impl Columns {
    pub(crate) fn new(view: &View, envelope: &Envelope) -> Self {
        let columns = Column::ALL.iter();
        Self(
            columns
                .map(|column| words(*column, view, envelope))
                .collect(),
        )
    }

    pub(crate) fn of(&self, column: Column) -> &str {
        self.0.get(column as usize).map_or("", String::as_str)
    }
}

/// Stands between texts, so that their words do not run together.
const BETWEEN: &str = "\n";

fn words(column: Column, view: &View, envelope: &Envelope) -> String {
    let addresses = |list: &[crate::view::Address]| {
        let each = list.iter().map(|one| {
            let name = one.name.as_deref().unwrap_or_default();
            format!("{name} {}", one.address)
        });
        each.collect::<Vec<_>>().join(BETWEEN)
    };
    let text = match column {
        Column::Subject => view.subject.clone(),
        Column::From => addresses(&view.from) + BETWEEN + &envelope.mail_from,
        Column::To => addresses(&view.to),
        Column::Cc => addresses(&view.cc),
        Column::Bcc => view.bcc.join(BETWEEN),
        Column::Rcpt => {
            let recipients = envelope.recipients.iter();
            let each = recipients.map(|to| to.address.as_str());
            each.collect::<Vec<_>>().join(BETWEEN)
        }
        Column::Body => {
            let html = view.html_text().unwrap_or_default();
            let text = view.text.as_deref().unwrap_or_default();
            [start(text, SEARCHED), start(html, SEARCHED)].join(BETWEEN)
        }
        Column::File => {
            let names = view.attachments.iter();
            let each = names.filter_map(|part| part.file_name.as_deref());
            each.collect::<Vec<_>>().join(BETWEEN)
        }
    };
    fold(&text)
}
