//! From the options to a connection that mail can be sent over.

use std::time::Instant;

use posthaste_smtp::Credentials;

use super::failure::{Ended, unreachable};
use super::options::Server;
use crate::error::{Error, Phase};
use crate::net::{Event, Link, NoContents, Wire, connect, connect_limit, drive};
use crate::trace::Trace;

impl Server {
    /// Connects, hears the greeting, says hello, makes the connection safe and logs in with these credentials.
    ///
    /// # Errors
    ///
    /// When any of that fails, or is not done when `deadline` passes.
    pub(super) async fn dial<W: Wire>(
        &self,
        credentials: Option<Credentials>,
        deadline: Option<Instant>,
    ) -> Result<Link<W>, Error> {
        let mut config = self.session_config(credentials);
        let mut trace = Trace::new(&self.target, &mut config);
        let wire = connect::<W>(&self.target, connect_limit(self.timeout, deadline)).await;
        let wire = wire.map_err(|error| trace.failed(unreachable(&self.target, error)))?;
        let link = Link::begin(wire, config, self.timeout, deadline, self.tls.clone()).await;
        let mut link =
            link.map_err(|fault| trace.failed(Ended::Fault(fault).error(Phase::Starttls)))?;
        link.trace = trace;
        let ended = match drive(&mut link, &mut NoContents).await {
            Ok(Event::Idle | Event::Waiting | Event::Done(..)) => return Ok(link),
            Ok(Event::Closed(reply)) => Ended::Closed(reply),
            Err(fault) => Ended::Fault(fault),
        };
        let error = self.explained(ended.error(link.phase().into()), &link.session);
        Err(link.trace.failed(error))
    }
}
