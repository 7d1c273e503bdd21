//! The JSON form of a message: read with every error at its key, written so that it reads back
//! to the same message.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use encodify::base64;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::address::Address;
use crate::attachment::{Content, EmailAlternative, EmailAttachment};
use crate::dsn;
use crate::email::EmailMessage;
use crate::error::RenderError;
use crate::headers::Headers;

/// The keys of a message.
const MESSAGE: &str = "subject, body, from_email, to, cc, bcc, reply_to, headers, attachments, \
                       alternatives, html_message, content_subtype, charset, dsn, require_tls, \
                       mt_priority";

/// The keys of an attachment.
const ATTACHMENT: &str = "filename, content, content_base64, path, message, mimetype, \
                          disposition, content_id, headers";

/// The keys of an alternative.
const ALTERNATIVE: &str = "content, content_base64, mimetype";

/// The most values in one message: more than anybody needs, and few enough that small ones, many
/// times larger in memory than as text, cannot fill it.
const MOST_VALUES: usize = 1_000_000;

/// Any JSON value, with the keys of objects in order and doubled ones kept to be found.
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// The number if it is a whole one that fits, or else none.
    Number(Option<i64>),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    /// What people call this kind of value.
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// The error of a value of the wrong kind.
    fn not(&self, at: &str, expected: &str) -> RenderError {
        RenderError::new(at, format!("is {}; expected {expected}", self.kind()))
    }
}

/// Reads a message.
pub(crate) fn parse(json: &[u8]) -> Result<EmailMessage, RenderError> {
    let value = serde_json::from_slice(json).map_err(|error| {
        let what = format!("is no JSON: {error}");
        RenderError::new("message", what)
    })?;
    message("", value)
}

fn message(at: &str, value: Json) -> Result<EmailMessage, RenderError> {
    let mut message = EmailMessage::default();
    let mut html = None;
    for (key, value) in object(at, "message", value, MESSAGE)? {
        let at = join(at, &key);
        match key.as_str() {
            "subject" => message.subject = text(&at, value)?,
            "body" => message.body = text(&at, value)?,
            "from_email" => message.from_email = Some(Address::from(text(&at, value)?)),
            "to" => message.to = addresses(&at, value)?,
            "cc" => message.cc = addresses(&at, value)?,
            "bcc" => message.bcc = addresses(&at, value)?,
            "reply_to" => message.reply_to = addresses(&at, value)?,
            "headers" => message.headers = headers(&at, value)?,
            "attachments" => message.attachments = list(&at, value, "a list", attachment)?,
            "alternatives" => message.alternatives = list(&at, value, "a list", alternative)?,
            "html_message" => html = Some(text(&at, value)?),
            "content_subtype" => message.content_subtype = text(&at, value)?,
            "charset" => message.charset = Some(text(&at, value)?),
            "dsn" => message.dsn = Some(dsn::parse(&at, value)?),
            "require_tls" => message.require_tls = flag(&at, value)?,
            "mt_priority" => message.mt_priority = Some(priority(&at, value)?),
            _ => return Err(unknown(&at, MESSAGE)),
        }
    }
    if let Some(html) = html {
        let html = EmailAlternative::new(html, "text/html");
        message.alternatives.insert(0, html);
    }
    Ok(message)
}

fn flag(at: &str, value: Json) -> Result<bool, RenderError> {
    match value {
        Json::Bool(flag) => Ok(flag),
        other => Err(other.not(at, "true or false")),
    }
}

fn priority(at: &str, value: Json) -> Result<i8, RenderError> {
    let expected = "a whole number from -9 to 9";
    let Json::Number(number) = value else {
        return Err(value.not(at, expected));
    };
    // What may stand is looked at when the message is sent; here only what cannot be kept is refused.
    let small = number.and_then(|number| i8::try_from(number).ok());
    small.ok_or_else(|| RenderError::new(at, format!("is another number; expected {expected}")))
}

fn addresses(at: &str, value: Json) -> Result<Vec<Address>, RenderError> {
    let expected = "a list of addresses, such as [\"ann@example.com\"]";
    list(at, value, expected, |at, value| {
        text(at, value).map(Address::from)
    })
}

/// Reads headers: each value is a string or a list of strings.
pub(crate) fn headers(at: &str, value: Json) -> Result<Headers, RenderError> {
    let mut headers = Headers::new();
    for (name, value) in object(at, "headers", value, "")? {
        let at = join(at, &name);
        match value {
            Json::Text(value) => headers.push(name, value),
            Json::List(values) => {
                for (index, value) in values.into_iter().enumerate() {
                    headers.push(&name, text(&format!("{at}[{index}]"), value)?);
                }
            }
            other => return Err(other.not(&at, "a string or a list of strings")),
        }
    }
    Ok(headers)
}

fn attachment(at: &str, value: Json) -> Result<EmailAttachment, RenderError> {
    let mut result = EmailAttachment::new("");
    let mut given = None;
    for (key, value) in object(at, at, value, ATTACHMENT)? {
        let at = join(at, &key);
        match key.as_str() {
            "filename" => result.filename = Some(text(&at, value)?),
            "mimetype" => result.mimetype = Some(text(&at, value)?),
            "disposition" => result.disposition = Some(text(&at, value)?),
            "content_id" => result.content_id = Some(text(&at, value)?),
            "headers" => result.headers = headers(&at, value)?,
            "path" => set(&mut given, &at, Content::Path(text(&at, value)?.into()))?,
            "message" => set(&mut given, &at, Content::from(message(&at, value)?))?,
            "content" | "content_base64" => {
                let content = content(&key, &at, value)?;
                set(&mut given, &at, content)?;
            }
            _ => return Err(unknown(&at, ATTACHMENT)),
        }
    }
    result.content = given.ok_or_else(|| {
        let what = "is missing; give content, content_base64, path or message";
        RenderError::new(join(at, "content"), what)
    })?;
    Ok(result)
}

fn alternative(at: &str, value: Json) -> Result<EmailAlternative, RenderError> {
    let mut given = None;
    let mut mimetype = None;
    for (key, value) in object(at, at, value, ALTERNATIVE)? {
        let at = join(at, &key);
        match key.as_str() {
            "mimetype" => mimetype = Some(text(&at, value)?),
            "content" | "content_base64" => {
                let content = content(&key, &at, value)?;
                set(&mut given, &at, content)?;
            }
            _ => return Err(unknown(&at, ALTERNATIVE)),
        }
    }
    let missing = |key, what: &str| RenderError::new(join(at, key), what);
    let content =
        given.ok_or_else(|| missing("content", "is missing; give content or content_base64"))?;
    let mimetype =
        mimetype.ok_or_else(|| missing("mimetype", "is missing; expected such as text/html"))?;
    Ok(EmailAlternative::new(content, mimetype))
}

fn content(key: &str, at: &str, value: Json) -> Result<Content, RenderError> {
    let mut text = text(at, value)?;
    if key == "content" {
        return Ok(Content::Text(text));
    }
    if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        text.retain(|c| !c.is_ascii_whitespace());
    }
    let bytes = base64::STANDARD.decode(text);
    bytes
        .map(Content::Bytes)
        .map_err(|error| RenderError::new(at, format!("is no base64: {error}")))
}

/// Only one of the keys that give the content may stand.
fn set(given: &mut Option<Content>, at: &str, content: Content) -> Result<(), RenderError> {
    if given.replace(content).is_some() {
        let what = "is a second content; give one of content, content_base64, path, message";
        return Err(RenderError::new(at, what));
    }
    Ok(())
}

/// The entries of an object that are not null; `name` is what errors call the object itself. If
/// keys are `known`, others stay, to be refused.
pub(crate) fn object(
    at: &str,
    name: &str,
    value: Json,
    known: &str,
) -> Result<Vec<(String, Json)>, RenderError> {
    let Json::Object(mut fields) = value else {
        return Err(value.not(if at.is_empty() { name } else { at }, "an object"));
    };
    let mut seen = HashSet::with_capacity(fields.len());
    for (key, _) in &fields {
        if !seen.insert(key.as_str()) {
            return Err(RenderError::new(
                join(at, key),
                "stands twice; give it once",
            ));
        }
    }
    let is_known = |key: &str| known.is_empty() || known.split(", ").any(|other| other == key);
    fields.retain(|(key, value)| !matches!(value, Json::Null) || !is_known(key));
    Ok(fields)
}

pub(crate) fn list<T>(
    at: &str,
    value: Json,
    expected: &str,
    read: impl Fn(&str, Json) -> Result<T, RenderError>,
) -> Result<Vec<T>, RenderError> {
    let Json::List(values) = value else {
        return Err(value.not(at, expected));
    };
    let entry = |(index, value)| read(&format!("{at}[{index}]"), value);
    values.into_iter().enumerate().map(entry).collect()
}

pub(crate) fn text(at: &str, value: Json) -> Result<String, RenderError> {
    match value {
        Json::Text(text) => Ok(text),
        other => Err(other.not(at, "a string")),
    }
}

pub(crate) fn unknown(at: &str, known: &str) -> RenderError {
    RenderError::new(at, format!("is an unknown key; known are {known}"))
}

pub(crate) fn join(at: &str, key: &str) -> String {
    if at.is_empty() {
        key.to_owned()
    } else {
        format!("{at}.{key}")
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Values(&Cell::new(0)).deserialize(deserializer)
    }
}

/// Reads a value and counts it and all in it.
#[derive(Clone, Copy)]
struct Values<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let count = self.0.get() + 1;
        if count > MOST_VALUES {
            let what = format!("more than {MOST_VALUES} values");
            return Err(serde::de::Error::custom(what));
        }
        self.0.set(count);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_none<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(Some(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(i64::try_from(number).ok()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number(None))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut fields = Vec::new();
        while let Some(key) = map.next_key()? {
            fields.push((key, map.next_value_seed(self)?));
        }
        Ok(Json::Object(fields))
    }
}

/// The JSON form that [`EmailMessage::from_json`] reads.
impl<'de> Deserialize<'de> for EmailMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        message("", Json::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for EmailAttachment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Json::deserialize(deserializer)?;
        attachment("attachment", value).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for EmailAlternative {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Json::deserialize(deserializer)?;
        alternative("alternative", value).map_err(serde::de::Error::custom)
    }
}

/// The JSON form that [`EmailMessage::from_json`] reads; empty fields are left out.
impl Serialize for EmailMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("subject", &self.subject)?;
        map.serialize_entry("body", &self.body)?;
        some(&mut map, "from_email", self.from_email.as_ref())?;
        filled(&mut map, "to", &self.to)?;
        filled(&mut map, "cc", &self.cc)?;
        filled(&mut map, "bcc", &self.bcc)?;
        filled(&mut map, "reply_to", &self.reply_to)?;
        let headers = (!self.headers.is_empty()).then_some(&self.headers);
        some(&mut map, "headers", headers)?;
        filled(&mut map, "attachments", &self.attachments)?;
        filled(&mut map, "alternatives", &self.alternatives)?;
        let subtype = (self.content_subtype != "plain").then_some(&self.content_subtype);
        some(&mut map, "content_subtype", subtype)?;
        some(&mut map, "charset", self.charset.as_ref())?;
        some(&mut map, "dsn", self.dsn.as_ref())?;
        some(&mut map, "require_tls", self.require_tls.then_some(&true))?;
        some(&mut map, "mt_priority", self.mt_priority.as_ref())?;
        map.end()
    }
}

impl Serialize for EmailAttachment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        some(&mut map, "filename", self.filename.as_ref())?;
        put_content(&mut map, &self.content)?;
        some(&mut map, "mimetype", self.mimetype.as_ref())?;
        some(&mut map, "disposition", self.disposition.as_ref())?;
        some(&mut map, "content_id", self.content_id.as_ref())?;
        let headers = (!self.headers.is_empty()).then_some(&self.headers);
        some(&mut map, "headers", headers)?;
        map.end()
    }
}

impl Serialize for EmailAlternative {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put_content(&mut map, &self.content)?;
        map.serialize_entry("mimetype", &self.mimetype)?;
        map.end()
    }
}

fn put_content<M: SerializeMap>(map: &mut M, content: &Content) -> Result<(), M::Error> {
    match content {
        Content::Text(text) => map.serialize_entry("content", text),
        Content::Bytes(bytes) => {
            let text = base64::STANDARD.encode(bytes);
            map.serialize_entry("content_base64", &text)
        }
        Content::Path(path) => match path.to_str() {
            Some(path) => map.serialize_entry("path", path),
            None => Err(M::Error::custom("path: is no UTF-8; rename the file")),
        },
        Content::Message(message) => map.serialize_entry("message", message.as_ref()),
    }
}

pub(crate) fn some<M: SerializeMap>(
    map: &mut M,
    key: &str,
    value: Option<&(impl Serialize + ?Sized)>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(key, value))
}

fn filled<M: SerializeMap, T: Serialize>(
    map: &mut M,
    key: &str,
    values: &[T],
) -> Result<(), M::Error> {
    if values.is_empty() {
        return Ok(());
    }
    map.serialize_entry(key, values)
}
