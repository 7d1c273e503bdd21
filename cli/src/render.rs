//! `posthaste render`.

use std::io::{self, Write};

use crate::args::{Globals, Render};
use crate::exit::{Exit, Failure};
use crate::message;

/// Prints the message that a JSON object describes.
pub(crate) fn run(args: &Render, globals: &Globals) -> Result<Exit, Failure> {
    let options = globals.mailer()?.renderer().options();
    let message = message::read_one(args.file.as_deref())?;
    // All is checked here; what a large file holds is read while it is printed.
    let rendered = message.render(&options)?;
    let mut reader = rendered.reader();
    let mut out = io::stdout().lock();
    while let Some(chunk) = reader.next_chunk()? {
        out.write_all(chunk)
            .map_err(|error| Failure::output(&error))?;
    }
    out.flush().map_err(|error| Failure::output(&error))?;
    Ok(Exit::Done)
}
