//! The backend that remembers.

use posthaste_message::EmailMessage;

use super::keep_each;
use crate::backend::{Backend, BoxFuture, Context, Renderer};
use crate::error::Error;
use crate::outbox::{Outbox, OutboxMessage};
use crate::report::Report;

/// Stores a copy of each message in an [`Outbox`], after it was rendered, so that an invalid one fails in a test as it
/// would in earnest.
///
/// It is called `locmem`, and stores messages without recipients, too.
pub struct LocmemBackend {
    renderer: Renderer,
    outbox: Outbox,
    alias: String,
}

pub(super) fn make(ctx: &Context<'_>) -> Result<Box<dyn Backend>, Error> {
    ctx.options.deny_unknown(&["fail_silently"])?;
    Ok(Box::new(LocmemBackend {
        renderer: ctx.renderer(),
        outbox: ctx.outbox.clone(),
        alias: ctx.alias.to_owned(),
    }))
}

impl Backend for LocmemBackend {
    fn send_messages<'a>(&'a mut self, messages: &'a [EmailMessage]) -> BoxFuture<'a, Vec<Report>> {
        Box::pin(async move {
            keep_each(messages, &self.renderer, |message, rendered, envelope| {
                self.outbox.push(OutboxMessage {
                    message: message.clone(),
                    envelope: envelope.clone(),
                    message_id: rendered.message_id().to_owned(),
                    sent_using: self.alias.clone(),
                });
                Ok(())
            })
        })
    }
}
