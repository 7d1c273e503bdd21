//! One address, known to be valid.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use idna::AsciiDenyList;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Parser;
use super::parser::{self, Event, Raw};
use crate::error::AddressError;

/// The most octets of `local@domain`: 64 and 255 (RFC 5321, 4.5.3.1).
const LONGEST_SPEC: usize = 320;

/// One valid address, with or without a display name.
///
/// It comes from a text as in a header, [RFC 5322](https://www.rfc-editor.org/rfc/rfc5322)'s
/// `mailbox`: comments are dropped, a quoted local part stays quoted, a domain that is not
/// ASCII becomes its IDNA form, and the domain may be absent (`root`). The header and the
/// envelope are both written from this value.
///
/// ```
/// use posthaste_message::Mailbox;
///
/// let mailbox: Mailbox = "\"Müller, Jörg\" <joerg@bücher.example>".parse()?;
/// assert_eq!(mailbox.name(), Some("Müller, Jörg"));
/// assert_eq!(mailbox.addr_spec(), "joerg@xn--bcher-kva.example");
/// assert!("a@b.c, d@e.f".parse::<Mailbox>().is_err());
/// # Ok::<(), posthaste_message::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mailbox {
    name: Option<String>,
    /// `local@domain`, or the local part alone.
    spec: String,
    /// Where the `@` is that parts the two.
    at: Option<usize>,
}

impl Mailbox {
    /// A mailbox of a display name, which is plain text, and an address without one.
    ///
    /// # Errors
    ///
    /// When the name holds a control character, or `addr_spec` is not one bare address.
    pub fn new(name: Option<&str>, addr_spec: &str) -> Result<Self, AddressError> {
        let name = name.filter(|name| !name.is_empty());
        if let Some(name) = name {
            parser::check(name).map_err(|reason| AddressError::new(name, reason))?;
        }
        let spec = |text| Parser::new(text)?.addr_spec();
        let raw = spec(addr_spec).map_err(|reason| AddressError::new(addr_spec, reason))?;
        let raw = Raw {
            name: name.map(str::to_owned),
            ..raw
        };
        Self::from_raw(raw).map_err(|reason| AddressError::new(addr_spec, reason))
    }

    /// The display name as text, not quoted nor encoded.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The part before the `@` as it is written, with its quotes if it has any.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.spec
            .get(..self.at.unwrap_or(self.spec.len()))
            .unwrap_or_default()
    }

    /// The domain in ASCII, or an address literal in brackets; `None` for a local address.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        self.spec.get(self.at? + 1..)
    }

    /// `local@domain`, without the name.
    #[must_use]
    pub fn addr_spec(&self) -> String {
        self.spec.clone()
    }

    /// Whether the local part is ASCII; if not, the address needs SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.spec.is_ascii()
    }

    /// `local@domain`, borrowed.
    pub(crate) fn spec(&self) -> &str {
        &self.spec
    }

    /// Checks the lengths and converts the domain.
    pub(super) fn from_raw(raw: Raw<'_>) -> Result<Self, &'static str> {
        let mut spec = raw.local.to_owned();
        let at = raw.domain.map(|_| spec.len());
        if let Some(domain) = raw.domain {
            spec.push('@');
            spec.push_str(&ascii_domain(domain)?);
        }
        if spec.len() > LONGEST_SPEC {
            return Err("it is longer than 320 octets");
        }
        Ok(Self {
            name: raw.name,
            spec,
            at,
        })
    }
}

/// The one mailbox that `text` is, or, with `groups`, that it is a group of.
pub(super) fn parse_one(text: &str, groups: bool) -> Result<Mailbox, AddressError> {
    let parse = || {
        let mut parser = Parser::new(text)?;
        if parser.at_end()? {
            return Err(parser::EMPTY);
        }
        if parser.at_comma() {
            return Err("there is a comma but no address before it");
        }
        let raw = match parser.next()? {
            Some(Event::Mailbox(raw)) => raw,
            Some(Event::GroupStart(_)) if groups => group_of_one(&mut parser)?,
            _ => return Err("a group is no single address"),
        };
        if !parser.at_end()? {
            return Err("there are several addresses where one is expected");
        }
        Mailbox::from_raw(raw)
    };
    parse().map_err(|reason| AddressError::new(text, reason))
}

/// The only member of a group whose start was read.
fn group_of_one<'a>(parser: &mut Parser<'a>) -> Result<Raw<'a>, &'static str> {
    let Some(Event::Mailbox(raw)) = parser.next()? else {
        return Err("the group is empty where one address is expected");
    };
    match parser.next()? {
        Some(Event::GroupEnd) => Ok(raw),
        _ => Err("the group has several addresses where one is expected"),
    }
}

/// The domain in ASCII: as it is if it is ASCII already, else converted as IDNA 2003 would,
/// which is what Django does, with the tables of UTS 46.
fn ascii_domain(domain: &str) -> Result<Cow<'_, str>, &'static str> {
    const BAD: &str = "the domain cannot be written in ASCII (IDNA)";
    if domain.is_ascii() {
        return Ok(Cow::Borrowed(domain));
    }
    if domain.len() > LONGEST_SPEC * 4 {
        return Err("the domain is too long");
    }
    let mut mapped = String::with_capacity(domain.len() + 8);
    for c in domain.chars() {
        match c {
            'ß' | 'ẞ' => mapped.push_str("ss"),
            'ς' => mapped.push('σ'),
            '\u{200c}' | '\u{200d}' => {}
            _ => mapped.push(c),
        }
    }
    let ascii = idna::domain_to_ascii_cow(mapped.as_bytes(), AsciiDenyList::URL)
        .map_err(|_| BAD)?
        .into_owned();
    let fits = ascii.len() <= 253 && ascii.split('.').all(|label| label.len() <= 63);
    // The mapping may have made a special character out of a look-alike.
    if !fits || !ascii.is_ascii() || !parser::is_dot_atom(&ascii) {
        return Err(BAD);
    }
    Ok(Cow::Owned(ascii))
}

/// Whether a name may stand without quotes: atoms with single blanks between them.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.contains("=?")
        && name
            .split(' ')
            .all(|word| !word.is_empty() && word.bytes().all(parser::is_atext))
}

/// Writes a display name, in quotes if it needs them.
pub(crate) fn push_name(name: &str, out: &mut String) {
    if is_plain_name(name) {
        out.push_str(name);
        return;
    }
    out.push('"');
    for c in name.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

impl FromStr for Mailbox {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse_one(text, false)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(name) = &self.name else {
            return f.write_str(&self.spec);
        };
        let mut out = String::with_capacity(name.len() + 2);
        push_name(name, &mut out);
        write!(f, "{out} <{}>", self.spec)
    }
}

impl Serialize for Mailbox {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mailbox {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
