//! The SMTP backend: a batch of messages over one connection, or over another one when the first is lost.

mod batch;
mod dial;
mod failure;
mod faults;
mod flight;
mod options;
mod prepared;
mod wishes;

use posthaste_message::EmailMessage;

use self::batch::{Batch, Reporter};
use self::options::Server;
use crate::backend::{Backend, BoxFuture, Context, Io, Renderer};
use crate::error::Error;
#[cfg(feature = "tokio")]
use crate::net::TokioWire;
use crate::net::{Link, NoContents, StdWire, Wire, drive};
use crate::report::Report;

/// Makes the backend for the kind of I/O that `ctx` asks for.
///
/// # Errors
///
/// When an option is unknown or cannot be used.
pub(crate) fn make(ctx: &Context<'_>) -> Result<Box<dyn Backend>, Error> {
    let renderer = ctx.renderer();
    let server = Server::from_options(ctx.options, &renderer.options().domain)?;
    Ok(match ctx.io {
        Io::Blocking => Box::new(SmtpBackend::<StdWire>::new(server, renderer)),
        #[cfg(feature = "tokio")]
        Io::Tokio => Box::new(SmtpBackend::<TokioWire>::new(server, renderer)),
    })
}

/// Sends mail to one server.
struct SmtpBackend<W: Wire> {
    server: Server,
    renderer: Renderer,
    /// The idle connection. It is taken out while it is talked over, so that a future that is dropped half-way drops it too.
    link: Option<Link<W>>,
}

impl<W: Wire> Backend for SmtpBackend<W> {
    fn open(&mut self) -> BoxFuture<'_, Result<bool, Error>> {
        Box::pin(self.connect_unless_open())
    }

    fn close(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            self.quit().await;
            Ok(())
        })
    }

    fn send_messages<'a>(&'a mut self, messages: &'a [EmailMessage]) -> BoxFuture<'a, Vec<Report>> {
        Box::pin(async move {
            let mut reports: Vec<Option<Report>> = vec![None; messages.len()];
            let mut keep = |place: usize, report| {
                if let Some(slot) = reports.get_mut(place) {
                    *slot = Some(report);
                }
            };
            self.send_batch(messages, &mut keep).await;
            reports.into_iter().flatten().collect()
        })
    }

    fn send_messages_with<'a>(
        &'a mut self,
        messages: &'a [EmailMessage],
        report: &'a mut (dyn FnMut(usize, Report) + Send),
    ) -> BoxFuture<'a, ()> {
        Box::pin(self.send_batch(messages, report))
    }
}

impl<W: Wire> SmtpBackend<W> {
    fn new(server: Server, renderer: Renderer) -> Self {
        Self {
            server,
            renderer,
            link: None,
        }
    }

    async fn connect_unless_open(&mut self) -> Result<bool, Error> {
        if self.link.is_some() {
            return Ok(false);
        }
        match self.server.connect().await {
            Ok(link) => {
                self.link = Some(link);
                Ok(true)
            }
            Err(_) if self.server.fail_silently => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Says goodbye. A peer that is gone already, or does not answer, is none of the caller's troubles.
    async fn quit(&mut self) {
        if let Some(mut link) = self.link.take() {
            link.session.quit();
            let _ = drive(&mut link, &mut NoContents).await;
        }
    }

    /// Sends over the open connection, and over a new one when there is none or when it is lost.
    async fn send_batch<'a>(
        &'a mut self,
        messages: &'a [EmailMessage],
        report: &'a mut Reporter<'a>,
    ) {
        let was_open = self.link.is_some();
        let renderer = self.renderer.clone();
        let mut batch = Batch::new(messages, &renderer, report);
        while batch.has_more(self.link.as_ref().map(|link| &link.session)) {
            let open = self.link.take();
            let is_proven = open.is_some();
            let link = match open {
                Some(link) => Ok(link),
                None => self.server.connect().await,
            };
            let link = match link {
                Ok(link) => link,
                Err(error) => {
                    batch.fail(&error);
                    break;
                }
            };
            self.link = batch.send_over(link, is_proven, &self.server.faults).await;
            if batch.server_had_enough() {
                // It would soon hang up, in the middle of the next messages.
                self.quit().await;
            }
        }
        if !was_open {
            self.quit().await;
        }
    }
}

impl<W: Wire> Drop for SmtpBackend<W> {
    fn drop(&mut self) {
        if let Some(link) = &mut self.link {
            link.farewell();
        }
    }
}
