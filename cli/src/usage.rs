//! What is said to arguments that cannot be used, and to those that ask for help.

use std::io::Write;

use clap::CommandFactory;
use clap::error::ErrorKind;
use posthaste::{Error, ErrorKind as Kind};

use crate::args::CommandLine;
use crate::exit::{Exit, Failure};

/// Prints the help or the version that was asked for, or the error.
pub(crate) fn answer(error: &clap::Error) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => help(error),
        _ => Failure::from(Error::new(Kind::Invalid, on_one_line(error))).report(),
    }
}

fn help(error: &clap::Error) -> Exit {
    let text = error.render().ansi().to_string();
    match anstream::stdout().write_all(text.as_bytes()) {
        Ok(()) => Exit::Done,
        Err(error) => Failure::output(&error).report(),
    }
}

/// The error without the usage that clap prints under it.
fn on_one_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return format!("the command is missing; expected one of {}", commands());
    }
    let text = error.render().to_string();
    let what = text.split("\n\n").next().unwrap_or_default();
    let what = what.strip_prefix("error: ").unwrap_or(what);
    let words: Vec<&str> = what.split_whitespace().collect();
    format!("{}; see --help", words.join(" "))
}

/// The names of all commands.
pub(crate) fn commands() -> String {
    let program = CommandLine::command();
    let names: Vec<&str> = program
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    names.join(", ")
}
