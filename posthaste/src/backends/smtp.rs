//! The SMTP backend: a batch of messages over one connection, or over another one when the first is lost.

mod advice;
mod batch;
mod depot;
mod diagnose;
mod dial;
mod failure;
mod faults;
mod flight;
mod login;
mod options;
mod prepared;
mod wishes;

use std::sync::Arc;

use posthaste_message::EmailMessage;
use posthaste_smtp::Trust;

use self::batch::{Batch, Reporter};
use self::depot::Depot;
pub(crate) use self::diagnose::Inspector;
use crate::backend::{Backend, BoxFuture, Context, Io, Renderer};
use crate::error::Error;
#[cfg(feature = "tokio")]
use crate::net::TokioWire;
use crate::net::{Link, NoContents, StdWire, Wire, drive};
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
    /// What the last connection has taught, for the next one.
    trust: Option<Trust>,
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
    fn new(ctx: &Context<'_>) -> Result<Self, Error> {
        let renderer = ctx.renderer();
        Ok(Self {
            depot: Depot::of(ctx, &renderer.options().domain)?,
            is_pooled: ctx.is_pooled,
            renderer,
            link: None,
            trust: None,
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
            let _ = drive(&mut link, &mut NoContents).await;
            link.trace.quit();
        }
    }

    /// Sends over the open connection or one that is kept, and over a new one when there is none or when it is lost.
    async fn send_batch<'a>(
        &'a mut self,
        messages: &'a [EmailMessage],
        report: &'a mut Reporter<'a>,
    ) {
        let was_open = self.link.is_some();
        let renderer = self.renderer.clone();
        let mut batch = Batch::new(messages, &renderer, report, self.trust);
        let mut is_first = true;
        while batch.has_more(self.link.as_ref().map(|link| &link.session)) {
            match self
                .open_link(std::mem::replace(&mut is_first, false))
                .await
            {
                Ok((link, proven)) => {
                    let idle = batch.send_over(link, proven, &self.depot).await;
                    self.keep(idle, batch.server_had_enough()).await;
                }
                Err(error) => {
                    batch.fail(&error);
                    break;
                }
            }
        }
        self.trust = batch.trust();
        if !was_open {
            self.put_away().await;
        }
    }

    /// Keeps a connection for the next messages, unless its server would soon hang up.
    async fn keep(&mut self, link: Option<Lease<Link<W>>>, had_enough: bool) {
        self.link = link;
        if had_enough {
            self.quit().await;
        }
    }

    /// The connection that is open, or one that is kept for everybody if `may_be_kept`, or else a new one; and whether it
    /// was good before.
    async fn open_link(&mut self, may_be_kept: bool) -> Result<(Lease<Link<W>>, bool), Error> {
        let deadline = self.depot.deadline();
        if let Some(mut link) = self.link.take() {
            // One that the server has closed would take a whole message along, and leave it in doubt.
            if link.is_at_home() && !link.is_worn() && link.is_quiet() {
                link.until(deadline);
                return Ok((link, true));
            }
            link.give_back();
        }
        let taken = match self.is_pooled && may_be_kept {
            true => self.depot.take(deadline).await?,
            false => Taken::Empty(self.depot.slot(self.is_pooled, deadline).await?),
        };
        match taken {
            Taken::Kept(link) => Ok((link, true)),
            Taken::Empty(slot) => Ok((self.depot.connect(slot, deadline).await?, false)),
        }
    }
}

impl<W: Wire> Drop for SmtpBackend<W> {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            link.give_back();
        }
    }
}
