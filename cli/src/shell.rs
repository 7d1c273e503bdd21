//! `posthaste completions` and `posthaste man`: what the shell and its manual need.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_mangen::Man as Page;

use crate::args::{CommandLine, Completions, Man};
use crate::exit::{Exit, Failure};
use crate::usage::commands;

/// Prints what makes a shell complete the arguments.
pub(crate) fn completions(args: &Completions) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut CommandLine::command(),
        "posthaste",
        &mut text,
    );
    print(&text)
}

/// Prints the manual page of the program, or that of a command.
pub(crate) fn man(args: &Man) -> Result<Exit, Failure> {
    let mut command = CommandLine::command();
    command.build();
    let page = match &args.command {
        Some(name) => {
            let found = command.find_subcommand(name).cloned();
            found.ok_or_else(|| {
                Failure::usage(
                    "COMMAND",
                    format!("is unknown; expected one of {}", commands()),
                )
            })?
        }
        None => command,
    };
    let mut text = Vec::new();
    let rendered = Page::new(page).render(&mut text);
    rendered.map_err(|error| Failure::output(&error))?;
    print(&text)
}

fn print(text: &[u8]) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text).and_then(|()| out.flush());
    written.map_err(|error| Failure::output(&error))?;
    Ok(Exit::Done)
}
