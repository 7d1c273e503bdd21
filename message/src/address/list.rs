//! Lists of addresses, as address headers hold them.

use std::fmt;
use std::slice;
use std::str::FromStr;

use super::mailbox::{Mailbox, push_name};
use super::parser::{Event, Parser};
use crate::error::AddressError;

/// A list of mailboxes and groups, as in a `To` header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AddressList {
    items: Vec<AddressListItem>,
}

/// One entry of an [`AddressList`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AddressListItem {
    /// A mailbox.
    Mailbox(Mailbox),
    /// A named group, `name: a@b, c@d;`, which may be empty.
    Group {
        /// The name as text.
        name: String,
        /// The members.
        members: Vec<Mailbox>,
    },
}

impl AddressList {
    /// The entries in order.
    #[must_use]
    pub fn items(&self) -> &[AddressListItem] {
        &self.items
    }

    /// All mailboxes, those in groups too.
    pub fn mailboxes(&self) -> impl Iterator<Item = &Mailbox> {
        self.items.iter().flat_map(|item| match item {
            AddressListItem::Mailbox(mailbox) => slice::from_ref(mailbox),
            AddressListItem::Group { members, .. } => members,
        })
    }

    /// Whether there are no entries; an empty group is an entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// Reads a list of addresses as it stands in a header; empty entries are skipped.
///
/// ```
/// let list = posthaste_message::parse_list("Ann <a@x.org>, team: b@x.org, c@x.org;")?;
/// assert_eq!(list.items().len(), 2);
/// assert_eq!(list.mailboxes().count(), 3);
/// # Ok::<(), posthaste_message::AddressError>(())
/// ```
///
/// # Errors
///
/// When an entry is no address or group, a control character stands anywhere, or the text is
/// longer than 64 KiB.
pub fn parse_list(text: &str) -> Result<AddressList, AddressError> {
    items(text)
        .map(|items| AddressList { items })
        .map_err(|reason| AddressError::new(text, reason))
}

fn items(text: &str) -> Result<Vec<AddressListItem>, &'static str> {
    let mut parser = Parser::new(text)?;
    let mut items = Vec::new();
    let mut group: Option<(String, Vec<Mailbox>)> = None;
    while let Some(event) = parser.next()? {
        match event {
            Event::GroupStart(name) => group = Some((name, Vec::new())),
            Event::GroupEnd => items.extend(
                group
                    .take()
                    .map(|(name, members)| AddressListItem::Group { name, members }),
            ),
            Event::Mailbox(raw) => {
                let mailbox = Mailbox::from_raw(raw)?;
                match &mut group {
                    Some((_, members)) => members.push(mailbox),
                    None => items.push(AddressListItem::Mailbox(mailbox)),
                }
            }
        }
    }
    Ok(items)
}

impl From<Mailbox> for AddressList {
    fn from(mailbox: Mailbox) -> Self {
        Self {
            items: vec![AddressListItem::Mailbox(mailbox)],
        }
    }
}

impl FromStr for AddressList {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse_list(text)
    }
}

impl fmt::Display for AddressList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            item.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for AddressListItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, members) = match self {
            Self::Mailbox(mailbox) => return mailbox.fmt(f),
            Self::Group { name, members } => (name, members),
        };
        let mut quoted = String::with_capacity(name.len() + 2);
        push_name(name, &mut quoted);
        write!(f, "{quoted}:")?;
        for (index, member) in members.iter().enumerate() {
            f.write_str(if index > 0 { ", " } else { " " })?;
            member.fmt(f)?;
        }
        f.write_str(";")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_mailboxes_and_groups() {
        let shown = |text| parse_list(text).map(|list| list.to_string()).ok();
        for (text, list) in [
            ("", ""),
            ("a@b.c, ", "a@b.c"),
            (",, a@b ,,\"x, y\" <c@d>,", "a@b, \"x, y\" <c@d>"),
            ("a,b@c", "a, b@c"),
            ("undisclosed-recipients:;", "undisclosed-recipients:;"),
            ("g x: a@b , Ann<c@d>;, e@f", "g x: a@b, Ann <c@d>;, e@f"),
            ("\"Ü, x\": a@ü.de;", "\"Ü, x\": a@xn--tda.de;"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(list), "{text}");
        }
        for text in [
            "a@b c@d",
            "a@b; c@d",
            "g: a@b",
            "g: h: a@b;;",
            "g:; a@b",
            "a@b:;x",
            "a, b:c",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
        let list: AddressList = "g: a@b, c@d;, e@f".parse().unwrap();
        assert_eq!(
            list.mailboxes().map(Mailbox::addr_spec).collect::<Vec<_>>(),
            ["a@b", "c@d", "e@f"]
        );
        assert!(parse_list(&" ".repeat(65_537)).is_err());
    }
}
