//! `posthaste inbox -- COMMAND`: an inbox for as long as a command runs.

use std::collections::VecDeque;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use posthaste::{Error, ErrorKind};
use posthaste_inbox::{Event, Inbox, Mail};
use serde_json::Value;

use super::args::Inbox as Args;
use super::client::VARIABLE;
use super::serve::counted;
use super::start::{FREE, url, variables};
use super::{browser, lines};
use crate::exit::{Exit, Failure, tell};
use crate::interrupt;

/// So long a command may take to end by itself when the program is to end.
const GRACE: Duration = Duration::from_secs(5);
/// How often is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(10);
/// So many mails are told of after a command has failed.
const MOST: usize = 20;

/// Runs the command. Its exit code is that of the program.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let inbox = args.start.start(FREE)?;
    let mut listener = inbox.listen();
    let counting = thread::spawn(move || {
        let mut seen = Seen::default();
        while let Some(event) = listener.next_blocking() {
            if let Event::Mail(mail) = event {
                seen.add(&mail);
            }
        }
        seen
    });
    let asked = Arc::new(AtomicBool::new(false));
    let to_end = Arc::clone(&asked);
    // A terminal sends Ctrl-C to the command, too; it is for the command to heed it.
    interrupt::at_once_when_asked_twice(move || to_end.store(true, Ordering::SeqCst));
    let child = spawn(args, &inbox)?;
    if args.start.open {
        browser::open(&url(&inbox));
    }
    let status = wait(child, &asked)?;
    inbox.stop_blocking(Duration::from_secs(1));
    let seen = counting.join().unwrap_or_default();
    if !args.start.quiet {
        seen.tell(status.success());
    }
    Ok(Exit::Other(code(status)))
}

fn spawn(args: &Args, inbox: &Inbox) -> Result<Child, Failure> {
    let Some((program, rest)) = args.command.split_first() else {
        return Err(Failure::usage("COMMAND", "is missing"));
    };
    let settings = variables(inbox);
    let mut command = Command::new(program);
    command
        .args(rest)
        .env_remove("EMAIL_SSL_CAFILE")
        // Whatever else would lead somewhere else.
        .env(
            "EMAIL_BACKEND",
            "django.core.mail.backends.smtp.EmailBackend",
        )
        .env("EMAIL_URL", "")
        .env("EMAIL_HOST_PASSWORD", "")
        .env("EMAIL_USE_SSL", "false")
        .envs(settings)
        .env(VARIABLE, url(inbox));
    command.spawn().map_err(|error| {
        let error = Error::new(ErrorKind::Io, format!("cannot run it: {error}"));
        error.with_field(program.to_string_lossy()).into()
    })
}

/// Waits until it ends; when the program is to end, not for ever.
fn wait(mut child: Child, asked: &AtomicBool) -> Result<ExitStatus, Failure> {
    let mut limit: Option<Instant> = None;
    let lost = |error: std::io::Error| {
        Failure::late(Error::new(
            ErrorKind::Io,
            format!("the command was lost: {error}"),
        ))
    };
    loop {
        if let Some(status) = child.try_wait().map_err(lost)? {
            return Ok(status);
        }
        if limit.is_none() && asked.load(Ordering::SeqCst) {
            limit = Some(Instant::now() + GRACE);
        }
        if limit.is_some_and(|limit| Instant::now() > limit) {
            child.kill().map_err(lost)?;
        }
        thread::sleep(LOOK);
    }
}

/// How a shell would tell it: 128 and the signal for a command that was killed.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    let code = status.code().unwrap_or(1);
    u8::try_from(code & 0xff).unwrap_or(1)
}

/// The mails that came.
#[derive(Default)]
struct Seen {
    count: usize,
    refused: usize,
    /// The newest, in short.
    last: VecDeque<Value>,
}

impl Seen {
    fn add(&mut self, mail: &Mail) {
        self.count += 1;
        self.refused += usize::from(!mail.is_taken());
        self.last.push_back(mail.brief());
        if self.last.len() > MOST {
            self.last.pop_front();
        }
    }

    /// Says how many there were; which, if the command has failed.
    fn tell(&self, is_good: bool) {
        let refused = match self.refused {
            0 => String::new(),
            n => format!(", {n} refused"),
        };
        tell(format_args!("inbox: {}{refused}", counted(self.count)));
        for mail in self.last.iter().filter(|_| !is_good) {
            tell(format_args!("  {}", lines::line(mail)));
        }
    }
}
