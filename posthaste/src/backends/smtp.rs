//! The SMTP backend: one connection, one message after the other.

mod dial;
mod failure;
mod login;
mod options;
mod prepared;
mod wishes;

use posthaste_message::EmailMessage;

use self::failure::{Ended, Loss};
use self::options::Server;
use self::prepared::Prepared;
use crate::backend::{Backend, BoxFuture, Context, Io, Renderer};
use crate::error::Error;
#[cfg(feature = "tokio")]
use crate::net::TokioWire;
use crate::net::{Event, Link, StdWire, Wire, drive};
use crate::report::Report;

/// Makes the backend for the kind of I/O that `ctx` asks for.
///
/// # Errors
///
/// When an option is unknown or cannot be used.
pub(crate) fn make(ctx: &Context<'_>) -> Result<Box<dyn Backend>, Error> {
    let renderer = ctx.renderer();
    let server = Server::new(ctx, &renderer.options().domain)?;
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
            let was_open = self.link.is_some();
            let mut no_server = None;
            let mut reports = Vec::with_capacity(messages.len());
            for message in messages {
                reports.push(self.deliver(message, &mut no_server).await);
            }
            if !was_open {
                self.quit().await;
            }
            reports
        })
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
            let _ = drive(&mut link, None).await;
        }
    }

    /// Sends one message. `no_server` remembers why there is no connection to be had, for the rest of the batch.
    async fn deliver(&mut self, message: &EmailMessage, no_server: &mut Option<Error>) -> Report {
        if message.recipients().next().is_none() {
            return Report::skipped();
        }
        let options = self.renderer.options();
        let prepared = match Prepared::new(message, &options) {
            Ok(prepared) => prepared,
            Err(error) => return Report::failed(None, error),
        };
        let result = match no_server {
            Some(error) => Err(error.clone()),
            None => self.transmit(&prepared, no_server).await,
        };
        result.unwrap_or_else(|error| prepared.failed(error))
    }

    /// Sends over the open connection, or over a new one if there is none or if it turns out to be dead.
    async fn transmit(
        &mut self,
        prepared: &Prepared<'_>,
        no_server: &mut Option<Error>,
    ) -> Result<Report, Error> {
        if let Some(link) = self.link.take() {
            match self.converse(link, prepared).await {
                Err(loss) if loss.not_begun => {}
                result => return result.map_err(|loss| loss.error),
            }
        }
        let link = match self.server.connect().await {
            Ok(link) => link,
            Err(error) => return Err(no_server.insert(error).clone()),
        };
        let result = self.converse(link, prepared).await;
        result.map_err(|loss| loss.error)
    }

    /// Sends over `link`, and keeps it if it is still good afterwards.
    async fn converse(
        &mut self,
        mut link: Link<W>,
        prepared: &Prepared<'_>,
    ) -> Result<Report, Loss> {
        let mut body = prepared.rendered.reader();
        let ticket = link.session.submit(prepared.mail.clone());
        let ended = loop {
            match drive(&mut link, Some(&mut body)).await {
                Ok(Event::Done(done, outcome)) if done == ticket => {
                    // A server that hung up with its answer, or said more than was asked, is not talked to again.
                    self.link = link.session.is_idle().then_some(link);
                    return match Loss::of_421(&outcome, prepared) {
                        Some(loss) => Err(loss),
                        None => Ok(prepared.report(outcome)),
                    };
                }
                Ok(Event::Done(..)) => {}
                Ok(Event::Idle) => break Ended::Closed(None),
                Ok(Event::Closed(reply)) => break Ended::Closed(reply),
                Err(fault) => break Ended::Fault(fault),
            }
        };
        Err(Loss::new(ended, link.lost(ticket), prepared))
    }
}

impl<W: Wire> Drop for SmtpBackend<W> {
    fn drop(&mut self) {
        if let Some(link) = &mut self.link {
            link.farewell();
        }
    }
}
