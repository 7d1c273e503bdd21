//! E-mail addresses: as given by the user, parsed, and in lists.

mod list;
mod mailbox;
mod parser;

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::list::{AddressList, AddressListItem, parse_list};
pub use self::mailbox::Mailbox;
pub(crate) use self::mailbox::{is_plain_name, push_name};
pub(crate) use self::parser::is_plain_spec;

use self::parser::Parser;
use crate::error::AddressError;

/// An address as it was given: any text, checked only when the message is written.
///
/// A pair `(name, address)` keeps the name apart as plain text, so that a name from an
/// untrusted source can never bring an address of its own.
///
/// ```
/// use posthaste_message::Address;
///
/// let typed = Address::from("Ann <ann@example.com>");
/// let paired = Address::from(("Smith, Bob <x@evil>", "bob@example.com"));
/// assert_eq!(typed, "Ann <ann@example.com>");
/// assert_eq!(paired.mailbox()?.addr_spec(), "bob@example.com");
/// # Ok::<(), posthaste_message::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address(Given);

/// The ways to give an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Given {
    Text(String),
    Named { name: String, spec: String },
    Mailbox(Mailbox),
}

impl Address {
    /// The address as one text, the name quoted where it must be.
    #[must_use]
    pub fn as_text(&self) -> Cow<'_, str> {
        match &self.0 {
            Given::Text(text) => Cow::Borrowed(text),
            Given::Named { name, spec } if name.is_empty() => Cow::Borrowed(spec),
            Given::Named { name, spec } => {
                let mut out = String::with_capacity(name.len() + spec.len() + 5);
                push_name(name, &mut out);
                out.push_str(" <");
                out.push_str(spec);
                out.push('>');
                Cow::Owned(out)
            }
            Given::Mailbox(mailbox) => Cow::Owned(mailbox.to_string()),
        }
    }

    /// Whether nothing at all was given; such entries are dropped from lists.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Given::Text(text) => text.is_empty(),
            Given::Named { name, spec } => name.is_empty() && spec.is_empty(),
            Given::Mailbox(_) => false,
        }
    }

    /// The one mailbox that this address names; a group of one counts.
    ///
    /// # Errors
    ///
    /// When the text is no address, or names none or several.
    pub fn mailbox(&self) -> Result<Mailbox, AddressError> {
        match &self.0 {
            Given::Text(text) => mailbox::parse_one(text, true),
            Given::Named { name, spec } => Mailbox::new(Some(name), spec),
            Given::Mailbox(mailbox) => Ok(mailbox.clone()),
        }
    }

    /// All that this address names, as in a header: one entry may hold several addresses and
    /// groups.
    ///
    /// # Errors
    ///
    /// When the text is no list of addresses, or names nothing.
    pub fn list(&self) -> Result<AddressList, AddressError> {
        match &self.0 {
            Given::Text(text) => {
                let list = parse_list(text)?;
                if list.is_empty() {
                    return Err(AddressError::new(text, parser::EMPTY));
                }
                Ok(list)
            }
            _ => Ok(AddressList::from(self.mailbox()?)),
        }
    }

    /// The text to be parsed, if this is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.0 {
            Given::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        Self(Given::Text(text.to_owned()))
    }
}

/// What iterating over a `&[&str]` gives.
impl From<&&str> for Address {
    fn from(text: &&str) -> Self {
        Self::from(*text)
    }
}

impl From<Cow<'_, str>> for Address {
    fn from(text: Cow<'_, str>) -> Self {
        Self(Given::Text(text.into_owned()))
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        Self(Given::Text(text))
    }
}

impl From<&String> for Address {
    fn from(text: &String) -> Self {
        Self(Given::Text(text.clone()))
    }
}

impl From<&Self> for Address {
    fn from(address: &Self) -> Self {
        address.clone()
    }
}

impl<N: Into<String>, A: Into<String>> From<(N, A)> for Address {
    fn from((name, spec): (N, A)) -> Self {
        Self(Given::Named {
            name: name.into(),
            spec: spec.into(),
        })
    }
}

/// What iterating over a slice of names and addresses gives.
impl<N: AsRef<str>, A: AsRef<str>> From<&(N, A)> for Address {
    fn from((name, spec): &(N, A)) -> Self {
        Self::from((name.as_ref(), spec.as_ref()))
    }
}

impl From<Mailbox> for Address {
    fn from(mailbox: Mailbox) -> Self {
        Self(Given::Mailbox(mailbox))
    }
}

impl From<&Mailbox> for Address {
    fn from(mailbox: &Mailbox) -> Self {
        Self(Given::Mailbox(mailbox.clone()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_text())
    }
}

impl PartialEq<str> for Address {
    fn eq(&self, other: &str) -> bool {
        self.as_text() == other
    }
}

impl PartialEq<&str> for Address {
    fn eq(&self, other: &&str) -> bool {
        self.as_text() == *other
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.as_text())
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_of_anything_are_lists_of_addresses() {
        let texts: &[&str] = &["a@b"];
        let named: &[(&str, String)] = &[("Ann", "a@b".to_owned())];
        let message = crate::EmailMessage::new("", "").to(texts).cc(named);
        assert_eq!(message.to, ["a@b"]);
        assert_eq!(message.cc, ["Ann <a@b>"]);
    }

    #[test]
    fn an_address_shows_what_was_given() {
        assert_eq!(Address::from("x"), "x");
        assert_eq!(Address::from(("", "a@b")), "a@b");
        assert_eq!(Address::from(Cow::Borrowed("x")), "x");
        assert_eq!(Address::from(("J. \"Q\"", "a@b")), r#""J. \"Q\"" <a@b>"#);
        assert_eq!(Address::from(("Ann B", "a@b")).to_string(), "Ann B <a@b>");
        assert!(Address::from("").is_empty() && Address::from(("", "")).is_empty());
        assert!(!Address::from(" ").is_empty());
        let json = serde_json::to_string(&Address::from(("Ann", "a@b"))).unwrap();
        assert_eq!(json, "\"Ann <a@b>\"");
        assert_eq!(serde_json::from_str::<Address>(&json).unwrap(), "Ann <a@b>");
        assert!(serde_json::from_str::<Address>("1").is_err());
    }

    #[test]
    fn a_name_brings_no_address() {
        for name in [
            "a@evil.com, ",
            "x <a@evil.com>",
            "\"<a@evil.com>",
            "a: b@c;",
            "(",
            "=?utf-8?q?x?=",
        ] {
            let mailbox = Address::from((name, "b@good.com")).mailbox().unwrap();
            assert_eq!(mailbox.name(), Some(name));
            assert_eq!(mailbox.addr_spec(), "b@good.com");
        }
        for spec in [
            "", "x <a@b>", "a@b, c@d", "<a@b>", " a@b", "a@b ", "a@b(x)", "g: a@b;",
        ] {
            assert!(Address::from(("Ann", spec)).mailbox().is_err(), "{spec}");
            assert!(Address::from(("Ann", spec)).list().is_err(), "{spec}");
        }
    }

    #[test]
    fn a_group_of_one_is_one() {
        let one = |text: &str| Address::from(text).mailbox();
        assert_eq!(
            one("team: Ann <a@b.c>;").unwrap().to_string(),
            "Ann <a@b.c>"
        );
        for text in [
            "t:;",
            "t: a@b, c@d;",
            "t: a@b;, c@d",
            "t: a@b",
            "t: u: a@b;;",
            ":a@b;",
        ] {
            assert!(one(text).is_err(), "{text}");
        }
        assert_eq!(Address::from("a@b, c@d").list().unwrap().items().len(), 2);
        for text in ["", " ", ",", "(x)"] {
            assert!(Address::from(text).list().is_err(), "{text}");
        }
    }
}
