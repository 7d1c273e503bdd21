//! What a message asks of the servers on its way: notices of delivery (RFC 3461), TLS, a priority.

use std::collections::{BTreeMap, HashMap};
use std::ops::BitOr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap as _};

use crate::address::{Address, Mailbox};
use crate::email::EmailMessage;
use crate::error::RenderError;
use crate::json::{self, Json};

/// The keys of notices.
const DSN: &str = "notify, return, envelope_id, recipients";

/// The keys of the notices of one recipient.
const RECIPIENT: &str = "notify, original";

const NOTIFY: &str = "\"never\", or a list of \"success\", \"failure\" and \"delay\"";

/// The longest envelope id, as it is encoded (RFC 3461, 4.4).
const LONGEST_ID: usize = 100;

/// The notices that a message asks for, or forbids.
///
/// Only the SMTP backend passes this on, and only to servers that know DSN; others send their notices as they like,
/// which is mostly one of each failure.
///
/// ```
/// use posthaste_message::{Dsn, EmailMessage, Notify, RenderOptions, Return};
///
/// let notices = Dsn::new()
///     .notify(Notify::SUCCESS | Notify::FAILURE)
///     .notify_for("list@example.com", Notify::NEVER)
///     .returns(Return::Headers)
///     .envelope_id("order-7");
/// let message = EmailMessage::new("Hello", "Body")
///     .to(["bob@example.com", "list@example.com"])
///     .dsn(notices);
/// let envelope = message.envelope(&RenderOptions::default())?;
/// assert_eq!(envelope.notify(1), Some(Notify::NEVER));
/// # Ok::<(), posthaste_message::RenderError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Dsn {
    /// When a notice is wanted; if absent, the servers decide.
    pub notify: Option<Notify>,
    /// How much of the message a notice of failure is to bring back; if absent, the servers decide.
    pub returns: Option<Return>,
    /// A name for the message that notices repeat, such as an order's number; printable ASCII.
    pub envelope_id: Option<String>,
    /// What is different for single recipients.
    pub recipients: Vec<RecipientDsn>,
}

/// The notices about one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RecipientDsn {
    /// The recipient, as in `to`, `cc` or `bcc`; a name beside the address does not matter.
    pub recipient: Address,
    /// When a notice is wanted, in place of the message's own [`Dsn::notify`].
    pub notify: Option<Notify>,
    /// The address that was written to at first, if mail is passed on: notices name it.
    pub original: Option<Address>,
}

impl Dsn {
    /// Notices as the servers like.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets when a notice is wanted.
    #[must_use]
    pub fn notify(mut self, notify: Notify) -> Self {
        self.notify = Some(notify);
        self
    }

    /// Sets when a notice about one recipient is wanted.
    #[must_use]
    pub fn notify_for(mut self, recipient: impl Into<Address>, notify: Notify) -> Self {
        self.of(recipient.into()).notify = Some(notify);
        self
    }

    /// Sets the address that was written to at first, where `recipient` gets what was meant for it.
    #[must_use]
    pub fn original_for(
        mut self,
        recipient: impl Into<Address>,
        original: impl Into<Address>,
    ) -> Self {
        self.of(recipient.into()).original = Some(original.into());
        self
    }

    /// Sets how much of the message a notice of failure is to bring back.
    #[must_use]
    pub fn returns(mut self, returns: Return) -> Self {
        self.returns = Some(returns);
        self
    }

    /// Sets a name for the message that notices repeat.
    #[must_use]
    pub fn envelope_id(mut self, id: impl Into<String>) -> Self {
        self.envelope_id = Some(id.into());
        self
    }

    fn of(&mut self, recipient: Address) -> &mut RecipientDsn {
        let known = |one: &RecipientDsn| one.recipient == recipient;
        let at = self.recipients.iter().position(known);
        let at = at.unwrap_or_else(|| {
            self.recipients.push(RecipientDsn {
                recipient,
                notify: None,
                original: None,
            });
            self.recipients.len() - 1
        });
        &mut self.recipients[at]
    }
}

/// When a notice is wanted.
///
/// ```
/// use posthaste_message::Notify;
///
/// let bad_news = Notify::FAILURE | Notify::DELAY;
/// assert!(bad_news.delay && !bad_news.success);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Notify {
    /// When the message was delivered.
    pub success: bool,
    /// When it cannot be delivered.
    pub failure: bool,
    /// When it takes longer than usual.
    pub delay: bool,
}

impl Notify {
    /// No notices, not even of a failure.
    pub const NEVER: Self = Self {
        success: false,
        failure: false,
        delay: false,
    };
    /// When the message was delivered.
    pub const SUCCESS: Self = Self {
        success: true,
        ..Self::NEVER
    };
    /// When it cannot be delivered.
    pub const FAILURE: Self = Self {
        failure: true,
        ..Self::NEVER
    };
    /// When it takes longer than usual.
    pub const DELAY: Self = Self {
        delay: true,
        ..Self::NEVER
    };
}

impl BitOr for Notify {
    type Output = Self;

    /// All the notices of both.
    fn bitor(self, other: Self) -> Self {
        Self {
            success: self.success || other.success,
            failure: self.failure || other.failure,
            delay: self.delay || other.delay,
        }
    }
}

/// How much of a message a notice of failure brings back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Return {
    /// The headers.
    Headers,
    /// All of it.
    Full,
}

/// Checks all that needs no recipients.
pub(crate) fn check(message: &EmailMessage) -> Result<(), RenderError> {
    let is_priority = |priority| (-9..=9).contains(&priority);
    if let Some(priority) = message.mt_priority.filter(|&number| !is_priority(number)) {
        let what = format!("is {priority}; expected a number from -9 to 9");
        return Err(RenderError::new("mt_priority", what));
    }
    let id = message
        .dsn
        .as_ref()
        .and_then(|dsn| dsn.envelope_id.as_ref());
    id.map_or(Ok(()), |id| check_id(id))
}

fn check_id(id: &str) -> Result<(), RenderError> {
    let refused = |what| Err(RenderError::new("dsn.envelope_id", what));
    if id.is_empty() {
        return refused("is empty; leave it out instead");
    }
    if !id.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return refused("holds something else than printable ASCII");
    }
    let is_encoded = |byte: u8| matches!(byte, b' ' | b'+' | b'=');
    let length = |byte| if is_encoded(byte) { 3 } else { 1 };
    if id.bytes().map(length).sum::<usize>() > LONGEST_ID {
        return refused("is longer than 100 characters, where +, = and the blank count for three");
    }
    Ok(())
}

/// The notices of one recipient, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Own {
    pub(crate) notify: Option<Notify>,
    pub(crate) original: Option<Mailbox>,
}

/// The notices of each recipient that has its own, by its place in `to`. Of two words on the same the later counts.
pub(crate) fn assign(dsn: &Dsn, to: &[Mailbox]) -> Result<BTreeMap<usize, Own>, RenderError> {
    let mut assigned: BTreeMap<usize, Own> = BTreeMap::new();
    if dsn.recipients.is_empty() {
        return Ok(assigned);
    }
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, mailbox) in to.iter().enumerate() {
        places.entry(mailbox.spec()).or_default().push(place);
    }
    for one in &dsn.recipients {
        let at = format!("dsn.recipients.{}", one.recipient.as_text());
        let recipient = one.recipient.mailbox().map_err(|error| error.at(&at))?;
        let original = one.original.as_ref().map(Address::mailbox).transpose();
        let original = original.map_err(|error| error.at(format!("{at}.original")))?;
        let Some(places) = places.get(recipient.spec()) else {
            return Err(RenderError::new(at, "is no recipient of this message"));
        };
        for place in places {
            let own = assigned.entry(*place).or_default();
            own.notify = one.notify.or(own.notify);
            own.original = original.clone().or(own.original.take());
        }
    }
    Ok(assigned)
}

/// Reads notices from their JSON form.
pub(crate) fn parse(at: &str, value: Json) -> Result<Dsn, RenderError> {
    let mut dsn = Dsn::default();
    for (key, value) in json::object(at, "dsn", value, DSN)? {
        let at = json::join(at, &key);
        match key.as_str() {
            "notify" => dsn.notify = Some(notify(&at, value)?),
            "return" => dsn.returns = Some(returns(&at, value)?),
            "envelope_id" => dsn.envelope_id = Some(json::text(&at, value)?),
            "recipients" => {
                for (address, value) in json::object(&at, "recipients", value, "")? {
                    let at = json::join(&at, &address);
                    dsn.recipients.push(recipient(&at, address, value)?);
                }
            }
            _ => return Err(json::unknown(&at, DSN)),
        }
    }
    Ok(dsn)
}

fn recipient(at: &str, address: String, value: Json) -> Result<RecipientDsn, RenderError> {
    let mut one = RecipientDsn {
        recipient: Address::from(address),
        notify: None,
        original: None,
    };
    for (key, value) in json::object(at, "recipient", value, RECIPIENT)? {
        let at = json::join(at, &key);
        match key.as_str() {
            "notify" => one.notify = Some(notify(&at, value)?),
            "original" => one.original = Some(Address::from(json::text(&at, value)?)),
            _ => return Err(json::unknown(&at, RECIPIENT)),
        }
    }
    Ok(one)
}

fn notify(at: &str, value: Json) -> Result<Notify, RenderError> {
    match value {
        Json::Text(text) if text == "never" => Ok(Notify::NEVER),
        Json::Text(text) => Err(not(at, &text, NOTIFY)),
        Json::List(events) if events.is_empty() => Err(RenderError::new(
            at,
            "is empty; say \"never\", or leave it out",
        )),
        list => {
            let events = json::list(at, list, NOTIFY, |at, value| {
                match json::text(at, value)?.as_str() {
                    "success" => Ok(Notify::SUCCESS),
                    "failure" => Ok(Notify::FAILURE),
                    "delay" => Ok(Notify::DELAY),
                    other => Err(not(at, other, "\"success\", \"failure\" or \"delay\"")),
                }
            })?;
            Ok(events.into_iter().fold(Notify::NEVER, BitOr::bitor))
        }
    }
}

fn returns(at: &str, value: Json) -> Result<Return, RenderError> {
    match json::text(at, value)?.as_str() {
        "headers" => Ok(Return::Headers),
        "full" => Ok(Return::Full),
        other => Err(not(at, other, "\"headers\" or \"full\"")),
    }
}

fn not(at: &str, found: &str, expected: &str) -> RenderError {
    RenderError::new(at, format!("is \"{found}\"; expected {expected}"))
}

impl Serialize for Dsn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        json::some(&mut map, "notify", self.notify.as_ref())?;
        json::some(&mut map, "return", self.returns.as_ref())?;
        json::some(&mut map, "envelope_id", self.envelope_id.as_ref())?;
        let recipients = (!self.recipients.is_empty()).then_some(ByAddress(&self.recipients));
        json::some(&mut map, "recipients", recipients.as_ref())?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Dsn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Json::deserialize(deserializer)?;
        parse("dsn", value).map_err(serde::de::Error::custom)
    }
}

/// An object with the addresses as keys.
struct ByAddress<'a>(&'a [RecipientDsn]);

impl Serialize for ByAddress<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry =
            |one: &RecipientDsn| (one.recipient.as_text().into_owned(), Wishes(one.clone()));
        serializer.collect_map(self.0.iter().map(entry))
    }
}

struct Wishes(RecipientDsn);

impl Serialize for Wishes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        json::some(&mut map, "notify", self.0.notify.as_ref())?;
        json::some(&mut map, "original", self.0.original.as_ref())?;
        map.end()
    }
}

impl Serialize for Notify {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Self::NEVER {
            return serializer.serialize_str("never");
        }
        let all = [
            (self.success, "success"),
            (self.failure, "failure"),
            (self.delay, "delay"),
        ];
        let wanted = all.iter().filter(|(is_wanted, _)| *is_wanted);
        serializer.collect_seq(wanted.map(|(_, name)| name))
    }
}

impl Serialize for Return {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Headers => "headers",
            Self::Full => "full",
        })
    }
}
