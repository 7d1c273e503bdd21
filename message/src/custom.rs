//! The headers that a user gives: which may, and what they must look like.

use crate::address::parse_list;
use crate::error::RenderError;
use crate::header::{self, HeaderWriter};
use crate::headers::Headers;

/// Headers that stand at most once, in lower case.
const ONCE: [&str; 9] = [
    "from",
    "to",
    "cc",
    "reply-to",
    "date",
    "message-id",
    "sender",
    "in-reply-to",
    "references",
];

/// The given headers that take the place of others. Names are as the user wrote them.
#[derive(Default)]
pub(crate) struct Custom<'a> {
    pub(crate) from: Option<(&'a str, &'a str)>,
    pub(crate) to: Option<(&'a str, &'a str)>,
    pub(crate) cc: Option<(&'a str, &'a str)>,
    pub(crate) reply_to: Option<(&'a str, &'a str)>,
    pub(crate) date: bool,
    pub(crate) message_id: Option<&'a str>,
}

impl<'a> Custom<'a> {
    /// Checks all names, and finds those that count for themselves.
    pub(crate) fn read(headers: &'a Headers) -> Result<Self, RenderError> {
        let mut custom = Self::default();
        let mut seen = [false; ONCE.len()];
        for (name, value) in headers.iter() {
            header::check_name(name)?;
            if is_refused(name) {
                return Err(error(name, refusal(name)));
            }
            let Some(place) = ONCE.iter().position(|one| one.eq_ignore_ascii_case(name)) else {
                continue;
            };
            if seen
                .get_mut(place)
                .is_some_and(|seen| std::mem::replace(seen, true))
            {
                return Err(error(name, "stands twice; give it once"));
            }
            let shown = Some((name, value));
            match place {
                0 if parse_list(value).is_ok_and(|list| list.is_empty()) => {
                    return Err(error(name, "is empty; expected an address"));
                }
                0 => custom.from = shown,
                1 => custom.to = shown,
                2 => custom.cc = shown,
                3 => custom.reply_to = shown,
                4 => custom.date = true,
                5 => custom.message_id = Some(value.trim()),
                _ => {}
            }
        }
        Ok(custom)
    }
}

/// Writes the given headers but those that have a place of their own.
pub(crate) fn write_extra(
    writer: &mut HeaderWriter<'_>,
    headers: &Headers,
) -> Result<(), RenderError> {
    for (name, value) in headers.iter() {
        let is = |names: &[&str]| names.iter().any(|one| one.eq_ignore_ascii_case(name));
        if is(&["from", "to", "cc", "reply-to"]) {
            continue;
        }
        let field = format!("headers.{name}");
        if is(&["date", "resent-date"]) {
            let parsed = jiff::fmt::rfc2822::parse(value.trim());
            parsed.map_err(|_| {
                let what = "is no date; expected such as Mon, 23 Nov 2026 12:00:00 +0000";
                error(name, what)
            })?;
            writer.verbatim(&field, name, value.trim())?;
        } else if is(&["message-id", "resent-message-id"]) {
            let id = value.trim();
            let inner = id.strip_prefix('<').and_then(|id| id.strip_suffix('>'));
            if !inner.is_some_and(is_id) {
                let what = "is no message id; expected such as <unique@example.com>";
                return Err(error(name, what));
            }
            writer.verbatim(&field, name, id)?;
        } else if is(&[
            "sender",
            "resent-from",
            "resent-sender",
            "resent-to",
            "resent-cc",
        ]) {
            writer.address_text(&field, name, value)?;
        } else {
            writer.unstructured(&field, name, value)?;
        }
    }
    Ok(())
}

/// Writes the given headers of an attachment.
pub(crate) fn write_part(
    writer: &mut HeaderWriter<'_>,
    field: &str,
    headers: &Headers,
) -> Result<(), RenderError> {
    for (name, value) in headers.iter() {
        let field = format!("{field}.{name}");
        let own = [
            "content-type",
            "content-transfer-encoding",
            "content-disposition",
            "content-id",
            "mime-version",
        ];
        if own.iter().any(|one| one.eq_ignore_ascii_case(name)) {
            let what = "is written by the program; use mimetype, disposition or content_id";
            return Err(RenderError::new(field, what));
        }
        if is_bcc(name) {
            return Err(RenderError::new(field, refusal(name)));
        }
        writer.unstructured(&field, name, value)?;
    }
    Ok(())
}

/// Whether this may stand between the angle brackets of an id.
pub(crate) fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>');
    !id.is_empty() && id.len() <= 900 && id.bytes().all(plain)
}

/// Whether a header is the program's own, or would tell who is not to be told of.
fn is_refused(name: &str) -> bool {
    let is = |one: &&str| one.eq_ignore_ascii_case(name);
    let content = name.get(..8);
    ["subject", "mime-version"].iter().any(is)
        || is_bcc(name)
        || content.is_some_and(|start| start.eq_ignore_ascii_case("content-"))
}

fn is_bcc(name: &str) -> bool {
    ["bcc", "resent-bcc"]
        .iter()
        .any(|one| one.eq_ignore_ascii_case(name))
}

fn refusal(name: &str) -> &'static str {
    if name.eq_ignore_ascii_case("subject") {
        "may not stand here; use subject"
    } else if is_bcc(name) {
        "may not stand here, all recipients would see it; use bcc"
    } else {
        "may not stand here; it follows from the content of the message"
    }
}

fn error(name: &str, what: &str) -> RenderError {
    RenderError::new(format!("headers.{name}"), what)
}
