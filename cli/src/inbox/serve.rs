//! `posthaste inbox` until it is ended: what it says at the start, and of each mail.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use posthaste_inbox::{Event, Inbox, Mail};
use serde_json::json;

use super::args::Start;
use super::lines::{self, BLUE, BOLD, DIM, RED};
use super::start::{USUAL, url, variables};
use super::{browser, demo};
use crate::exit::{Exit, Failure, tell};
use crate::interrupt;

/// A mail that is on its way when the inbox is ended may take so long.
const GRACE: Duration = Duration::from_secs(2);

/// What happens.
enum Turn {
    Mail(Arc<Mail>),
    Fault(String),
    Dropped(usize),
    End,
}

/// Serves until Ctrl-C.
pub(super) fn run(args: &Start) -> Result<Exit, Failure> {
    let inbox = args.start(USUAL)?;
    let (turns, next) = mpsc::channel();
    listen(&inbox, turns.clone());
    interrupt::at_once_when_asked_twice(move || {
        let _ = turns.send(Turn::End);
    });
    let mut out = Out { args, caught: 0 };
    out.begin(&inbox)?;
    if args.open {
        browser::open(&url(&inbox));
    }
    if args.demo {
        let settings = inbox.settings();
        thread::spawn(move || demo::send(&settings));
    }
    while let Ok(turn) = next.recv() {
        match turn {
            Turn::Mail(mail) => out.mail(&mail)?,
            Turn::Fault(what) => out.aside(&format!("fault: {what}"))?,
            Turn::Dropped(count) => out.aside(&format!("{count} old mails had to go"))?,
            Turn::End => break,
        }
    }
    inbox.stop_blocking(GRACE);
    if !args.quiet && !args.json {
        tell(format_args!("\n{} caught", counted(out.caught)));
    }
    Ok(Exit::Done)
}

fn listen(inbox: &Inbox, turns: Sender<Turn>) {
    let mut listener = inbox.listen();
    thread::spawn(move || {
        while let Some(event) = listener.next_blocking() {
            let turn = match event {
                Event::Mail(mail) => Turn::Mail(mail),
                Event::Fault(hit) => Turn::Fault(hit.what.clone()),
                Event::Dropped(ids) => Turn::Dropped(ids.len()),
                _ => continue,
            };
            if turns.send(turn).is_err() {
                return;
            }
        }
    });
}

/// Standard output.
struct Out<'a> {
    args: &'a Start,
    caught: usize,
}

impl Out<'_> {
    /// Says where it is.
    fn begin(&self, inbox: &Inbox) -> Result<(), Failure> {
        if self.args.quiet {
            return Ok(());
        }
        let text = match self.args.json {
            true => json_of(inbox) + "\n",
            false => hello(inbox, io::stdout().is_terminal()),
        };
        print(&text)
    }

    fn mail(&mut self, mail: &Mail) -> Result<(), Failure> {
        self.caught += 1;
        let row = mail.brief();
        match self.args {
            Start { quiet: true, .. } => Ok(()),
            Start { json: true, .. } => print(&format!("{row}\n")),
            _ => print(&(lines::line(&row) + "\n")),
        }
    }

    /// Something besides mail.
    fn aside(&self, what: &str) -> Result<(), Failure> {
        if self.args.quiet || self.args.json {
            return Ok(());
        }
        print(&format!("{RED}          {}{RED:#}\n", lines::clean(what)))
    }
}

/// What is said at the start: where it is, and lines to copy.
fn hello(inbox: &Inbox, is_terminal: bool) -> String {
    // Without blanks before them they can be taken out of a pipe.
    let indent = if is_terminal { "  " } else { "" };
    let smtp = inbox.smtp_address();
    let mut text = format!(
        "{BOLD}Posthaste inbox{BOLD:#} {DIM}{}{DIM:#}: mail to {smtp} is caught, and none goes on.\n\n\
         {indent}{BLUE}{}{BLUE:#}\n\n",
        env!("CARGO_PKG_VERSION"),
        url(inbox),
    );
    for (name, value) in variables(inbox) {
        let note = match name {
            "EMAIL_HOST_USER" if is_terminal => "            # any name: a box of its own",
            _ => "",
        };
        let _ = writeln!(text, "{indent}{name}={value}{DIM}{note}{DIM:#}");
    }
    if let Some(address) = inbox.smtps_address() {
        let _ = writeln!(text, "\nWith TLS from the start: {address}");
    }
    text += "\nWaiting for mail. Ctrl-C ends it.\n\n";
    text
}

/// The same for programs.
fn json_of(inbox: &Inbox) -> String {
    let settings: serde_json::Map<_, _> = variables(inbox)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    json!({
        "smtp": inbox.smtp_address().to_string(),
        "smtps": inbox.smtps_address().map(|address| address.to_string()),
        "web": inbox.web_address().map(|address| address.to_string()),
        "url": url(inbox),
        "settings": settings,
    })
    .to_string()
}

/// `1 mail`, `2 mails`.
pub(super) fn counted(mails: usize) -> String {
    match mails {
        1 => "1 mail".to_owned(),
        n => format!("{n} mails"),
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Failure::output(&error))
}
