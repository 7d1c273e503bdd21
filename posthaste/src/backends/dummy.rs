//! The backend that does nothing.

use posthaste_message::{EmailMessage, RenderOptions};

use crate::backend::{Backend, BoxFuture, Context};
use crate::error::Error;
use crate::report::Report;

/// Does nothing, and says that all went well. Messages are not rendered; only the sender and the recipients are checked,
/// because a report of a sent message names everybody who got it.
///
/// It is called `dummy`. Its reports have no `Message-ID`.
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
    match message.envelope(&RenderOptions::default()) {
        Ok(envelope) => Report::taken(None, envelope.to, Vec::new()),
        Err(error) => Report::failed(None, error.into()),
    }
}
