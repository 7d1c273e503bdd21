//! The one reader of addresses: a single pass, without recursion, without backtracking.
//!
//! It knows no folding: a text with a line end is refused before it comes here. Comments and
//! blanks are taken between tokens, never inside the addr-spec, so that what is checked and
//! what is routed are the same characters.

use std::borrow::Cow;

use crate::encode::rfc2047;

/// The most octets of a text that may hold addresses.
const LONGEST_TEXT: usize = 64 * 1024;

/// Why an empty text is refused.
pub(super) const EMPTY: &str = "it is empty; expected user@domain";

const NO_DOMAIN: &str = "the domain after \"@\" is missing or malformed";
const NO_LOCAL: &str = "the part before \"@\" is missing or malformed; quote it if it is meant so";
const BAD_PLACE: &str = "there is text where the address should have ended";

/// What the parser meets next in a list.
pub(super) enum Event<'a> {
    Mailbox(Raw<'a>),
    GroupStart(String),
    GroupEnd,
}

/// A mailbox as it stands in the text, the domain not yet in ASCII.
pub(super) struct Raw<'a> {
    pub(super) name: Option<String>,
    pub(super) local: &'a str,
    pub(super) domain: Option<&'a str>,
}

/// One word of a phrase, or a local part.
struct Word<'a> {
    text: &'a str,
    quoted: bool,
    /// Whether a blank or comment stands before it.
    apart: bool,
}

/// Reads addresses from a text, one event at a time.
pub(super) struct Parser<'a> {
    text: &'a str,
    at: usize,
    in_group: bool,
    words: Vec<Word<'a>>,
}

impl<'a> Parser<'a> {
    /// A parser of `text`, which must be of bounded length and hold no control characters.
    pub(super) fn new(text: &'a str) -> Result<Self, &'static str> {
        check(text)?;
        Ok(Self {
            text,
            at: 0,
            in_group: false,
            words: Vec::new(),
        })
    }

    /// The next mailbox, or start or end of a group; empty entries of a list are skipped.
    pub(super) fn next(&mut self) -> Result<Option<Event<'a>>, &'static str> {
        loop {
            self.skip_blanks()?;
            match self.peek() {
                None if self.in_group => return Err("the group is not closed by \";\""),
                None => return Ok(None),
                Some(b',') => self.at += 1,
                Some(b';') if self.in_group => {
                    self.at += 1;
                    self.in_group = false;
                    self.end_of_item()?;
                    return Ok(Some(Event::GroupEnd));
                }
                Some(_) => return self.item().map(Some),
            }
        }
    }

    /// Whether nothing is left but blanks and comments.
    pub(super) fn at_end(&mut self) -> Result<bool, &'static str> {
        self.skip_blanks()?;
        Ok(self.peek().is_none())
    }

    /// Whether a list separator was met next.
    pub(super) fn at_comma(&self) -> bool {
        self.peek() == Some(b',')
    }

    /// The whole text as an addr-spec and nothing else.
    pub(super) fn addr_spec(&mut self) -> Result<Raw<'a>, &'static str> {
        let raw = self.spec()?;
        if self.at < self.text.len() {
            return Err(BAD_PLACE);
        }
        Ok(raw)
    }

    /// A mailbox or the start of a group; the parser stands at its first character.
    fn item(&mut self) -> Result<Event<'a>, &'static str> {
        self.words.clear();
        let mut apart = false;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let text = self.quoted()?;
                    self.push(text, true, apart);
                }
                Some(b'<') => return self.angle(),
                Some(b'@') => return self.bare(apart),
                Some(b':') if !self.in_group && !self.words.is_empty() => {
                    self.at += 1;
                    self.in_group = true;
                    return Ok(Event::GroupStart(self.phrase()));
                }
                Some(b':') => return Err("\":\" must stand in quotes; groups do not nest"),
                None | Some(b',' | b';') => return self.local_only(),
                Some(byte) if is_word(byte) => {
                    let text = self.run();
                    self.push(text, false, apart);
                }
                Some(_) => return Err("a special character must stand in quotes"),
            }
            apart = self.skip_blanks()?;
        }
    }

    fn push(&mut self, text: &'a str, quoted: bool, apart: bool) {
        self.words.push(Word {
            text,
            quoted,
            apart,
        });
    }

    /// `<addr-spec>` after an optional display name.
    fn angle(&mut self) -> Result<Event<'a>, &'static str> {
        let name = self.phrase();
        self.at += 1;
        self.skip_spaces();
        let mut raw = self.spec()?;
        self.skip_spaces();
        if self.peek() != Some(b'>') {
            return Err(match self.peek() {
                None => "\"<\" is not closed by \">\"",
                Some(_) => "there is more than an address between \"<\" and \">\"",
            });
        }
        self.at += 1;
        self.end_of_item()?;
        raw.name = Some(name).filter(|name| !name.is_empty());
        Ok(Event::Mailbox(raw))
    }

    /// An addr-spec without angle brackets; the parser stands at the `@`.
    fn bare(&mut self, apart: bool) -> Result<Event<'a>, &'static str> {
        let local = self.only_local()?;
        if apart {
            return Err("there is a blank or comment before \"@\"");
        }
        self.at += 1;
        let domain = Some(self.domain()?);
        self.end_of_item()?;
        Ok(Event::Mailbox(Raw {
            name: None,
            local,
            domain,
        }))
    }

    /// An address that is a local part alone, such as `root`.
    fn local_only(&mut self) -> Result<Event<'a>, &'static str> {
        let local = self.only_local()?;
        self.end_of_item()?;
        Ok(Event::Mailbox(Raw {
            name: None,
            local,
            domain: None,
        }))
    }

    /// The words so far, which must be one local part.
    fn only_local(&self) -> Result<&'a str, &'static str> {
        match self.words.as_slice() {
            [word] if word.quoted || is_local_atom(word.text) => Ok(word.text),
            [] | [_] => Err(NO_LOCAL),
            _ => Err("there are several words where one address is expected"),
        }
    }

    /// An addr-spec at this place: a local part and mostly a domain.
    fn spec(&mut self) -> Result<Raw<'a>, &'static str> {
        let local = if self.peek() == Some(b'"') {
            self.quoted()?
        } else {
            let text = self.run();
            if !is_local_atom(text) {
                return Err(NO_LOCAL);
            }
            text
        };
        let mut domain = None;
        if self.peek() == Some(b'@') {
            self.at += 1;
            domain = Some(self.domain()?);
        }
        Ok(Raw {
            name: None,
            local,
            domain,
        })
    }

    /// A domain or an address literal, as it stands.
    fn domain(&mut self) -> Result<&'a str, &'static str> {
        if self.peek() != Some(b'[') {
            let text = self.run();
            // A domain that is not ASCII is judged after its conversion: it may have other dots.
            if text.is_empty() || (text.is_ascii() && !is_dot_atom(text)) {
                return Err(NO_DOMAIN);
            }
            return Ok(text);
        }
        let start = self.at;
        self.at += 1;
        while let Some(33..=90 | 94..=126) = self.peek() {
            self.at += 1;
        }
        if self.peek() != Some(b']') || self.at == start + 1 {
            return Err("the address literal is empty, malformed or not closed by \"]\"");
        }
        self.at += 1;
        Ok(self.since(start))
    }

    /// After an item only a separator may come.
    fn end_of_item(&mut self) -> Result<(), &'static str> {
        self.skip_blanks()?;
        match self.peek() {
            None | Some(b',') => Ok(()),
            Some(b';') if self.in_group => Ok(()),
            Some(b';') => Err("\";\" ends a group, but there is none"),
            Some(_) => Err(BAD_PLACE),
        }
    }

    /// A quoted string as it stands, quotes and all.
    fn quoted(&mut self) -> Result<&'a str, &'static str> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err("a quote is not closed"),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(self.since(start));
                }
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
            }
        }
    }

    /// The longest run of atom characters and dots.
    fn run(&mut self) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(is_word) {
            self.at += 1;
        }
        self.since(start)
    }

    /// Passes blanks and comments; tells whether there were any.
    fn skip_blanks(&mut self) -> Result<bool, &'static str> {
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'(' => depth += 1,
                b')' if depth > 0 => depth -= 1,
                b'\\' if depth > 0 => self.at += 1,
                b' ' => {}
                _ if depth > 0 => {}
                _ => break,
            }
            self.at += 1;
        }
        if depth > 0 {
            return Err("a comment is not closed by \")\"");
        }
        Ok(self.at > start)
    }

    fn skip_spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// The words so far as the text of a display name. Encoded words outside of quotes are
    /// decoded if they hold clean text; a blank between two of them is no part of the text.
    fn phrase(&self) -> String {
        let mut out = String::new();
        let mut after_encoded = false;
        for (index, word) in self.words.iter().enumerate() {
            let decoded = if word.quoted {
                None
            } else {
                rfc2047::decode_word(word.text)
            };
            if index > 0 && word.apart && !(after_encoded && decoded.is_some()) {
                out.push(' ');
            }
            after_encoded = decoded.is_some();
            match decoded {
                Some(text) => out.push_str(&text),
                None if word.quoted => out.push_str(&unquote(word.text)),
                None => out.push_str(word.text),
            }
        }
        out
    }
}

/// Refuses what no address may hold anywhere.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    if text.len() > LONGEST_TEXT {
        return Err("it is longer than 64 KiB");
    }
    if text.bytes().all(|byte| (32..127).contains(&byte)) {
        return Ok(());
    }
    if text.chars().any(|c| c.is_control() || is_separator(c)) {
        return Err("it has a line end or another control character");
    }
    Ok(())
}

/// Unicode's own line ends.
fn is_separator(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// The text inside a quoted string.
fn unquote(quoted: &str) -> Cow<'_, str> {
    let inner = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(quoted);
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// RFC 5322 atext, and RFC 6532's characters beyond ASCII.
pub(super) fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

fn is_word(byte: u8) -> bool {
    is_atext(byte) || byte == b'.'
}

/// Atoms with single dots between them.
pub(super) fn is_dot_atom(text: &str) -> bool {
    !text.is_empty()
        && text
            .split('.')
            .all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
}

/// A dot-atom without invisible blanks: those of other scripts are no local part either.
fn is_local_atom(text: &str) -> bool {
    is_dot_atom(text) && (text.is_ascii() || !text.chars().any(char::is_whitespace))
}

/// Whether `text` is a short ASCII `local@domain` of plain atoms, known without a parse.
/// What may mean more than it shows is left to the parser and the encoders: `=?`, and `xn--`.
pub(crate) fn is_plain_spec(text: &[u8]) -> bool {
    let (mut at, mut previous) = (false, b'.');
    for &byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'+' => {}
            b'-' if previous != b'-' => {}
            b'.' if previous != b'.' && previous != b'@' => {}
            b'@' if !at && previous != b'.' => at = true,
            _ => return false,
        }
        previous = byte;
    }
    at && previous != b'.' && previous != b'@' && text.len() <= 254
}
