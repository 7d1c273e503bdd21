//! What a mailer keeps for one server, and where connections come from.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::failure::none_free;
use super::options::Server;
use crate::backend::Context;
use crate::error::Error;
use crate::net::{Link, Wire};
use crate::pool::{Keep, Lease, Pool, Pooled, Slot, Taken};

/// The options that name files.
const FILES: &[&str] = &["ssl_keyfile", "ssl_certfile", "ssl_cafile"];

/// One server as the options describe it. They are read once, so that TLS sessions can be resumed.
pub(super) struct Depot<W: Wire> {
    pub(super) server: Server,
    pool: Pool<Link<W>>,
}

impl<W: Wire> Keep for Depot<W> {
    fn close(&self) {
        self.pool.close();
    }

    fn is_unused(&self) -> bool {
        self.pool.is_unused()
    }
}

impl<W: Wire> Depot<W> {
    /// That of this mailer and these options.
    ///
    /// # Errors
    ///
    /// When an option is unknown or cannot be used.
    pub(super) fn of(ctx: &Context<'_>, domain: &str) -> Result<Arc<Self>, Error> {
        ctx.pools.find_or_make(ctx.io, ctx.options, FILES, || {
            let server = Server::new(ctx, domain)?;
            Ok(Self {
                pool: Pool::new(server.pool),
                server,
            })
        })
    }

    /// When a send that begins now has to be over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        Instant::now().checked_add(self.server.send_timeout?)
    }

    /// A connection that is kept, or else room for a new one. One that was closed meanwhile is noticed and replaced.
    ///
    /// # Errors
    ///
    /// When all are in use until `deadline`.
    pub(super) async fn take(&self, deadline: Option<Instant>) -> Result<Taken<Link<W>>, Error> {
        let mut taken = self.wait(self.pool.take(), deadline).await?;
        if let Taken::Kept(link) = &mut taken {
            link.until(deadline);
            link.trace.reused();
        }
        Ok(taken)
    }

    /// Room for a new connection: one of those that may be kept, or apart from all others.
    ///
    /// # Errors
    ///
    /// When all that may be kept are in use until `deadline`.
    pub(super) async fn slot(
        &self,
        is_pooled: bool,
        deadline: Option<Instant>,
    ) -> Result<Slot<Link<W>>, Error> {
        match is_pooled {
            true => self.wait(self.pool.take_empty(), deadline).await,
            false => Ok(Slot::apart(self.server.pool)),
        }
    }

    /// A new connection.
    ///
    /// # Errors
    ///
    /// When there is none to be had, or `deadline` passes.
    pub(super) async fn connect(
        &self,
        slot: Slot<Link<W>>,
        deadline: Option<Instant>,
    ) -> Result<Lease<Link<W>>, Error> {
        let mut link = self.server.connect(deadline).await?;
        link.has_opened();
        Ok(slot.fill(link))
    }

    async fn wait<T: Send>(
        &self,
        turn: impl Future<Output = T> + Send,
        deadline: Option<Instant>,
    ) -> Result<T, Error> {
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        let limit: Option<Duration> = deadline.map(left);
        let taken = W::within(limit, turn).await;
        taken.map_err(|_| none_free(self.server.pool.connections))
    }
}

impl<W: Wire> Pooled for Link<W> {
    type Home = W::Home;

    fn here() -> W::Home {
        W::home()
    }

    fn home(&self) -> W::Home {
        self.home
    }

    fn is_usable(&mut self) -> bool {
        self.is_quiet()
    }

    fn part(&mut self) {
        self.farewell();
    }
}
