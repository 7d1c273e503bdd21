//! The backend that does nothing.

use posthaste_message::EmailMessage;

use crate::backend::{Backend, BoxFuture, Context};
use crate::error::Error;
use crate::report::Report;

/// Does nothing, and says that all went well. Messages are neither rendered nor checked.
///
/// It is called `dummy`. Its reports name those recipients that are addresses, and no `Message-ID`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DummyBackend;

pub(super) fn make(ctx: &Context<'_>) -> Result<Box<dyn Backend>, Error> {
    ctx.options.deny_unknown(&["fail_silently"])?;
    Ok(Box::new(DummyBackend))
}

impl Backend for DummyBackend {
    fn send_messages<'a>(&'a mut self, messages: &'a [EmailMessage]) -> BoxFuture<'a, Vec<Report>> {
        Box::pin(async move { messages.iter().map(report).collect() })
    }
}

fn report(message: &EmailMessage) -> Report {
    let recipients = message.recipients();
    let accepted = recipients.filter_map(|address| address.mailbox().ok());
    Report::taken(None, accepted.collect(), Vec::new())
}
