//! One message: read from JSON, or made of flags.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use posthaste::{Address, EmailAttachment, EmailMessage, Error, ErrorKind};

use crate::args;
use crate::exit::Failure;

/// The most octets that one message may have as JSON. A larger attachment is given by its path.
pub(crate) const LIMIT: usize = 128 * 1024 * 1024;

/// An input that was opened.
pub(crate) struct Input {
    /// What to read.
    pub(crate) reader: Box<dyn Read + Send>,
    /// How many octets it has, if that is known.
    pub(crate) len: Option<u64>,
    /// What errors call it.
    pub(crate) name: String,
}

impl Input {
    /// Opens a file; `-` and none are standard input, which nobody types JSON into.
    pub(crate) fn open(file: Option<&Path>, otherwise: &str) -> Result<Self, Failure> {
        if let Some(path) = file.filter(|path| *path != Path::new("-")) {
            return Self::file(path);
        }
        if file.is_none() && io::stdin().is_terminal() {
            return Err(Failure::usage(
                "FILE",
                format!("is missing; give a file, {otherwise}"),
            ));
        }
        Ok(Self {
            reader: Box::new(io::stdin()),
            len: None,
            name: "standard input".to_owned(),
        })
    }

    fn file(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = opened.map_err(|error| unreadable(&name, &error))?;
        if metadata.is_dir() {
            let message = "is a directory; expected a file";
            return Err(Error::new(ErrorKind::Io, message).with_field(name).into());
        }
        Ok(Self {
            reader: Box::new(file),
            len: metadata.is_file().then_some(metadata.len()),
            name,
        })
    }
}

/// The error of an input that cannot be read.
pub(crate) fn unreadable(name: &str, error: &io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot read it: {error}")).with_field(name)
}

/// The error of a message with more octets than [`LIMIT`].
pub(crate) fn too_large() -> Error {
    let limit = LIMIT / (1024 * 1024);
    Error::invalid(
        "message",
        format!("has more than {limit} MiB of JSON; attach large files by their path"),
    )
}

/// Reads the message of a file, of which it has to be all.
pub(crate) fn read_one(file: Option<&Path>) -> Result<EmailMessage, Failure> {
    let input = Input::open(file, "or - and a message on standard input")?;
    let mut json = Vec::new();
    let read = input.reader.take(LIMIT as u64 + 1).read_to_end(&mut json);
    read.map_err(|error| unreadable(&input.name, &error))?;
    if json.len() > LIMIT {
        return Err(too_large().into());
    }
    let json = json.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&json);
    Ok(EmailMessage::from_json(json)?)
}

impl args::Message {
    /// The message that the flags make; none if there are none.
    pub(crate) fn build(&self, has_file: bool) -> Result<Option<EmailMessage>, Failure> {
        if self.is_empty() {
            return Ok(None);
        }
        if has_file {
            let message =
                "cannot be given together with flags that make a message; leave one of them out";
            return Err(Failure::usage("FILE", message));
        }
        if self.to.is_empty() && self.cc.is_empty() && self.bcc.is_empty() {
            return Err(Failure::usage(
                "--to",
                "is missing; give --to, --cc or --bcc",
            ));
        }
        let mut message =
            EmailMessage::new(self.subject.as_deref().unwrap_or_default(), self.text()?)
                .to(&self.to)
                .cc(&self.cc)
                .bcc(&self.bcc);
        message.from_email = self.from.as_deref().map(Address::from);
        if let Some(html) = &self.html {
            message = message.html(html);
        }
        for path in &self.attach {
            message = message.attach(EmailAttachment::path(path));
        }
        for header in &self.header {
            let Some((name, value)) = header.split_once(':') else {
                return Err(Failure::usage("--header", "expected 'NAME: VALUE'"));
            };
            message = message.header(name, value.trim_matches([' ', '\t']));
        }
        Ok(Some(message))
    }

    fn is_empty(&self) -> bool {
        let lists = [&self.to, &self.cc, &self.bcc, &self.header];
        let texts = [&self.from, &self.subject, &self.body, &self.html];
        lists.iter().all(|list| list.is_empty())
            && texts.iter().all(|text| text.is_none())
            && self.attach.is_empty()
    }

    /// The body, which may be standard input.
    fn text(&self) -> Result<String, Failure> {
        match self.body.as_deref() {
            Some("-") => {
                let mut text = String::new();
                let mut input = io::stdin().lock().take(LIMIT as u64);
                let read = input.read_to_string(&mut text);
                read.map_err(|error| unreadable("standard input", &error))?;
                Ok(text)
            }
            text => Ok(text.unwrap_or_default().to_owned()),
        }
    }
}
