//! `posthaste preview`: messages on the page of an inbox before they are sent.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use posthaste::{Error, Mailer};
use posthaste_inbox::Inbox;
use posthaste_inbox::mail::{Envelope, Id, Recipient};

use super::args::Preview;
use super::browser;
use super::start::url;
use crate::exit::{Exit, Failure, complain, tell};
use crate::interrupt;
use crate::message::{read_one, unreadable};

/// How often is looked whether a file was saved.
const LOOK: Duration = Duration::from_millis(200);

/// Shows the messages until Ctrl-C.
pub(crate) fn run(args: &Preview) -> Result<Exit, Failure> {
    let mailer = args.globals.mailer()?;
    // A mistake in the path is told before anything is started.
    files(&args.path)?;
    if !args.web.ip().is_loopback() {
        return Err(Failure::usage(
            "--web",
            "expected an address of this machine",
        ));
    }
    let inbox = Inbox::builder().web(args.web).start().map_err(|error| {
        let message = format!("cannot start the page: {error}");
        Failure::from(Error::new(posthaste::ErrorKind::Io, message))
    })?;
    let asked = Arc::new(AtomicBool::new(false));
    let to_end = Arc::clone(&asked);
    interrupt::at_once_when_asked_twice(move || to_end.store(true, Ordering::SeqCst));
    let mut shown = Shown {
        mailer,
        inbox: &inbox,
        files: BTreeMap::new(),
    };
    shown.look(&args.path)?;
    tell(format_args!(
        "the preview is at {}; Ctrl-C ends it",
        url(&inbox)
    ));
    if args.open {
        browser::open(&url(&inbox));
    }
    while !asked.load(Ordering::SeqCst) {
        thread::sleep(LOOK);
        // A folder that is gone for a moment comes back when an editor has saved.
        let _ = shown.look(&args.path);
    }
    Ok(Exit::Done)
}

/// The files that a path stands for.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let name = path.display().to_string();
    let metadata = fs::metadata(path).map_err(|error| unreadable(&name, &error))?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).map_err(|error| unreadable(&name, &error))?;
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    files.sort();
    Ok(files)
}

/// What a file was when it was last looked at, and which mail shows it.
struct File {
    saved: Option<(SystemTime, u64)>,
    mail: Option<Id>,
}

/// The messages that are shown.
struct Shown<'i> {
    mailer: Mailer,
    inbox: &'i Inbox,
    files: BTreeMap<PathBuf, File>,
}

impl Shown<'_> {
    /// Shows what has changed.
    fn look(&mut self, path: &Path) -> Result<(), Failure> {
        let there = files(path)?;
        let gone: Vec<_> = self
            .files
            .keys()
            .filter(|file| !there.contains(file))
            .cloned()
            .collect();
        for file in gone {
            if let Some(id) = self.files.remove(&file).and_then(|file| file.mail) {
                // It is shown a moment longer, if that.
                let _ = self.inbox.delete_blocking(id);
            }
        }
        for path in there {
            let metadata = fs::metadata(&path).ok();
            let saved =
                metadata.and_then(|metadata| Some((metadata.modified().ok()?, metadata.len())));
            let known = self.files.get(&path);
            if known.is_some_and(|known| known.saved == saved) {
                continue;
            }
            let old = known.and_then(|known| known.mail);
            let mail = match self.show(&path, old) {
                Ok(id) => Some(id),
                Err(failure) => {
                    complain(format_args!("{}: {}", path.display(), failure.text()));
                    old
                }
            };
            self.files.insert(path, File { saved, mail });
        }
        Ok(())
    }

    /// Puts a message into the inbox, in the place of what it was before.
    fn show(&self, path: &Path, old: Option<Id>) -> Result<Id, Failure> {
        let message = read_one(Some(path))?;
        let options = self.mailer.renderer().options();
        let rendered = message.render(&options)?;
        let mut raw = Vec::new();
        let mut reader = rendered.reader();
        while let Some(chunk) = reader.next_chunk()? {
            raw.extend_from_slice(chunk);
        }
        let envelope = envelope(&message.envelope(&options)?);
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let put = self
            .inbox
            .put_blocking(&name.unwrap_or_default(), envelope, raw, old);
        put.map_err(|error| Error::new(posthaste::ErrorKind::Io, error.to_string()).into())
    }
}

/// The envelope that the message would have.
fn envelope(envelope: &posthaste::Envelope) -> Envelope {
    let from = envelope.from.as_ref();
    let recipients = envelope.to.iter().map(|to| Recipient {
        address: to.addr_spec(),
        reply: None,
        orcpt: None,
        notify: None,
    });
    Envelope {
        mail_from: from.map(|from| from.addr_spec()).unwrap_or_default(),
        recipients: recipients.collect(),
        ..Envelope::default()
    }
}
