//! What a message carries besides its body: attachments and alternatives.

use std::path::{Path, PathBuf};

use crate::email::EmailMessage;
use crate::headers::Headers;

/// The bytes of an attachment, or where they come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Text; a text type is written in the charset of the message, any other in UTF-8.
    Text(String),
    /// Bytes, kept as they are.
    Bytes(Vec<u8>),
    /// A file, read when the message is rendered or sent.
    Path(PathBuf),
    /// Another message, for instance one that is forwarded.
    Message(Box<EmailMessage>),
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Content {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<PathBuf> for Content {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<&Path> for Content {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_path_buf())
    }
}

impl From<EmailMessage> for Content {
    fn from(message: EmailMessage) -> Self {
        Self::Message(Box::new(message))
    }
}

/// One attachment. All fields may be changed until the message is rendered.
///
/// ```
/// use posthaste_message::{EmailAttachment, EmailMessage};
///
/// let logo = EmailAttachment::bytes("logo.png", vec![0x89, b'P']).inline("logo@example.com");
/// let message = EmailMessage::new("Hi", "text")
///     .attach(("notes.txt", "milk, eggs"))
///     .attach(("data", vec![1, 2, 3], "application/x-data"))
///     .attach(logo);
/// assert_eq!(message.attachments.len(), 3);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EmailAttachment {
    /// The name shown to the reader; a [`Content::Path`] without one shows that of the file.
    pub filename: Option<String>,
    /// What is attached.
    pub content: Content,
    /// The media type, parameters allowed; guessed from the file name if absent.
    pub mimetype: Option<String>,
    /// `attachment` if absent, or `inline` when there is a `content_id`.
    pub disposition: Option<String>,
    /// The name by which HTML shows this part, as `cid:NAME`; without angle brackets.
    pub content_id: Option<String>,
    /// More headers of this part.
    pub headers: Headers,
}

impl EmailAttachment {
    /// An attachment without a name.
    pub fn new(content: impl Into<Content>) -> Self {
        Self {
            filename: None,
            content: content.into(),
            mimetype: None,
            disposition: None,
            content_id: None,
            headers: Headers::new(),
        }
    }

    /// A text under that file name.
    pub fn text(filename: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(text.into()).filename(filename)
    }

    /// Bytes under that file name.
    pub fn bytes(filename: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(bytes.into()).filename(filename)
    }

    /// A file, shown under its own name. It is read when the message is rendered or sent.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self::new(path.into())
    }

    /// Another message.
    #[must_use]
    pub fn message(message: EmailMessage) -> Self {
        Self::new(message)
    }

    /// Sets the name shown to the reader.
    #[must_use]
    pub fn filename(mut self, filename: impl Into<String>) -> Self {
        self.filename = Some(filename.into());
        self
    }

    /// Sets the media type.
    #[must_use]
    pub fn mimetype(mut self, mimetype: impl Into<String>) -> Self {
        self.mimetype = Some(mimetype.into());
        self
    }

    /// Sets how the part is shown: `attachment` or `inline`.
    #[must_use]
    pub fn disposition(mut self, disposition: impl Into<String>) -> Self {
        self.disposition = Some(disposition.into());
        self
    }

    /// Makes this a part that HTML shows in its place with `cid:CONTENT_ID`.
    #[must_use]
    pub fn inline(mut self, content_id: impl Into<String>) -> Self {
        self.content_id = Some(content_id.into());
        self.disposition("inline")
    }

    /// Adds a header to this part.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// The name to show, if there is any.
    pub(crate) fn shown_name(&self) -> Option<std::borrow::Cow<'_, str>> {
        match (&self.filename, &self.content) {
            (Some(name), _) => Some(name.into()),
            (None, Content::Path(path)) => path.file_name().map(|name| name.to_string_lossy()),
            (None, _) => None,
        }
    }
}

impl<N: Into<String>, C: Into<Content>> From<(N, C)> for EmailAttachment {
    fn from((filename, content): (N, C)) -> Self {
        Self::new(content).filename(filename)
    }
}

impl<N: Into<String>, C: Into<Content>, M: Into<String>> From<(N, C, M)> for EmailAttachment {
    fn from((filename, content, mimetype): (N, C, M)) -> Self {
        Self::new(content).filename(filename).mimetype(mimetype)
    }
}

impl From<EmailMessage> for EmailAttachment {
    fn from(message: EmailMessage) -> Self {
        Self::message(message)
    }
}

/// The body once more in another form; readers show the last that they understand.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EmailAlternative {
    /// Text, or bytes; those of a text type must be UTF-8.
    pub content: Content,
    /// The media type, such as `text/html`.
    pub mimetype: String,
}

impl EmailAlternative {
    /// An alternative.
    pub fn new(content: impl Into<Content>, mimetype: impl Into<String>) -> Self {
        Self {
            content: content.into(),
            mimetype: mimetype.into(),
        }
    }

    /// The text, if this is one of a `text/` type. Bytes that are no UTF-8 are none.
    pub(crate) fn as_text(&self) -> Option<&str> {
        let kind = self.mimetype.get(..5)?;
        if !kind.eq_ignore_ascii_case("text/") {
            return None;
        }
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Content::Path(_) | Content::Message(_) => None,
        }
    }
}
