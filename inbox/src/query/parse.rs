//! From a text to terms.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Column, InvalidQuery, Term, Trait, What};
use crate::words::fold;

/// So many octets a query may have.
const LONGEST: usize = 4096;

const FIELDS: &str = "from, to, cc, bcc, rcpt, addressed, subject, body, file, reply-to, message-id, header, has, is, \
    before, after, larger, smaller, tag, box, user and code";

pub(super) fn terms(text: &str) -> Result<Vec<Term>, InvalidQuery> {
    if text.len() > LONGEST {
        return Err(InvalidQuery(format!(
            "the search is longer than {LONGEST} octets"
        )));
    }
    tokens(text)?.iter().map(term).collect()
}

/// A word of the query as it is written.
#[derive(Debug, Default)]
struct Token {
    is_excluded: bool,
    field: Option<String>,
    value: String,
    /// All of it, for messages.
    written: String,
}

fn tokens(text: &str) -> Result<Vec<Token>, InvalidQuery> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (token, after) = token(rest)?;
        found.push(token);
        rest = after.trim_start();
    }
    Ok(found)
}

/// The first token of a text, and what follows.
fn token(text: &str) -> Result<(Token, &str), InvalidQuery> {
    let mut token = Token::default();
    let mut is_quoted = false;
    let mut was_quoted = false;
    let mut end = text.len();
    for (at, c) in text.char_indices() {
        match c {
            '"' => {
                is_quoted = !is_quoted;
                was_quoted = true;
            }
            _ if is_quoted => token.value.push(c),
            _ if c.is_whitespace() => {
                end = at;
                break;
            }
            '-' | '!' if at == 0 => token.is_excluded = true,
            ':' if token.field.is_none() && !was_quoted && is_name(&token.value) => {
                token.field = Some(std::mem::take(&mut token.value));
            }
            _ => token.value.push(c),
        }
    }
    let (written, after) = text.split_at(end);
    written.clone_into(&mut token.written);
    if is_quoted {
        return Err(token.wrong("a quotation mark is missing"));
    }
    // A URL is no field.
    if token.value.starts_with("//")
        && let Some(scheme) = token.field.take()
    {
        token.value = format!("{scheme}:{}", token.value);
    }
    Ok((token, after))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic() || c == '-')
}

fn term(token: &Token) -> Result<Term, InvalidQuery> {
    Ok(Term {
        is_excluded: token.is_excluded,
        what: token.what()?,
    })
}

impl Token {
    fn what(&self) -> Result<What, InvalidQuery> {
        let Some(field) = &self.field else {
            return self.words(&Column::ALL);
        };
        if self.value.is_empty() {
            return Err(self.wrong("there is nothing after the colon"));
        }
        match field.to_ascii_lowercase().as_str() {
            "subject" => self.words(&[Column::Subject]),
            "from" => self.words(&[Column::From]),
            "to" => self.words(&[Column::To]),
            "cc" => self.words(&[Column::Cc]),
            "bcc" => self.words(&[Column::Bcc]),
            "rcpt" => self.words(&[Column::Rcpt]),
            "addressed" => self.words(&[Column::From, Column::To, Column::Cc, Column::Rcpt]),
            "body" | "text" => self.words(&[Column::Body]),
            "file" | "attachment" => self.words(&[Column::File]),
            "reply-to" | "message-id" => self.in_header(field, &self.value),
            "header" => self.header(),
            "has" => self.has().map(What::Has),
            "is" => self.is(),
            "before" => self.time().map(What::Before),
            "after" => self.time().map(What::NotBefore),
            "larger" => self.size().map(What::Larger),
            "smaller" => self.size().map(What::Smaller),
            "tag" => Ok(What::Tag(self.value.to_lowercase())),
            "box" => Ok(What::Mailbox(self.value.clone())),
            "user" => Ok(What::User(self.value.to_lowercase())),
            "code" => self.code(),
            _ => Err(self.wrong(&format!(
                "there is no field of this name. There are {FIELDS}; quotation marks around it look for the words"
            ))),
        }
    }

    fn words(&self, columns: &'static [Column]) -> Result<What, InvalidQuery> {
        Ok(What::Words(columns, self.folded(&self.value)?))
    }

    /// Words to look for; the last one may be the start of one.
    fn folded(&self, text: &str) -> Result<String, InvalidQuery> {
        let folded = fold(text).trim_end().to_owned();
        if folded.is_empty() {
            return Err(self.wrong("there is no letter or digit to look for"));
        }
        Ok(folded)
    }

    fn header(&self) -> Result<What, InvalidQuery> {
        let (name, words) = self.value.split_once('=').unwrap_or((&self.value, ""));
        if name.is_empty() || !name.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(self.wrong("this is no name of a header"));
        }
        self.in_header(name, words)
    }

    fn in_header(&self, name: &str, words: &str) -> Result<What, InvalidQuery> {
        let words = if words.is_empty() {
            None
        } else {
            Some(self.folded(words)?)
        };
        Ok(What::Header(name.to_ascii_lowercase(), words))
    }

    fn has(&self) -> Result<Trait, InvalidQuery> {
        match self.value.to_ascii_lowercase().as_str() {
            "attachment" | "attachments" => Ok(Trait::Attachment),
            "inline" => Ok(Trait::Inline),
            "html" => Ok(Trait::Html),
            "text" => Ok(Trait::Text),
            "link" | "links" => Ok(Trait::Link),
            "code" => Ok(Trait::Code),
            "tag" | "tags" => Ok(Trait::Tag),
            _ => Err(self.wrong("a mail has: attachment, inline, html, text, link, code or tag")),
        }
    }

    fn is(&self) -> Result<What, InvalidQuery> {
        match self.value.to_ascii_lowercase().as_str() {
            "read" => Ok(What::Read(true)),
            "unread" => Ok(What::Read(false)),
            "taken" => Ok(What::Taken(true)),
            "refused" => Ok(What::Taken(false)),
            "tagged" => Ok(What::Has(Trait::Tag)),
            _ => Err(self.wrong("a mail is: read, unread, taken, refused or tagged")),
        }
    }

    fn time(&self) -> Result<Timestamp, InvalidQuery> {
        self.ago()
            .or_else(|| self.value.parse().ok())
            .or_else(|| {
                let day = self.value.parse::<DateTime>().ok()?;
                TimeZone::UTC.to_timestamp(day).ok()
            })
            .ok_or_else(|| {
                self.wrong("this is no time. Write 2026-11-25, 2026-11-25T12:30 (in UTC) or 2h, for two hours ago")
            })
    }

    /// `30s`, `10m`, `2h`, `7d`, `2w`.
    fn ago(&self) -> Option<Timestamp> {
        let (number, unit) = self.value.split_at_checked(self.value.len() - 1)?;
        let seconds: i64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return None,
        };
        let seconds = i64::from(number.parse::<u32>().ok()?) * seconds;
        Timestamp::now()
            .checked_sub(SignedDuration::from_secs(seconds))
            .ok()
    }

    fn size(&self) -> Result<u64, InvalidQuery> {
        let value = self.value.to_ascii_lowercase();
        let value = value.trim_end_matches('b');
        let number = value.trim_end_matches(['k', 'm', 'g']);
        let scale = match value.get(number.len()..) {
            Some("") => Some(1),
            Some("k") => Some(1 << 10),
            Some("m") => Some(1 << 20),
            Some("g") => Some(1 << 30),
            _ => None,
        };
        let number = number.parse::<u64>().ok();
        number
            .zip(scale)
            .and_then(|(number, scale)| number.checked_mul(scale))
            .ok_or_else(|| self.wrong("this is no size. Write 500, 20k or 5M"))
    }

    fn code(&self) -> Result<What, InvalidQuery> {
        let value = &self.value;
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let is_code = value.len() <= 3 && is_digits(value);
        let is_enhanced = value.split('.').count() == 3 && value.split('.').all(is_digits);
        if !is_code && !is_enhanced {
            return Err(self.wrong(
                "this is no code of a reply. Write 550, 5 (for all that begin with it) or 5.1.1",
            ));
        }
        Ok(What::Code(value.clone()))
    }

    fn wrong(&self, why: &str) -> InvalidQuery {
        InvalidQuery(format!("`{}`: {why}", self.written))
    }
}
