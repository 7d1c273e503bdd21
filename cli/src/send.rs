//! `posthaste send`.

mod console;
mod courier;
mod nest;
mod output;
mod pace;
mod progress;
mod source;
mod split;
mod tally;

use std::collections::VecDeque;
use std::time::Instant;

use posthaste::{Error, ErrorKind, Report};

pub(crate) use self::console::Console;
use self::courier::Courier;
use self::output::Output;
pub(crate) use self::output::complaints;
use self::pace::Pace;
use self::progress::Progress;
use self::source::{Item, Source};
use self::split::Fault;
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
        is_verbose: globals.verbose > 0,
    };
    interrupt::finish_the_message();
    let sent = match message {
        Some(message) => run.send(vec![Item::alone(message)]),
        None => run.send_all(args),
    };
    run.finish(sent, args.fail_silently)
}

/// One run of the command.
struct Run {
    courier: Courier,
    output: Output,
    tally: Tally,
    /// What is told line by line leaves no place for a bar.
    is_verbose: bool,
}

impl Run {
    /// Sends messages, leaving out those that could not be read, and tells what became of each, in their order.
    fn send(&mut self, items: Vec<Item>) -> Result<(), Failure> {
        let _busy = interrupt::begin();
        let Self {
            courier,
            output,
            tally,
            ..
        } = self;
        let mut telling = Telling {
            output,
            tally,
            waiting: VecDeque::new(),
            told: 0,
            failure: None,
        };
        let (mut messages, mut places) = (Vec::new(), Vec::new());
        for (place, item) in items.into_iter().enumerate() {
            let known = match item.message {
                Ok(message) if message.recipients().next().is_none() => Some(Report::skipped()),
                Ok(message) => {
                    messages.push(message);
                    places.push(place);
                    None
                }
                Err(error) => Some(Report::failed(None, error)),
            };
            telling.waiting.push_back((known, item.position));
        }
        telling.tell();
        courier.send(&messages, &mut |place, report| {
            if let Some(place) = places.get(place) {
                telling.heard(*place, report);
            }
        });
        telling.failure.map_or(Ok(()), Err)
    }

    /// Sends all messages of the input.
    fn send_all(&mut self, args: &Send) -> Result<(), Failure> {
        let input = Input::open(
            args.file.as_deref(),
            "- for standard input, or --to and the like",
        )?;
        self.output.number_messages();
        if !self.is_verbose {
            self.output.show(Progress::new(input.len));
        }
        let source = Source::start(input.reader).map_err(|error| no_thread(&error))?;
        let mut pace = Pace::new();
        while !interrupt::is_asked() {
            let items = match source.take(pace.size()) {
                Ok(items) if items.is_empty() => return Ok(()),
                // Nobody would learn what becomes of these messages.
                Ok(_) if self.output.is_closed() => return self.stop(),
                Ok(items) => items,
                Err(fault) => return Err(self.tally.end(unreadable(&input.name, fault))),
            };
            let (count, start) = (items.len(), Instant::now());
            self.send(items)?;
            pace.note(count, start.elapsed());
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

/// Tells what became of messages, in their order, whatever the order in which it becomes known.
struct Telling<'r> {
    output: &'r mut Output,
    tally: &'r mut Tally,
    /// What is known of those not told of yet, and where each ends in the input.
    waiting: VecDeque<(Option<Report>, u64)>,
    /// How many were told of.
    told: usize,
    /// Why no more can be told.
    failure: Option<Failure>,
}

impl Telling<'_> {
    /// Notes what became of the message at `place`.
    fn heard(&mut self, place: usize, report: Report) {
        let slot = self.waiting.get_mut(place.wrapping_sub(self.told));
        if let Some((known, _)) = slot {
            *known = Some(report);
        }
        self.tell();
    }

    /// Tells of all up to the first that nothing is known of.
    fn tell(&mut self) {
        while let Some((Some(report), position)) = self.waiting.front() {
            self.tally.add(report);
            if self.failure.is_none() {
                self.failure = self.output.report(report).err();
            }
            self.output.advance(*position);
            self.waiting.pop_front();
            self.told += 1;
        }
    }
}

/// The error of a machine that has no thread left.
fn no_thread(error: &std::io::Error) -> Failure {
    let message = format!("there is no thread to be had to read the input: {error}");
    Failure::from(Error::new(ErrorKind::Io, message))
}

/// The error of an input that cannot be read on.
fn unreadable(name: &str, fault: Fault) -> Error {
    match fault {
        Fault::Read(error) => message::unreadable(name, &error),
        Fault::Form(what) => Error::invalid(name, what),
    }
}
