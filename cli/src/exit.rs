//! How the program ends.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use posthaste::{Error, ErrorKind};

/// What is behind the program's exit code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Exit {
    /// All is done.
    Done,
    /// At least one message failed or was accepted only in part.
    Failed,
    /// The usage, the settings or the input are bad; nothing was sent.
    Unusable,
    /// A command that was run ended like this.
    Other(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Unusable => 2,
            Exit::Other(code) => code,
        })
    }
}

/// Why a command ends early.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    /// What is to be said of it; nothing when nobody listens any more.
    error: Option<Error>,
}

impl Failure {
    /// What was asked for makes no sense; `what` is the argument.
    pub(crate) fn usage(what: &str, message: impl Into<String>) -> Self {
        Error::invalid(what, message).into()
    }

    /// It failed after something may have been sent.
    pub(crate) fn late(error: Error) -> Self {
        Self {
            exit: Exit::Failed,
            error: Some(error),
        }
    }

    /// Standard output does not take what is written. That its reader went away is no failure: it has read enough.
    pub(crate) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self {
                exit: Exit::Done,
                error: None,
            };
        }
        let message = format!("cannot write to it: {error}");
        Self::late(Error::new(ErrorKind::Io, message).with_field("standard output"))
    }

    /// What is to be said of it.
    pub(crate) fn text(&self) -> String {
        self.error
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    /// Says it on standard error, and tells the exit code.
    pub(crate) fn report(self) -> Exit {
        if let Some(error) = self.error {
            complain(error);
        }
        self.exit
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            exit: Exit::Unusable,
            error: Some(error),
        }
    }
}

impl From<posthaste::RenderError> for Failure {
    fn from(error: posthaste::RenderError) -> Self {
        Error::from(error).into()
    }
}

/// Writes `error: …` to standard error. That there is no such place any more changes nothing.
pub(crate) fn complain(error: impl Display) {
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    let line = format!("{red}error:{red:#} {error}\n");
    let _ = anstream::stderr().write_all(line.as_bytes());
}

/// Writes a line for people to standard error.
pub(crate) fn tell(line: impl Display) {
    let _ = anstream::stderr().write_all(format!("{line}\n").as_bytes());
}
