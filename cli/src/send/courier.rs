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

    /// Sends messages, all with recipients, and gives each report with the place of its message as soon as it is known.
    pub(super) fn send(
        &mut self,
        messages: &[EmailMessage],
        report: &mut (dyn FnMut(usize, Report) + Send),
    ) {
        if self.no_connection.is_none() && !messages.is_empty() {
            self.no_connection = self.connection.open().err();
        }
        if let Some(error) = &self.no_connection {
            for (place, message) in messages.iter().enumerate() {
                report(place, self.unsent(message, error));
            }
            return;
        }
        let mut no_connection = None;
        self.connection.send_messages_with(messages, |place, one| {
            no_connection = failure_to_connect(&one);
            report(place, one);
        });
        self.no_connection = no_connection;
    }

    /// The report of a message that is not sent, because there is no connection to be had.
    fn unsent(&self, message: &EmailMessage, error: &Error) -> Report {
        let fault = self.fault_of(message);
        Report::failed(None, fault.unwrap_or_else(|| error.clone()))
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

/// Why no connection could be made, if this report tells so. With `fail_silently`, opening one tells of no failure.
fn failure_to_connect(report: &Report) -> Option<Error> {
    let error = report.error.as_ref()?;
    let before_mail = matches!(
        error.phase(),
        Some(Phase::Connect | Phase::Greeting | Phase::Ehlo | Phase::Starttls | Phase::Auth)
    );
    let tells = before_mail && error.kind() != ErrorKind::Invalid;
    tells.then(|| error.clone())
}
