//! One connection for all messages of a run.

use posthaste::{EmailMessage, Error, ErrorKind, Mailer, Phase, Renderer, Report, blocking};

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
            None => {
                let report = self.connection.send(message);
                self.remember(&report);
                report
            }
            Some(error) => Report::failed(
                None,
                self.fault_of(message).unwrap_or_else(|| error.clone()),
            ),
        }
    }

    /// With `fail_silently`, opening a connection tells of no failure; the report on the message does.
    fn remember(&mut self, report: &Report) {
        let error = report.error.as_ref().filter(|error| {
            let before_mail = matches!(
                error.phase(),
                Some(
                    Phase::Connect | Phase::Greeting | Phase::Ehlo | Phase::Starttls | Phase::Auth
                )
            );
            before_mail && error.kind() != ErrorKind::Invalid
        });
        self.no_connection = error.cloned();
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
