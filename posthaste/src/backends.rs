//! The backends that are there from the start.
//!
//! | name | what it does | options |
//! |---|---|---|
//! | `smtp` | sends to a mail server | `host` `port` `username` `password` `use_tls` `use_ssl` `timeout` `ssl_keyfile` `ssl_certfile` `ssl_cafile` `allow_cleartext_auth` |
//! | `console` | prints to standard output | |
//! | `file` | appends to a file in a folder | `file_path` |
//! | `locmem` | stores in the mailer's [`Outbox`](crate::Outbox) | |
//! | `dummy` | does nothing, but that it names the recipients | |
//!
//! Each knows the option `fail_silently`, too.

mod console;
mod dummy;
mod file;
mod locmem;
pub(crate) mod smtp;
mod text;

use std::sync::Arc;

use posthaste_message::{EmailMessage, Envelope, Rendered};

pub use self::console::ConsoleBackend;
pub use self::dummy::DummyBackend;
pub use self::file::FileBackend;
pub use self::locmem::LocmemBackend;

use crate::backend::{Backend, Context, Registry, Renderer};
use crate::error::Error;
use crate::report::Report;

type Make = fn(&Context<'_>) -> Result<Box<dyn Backend>, Error>;

/// All of them by their names.
pub(crate) fn registry() -> Registry {
    let all: [(&str, Make); 5] = [
        ("smtp", smtp::make),
        ("console", console::make),
        ("file", file::make),
        ("locmem", locmem::make),
        ("dummy", dummy::make),
    ];
    let mut registry = Registry::default();
    for (name, make) in all {
        registry.insert(name, Arc::new(make));
    }
    registry
}

/// Renders each message and hands it on to `keep`: the work of all backends that keep messages on this machine.
///
/// Nothing waits here, so one failed message after the other is reported, and none keeps the next from being tried.
fn keep_each(
    messages: &[EmailMessage],
    renderer: &Renderer,
    mut keep: impl FnMut(&EmailMessage, &Rendered<'_>, &Envelope) -> Result<(), Error>,
) -> Vec<Report> {
    let each = messages.iter().map(|message| {
        let options = renderer.options();
        let prepared = message.envelope(&options).and_then(|envelope| {
            let rendered = message.render(&options)?;
            Ok((envelope, rendered))
        });
        let (envelope, rendered) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Report::failed(None, error.into()),
        };
        let message_id = rendered.message_id().to_owned();
        match keep(message, &rendered, &envelope) {
            Ok(()) => Report::sent(message_id, envelope.to),
            Err(error) => Report::failed(Some(message_id), error),
        }
    });
    each.collect()
}
