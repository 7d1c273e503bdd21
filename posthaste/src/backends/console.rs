//! The backend that prints.

use std::io::{self, Write};

use posthaste_message::EmailMessage;

use super::{keep_each, text};
use crate::backend::{Backend, BoxFuture, Context, Renderer};
use crate::error::Error;
use crate::report::Report;

/// Prints each message, with an empty line and a rule behind it.
///
/// It is called `console`, prints to standard output, and prints messages without recipients, too.
///
/// # Examples
///
/// One that prints to standard error instead.
///
/// ```
/// use posthaste::Mailer;
/// use posthaste::backends::ConsoleBackend;
///
/// let mailer = Mailer::new(Default::default()).register("console", |ctx| {
///     Ok(Box::new(ConsoleBackend::new(ctx.renderer(), std::io::stderr())))
/// });
/// ```
pub struct ConsoleBackend {
    renderer: Renderer,
    stream: Box<dyn Write + Send>,
}

impl ConsoleBackend {
    /// A backend that prints to this stream, which it flushes after each message.
    #[must_use]
    pub fn new(renderer: Renderer, stream: impl Write + Send + 'static) -> Self {
        Self {
            renderer: renderer.eight_bit(),
            stream: Box::new(stream),
        }
    }
}

pub(super) fn make(ctx: &Context<'_>) -> Result<Box<dyn Backend>, Error> {
    ctx.options.deny_unknown(&["fail_silently"])?;
    Ok(Box::new(ConsoleBackend::new(ctx.renderer(), io::stdout())))
}

impl Backend for ConsoleBackend {
    fn send_messages<'a>(&'a mut self, messages: &'a [EmailMessage]) -> BoxFuture<'a, Vec<Report>> {
        Box::pin(async move {
            keep_each(messages, &self.renderer, |_, rendered, _| {
                text::write(rendered, &mut self.stream)
                    .map_err(|error| text::failed("the console", error))
            })
        })
    }
}
