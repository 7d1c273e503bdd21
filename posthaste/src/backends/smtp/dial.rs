//! From the options to a connection that mail can be sent over.

use std::time::Instant;

use posthaste_smtp::Credentials;

use super::failure::{Ended, unreachable};
use super::options::Server;
use crate::error::{Error, Phase};
use crate::net::{Event, Link, NoContents, Wire, connect, connect_limit, drive};

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
        let wire = connect::<W>(&self.target, connect_limit(self.timeout, deadline));
        let wire = wire
            .await
            .map_err(|error| unreachable(&self.target, error))?;
        let config = self.session_config(credentials);
        let link = Link::begin(wire, config, self.timeout, deadline, self.tls.clone()).await;
        let mut link = link.map_err(|fault| Ended::Fault(fault).error(Phase::Starttls))?;
        let ended = match drive(&mut link, &mut NoContents).await {
            Ok(Event::Idle | Event::Waiting | Event::Done(..)) => return Ok(link),
            Ok(Event::Closed(reply)) => Ended::Closed(reply),
            Err(fault) => Ended::Fault(fault),
        };
        let error = ended.error(link.phase().into());
        Err(self.explained(error, &link.session))
    }
}
