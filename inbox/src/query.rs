//! The language of searches.
//!
//! Words and `"phrases"` are looked for in subject, addresses, text and file names, and a mail has to have all of them. A word
//! finds all that begin with it; letter case and accents are nothing. A minus before a word excludes. Fields:
//!
//! | | finds mails |
//! |---|---|
//! | `from:` `to:` `cc:` `subject:` `body:` `file:` | with the words there |
//! | `rcpt:` `bcc:` | with such a recipient in the envelope; in no header |
//! | `addressed:` | from or to such an address |
//! | `reply-to:` `message-id:` `header:NAME` `header:NAME=words` | with such a header |
//! | `has:` | with an `attachment`, `inline` part, `html`, `text`, `link`, `code` or `tag` |
//! | `is:` | that are `read`, `unread`, `taken`, `refused` or `tagged` |
//! | `before:` `after:` | that came before a day or time, or not before it: `2026-11-25`, `2026-11-25T12:30`, `2h` ago |
//! | `larger:` `smaller:` | with more or fewer octets: `500`, `20k`, `5M` |
//! | `tag:` `box:` `user:` | with this tag, in this box, of a client that logged in so |
//! | `code:` | for which the server said so: `550`, `5`, `5.1.1` |

mod document;
mod parse;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::mail::{Id, Mail};
use document::Document;

pub(crate) use document::{Columns, codes, traits};

/// What to look for. An empty one finds all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Only these mails, where any are named.
    pub ids: Vec<Id>,
    /// Only mails of this box.
    pub mailbox: Option<String>,
    /// Only mails that the server took (`Some(true)`), or did not.
    pub taken: Option<bool>,
    /// What was written, where the query is one that was.
    pub words: Terms,
}

/// What was written as a query; all of it has to be so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms(Vec<Term>);

/// A word of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) is_excluded: bool,
    pub(crate) what: What,
}

/// What a word of a query asks. The order is that of the work it makes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    Read(bool),
    Taken(bool),
    Before(Timestamp),
    NotBefore(Timestamp),
    Larger(u64),
    Smaller(u64),
    Mailbox(String),
    User(String),
    Code(String),
    Has(Trait),
    Tag(String),
    /// A header, and the words in it.
    Header(String, Option<String>),
    /// Words as [`fold`](crate::words::fold) gives them without the last space, and where they are to be.
    Words(&'static [Column], String),
}

/// What a mail has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trait {
    Attachment,
    Inline,
    Html,
    Text,
    Link,
    Code,
    Tag,
}

/// A part of a mail in which words are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    Subject,
    From,
    To,
    Cc,
    Bcc,
    Rcpt,
    Body,
    File,
}

impl Column {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 8] = [
        Self::Subject,
        Self::From,
        Self::To,
        Self::Cc,
        Self::Bcc,
        Self::Rcpt,
        Self::Body,
        Self::File,
    ];
}

impl Query {
    /// Whether it finds a mail.
    pub fn matches(&self, mail: &Mail, is_read: bool) -> bool {
        (self.ids.is_empty() || self.ids.contains(&mail.id))
            && self
                .mailbox
                .as_ref()
                .is_none_or(|name| *name == mail.mailbox)
            && self.taken.is_none_or(|taken| taken == mail.is_taken())
            && self.matches_terms(mail, is_read)
    }

    /// Whether nothing was written: numbers, box and taken are looked up without a search.
    pub(crate) fn is_simple(&self) -> bool {
        self.words.0.is_empty()
    }

    /// The part of it that is looked up.
    pub(crate) fn simple(&self) -> Self {
        Self {
            words: Terms::default(),
            ..self.clone()
        }
    }

    pub(crate) fn terms(&self) -> &[Term] {
        &self.words.0
    }

    fn matches_terms(&self, mail: &Mail, is_read: bool) -> bool {
        if self.is_simple() {
            return true;
        }
        let document = Document::new(mail, is_read);
        self.terms()
            .iter()
            .all(|term| document.has(&term.what) != term.is_excluded)
    }
}

impl FromStr for Query {
    type Err = InvalidQuery;

    fn from_str(text: &str) -> Result<Self, InvalidQuery> {
        let mut terms = parse::terms(text)?;
        terms.sort_by(|one, other| one.what.cmp(&other.what));
        Ok(Self {
            words: Terms(terms),
            ..Self::default()
        })
    }
}

/// Why a text is no query. It names the word that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidQuery(pub String);

impl fmt::Display for InvalidQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidQuery {}
