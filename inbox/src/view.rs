//! A mail as a reader sees it.

mod codes;
pub(crate) mod decode;
mod differences;
pub(crate) mod headers;
pub(crate) mod html;
mod mime;

use std::collections::HashSet;
use std::ops::Range;

use serde::Serialize;

use crate::mail::{Envelope, Mail};
use crate::words::start;
use headers::Field;

pub use differences::{Difference, Side, differences};

/// So many octets of a text are looked through for links and words.
pub(crate) const SEARCHED: usize = 1 << 20;

/// What a mail's octets mean. Whatever they are, there is a view of them.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The subject, decoded; empty if there is none.
    pub subject: String,
    /// Who wrote it.
    pub from: Vec<Address>,
    /// Whom it is to.
    pub to: Vec<Address>,
    /// Who gets a copy.
    pub cc: Vec<Address>,
    /// Who is to get answers.
    pub reply_to: Vec<Address>,
    /// When it was written, as it says.
    pub date: Option<String>,
    /// The Message-ID without angle brackets.
    pub message_id: Option<String>,
    /// All headers, in order.
    pub headers: Vec<Header>,
    /// The plain text.
    pub text: Option<String>,
    /// The HTML.
    pub html: Option<String>,
    /// All parts, from the whole mail down.
    pub tree: Part,
    /// The parts that are neither its text nor its HTML, without their children.
    pub attachments: Vec<Part>,
    /// The links of HTML and text, each once, in order.
    pub links: Vec<Link>,
    /// What looks like a one-time code.
    pub codes: Vec<String>,
    /// The recipients that no header names.
    pub bcc: Vec<String>,
    /// How many references of the HTML a reader would have to fetch.
    pub remote: usize,
    /// What is wrong with its structure, so that not all of it may be here.
    pub problems: Vec<String>,
    /// What is seen of the HTML.
    html_text: Option<String>,
}

/// A name and an address out of a header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Address {
    /// The name, decoded.
    pub name: Option<String>,
    /// The address; may be empty.
    pub address: String,
}

/// A header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Its name as written.
    pub name: String,
    /// Its value, unfolded and decoded.
    pub value: String,
    /// Its value as written, with line ends.
    pub raw: String,
}

/// A part of a mail (RFC 2045).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Where it is in the tree: `1` is the mail itself, `1.2` the second part of it.
    pub path: String,
    /// Type and subtype, in small letters.
    pub content_type: String,
    /// The charset that is named.
    pub charset: Option<String>,
    /// `inline`, `attachment`, or what else it says, in small letters.
    pub disposition: Option<String>,
    /// The file name, decoded. Never to be used as a path.
    pub file_name: Option<String>,
    /// The Content-ID without angle brackets.
    pub content_id: Option<String>,
    /// The transfer encoding, in small letters; `7bit` if none is named.
    pub encoding: String,
    /// Octets, decoded.
    pub size: usize,
    /// The parts in it.
    pub children: Vec<Self>,
    /// Where its body is in the mail.
    #[serde(skip)]
    body: Range<usize>,
}

/// A link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Where it leads, as written.
    pub url: String,
    /// What a reader sees of it; empty for a link in plain text.
    pub text: String,
}

impl View {
    /// Reads a mail.
    pub fn of(mail: &Mail) -> Self {
        Self::read(&mail.raw, &mail.envelope)
    }

    /// Reads a content that came with an envelope.
    pub(crate) fn read(raw: &[u8], envelope: &Envelope) -> Self {
        let mut reader = mime::Reader::new(raw);
        let (tree, fields) = reader.read();
        let mut view = Self::of_headers(&fields);
        view.problems = reader.problems;
        view.read_bodies(raw, &tree);
        view.tree = tree;
        view.bcc = hidden(envelope, &fields);
        view
    }

    fn of_headers(fields: &[Field<'_>]) -> Self {
        let find = |name: &str| fields.iter().find(|field| field.is(name));
        let addresses = |name: &str| {
            let named = fields.iter().filter(|field| field.is(name));
            named.flat_map(Field::addresses).collect()
        };
        Self {
            subject: find("Subject").map(Field::text).unwrap_or_default(),
            from: addresses("From"),
            to: addresses("To"),
            cc: addresses("Cc"),
            reply_to: addresses("Reply-To"),
            date: find("Date").map(Field::text),
            message_id: find("Message-ID").map(Field::id),
            headers: fields.iter().map(Field::header).collect(),
            ..Self::default()
        }
    }

    fn read_bodies(&mut self, raw: &[u8], tree: &Part) {
        let mut bodies = Bodies::default();
        bodies.collect(tree);
        let text = |part: &&Part| decode::text(&part.bytes(raw), part.charset.as_deref());
        let texts: Vec<_> = bodies.texts.iter().map(text).collect();
        self.text = (!texts.is_empty()).then(|| texts.join("\n"));
        self.html = bodies.html.as_ref().map(text);
        self.attachments = bodies.others.into_iter().map(Part::alone).collect();
        let html = self.html.as_deref().map(html::read).unwrap_or_default();
        self.remote = html.remote;
        self.codes = codes::find(&[
            &self.subject,
            self.text.as_deref().unwrap_or_default(),
            &html.text,
        ]);
        self.html_text = self.html.is_some().then_some(html.text);
        self.links = html.links;
        let text = self.text.as_deref().unwrap_or_default();
        for url in html::urls(start(text, SEARCHED)) {
            if self.links.len() < html::LINKS && !self.links.iter().any(|link| link.url == url) {
                self.links.push(Link {
                    url: url.to_owned(),
                    text: String::new(),
                });
            }
        }
    }

    /// The first header of this name, in whatever letter case.
    pub fn header(&self, name: &str) -> Option<&Header> {
        self.headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
    }

    /// The HTML as a reader sees it: its text, without what is hidden.
    pub fn html_text(&self) -> Option<&str> {
        self.html_text.as_deref()
    }

    /// What its X-Tags header lists, by commas.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        let listed = self.header("X-Tags").map(|header| header.value.as_str());
        let tags = listed.unwrap_or_default().split(',').map(str::trim);
        tags.filter(|tag| !tag.is_empty())
    }

    /// The part at a path.
    pub fn part(&self, path: &str) -> Option<&Part> {
        let mut part = &self.tree;
        while part.path != path {
            part = part.children.iter().find(|child| {
                let rest = path.strip_prefix(&child.path);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })?;
        }
        Some(part)
    }
}

impl Part {
    /// Its octets, decoded, out of the mail that it is of.
    pub(crate) fn bytes(&self, raw: &[u8]) -> Vec<u8> {
        let body = raw.get(self.body.clone()).unwrap_or_default();
        if self.children.is_empty() {
            decode::body(body, &self.encoding)
        } else {
            body.to_vec()
        }
    }

    /// Its octets as they are in the mail.
    pub(crate) fn encoded<'m>(&self, raw: &'m [u8]) -> &'m [u8] {
        raw.get(self.body.clone()).unwrap_or_default()
    }

    /// Itself and all that are in it, from the first to the last.
    pub fn all(&self) -> Vec<&Self> {
        let mut all = vec![self];
        all.extend(self.children.iter().flat_map(Self::all));
        all
    }

    fn alone(&self) -> Self {
        Self {
            children: Vec::new(),
            ..self.clone()
        }
    }
}

/// Which parts a reader shows as the mail itself.
#[derive(Default)]
struct Bodies<'t> {
    texts: Vec<&'t Part>,
    html: Option<&'t Part>,
    others: Vec<&'t Part>,
}

impl<'t> Bodies<'t> {
    fn collect(&mut self, part: &'t Part) {
        let is_shown =
            part.disposition.as_deref() != Some("attachment") && part.file_name.is_none();
        let kind = part.content_type.as_str();
        if kind.starts_with("multipart/") && !part.children.is_empty() {
            for child in &part.children {
                self.collect(child);
            }
        } else if is_shown && (kind == "text/plain" || kind.starts_with("multipart/")) {
            self.texts.push(part);
        } else if is_shown && kind == "text/html" && self.html.is_none() {
            self.html = Some(part);
        } else {
            self.others.push(part);
        }
    }
}

/// The recipients that no header names.
fn hidden(envelope: &Envelope, fields: &[Field<'_>]) -> Vec<String> {
    let named: HashSet<_> = fields
        .iter()
        .filter(|field| field.is("To") || field.is("Cc"))
        .flat_map(Field::addresses)
        .map(|one| one.address.to_lowercase())
        .collect();
    let recipients = envelope.recipients.iter().map(|to| &to.address);
    recipients
        .filter(|to| !named.contains(&to.to_lowercase()))
        .cloned()
        .collect()
}
