//! What the text of a setting means.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use posthaste_message::{EmailMessage, RenderOptions, parse_list};

use crate::net::Proxy;

/// A value as a source gives it.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    /// Text, or a number or boolean in words.
    Text(&'a str),
    /// A list of the settings file.
    List(&'a [String]),
}

/// What was expected instead.
pub(super) type Expected = String;

/// What a setting holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Secret,
    Flag,
    Port,
    Seconds,
    SecondsOrNone,
    Count,
    Path,
    IpAddress,
    Proxy,
    Command,
    Address,
    Addresses,
    Url,
}

impl Kind {
    /// The kind in the words of the reference and of errors.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text without control characters",
            Self::Secret => "text",
            Self::Flag => "true or false (also 1, yes, on, 0, no, off or empty)",
            Self::Port => "a number from 1 to 65535",
            Self::Seconds => "a number of seconds above 0",
            Self::SecondsOrNone => "a number of seconds",
            Self::Count => "a whole number above 0",
            Self::Path => "a path",
            Self::IpAddress => "an IP address",
            Self::Proxy => {
                "socks5://host:port or http://host:port, with user:password@ before the host if need be"
            }
            Self::Command => "a program and its arguments, with quotes around what holds blanks",
            Self::Address => "an address",
            Self::Addresses => "a list of addresses",
            Self::Url => "a URL",
        }
    }

    /// Whether errors may repeat a value of this kind.
    pub(super) fn may_be_shown(self) -> bool {
        !matches!(self, Self::Secret | Self::Url | Self::Proxy | Self::Command)
    }

    fn expected<T>(self) -> Result<T, Expected> {
        Err(self.as_str().to_owned())
    }
}

/// Reads one line of text.
pub(super) fn text(value: Value<'_>) -> Result<String, Expected> {
    match value {
        Value::Text(text) if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Kind::Text.expected(),
    }
}

/// Reads the name of a charset that messages can be written in.
pub(super) fn charset(value: Value<'_>) -> Result<String, Expected> {
    let name = text(value)?;
    let mut options = RenderOptions::default();
    options.charset.clone_from(&name);
    match EmailMessage::default().render(&options) {
        Err(error) if error.field() == "charset" => {
            Err("the name of a charset, such as utf-8 or iso-8859-1".to_owned())
        }
        _ => Ok(name),
    }
}

/// Reads text of any kind.
pub(super) fn any_text(value: Value<'_>) -> Result<String, Expected> {
    match value {
        Value::Text(text) => Ok(text.to_owned()),
        Value::List(_) => Kind::Secret.expected(),
    }
}

/// Reads a boolean.
pub(super) fn flag(value: Value<'_>) -> Result<bool, Expected> {
    match value {
        Value::Text("true" | "True" | "1" | "yes" | "on") => Ok(true),
        Value::Text("false" | "False" | "0" | "no" | "off" | "") => Ok(false),
        _ => Kind::Flag.expected(),
    }
}

/// Reads a port; as in Django, nothing and 0 stand for the usual one.
pub(super) fn port(value: Value<'_>) -> Result<Option<u16>, Expected> {
    match value {
        Value::Text("" | "0") => Ok(None),
        Value::Text(text) => digits(text)
            .and_then(|text| text.parse().ok())
            .map_or_else(|| Kind::Port.expected(), |port| Ok(Some(port))),
        Value::List(_) => Kind::Port.expected(),
    }
}

/// Reads a time limit; nothing stands for none.
pub(super) fn seconds(value: Value<'_>) -> Result<Option<Duration>, Expected> {
    match value {
        Value::Text("") => Ok(None),
        Value::Text(text) => duration(text)
            .filter(|duration| !duration.is_zero())
            .map_or_else(|| Kind::Seconds.expected(), |duration| Ok(Some(duration))),
        Value::List(_) => Kind::Seconds.expected(),
    }
}

/// Reads a time, which may be none at all; nothing stands for the usual one.
pub(super) fn seconds_or<const USUAL: u64>(value: Value<'_>) -> Result<Duration, Expected> {
    match value {
        Value::Text("") => Ok(Duration::from_secs(USUAL)),
        Value::Text(text) => duration(text).map_or_else(|| Kind::SecondsOrNone.expected(), Ok),
        Value::List(_) => Kind::SecondsOrNone.expected(),
    }
}

/// Reads how many; nothing stands for the usual number.
pub(super) fn count_or<const USUAL: u64>(value: Value<'_>) -> Result<u64, Expected> {
    match value {
        Value::Text("") => Ok(USUAL),
        Value::Text(text) => count(text).map_or_else(|| Kind::Count.expected(), Ok),
        Value::List(_) => Kind::Count.expected(),
    }
}

/// Reads a boolean; nothing stands for true.
pub(super) fn flag_or_true(value: Value<'_>) -> Result<bool, Expected> {
    match value {
        Value::Text("") => Ok(true),
        value => flag(value),
    }
}

/// Reads one of this machine's addresses; nothing stands for the system's choice.
pub(super) fn ip_address(value: Value<'_>) -> Result<Option<IpAddr>, Expected> {
    match value {
        Value::Text("") => Ok(None),
        Value::Text(text) => text
            .parse()
            .map_or_else(|_| Kind::IpAddress.expected(), |address| Ok(Some(address))),
        Value::List(_) => Kind::IpAddress.expected(),
    }
}

/// Reads a proxy, and keeps its text.
pub(super) fn proxy(value: Value<'_>) -> Result<String, Expected> {
    match any_text(value)? {
        text if text.is_empty() || Proxy::parse(&text).is_ok() => Ok(text),
        _ => Kind::Proxy.expected(),
    }
}

/// Reads a program and its arguments, and keeps the text.
pub(super) fn command(value: Value<'_>) -> Result<String, Expected> {
    match any_text(value)? {
        text if text.is_empty() || words(&text).is_some() => Ok(text),
        _ => Kind::Command.expected(),
    }
}

/// Reads a path; nothing stands for none.
pub(super) fn path(value: Value<'_>) -> Result<Option<PathBuf>, Expected> {
    match value {
        Value::Text("") => Ok(None),
        Value::Text(text) if !text.contains('\0') => Ok(Some(text.into())),
        _ => Kind::Path.expected(),
    }
}

/// Reads the address of a sender.
pub(super) fn address(value: Value<'_>) -> Result<String, Expected> {
    let Value::Text(text) = value else {
        return Kind::Address.expected();
    };
    match parse_list(text) {
        Ok(list) if list.mailboxes().next().is_some() => Ok(text.to_owned()),
        _ => Kind::Address.expected(),
    }
}

/// Reads addresses: a list of them, or text with commas between them.
pub(super) fn addresses(value: Value<'_>) -> Result<Vec<String>, Expected> {
    match value {
        Value::Text(text) => parse_list(text)
            .map(|list| list.items().iter().map(ToString::to_string).collect())
            .map_err(|error| format!("addresses with commas between them: {error}")),
        Value::List(list) => list.iter().map(|text| one_address(text)).collect(),
    }
}

fn one_address(text: &str) -> Result<String, Expected> {
    match parse_list(text) {
        Ok(list) if list.items().len() == 1 => Ok(text.trim().to_owned()),
        Ok(_) => Err(format!("one address in each entry, not {text:?}")),
        Err(error) => Err(format!("one address in each entry: {error}")),
    }
}

/// Reads seconds in decimals.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let is_number = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let seconds: f64 = text.bytes().all(is_number).then(|| text.parse().ok())??;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Reads a number above 0.
pub(super) fn count(text: &str) -> Option<u64> {
    digits(text)?.parse().ok().filter(|&number| number > 0)
}

/// The words of a command line: blanks part them, and quotes of either kind keep blanks together. There is no shell, so
/// nothing else has a meaning. None if there is no word, a quote is open or a control character is in it.
pub(crate) fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let (mut word, mut quote): (Option<String>, Option<char>) = (None, None);
    for c in text.chars() {
        match (quote, c) {
            (_, c) if c.is_control() => return None,
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    let is_program = words.first().is_some_and(|program| !program.is_empty());
    (quote.is_none() && is_program).then_some(words)
}

/// The text, if it is nothing but digits: Rust's own parsers take a sign too.
pub(super) fn digits(text: &str) -> Option<&str> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charset_has_to_exist() {
        for name in ["utf-8", "us-ascii", "koi8-r", "ISO-8859-1"] {
            assert_eq!(charset(Value::Text(name)).as_deref(), Ok(name));
        }
        for name in ["klingon", "utf-8\n"] {
            assert!(charset(Value::Text(name)).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_command_is_words_and_no_shell() {
        let of = |text| words(text).map(|words| words.join("|"));
        assert_eq!(
            of("gcloud auth  token").as_deref(),
            Some("gcloud|auth|token")
        );
        let quoted = r#"'/opt/my tools/t' --for="a b" '' "it's" $HOME;x"#;
        let expected = "/opt/my tools/t|--for=a b||it's|$HOME;x";
        assert_eq!(of(quoted).as_deref(), Some(expected));
        for bad in ["", " ", "a 'b", "\"", "a\nb", "'' x"] {
            assert_eq!(of(bad), None, "{bad:?}");
        }
    }
}
