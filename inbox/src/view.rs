//! A mail as a reader sees it.

mod differences;

use serde::Serialize;

use crate::mail::Mail;

pub use differences::{Difference, Side, differences};

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
    pub children: Vec<Part>,
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
        use mail_parser::{Address as Parsed, MessageParser};
        let Some(parsed) = MessageParser::default().parse(&*mail.raw) else {
            return Self::default();
        };
        let addresses = |list: Option<&Parsed<'_>>| {
            list.into_iter()
                .flat_map(Parsed::iter)
                .map(|one| Address {
                    name: one.name().map(str::to_owned),
                    address: one.address().unwrap_or_default().to_owned(),
                })
                .collect()
        };
        Self {
            subject: parsed.subject().unwrap_or_default().to_owned(),
            from: addresses(parsed.from()),
            to: addresses(parsed.to()),
            cc: addresses(parsed.cc()),
            reply_to: addresses(parsed.reply_to()),
            message_id: parsed.message_id().map(str::to_owned),
            text: parsed.body_text(0).map(Into::into),
            html: parsed.body_html(0).map(Into::into),
            ..Self::default()
        }
    }
}
