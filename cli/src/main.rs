//! The program `posthaste`: reads messages and settings, and hands them to the library.

mod args;
mod check;
mod exit;
mod globals;
mod inbox;
mod interrupt;
mod message;
mod render;
mod send;
mod sendtestemail;
mod settings;
mod shell;
mod usage;
mod verbose;

use std::process::ExitCode;

use clap::Parser;

use self::args::{Command, CommandLine};
use self::exit::{Exit, Failure};

fn main() -> ExitCode {
    let exit = match CommandLine::try_parse() {
        Ok(line) => run(&line).unwrap_or_else(Failure::report),
        Err(error) => usage::answer(&error),
    };
    exit.into()
}

fn run(line: &CommandLine) -> Result<Exit, Failure> {
    let globals = &line.globals();
    verbose::start(globals.verbose);
    match &line.command {
        Command::Render(args) => render::run(args, globals),
        Command::Send(args) => send::run(args, globals),
        Command::SendTestEmail(args) => sendtestemail::run(args, globals),
        Command::Check(args) => check::run(args, globals),
        Command::Inbox(args) => inbox::run(args),
        Command::Preview(args) => inbox::preview::run(args),
        Command::Settings(args) => settings::run(args, globals),
        Command::Completions(args) => shell::completions(args),
        Command::Man(args) => shell::man(args),
    }
}
