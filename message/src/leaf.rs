//! Attachments: their type, their bytes, and how these get into the message.

use std::borrow::Cow;
use std::io::Read as _;
use std::path::Path;

use crate::attachment::{Content, EmailAttachment};
use crate::charset::Charset;
use crate::content::{self, Encoding};
use crate::email::EmailMessage;
use crate::error::RenderError;
use crate::media::{self, Media, OCTETS};
use crate::mime::{Body, Leaf, Planner};
use crate::render;
use crate::rendered::{Attached, Source};

/// Files up to this size are read when the message is rendered.
const SMALL_FILE: u64 = 1024 * 1024;

/// How deep messages may be attached to messages.
const DEEPEST: usize = 30;

/// The bytes of an attachment, or its file.
enum Bytes<'a> {
    Here(Cow<'a, [u8]>),
    File(Attached<'a>),
}

/// Plans the attachment of that number.
pub(crate) fn attachment<'a>(
    planner: &Planner<'a, '_>,
    index: usize,
    attachment: &'a EmailAttachment,
) -> Result<Leaf<'a>, RenderError> {
    let field = |key: &str| format!("attachments[{index}].{key}");
    let media = media(attachment, &field("mimetype"))?;
    let leaf = match &attachment.content {
        Content::Message(message) => nested(planner, message, index, media)?,
        Content::Text(text) if media.is("text") => {
            let bytes = planner.charset.encode(|| field("content"), text)?;
            text_leaf(media, Some(planner.charset.name), Bytes::Here(bytes))
        }
        Content::Text(text) => any_leaf(media, Bytes::Here(text.as_bytes().into()))?,
        Content::Bytes(bytes) => any_leaf(media, Bytes::Here(bytes.into()))?,
        Content::Path(path) => {
            let whole = media.is("message");
            let bytes = load(path, field("path"), planner.options.allow_files, whole)?;
            any_leaf(media, bytes)?
        }
    };
    Ok(Leaf {
        attachment: Some((index, attachment)),
        ..leaf
    })
}

/// The type that was given, or the one that the name stands for.
fn media<'a>(attachment: &'a EmailAttachment, field: &str) -> Result<Media<'a>, RenderError> {
    let given = attachment.mimetype.as_deref();
    if let Some(given) = given.filter(|given| !given.is_empty()) {
        let media = Media::parse(field, given)?;
        let refused =
            media.is("multipart") || media.essence.eq_ignore_ascii_case("message/partial");
        if refused {
            let what = format!(
                "{} cannot be attached; expected another type",
                media.essence
            );
            return Err(RenderError::new(field, what));
        }
        let message = matches!(attachment.content, Content::Message(_));
        if message && !media.essence.eq_ignore_ascii_case("message/rfc822") {
            let what = "is not that of a message; expected message/rfc822";
            return Err(RenderError::new(field, what));
        }
        return Ok(media);
    }
    Ok(Media::new(
        match (&attachment.content, attachment.shown_name()) {
            (Content::Message(_), _) => "message/rfc822",
            (_, Some(name)) => media::guess(&name),
            (Content::Text(_), None) => "text/plain",
            (_, None) => OCTETS,
        },
    ))
}

/// A message that was composed here.
fn nested<'a>(
    planner: &Planner<'a, '_>,
    message: &'a EmailMessage,
    index: usize,
    media: Media<'a>,
) -> Result<Leaf<'a>, RenderError> {
    let field = format!("attachments[{index}].content");
    if planner.depth >= DEEPEST {
        let what = format!("has messages within messages, more than {DEEPEST} deep");
        return Err(RenderError::new(field, what));
    }
    let seed = render::mix(planner.seed ^ (index as u64 + 1));
    let rendered = render::compose(message, planner.options, seed, planner.depth + 1);
    let rendered = rendered.map_err(|error| {
        let inner = format!("attachments[{index}].message.{}", error.field());
        RenderError::new(inner, error.message())
    })?;
    let encoding = if rendered.eight_bit || rendered.smtputf8 {
        Encoding::EightBit
    } else {
        Encoding::SevenBit
    };
    Ok(leaf(
        media,
        None,
        encoding,
        Body::Message(Box::new(rendered)),
    ))
}

/// Bytes of any type.
fn any_leaf<'a>(media: Media<'a>, bytes: Bytes<'a>) -> Result<Leaf<'a>, RenderError> {
    if media.is("message") {
        return Ok(match bytes {
            Bytes::Here(bytes) => message_leaf(media, bytes),
            Bytes::File(_) => bytes_leaf(Media::new(OCTETS), bytes),
        });
    }
    if !media.is("text") {
        return Ok(bytes_leaf(media, bytes));
    }
    let declared = media.param("charset");
    let utf8 = declared.is_none_or(|name| {
        ["utf-8", "utf8", "us-ascii", "ascii"]
            .iter()
            .any(|other| other.eq_ignore_ascii_case(name))
    });
    let valid = match &bytes {
        _ if !utf8 => true,
        Bytes::Here(bytes) => std::str::from_utf8(bytes).is_ok(),
        Bytes::File(file) => is_utf8(file)?,
    };
    if !valid {
        return Ok(bytes_leaf(Media::new(OCTETS), bytes));
    }
    let charset = utf8.then_some(Charset::UTF_8.name);
    Ok(text_leaf(media, charset, bytes))
}

/// A text whose bytes are kept: as it is if it will arrive so, else in base64.
fn text_leaf<'a>(mut media: Media<'a>, charset: Option<&'a str>, bytes: Bytes<'a>) -> Leaf<'a> {
    if charset.is_some() {
        media.drop_charset();
    }
    match bytes {
        Bytes::Here(bytes) if content::is_canonical(&bytes) => {
            let body = Body::Source(Source::Raw(bytes));
            leaf(media, charset, Encoding::SevenBit, body)
        }
        bytes => Leaf {
            charset,
            ..bytes_leaf(media, bytes)
        },
    }
}

/// A message as somebody else wrote it; it may not be encoded (RFC 2046 section 5.2.1), so that
/// one which cannot go as it is becomes a mere file.
fn message_leaf<'a>(media: Media<'a>, bytes: Cow<'a, [u8]>) -> Leaf<'a> {
    let too_long = content::has_longer_line(&bytes, content::LONGEST_LINE);
    if too_long || memchr::memchr(0, &bytes).is_some() {
        return bytes_leaf(Media::new(OCTETS), Bytes::Here(bytes));
    }
    let encoding = if bytes.is_ascii() {
        Encoding::SevenBit
    } else {
        Encoding::EightBit
    };
    let bytes = if content::has_only_crlf(&bytes) && bytes.ends_with(b"\n") {
        bytes
    } else {
        let mut lines = Vec::with_capacity(bytes.len() + bytes.len() / 16 + 2);
        content::push_lines(&mut lines, &bytes);
        Cow::Owned(lines)
    };
    leaf(media, None, encoding, Body::Source(Source::Raw(bytes)))
}

fn bytes_leaf<'a>(media: Media<'a>, bytes: Bytes<'a>) -> Leaf<'a> {
    let source = match bytes {
        Bytes::Here(bytes) => Source::Base64(bytes),
        Bytes::File(file) => Source::File(file),
    };
    leaf(media, None, Encoding::Base64, Body::Source(source))
}

fn leaf<'a>(
    media: Media<'a>,
    charset: Option<&'a str>,
    encoding: Encoding,
    body: Body<'a>,
) -> Leaf<'a> {
    Leaf {
        media,
        charset,
        encoding,
        body,
        attachment: None,
    }
}

/// Takes the length of a file, and its bytes if they are few or all wanted.
fn load(path: &Path, field: String, allowed: bool, whole: bool) -> Result<Bytes<'_>, RenderError> {
    let mut file = Attached {
        path,
        len: 0,
        field,
    };
    if !allowed {
        return Err(file.error("files are not allowed here; give the content itself"));
    }
    // Asked before the file is opened: opening a pipe or a device may wait, or do something.
    let metadata = std::fs::metadata(path).map_err(|error| file.error(error))?;
    if !metadata.is_file() {
        return Err(file.error("it is no regular file; expected one"));
    }
    file.len = metadata.len();
    if !whole && file.len > SMALL_FILE {
        // That it can be opened is better known before anything is sent.
        file.open()?;
        return Ok(Bytes::File(file));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(file.len).unwrap_or_default());
    let mut part = file.open()?.take(file.len + 1);
    let read = part.read_to_end(&mut bytes);
    read.map_err(|error| file.error(error))?;
    if bytes.len() as u64 != file.len {
        return Err(file.changed());
    }
    Ok(Bytes::Here(Cow::Owned(bytes)))
}

/// Whether a file is all UTF-8, without having it in memory.
fn is_utf8(attached: &Attached<'_>) -> Result<bool, RenderError> {
    let mut file = attached.open()?;
    let mut buffer = vec![0; 64 * 1024];
    let mut kept = 0;
    loop {
        let room = buffer.get_mut(kept..).unwrap_or_default();
        let read = file.read(room).map_err(|error| attached.error(error))?;
        if read == 0 {
            return Ok(kept == 0);
        }
        let filled = kept + read;
        let bytes = buffer.get(..filled).unwrap_or_default();
        let valid = match std::str::from_utf8(bytes) {
            Ok(_) => filled,
            // A character may be cut in two by the end of the buffer.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Ok(false),
        };
        buffer.copy_within(valid..filled, 0);
        kept = filled - valid;
    }
}

/// A content id without its angle brackets.
pub(crate) fn bare_id(id: &str) -> &str {
    let inner = id.strip_prefix('<').and_then(|id| id.strip_suffix('>'));
    inner.unwrap_or(id)
}
