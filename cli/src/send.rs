//! `posthaste send`.

mod console;
mod courier;
mod nest;
mod output;
mod progress;
mod split;
mod tally;

use posthaste::{EmailMessage, Error, Report};

pub(crate) use self::console::Console;
use self::courier::Courier;
use self::output::Output;
pub(crate) use self::output::complaints;
use self::progress::Progress;
use self::split::{Fault, Piece, Splitter};
pub(crate) use self::tally::Tally;
use crate::args::{Globals, Send};
use crate::exit::{Exit, Failure};
use crate::interrupt;
use crate::message::{self, Input};

/// Sends the messages of a file, or the one that the flags make.
pub(crate) fn run(args: &Send, globals: &Globals) -> Result<Exit, Failure> {
    let message = args.message.build(args.file.is_some())?;
    let console = Console::new(args.json);
    let mailer = match &args.using.using {
        Some(alias) => globals.mailer()?.using(alias),
        None => globals.mailer()?,
    };
    let mailer = console.install(mailer);
    let mut run = Run {
        courier: Courier::new(&mailer)?,
        output: Output::new(args.json, console),
        tally: Tally::default(),
    };
    interrupt::finish_the_message();
    let sent = match message {
        Some(message) => run.send(Ok(message)),
        None => run.send_all(args),
    };
    run.finish(sent, args.fail_silently)
}

/// One run of the command.
struct Run {
    courier: Courier,
    output: Output,
    tally: Tally,
}

impl Run {
    /// Sends one message, unless it could not be read, and tells what became of it.
    fn send(&mut self, message: Result<EmailMessage, Error>) -> Result<(), Failure> {
        let _busy = interrupt::begin();
        let report = match &message {
            Ok(message) => self.courier.send(message),
            Err(error) => Report::failed(None, error.clone()),
        };
        self.tally.add(&report);
        self.output.report(&report)
    }

    /// Sends all messages of the input.
    fn send_all(&mut self, args: &Send) -> Result<(), Failure> {
        let input = Input::open(
            args.file.as_deref(),
            "- for standard input, or --to and the like",
        )?;
        self.output.number_messages();
        self.output.show(Progress::new(input.len));
        let mut pieces = Splitter::new(input.reader, message::LIMIT);
        while !interrupt::is_asked() {
            let message = match pieces.next() {
                Ok(None) => return Ok(()),
                // Nobody would learn what becomes of this message.
                Ok(Some(_)) if self.output.is_closed() => return self.stop(),
                Ok(Some(Piece::Text(json))) => EmailMessage::from_json(json).map_err(Error::from),
                Ok(Some(Piece::TooLarge)) => Err(message::too_large()),
                Err(fault) => return Err(self.tally.end(unreadable(&input.name, fault))),
            };
            self.send(message)?;
            self.output.advance(pieces.position());
        }
        interrupt::end()
    }

    fn stop(&mut self) -> Result<(), Failure> {
        self.tally.stopped = true;
        Ok(())
    }

    /// Closes the connection and sums up, also when sending ended early.
    fn finish(mut self, sent: Result<(), Failure>, fail_silently: bool) -> Result<Exit, Failure> {
        let closed = self.courier.close();
        self.output.summary(&self.tally, sent.is_err());
        sent?;
        closed.map_err(Failure::late)?;
        Ok(self
            .tally
            .exit(fail_silently || self.courier.fails_silently()))
    }
}

/// The error of an input that cannot be read on.
fn unreadable(name: &str, fault: Fault) -> Error {
    match fault {
        Fault::Read(error) => message::unreadable(name, &error),
        Fault::Form(what) => Error::invalid(name, what),
    }
}
