//! The tree of parts: which there are, what they hold and how they are nested.

use std::borrow::Cow;
use std::collections::HashMap;

use memchr::memmem;
use percent_encoding::percent_decode_str;

use crate::attachment::{Content, EmailAlternative, EmailAttachment};
use crate::charset::Charset;
use crate::content::{self, Encoding, Text};
use crate::email::EmailMessage;
use crate::error::RenderError;
use crate::leaf;
use crate::media::Media;
use crate::render::RenderOptions;
use crate::rendered::{Rendered, Source};

/// A part of a message, or the whole of it.
#[derive(Debug)]
pub(crate) enum Part<'a> {
    Leaf(Leaf<'a>),
    Multipart {
        /// Such as `mixed`.
        subtype: &'static str,
        parts: Vec<Self>,
    },
}

/// A part without parts.
#[derive(Debug)]
pub(crate) struct Leaf<'a> {
    pub(crate) media: Media<'a>,
    /// Declared last of the parameters.
    pub(crate) charset: Option<&'a str>,
    pub(crate) encoding: Encoding,
    pub(crate) body: Body<'a>,
    /// For attachments: it and its number.
    pub(crate) attachment: Option<(usize, &'a EmailAttachment)>,
}

/// What a part holds.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    Text(Text<'a>),
    Source(Source<'a>),
    Message(Box<Rendered<'a>>),
}

/// What is needed to make the parts of one message.
pub(crate) struct Planner<'a, 'o> {
    pub(crate) options: &'o RenderOptions,
    pub(crate) charset: Charset<'a>,
    /// Makes boundaries and ids.
    pub(crate) seed: u64,
    /// How many messages this one is attached to, each to the next.
    pub(crate) depth: usize,
}

impl<'a> Planner<'a, '_> {
    /// The tree of a message: `mixed` around `alternative` around `related`, each only if it is
    /// needed.
    pub(crate) fn plan(&self, message: &'a EmailMessage) -> Result<Part<'a>, RenderError> {
        if message.attachments.is_empty() && message.alternatives.is_empty() {
            return self.body(message);
        }
        let mut inline = Inline::find(message);
        let mut forms = Vec::with_capacity(1 + message.alternatives.len());
        if !message.body.is_empty() {
            let body = self.body(message)?;
            forms.push(self.related(body, inline.take(0), message)?);
        }
        for (index, alternative) in message.alternatives.iter().enumerate() {
            let part = self.alternative(index, alternative)?;
            forms.push(self.related(part, inline.take(index + 1), message)?);
        }
        if !message.alternatives.is_empty() {
            forms = vec![Part::Multipart {
                subtype: "alternative",
                parts: forms,
            }];
        }
        for (index, attachment) in message.attachments.iter().enumerate() {
            if !inline.is_taken(index) {
                forms.push(self.attachment(index, attachment)?);
            }
        }
        if forms.len() == 1 && inline.takes_all(message) {
            return Ok(forms.remove(0));
        }
        Ok(Part::Multipart {
            subtype: "mixed",
            parts: forms,
        })
    }

    fn body(&self, message: &'a EmailMessage) -> Result<Part<'a>, RenderError> {
        let essence = match message.content_subtype.as_str() {
            "plain" => Cow::Borrowed("text/plain"),
            "html" => Cow::Borrowed("text/html"),
            subtype if crate::media::is_token(subtype) => Cow::Owned(format!("text/{subtype}")),
            _ => {
                let what = "is no subtype of text; expected such as plain or html";
                return Err(RenderError::new("content_subtype", what));
            }
        };
        self.text(|| "body".to_owned(), Media::new(essence), &message.body)
    }

    fn alternative(
        &self,
        index: usize,
        alternative: &'a EmailAlternative,
    ) -> Result<Part<'a>, RenderError> {
        let field = |key: &str| format!("alternatives[{index}].{key}");
        let media = Media::parse(&field("mimetype"), &alternative.mimetype)?;
        if media.is("multipart") || media.is("message") {
            let what = "is no form of a body; expected such as text/html";
            return Err(RenderError::new(field("mimetype"), what));
        }
        let bytes = match &alternative.content {
            Content::Text(text) if media.is("text") => {
                return self.text(|| field("content"), media, text);
            }
            Content::Text(text) => text.as_bytes(),
            Content::Bytes(bytes) => bytes,
            Content::Path(_) | Content::Message(_) => {
                let what = "is a file or message; expected text or bytes";
                return Err(RenderError::new(field("content"), what));
            }
        };
        if !media.is("text") {
            return Ok(Part::leaf(media, Source::Base64(bytes.into())));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| {
            let what = "is no UTF-8; expected text, for its type is one of text";
            RenderError::new(field("content"), what)
        })?;
        self.text(|| field("content"), media, text)
    }

    /// A text of which the lines count, in the charset of the message.
    fn text(
        &self,
        field: impl FnOnce() -> String,
        mut media: Media<'a>,
        text: &'a str,
    ) -> Result<Part<'a>, RenderError> {
        media.drop_charset();
        let bytes = self.charset.encode(field, text)?;
        let escapes = self.charset.has_escapes();
        let (encoding, text) = content::encode_text(bytes, self.options.transfer, escapes);
        Ok(Part::Leaf(Leaf {
            media,
            charset: Some(self.charset.name),
            encoding,
            body: Body::Text(text),
            attachment: None,
        }))
    }

    /// A part with the parts that it shows.
    fn related(
        &self,
        part: Part<'a>,
        shown: Vec<usize>,
        message: &'a EmailMessage,
    ) -> Result<Part<'a>, RenderError> {
        if shown.is_empty() {
            return Ok(part);
        }
        let mut parts = vec![part];
        for index in shown {
            if let Some(attachment) = message.attachments.get(index) {
                parts.push(self.attachment(index, attachment)?);
            }
        }
        Ok(Part::Multipart {
            subtype: "related",
            parts,
        })
    }

    fn attachment(
        &self,
        index: usize,
        attachment: &'a EmailAttachment,
    ) -> Result<Part<'a>, RenderError> {
        leaf::attachment(self, index, attachment).map(Part::Leaf)
    }
}

impl<'a> Part<'a> {
    /// A part in base64 that is no attachment.
    fn leaf(media: Media<'a>, source: Source<'a>) -> Self {
        Self::Leaf(Leaf {
            media,
            charset: None,
            encoding: Encoding::Base64,
            body: Body::Source(source),
            attachment: None,
        })
    }

    /// Whether these octets stand in what is written as it is. In what is encoded a boundary
    /// cannot stand: base64 has no `==` but at its end, and quoted-printable no `==` at all.
    pub(crate) fn holds(&self, octets: &[u8]) -> bool {
        let found = |bytes: &[u8]| memmem::find(bytes, octets).is_some();
        match self {
            Self::Multipart { parts, .. } => parts.iter().any(|part| part.holds(octets)),
            Self::Leaf(leaf) => match &leaf.body {
                Body::Text(Text::Lines(bytes)) | Body::Source(Source::Raw(bytes)) => found(bytes),
                Body::Message(message) => {
                    let raw = |source: &Source<'_>| match source {
                        Source::Raw(bytes) => found(bytes),
                        Source::Base64(_) | Source::File(_) => false,
                    };
                    let mut inserts = message.inserts.iter();
                    found(&message.head) || inserts.any(|insert| raw(&insert.source))
                }
                Body::Text(Text::Encoded(_)) | Body::Source(_) => false,
            },
        }
    }

    /// Whether octets beyond ASCII go as they are, which all parts around must declare, too.
    pub(crate) fn is_eight_bit(&self) -> bool {
        match self {
            Self::Multipart { parts, .. } => parts.iter().any(Self::is_eight_bit),
            Self::Leaf(leaf) => leaf.encoding == Encoding::EightBit,
        }
    }

    /// The media type of the part that is shown first, which `related` must tell.
    pub(crate) fn essence(&self) -> &str {
        match self {
            Self::Leaf(leaf) => &leaf.media.essence,
            Self::Multipart { .. } => "multipart/mixed",
        }
    }
}

/// Which attachments are shown by which text: each by the first that refers to it.
struct Inline {
    /// For the body and each alternative, the numbers of attachments.
    shown: Vec<Vec<usize>>,
    taken: Vec<bool>,
}

impl Inline {
    fn find(message: &EmailMessage) -> Self {
        let mut inline = Self {
            shown: vec![Vec::new(); 1 + message.alternatives.len()],
            taken: vec![false; message.attachments.len()],
        };
        let mut ids: HashMap<&str, usize> = HashMap::new();
        for (index, attachment) in message.attachments.iter().enumerate() {
            if let Some(id) = shown_id(attachment) {
                ids.entry(id).or_insert(index);
            }
        }
        if ids.is_empty() {
            return inline;
        }
        if message.content_subtype.eq_ignore_ascii_case("html") {
            inline.refer(0, &message.body, &ids);
        }
        for (index, alternative) in message.alternatives.iter().enumerate() {
            let html = alternative.mimetype.get(..9);
            if html.is_some_and(|html| html.eq_ignore_ascii_case("text/html")) {
                inline.refer(index + 1, alternative.as_text().unwrap_or_default(), &ids);
            }
        }
        inline
    }

    /// Notes what the `text` of that number refers to.
    fn refer(&mut self, text: usize, html: &str, ids: &HashMap<&str, usize>) {
        let mut read = 0;
        for at in memmem::find_iter(html.as_bytes(), "cid:") {
            if at < read {
                continue; // It is a part of the last one; each octet is read once.
            }
            let rest = html.get(at + 4..).unwrap_or_default();
            let stop = |c: char| c.is_whitespace() || "\"'<>()".contains(c);
            let end = rest.bytes().position(|byte| stop(byte.into()));
            let id = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            read = at + 4 + id.len();
            let id = percent_decode_str(id).decode_utf8_lossy();
            let Some(&index) = ids.get(id.as_ref()) else {
                continue;
            };
            if let (Some(taken), Some(shown)) =
                (self.taken.get_mut(index), self.shown.get_mut(text))
                && !std::mem::replace(taken, true)
            {
                shown.push(index);
            }
        }
        if let Some(shown) = self.shown.get_mut(text) {
            shown.sort_unstable();
        }
    }

    fn take(&mut self, text: usize) -> Vec<usize> {
        let shown = self.shown.get_mut(text);
        shown.map(std::mem::take).unwrap_or_default()
    }

    fn is_taken(&self, index: usize) -> bool {
        self.taken.get(index).is_some_and(|&taken| taken)
    }

    /// Whether no attachment is left for `mixed`.
    fn takes_all(&self, message: &EmailMessage) -> bool {
        (0..message.attachments.len()).all(|index| self.is_taken(index))
    }
}

/// The id under which a text may show this attachment.
fn shown_id(attachment: &EmailAttachment) -> Option<&str> {
    let apart = attachment.disposition.as_deref();
    if apart.is_some_and(|apart| apart.eq_ignore_ascii_case("attachment")) {
        return None;
    }
    attachment.content_id.as_deref().map(leaf::bare_id)
}
