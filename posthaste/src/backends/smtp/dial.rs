//! From the options to a connection that mail can be sent over.

use super::failure::{Ended, unreachable};
use super::options::Server;
use crate::error::{Error, Phase};
use crate::net::{Event, Link, NoContents, Wire, connect, connect_limit, drive};

impl Server {
    /// Connects, hears the greeting, says hello, makes the connection safe and logs in.
    ///
    /// # Errors
    ///
    /// When any of that fails.
    pub(super) async fn connect<W: Wire>(&self) -> Result<Link<W>, Error> {
        let wire = connect::<W>(&self.target, connect_limit(self.timeout));
        let wire = wire
            .await
            .map_err(|error| unreachable(&self.target, error))?;
        let config = self.session_config();
        let link = Link::begin(wire, config, self.timeout, self.tls.clone()).await;
        let mut link = link.map_err(|fault| Ended::Fault(fault).error(Phase::Starttls))?;
        let ended = match drive(&mut link, &mut NoContents).await {
            Ok(Event::Idle | Event::Done(..)) => return Ok(link),
            Ok(Event::Closed(reply)) => Ended::Closed(reply),
            Err(fault) => Ended::Fault(fault),
        };
        let error = ended.error(link.phase().into());
        Err(self.explained(error, &link.session))
    }
}
