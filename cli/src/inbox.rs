//! `posthaste inbox` and `posthaste preview`: catching mail, and looking at it.

mod args;
mod browser;
mod client;
mod command;
mod demo;
mod lines;
pub(crate) mod preview;
mod reading;
mod serve;
mod start;
mod units;

pub(crate) use self::args::{Inbox, Preview};

use self::args::Task;
use crate::exit::{Exit, Failure};

/// Starts an inbox, or asks one that is running.
pub(crate) fn run(args: &Inbox) -> Result<Exit, Failure> {
    match &args.task {
        Some(Task::Ls(args)) => reading::ls(args),
        Some(Task::Show(args)) => reading::show(args),
        Some(Task::Wait(args)) => reading::wait(args),
        Some(Task::Export(args)) => reading::export(args),
        None if args.command.is_empty() => serve::run(&args.start),
        None => command::run(args),
    }
}
