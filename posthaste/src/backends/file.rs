//! The backend that writes files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::ZonedDateTime;
use posthaste_message::{EmailMessage, Rendered};

use super::{keep_each, text};
use crate::backend::{Backend, BoxFuture, Context, Renderer, seed};
use crate::error::Error;
use crate::report::Report;

/// How often another name is tried when one is taken.
const TRIES: usize = 16;

/// Appends each message to a file of its own making, one for each backend object.
///
/// It is called `file`; its option `file_path` is the folder, made if it is not there. The file is made when the first
/// message comes or the connection is opened, is called `YYYYmmdd-HHMMSS-NUMBER.log` by local time, and is never one that
/// was there before. A message that cannot be written whole is taken out again.
pub struct FileBackend {
    renderer: Renderer,
    folder: PathBuf,
    file: Option<(PathBuf, File)>,
}

impl FileBackend {
    /// A backend that writes into this folder, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made, is no folder, or cannot be written to. The error's field is `file_path`.
    pub fn new(renderer: Renderer, folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = folder.into();
        usable(&folder).map_err(|error| {
            let shown = folder.display();
            let message = format!("cannot write into the folder {shown}: {error}");
            Error::invalid("file_path", message).with_source(error)
        })?;
        Ok(Self {
            renderer: renderer.eight_bit(),
            folder,
            file: None,
        })
    }

    /// The file that this backend writes, once it has been made.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|(path, _)| path.as_path())
    }

    /// Makes the file unless it is there. `true` if it was not.
    fn make_file(&mut self) -> Result<bool, Error> {
        if self.file.is_some() {
            return Ok(false);
        }
        let made = create(&self.folder).map_err(|error| {
            text::failed(&format!("the folder {}", self.folder.display()), error)
        })?;
        self.file = Some(made);
        Ok(true)
    }

    fn append(&mut self, rendered: &Rendered<'_>) -> Result<(), Error> {
        self.make_file()?;
        let Some((path, file)) = &mut self.file else {
            return Ok(());
        };
        append(file, rendered).map_err(|error| text::failed(&path.display().to_string(), error))
    }
}

pub(super) fn make(ctx: &Context<'_>) -> Result<Box<dyn Backend>, Error> {
    let options = ctx.options;
    options.deny_unknown(&["file_path", "fail_silently"])?;
    let Some(folder) = options.path("file_path") else {
        let message = "the file backend needs a folder to write to; set it";
        return Err(Error::invalid(options.field("file_path"), message));
    };
    let backend = FileBackend::new(ctx.renderer(), folder);
    let backend = backend.map_err(|error| error.with_field(options.field("file_path")))?;
    Ok(Box::new(backend))
}

impl Backend for FileBackend {
    fn open(&mut self) -> BoxFuture<'_, Result<bool, Error>> {
        Box::pin(async { self.make_file() })
    }

    fn send_messages<'a>(&'a mut self, messages: &'a [EmailMessage]) -> BoxFuture<'a, Vec<Report>> {
        Box::pin(async move {
            let renderer = self.renderer.clone();
            keep_each(messages, &renderer, |_, rendered, _| self.append(rendered))
        })
    }
}

/// Makes the folder, and tries whether a file can be made in it.
fn usable(folder: &Path) -> io::Result<()> {
    if folder.exists() && !folder.is_dir() {
        return Err(io::Error::other(
            "it is no folder; name one, or a path where there is nothing yet",
        ));
    }
    fs::create_dir_all(folder)?;
    let (path, _) = create(folder)?;
    fs::remove_file(path)
}

/// Makes a new file with a name of our own: never one that is there, never through a link.
fn create(folder: &Path) -> io::Result<(PathBuf, File)> {
    let time = ZonedDateTime::now().strftime("%Y%m%d-%H%M%S").to_string();
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for _ in 0..TRIES {
        let path = folder.join(format!("{time}-{:020}.log", seed()));
        let file = OpenOptions::new().append(true).create_new(true).open(&path);
        match file {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Appends a message; what was written of one that fails is taken back.
fn append(file: &mut File, rendered: &Rendered<'_>) -> io::Result<()> {
    let before = file.seek(SeekFrom::End(0))?;
    let written = text::write(rendered, file).and_then(|()| file.flush());
    if written.is_err() {
        // The first error is the one to tell of.
        let _ = file.set_len(before);
    }
    written
}
