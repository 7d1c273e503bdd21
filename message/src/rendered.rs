//! A message that is ready to go: all checked, its length known, not yet all in memory.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::Path;

use encodify::base64;

use crate::error::RenderError;

/// The octets of a file or of bytes that are encoded at once: whole lines of base64, and less
/// than 64 KiB when encoded.
const STEP: usize = 57 * 800;

/// The most octets that are handed out at once.
const CHUNK: usize = 64 * 1024;

/// A rendered message. It borrows the bytes of attachments; files are read while it is written.
///
/// ```
/// use std::io::Read as _;
/// use posthaste_message::{EmailMessage, RenderOptions};
///
/// let message = EmailMessage::new("Hi", "text").to(["a@example.com"]);
/// let rendered = message.render(&RenderOptions::default())?;
/// let mut bytes = Vec::new();
/// rendered.reader().read_to_end(&mut bytes).unwrap();
/// assert_eq!(bytes.len() as u64, rendered.len());
/// assert_eq!(bytes, rendered.to_vec()?);
/// # Ok::<(), posthaste_message::RenderError>(())
/// ```
#[derive(Debug, Default)]
pub struct Rendered<'a> {
    pub(crate) message_id: String,
    /// All that had to be made: headers, short and encoded texts, boundaries.
    pub(crate) head: Vec<u8>,
    /// What goes in between, in order.
    pub(crate) inserts: Vec<Insert<'a>>,
    pub(crate) eight_bit: bool,
    pub(crate) smtputf8: bool,
}

/// Content that stands in the message before the octet of `head` at `at`.
#[derive(Debug)]
pub(crate) struct Insert<'a> {
    pub(crate) at: usize,
    pub(crate) source: Source<'a>,
}

/// Where content comes from.
#[derive(Debug)]
pub(crate) enum Source<'a> {
    /// Bytes as they are.
    Raw(Cow<'a, [u8]>),
    /// Bytes to be written in base64.
    Base64(Cow<'a, [u8]>),
    /// A file to be written in base64.
    File(Attached<'a>),
}

/// A file whose length was taken when the message was rendered.
#[derive(Clone, Debug)]
pub(crate) struct Attached<'a> {
    pub(crate) path: &'a Path,
    pub(crate) len: u64,
    /// Its place in the message.
    pub(crate) field: String,
}

impl Attached<'_> {
    pub(crate) fn error(&self, what: impl std::fmt::Display) -> RenderError {
        let what = format!("cannot read \"{}\": {what}", self.path.display());
        RenderError::new(&self.field, what)
    }

    /// Opens the file; it must still be one.
    pub(crate) fn open(&self) -> Result<File, RenderError> {
        let file = File::open(self.path).map_err(|error| self.error(error))?;
        let metadata = file.metadata().map_err(|error| self.error(error))?;
        if !metadata.is_file() || metadata.len() != self.len {
            return Err(self.changed());
        }
        Ok(file)
    }

    pub(crate) fn changed(&self) -> RenderError {
        self.error("it changed while the message was made; try again")
    }
}

impl Source<'_> {
    /// The octets in the message.
    fn len(&self) -> u64 {
        match self {
            Self::Raw(bytes) => bytes.len() as u64,
            Self::Base64(bytes) => encoded_len(bytes.len() as u64),
            Self::File(file) => encoded_len(file.len),
        }
    }
}

/// The length of so many octets in base64, with CRLF after every 76 characters and at the end.
fn encoded_len(len: u64) -> u64 {
    let symbols = len.div_ceil(3).saturating_mul(4);
    symbols.saturating_add(symbols.div_ceil(76).saturating_mul(2))
}

impl<'a> Rendered<'a> {
    /// The `Message-ID`, with its angle brackets.
    #[must_use]
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// The length in octets, known before the first is written.
    #[must_use]
    pub fn len(&self) -> u64 {
        let inserts = self.inserts.iter().map(|insert| insert.source.len());
        self.head.len() as u64 + inserts.sum::<u64>()
    }

    /// Whether there is nothing in it; there always is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    /// Whether octets beyond ASCII are in it, so that the server must know `8BITMIME`.
    #[must_use]
    pub fn is_8bit(&self) -> bool {
        self.eight_bit || self.smtputf8
    }

    /// Whether a header has an address whose local part is beyond ASCII, so that the server must
    /// know `SMTPUTF8`.
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        self.smtputf8
    }

    /// The whole message, with CRLF line ends.
    ///
    /// # Errors
    ///
    /// When an attached file cannot be read or has changed.
    pub fn to_vec(&self) -> Result<Vec<u8>, RenderError> {
        let mut out = Vec::with_capacity(usize::try_from(self.len()).unwrap_or_default());
        let mut start = 0;
        for insert in &self.inserts {
            out.extend_from_slice(self.head.get(start..insert.at).unwrap_or_default());
            start = insert.at;
            match &insert.source {
                Source::Raw(bytes) => out.extend_from_slice(bytes),
                Source::Base64(bytes) => {
                    base64::MIME.encode_append(bytes, &mut out);
                }
                Source::File(file) => append_file(file, &mut out)?,
            }
        }
        out.extend_from_slice(self.head.get(start..).unwrap_or_default());
        Ok(out)
    }

    /// The whole message, like [`Rendered::to_vec`], without a copy if there is nothing to add.
    ///
    /// # Errors
    ///
    /// When an attached file cannot be read or has changed.
    pub fn into_vec(self) -> Result<Vec<u8>, RenderError> {
        if self.inserts.is_empty() {
            return Ok(self.head);
        }
        self.to_vec()
    }

    /// Writes the whole message in chunks of at most 64 KiB; returns its length.
    ///
    /// # Errors
    ///
    /// When the writer fails, and when an attached file cannot be read or has changed: the error
    /// then wraps a [`RenderError`].
    pub fn write_to(&self, writer: &mut impl Write) -> io::Result<u64> {
        let mut reader = self.reader();
        while let Some(chunk) = reader.next_chunk().map_err(io::Error::other)? {
            writer.write_all(chunk)?;
        }
        Ok(self.len())
    }

    /// A reader of the message, from its start. There may be several.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader {
            rendered: self,
            position: Position::default(),
            window: (0, 0),
        }
    }

    /// The next chunk of at most 64 KiB from this position on, without copying what is in memory as it is; `None` is
    /// the end. For whoever cannot keep a [`Reader`] beside the message.
    ///
    /// ```
    /// use posthaste_message::{EmailMessage, Position, RenderOptions};
    ///
    /// let message = EmailMessage::new("Hi", "text").to(["a@example.com"]);
    /// let rendered = message.render(&RenderOptions::default())?;
    /// let (mut position, mut bytes) = (Position::default(), Vec::new());
    /// while let Some(chunk) = rendered.next_chunk(&mut position)? {
    ///     bytes.extend_from_slice(chunk);
    /// }
    /// assert_eq!(bytes, rendered.to_vec()?);
    /// # Ok::<(), posthaste_message::RenderError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When an attached file cannot be read or has changed.
    pub fn next_chunk<'c>(
        &'c self,
        position: &'c mut Position,
    ) -> Result<Option<&'c [u8]>, RenderError> {
        Ok(match position.advance(self, CHUNK)? {
            None => None,
            Some(Chunk::Borrowed(bytes)) => Some(bytes),
            Some(Chunk::Encoded) => Some(&position.buffer.encoded),
        })
    }

    /// Appends another message to this one.
    pub(crate) fn append(&mut self, other: Self) {
        let start = self.head.len();
        self.head.extend_from_slice(&other.head);
        let moved = other.inserts.into_iter().map(|insert| Insert {
            at: insert.at + start,
            ..insert
        });
        self.inserts.extend(moved);
        self.eight_bit |= other.eight_bit;
        self.smtputf8 |= other.smtputf8;
    }
}

fn append_file(file: &Attached<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
    let mut pump = Pump::open(file)?;
    let mut buffer = Buffer::default();
    while pump.fill(file, &mut buffer)? {
        out.append(&mut buffer.encoded);
    }
    Ok(())
}

/// Memory of a reader: octets read and their base64.
#[derive(Debug, Default)]
struct Buffer {
    raw: Vec<u8>,
    encoded: Vec<u8>,
}

/// A file that is being read.
#[derive(Debug)]
struct Pump {
    file: File,
    left: u64,
}

impl Pump {
    fn open(attached: &Attached<'_>) -> Result<Self, RenderError> {
        Ok(Self {
            file: attached.open()?,
            left: attached.len,
        })
    }

    /// Encodes the next octets; tells whether there were any. The file must end where it did.
    fn fill(&mut self, attached: &Attached<'_>, buffer: &mut Buffer) -> Result<bool, RenderError> {
        let step = usize::try_from(self.left).map_or(STEP, |left| left.min(STEP));
        // One octet more than is left shows whether the file has grown.
        let wanted = step + usize::from(step as u64 == self.left);
        buffer.raw.resize(wanted, 0);
        let read = fill(&mut self.file, &mut buffer.raw);
        if read.map_err(|error| attached.error(error))? != step {
            return Err(attached.changed());
        }
        buffer.raw.truncate(step);
        self.left -= step as u64;
        buffer.encoded.clear();
        base64::MIME.encode_append(&buffer.raw, &mut buffer.encoded);
        Ok(step > 0)
    }
}

/// Reads until `into` is full or the file ends; says how much there was.
fn fill(file: &mut File, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// How much of a rendered message was read; the default is its beginning. Holds no more than about 128 KiB of it.
#[derive(Debug, Default)]
pub struct Position {
    /// The next insert.
    insert: usize,
    /// What was handed out of the head.
    head: usize,
    /// What was handed out of the bytes of the next insert.
    taken: usize,
    file: Option<Pump>,
    buffer: Buffer,
}

/// Reads a rendered message; holds no more than about 128 KiB of it.
#[derive(Debug)]
pub struct Reader<'a> {
    rendered: &'a Rendered<'a>,
    position: Position,
    /// What of the chunk last made is not yet read, in [`io::Read`].
    window: (usize, usize),
}

/// Where a chunk is.
enum Chunk<'a> {
    /// In the message.
    Borrowed(&'a [u8]),
    /// In the buffer of the reader.
    Encoded,
}

impl Reader<'_> {
    /// The next chunk of at most 64 KiB, without copying what is in memory as it is; `None` is
    /// the end.
    ///
    /// # Errors
    ///
    /// When an attached file cannot be read or has changed.
    pub fn next_chunk(&mut self) -> Result<Option<&[u8]>, RenderError> {
        if self.window.0 < self.window.1 {
            let (start, end) = std::mem::take(&mut self.window);
            return Ok(self.position.buffer.encoded.get(start..end));
        }
        self.rendered.next_chunk(&mut self.position)
    }
}

impl Position {
    /// Makes the next chunk; at most `limit` octets of those that need no encoding.
    fn advance<'a>(
        &mut self,
        rendered: &'a Rendered<'_>,
        limit: usize,
    ) -> Result<Option<Chunk<'a>>, RenderError> {
        loop {
            let next = rendered.inserts.get(self.insert);
            let end = next.map_or(rendered.head.len(), |insert| insert.at);
            if self.head < end {
                let stop = end.min(self.head.saturating_add(limit));
                let chunk = rendered.head.get(self.head..stop).unwrap_or_default();
                self.head = stop;
                return Ok(Some(Chunk::Borrowed(chunk)));
            }
            let Some(insert) = next else {
                return Ok(None);
            };
            if let Some(chunk) = self.content(&insert.source, limit)? {
                return Ok(Some(chunk));
            }
            self.insert += 1;
            self.taken = 0;
            self.file = None;
        }
    }

    /// The next chunk of an insert.
    fn content<'a>(
        &mut self,
        source: &'a Source<'_>,
        limit: usize,
    ) -> Result<Option<Chunk<'a>>, RenderError> {
        match source {
            Source::Raw(bytes) => Ok(self.take(bytes, limit).map(Chunk::Borrowed)),
            Source::Base64(bytes) => Ok(self.take(bytes, STEP).map(|part| {
                self.buffer.encoded.clear();
                base64::MIME.encode_append(part, &mut self.buffer.encoded);
                Chunk::Encoded
            })),
            Source::File(attached) => {
                let mut pump = match self.file.take() {
                    Some(pump) => pump,
                    None => Pump::open(attached)?,
                };
                let some = pump.fill(attached, &mut self.buffer)?;
                self.file = Some(pump);
                Ok(some.then_some(Chunk::Encoded))
            }
        }
    }

    /// The next of some bytes; `None` if all were taken.
    fn take<'a>(&mut self, bytes: &'a [u8], limit: usize) -> Option<&'a [u8]> {
        let rest = bytes.get(self.taken..).filter(|rest| !rest.is_empty())?;
        let part = rest.get(..limit).unwrap_or(rest);
        self.taken += part.len();
        Some(part)
    }
}

impl io::Read for Reader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.window.0 >= self.window.1 {
            let next = self.position.advance(self.rendered, out.len());
            match next.map_err(io::Error::other)? {
                None => return Ok(0),
                Some(Chunk::Borrowed(bytes)) => return Ok(copy(bytes, out)),
                Some(Chunk::Encoded) => self.window = (0, self.position.buffer.encoded.len()),
            }
        }
        let (start, end) = self.window;
        let waiting = &self.position.buffer.encoded;
        let waiting = waiting.get(start..end).unwrap_or_default();
        let count = copy(waiting, out);
        self.window.0 += count;
        Ok(count)
    }
}

fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let count = from.len().min(to.len());
    if let (Some(from), Some(to)) = (from.get(..count), to.get_mut(..count)) {
        to.copy_from_slice(from);
    }
    count
}
