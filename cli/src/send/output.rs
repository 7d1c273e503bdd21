//! What is said of each message: JSON for programs, refusals and a summary for people.

use std::io::{self, Write};

use posthaste::{Error, ErrorKind, Report};

use super::console::Console;
use super::progress::Progress;
use super::tally::Tally;
use crate::exit::{Failure, complain, tell};

/// Where the outcomes go.
pub(super) struct Output {
    json: bool,
    console: Console,
    progress: Progress,
    /// Whether messages are told apart by their number.
    numbered: bool,
    count: u64,
    /// Whether nobody reads the JSON any more.
    closed: bool,
    first_error: Option<Error>,
}

impl Output {
    /// An output of JSON or for people.
    pub(super) fn new(json: bool, console: Console) -> Self {
        Self {
            json,
            console,
            progress: Progress::default(),
            numbered: false,
            count: 0,
            closed: false,
            first_error: None,
        }
    }

    /// From now on there may be more than one message.
    pub(super) fn number_messages(&mut self) {
        self.numbered = true;
    }

    /// Shows the progress, where it does not stand between messages that are printed.
    pub(super) fn show(&mut self, progress: Progress) {
        if !self.console.is_used() {
            self.progress = progress;
        }
    }

    /// Tells the progress how much of the input is done with.
    pub(super) fn advance(&mut self, position: u64) {
        self.progress.advance(self.count, position);
    }

    /// Whether the reader of standard output is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.closed || self.console.is_closed()
    }

    /// Tells what became of the next message.
    ///
    /// # Errors
    ///
    /// When it cannot be told, so that no more may be sent.
    pub(super) fn report(&mut self, report: &Report) -> Result<(), Failure> {
        self.count += 1;
        if self.json {
            if self.first_error.is_none() {
                self.first_error.clone_from(&report.error);
            }
            return self.print(report);
        }
        let is_fine = report.rejected.is_empty() && report.error.is_none();
        // The bar is drawn anew after each interruption, which costs more than many messages do.
        if !is_fine && !self.console.is_closed() {
            self.progress.suspend(|| self.explain(report));
        }
        Ok(())
    }

    fn print(&mut self, report: &Report) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(report).map_err(|error| {
            let message = format!("cannot be written as JSON: {error}");
            Failure::late(Error::new(ErrorKind::Io, message).with_field("report"))
        })?;
        line.push(b'\n');
        let mut out = io::stdout().lock();
        match out.write_all(&line).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
            result => result.map_err(|error| Failure::output(&error))?,
        }
        Ok(())
    }

    /// Complains of each refused recipient and of a failure.
    fn explain(&self, report: &Report) {
        let place = match self.numbered {
            true => format!("message {}: ", self.count),
            false => String::new(),
        };
        for complaint in complaints(report) {
            complain(format_args!("{place}{complaint}"));
        }
    }

    /// Says at the end how many messages fared how. `has_failed` tells that something else is said after it.
    pub(super) fn summary(&self, tally: &Tally, has_failed: bool) {
        self.progress.finish();
        if self.json {
            if !has_failed && tally.is_all_invalid() {
                self.complain_of_all(tally.total());
            }
            return;
        }
        let is_said = has_failed && tally.is_empty();
        if !is_said && !self.console.is_closed() {
            tell(tally);
        }
    }

    /// Says why nothing was sent, to those who read only that.
    fn complain_of_all(&self, total: u64) {
        match &self.first_error {
            Some(error) if total == 1 => complain(error),
            Some(error) => complain(format_args!(
                "none of the {total} messages is valid; the first: {error}"
            )),
            None => {}
        }
    }
}

/// A line for each refused recipient, and one for a failure.
pub(crate) fn complaints(report: &Report) -> impl Iterator<Item = Error> {
    let refused = report.rejected.iter().map(|rejection| {
        let reply = &rejection.reply;
        let enhanced = reply
            .enhanced()
            .map(|code| format!("{code} "))
            .unwrap_or_default();
        let words = format!(
            "was refused: {} {enhanced}{}",
            reply.code(),
            reply.message()
        );
        Error::new(ErrorKind::Rejected, words).with_field(rejection.recipient.addr_spec())
    });
    refused.chain(report.error.clone())
}
