//! The SMTP backend: one connection, one message after the other.

mod advice;
mod depot;
mod diagnose;
mod dial;
mod failure;
mod login;
mod options;
mod prepared;
mod wishes;

use std::sync::Arc;
use std::time::Instant;

use posthaste_message::EmailMessage;

use self::depot::Depot;
pub(crate) use self::diagnose::Inspector;
use self::failure::{Ended, Loss};
use self::prepared::Prepared;
use crate::backend::{Backend, BoxFuture, Context, Io, Renderer};
use crate::error::Error;
#[cfg(feature = "tokio")]
use crate::net::TokioWire;
use crate::net::{Event, Link, StdWire, Wire, drive};
use crate::pool::{Lease, Taken};
use crate::report::Report;

/// Makes the backend for the kind of I/O that `ctx` asks for.
///
/// # Errors
///
/// When an option is unknown or cannot be used.
pub(crate) fn make(ctx: &Context<'_>) -> Result<Box<dyn Backend>, Error> {
    Ok(match ctx.io {
        Io::Blocking => Box::new(SmtpBackend::<StdWire>::new(ctx)?),
        #[cfg(feature = "tokio")]
        Io::Tokio => Box::new(SmtpBackend::<TokioWire>::new(ctx)?),
    })
}

/// Sends mail to one server.
struct SmtpBackend<W: Wire> {
    depot: Arc<Depot<W>>,
    /// Whether connections are those that the mailer keeps.
    is_pooled: bool,
    renderer: Renderer,
    /// The idle connection. It is taken out while it is talked over, so that a future that is dropped half-way drops it too.
    link: Option<Lease<Link<W>>>,
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
                self.put_away().await;
            }
            reports
        })
    }
}

impl<W: Wire> SmtpBackend<W> {
    fn new(ctx: &Context<'_>) -> Result<Self, Error> {
        let renderer = ctx.renderer();
        Ok(Self {
            depot: Depot::of(ctx, &renderer.options().domain)?,
            is_pooled: ctx.is_pooled,
            renderer,
            link: None,
        })
    }

    async fn connect_unless_open(&mut self) -> Result<bool, Error> {
        if self.link.is_some() {
            return Ok(false);
        }
        let deadline = self.depot.deadline();
        let slot = self.depot.slot(false, deadline).await?;
        match self.depot.connect(slot, deadline).await {
            Ok(link) => {
                self.link = Some(link);
                Ok(true)
            }
            Err(_) if self.depot.server.fail_silently => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives the connection back to the mailer that keeps it, or says goodbye.
    async fn put_away(&mut self) {
        if !self.is_pooled {
            return self.quit().await;
        }
        if let Some(link) = self.link.take() {
            link.give_back();
        }
    }

    /// Says goodbye. A peer that is gone already, or does not answer, is none of the caller's troubles.
    async fn quit(&mut self) {
        if let Some(mut link) = self.link.take() {
            link.until(None);
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
        let deadline = self.depot.deadline();
        let slot = match self.open_link(deadline).await? {
            Taken::Empty(slot) => slot,
            Taken::Kept(link) => match self.converse(link, prepared).await {
                Err(loss) if loss.not_begun => self.depot.slot(self.is_pooled, deadline).await?,
                result => return result.map_err(|loss| loss.error),
            },
        };
        let link = match self.depot.connect(slot, deadline).await {
            Ok(link) => link,
            Err(error) => return Err(no_server.insert(error).clone()),
        };
        let result = self.converse(link, prepared).await;
        result.map_err(|loss| loss.error)
    }

    /// The connection that is open, or one that is kept for everybody; else room for a new one.
    async fn open_link(&mut self, deadline: Option<Instant>) -> Result<Taken<Link<W>>, Error> {
        match self.link.take() {
            Some(mut link) if link.is_at_home() && !link.is_worn() => {
                link.until(deadline);
                return Ok(Taken::Kept(link));
            }
            Some(link) => link.give_back(),
            None => {}
        }
        match self.is_pooled {
            true => self.depot.take(deadline).await,
            false => Ok(Taken::Empty(self.depot.slot(false, deadline).await?)),
        }
    }

    /// Sends over `link`, and keeps it if it is still good afterwards.
    async fn converse(
        &mut self,
        mut link: Lease<Link<W>>,
        prepared: &Prepared<'_>,
    ) -> Result<Report, Loss> {
        link.count();
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
        if let Some(link) = self.link.take() {
            link.give_back();
        }
    }
}
