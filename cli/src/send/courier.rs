//! One connection for all messages of a run.

use posthaste::{EmailMessage, Error, Mailer, Renderer, Report, blocking};

/// Sends messages over one connection, or over a new one when it is lost.
pub(super) struct Courier {
    connection: blocking::Connection,
    renderer: Renderer,
    /// Why there is no connection to be had. It is asked for only once.
    no_connection: Option<Error>,
}

impl Courier {
    /// A courier by what the settings say. It connects when the first message comes.
    ///
    /// # Errors
    ///
    /// When the settings cannot be used.
    pub(super) fn new(mailer: &Mailer) -> Result<Self, Error> {
        Ok(Self {
            connection: mailer.blocking().connection()?,
            renderer: mailer.renderer(),
            no_connection: None,
        })
    }

    /// Whether the mailer has the option `fail_silently`.
    pub(super) fn fails_silently(&self) -> bool {
        self.connection.fails_silently()
    }

    /// Sends a message; one without recipients needs no connection.
    pub(super) fn send(&mut self, message: &EmailMessage) -> Report {
        if message.recipients().next().is_none() {
            return Report::skipped();
        }
        if self.no_connection.is_none() {
            self.no_connection = self.connection.open().err();
        }
        match &self.no_connection {
            None => self.connection.send(message),
            Some(error) => Report::failed(
                None,
                self.fault_of(message).unwrap_or_else(|| error.clone()),
            ),
        }
    }

    /// What would be wrong with the message if there were a connection.
    fn fault_of(&self, message: &EmailMessage) -> Option<Error> {
        let options = self.renderer.options();
        let checked = message
            .envelope(&options)
            .and_then(|_| message.render(&options));
        checked.err().map(Error::from)
    }

    /// Says goodbye.
    ///
    /// # Errors
    ///
    /// When what was sent may be lost by it.
    pub(super) fn close(&mut self) -> Result<(), Error> {
        self.connection.close()
    }
}
