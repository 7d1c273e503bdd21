//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::inbox::{Inbox, Preview};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "posthaste",
    version,
    about = "Compose mail and get it delivered",
    long_about = "Compose mail and get it delivered: by SMTP, or to the console, a file or nowhere, as the settings say.\n\n\
                  Settings have the names of Django's. They come from posthaste.toml, from the environment and from --set; \
                  `posthaste settings` shows them and where each comes from.",
    after_help = "Exit codes:\n  0  all done\n  1  a message failed, or not all its recipients were accepted\n  \
                  2  bad usage, settings or input: nothing was sent\n\n\
                  Examples:\n  posthaste send --to ann@example.com --subject Hello --body 'How are you?'\n  \
                  posthaste send --json messages.ndjson\n  \
                  EMAIL_BACKEND=console posthaste sendtestemail ann@example.com"
)]
pub(crate) struct CommandLine {
    /// What every command takes.
    #[command(flatten)]
    pub(crate) globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes, before its name or after it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Globals {
    /// Read settings from this TOML file, not from $POSTHASTE_SETTINGS or posthaste.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,

    /// Set a setting, whatever the file and the environment say; may be repeated
    ///
    /// Other users of this machine can see it. Give a password in the file or in the environment.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) set: Vec<OsString>,

    /// Refuse attachments that are files of this machine, for input from people who are not trusted
    #[arg(long)]
    pub(crate) no_files: bool,

    /// Tell on standard error what happens to messages and connections; -vv: and every line that is said
    ///
    /// Passwords and contents are never shown.
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Render(Render),
    Send(Box<Send>),
    #[command(name = "sendtestemail")]
    SendTestEmail(SendTestEmail),
    Check(Check),
    Inbox(Box<Inbox>),
    Preview(Preview),
    Settings(Settings),
    Completions(Completions),
    Man(Man),
}

impl CommandLine {
    /// What was given of the flags that every command takes, before the command's name and after it.
    pub(crate) fn globals(&self) -> Globals {
        let before = &self.globals;
        let Some(after) = self.command.globals() else {
            return before.clone();
        };
        Globals {
            settings: after
                .settings
                .as_ref()
                .or(before.settings.as_ref())
                .cloned(),
            set: before.set.iter().chain(&after.set).cloned().collect(),
            no_files: before.no_files || after.no_files,
            verbose: before.verbose.saturating_add(after.verbose),
        }
    }
}

impl Command {
    fn globals(&self) -> Option<&Globals> {
        match self {
            Self::Render(args) => Some(&args.globals),
            Self::Send(args) => Some(&args.globals),
            Self::SendTestEmail(args) => Some(&args.globals),
            Self::Check(args) => Some(&args.globals),
            Self::Settings(args) => Some(&args.globals),
            Self::Preview(args) => Some(&args.globals),
            Self::Inbox(_) | Self::Completions(_) | Self::Man(_) => None,
        }
    }
}

/// Print the RFC 5322 message that a JSON object describes
///
/// Reads one message and prints it as it would go out, with CRLF line ends and without Bcc. Nothing is sent. When the
/// message cannot be rendered, nothing is printed.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  posthaste render message.json\n  \
                        echo '{\"subject\": \"Hello\", \"to\": [\"ann@example.com\"]}' | posthaste render")]
pub(crate) struct Render {
    /// The message as JSON; - or none is standard input
    pub(crate) file: Option<PathBuf>,

    /// What every command takes.
    #[command(flatten)]
    pub(crate) globals: Globals,
}

/// Send one message or many
///
/// Reads messages as JSON: one object, an array of objects, or one object a line. All go over one connection. Or makes one
/// message of --to, --subject and so on.
///
/// A message that fails does not keep the others from being sent. Each refused recipient and each failure is told on
/// standard error, and a summary at the end. With --json standard output has one JSON object for each message instead,
/// written as soon as its outcome is known.
#[derive(Args, Debug)]
#[command(
    override_usage = "posthaste send [OPTIONS] [FILE|-]\n       posthaste send [OPTIONS] --to ADDRESS --subject TEXT --body TEXT …",
    after_help = "Examples:\n  posthaste send messages.ndjson\n  \
                  produce-messages | posthaste send --json - > outcomes.ndjson\n  \
                  posthaste send --to 'Ann <ann@example.com>' --subject Report --body 'See attached.' --attach report.pdf\n  \
                  date | posthaste send --to ann@example.com --subject Date --body -"
)]
pub(crate) struct Send {
    /// The messages as JSON; - is standard input, and so is none if no flag makes a message
    pub(crate) file: Option<PathBuf>,

    /// Print one JSON object for each message: what became of it
    #[arg(long)]
    pub(crate) json: bool,

    /// Exit with 0 also when messages failed
    #[arg(long)]
    pub(crate) fail_silently: bool,

    #[command(flatten)]
    pub(crate) using: Using,

    /// The message, if no file has it.
    #[command(flatten)]
    pub(crate) message: Message,

    /// What every command takes.
    #[command(flatten)]
    pub(crate) globals: Globals,
}

/// Which mailer sends.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Using {
    /// Send by this mailer of the settings, not by the default one
    #[arg(long, value_name = "NAME")]
    pub(crate) using: Option<String>,
}

/// A message made of flags.
#[derive(Args, Debug)]
#[command(next_help_heading = "A message without a file")]
pub(crate) struct Message {
    /// Who gets it; may be repeated
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    pub(crate) to: Vec<String>,

    /// Who gets a copy; may be repeated
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    pub(crate) cc: Vec<String>,

    /// Who gets a copy that nobody else sees; may be repeated
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    pub(crate) bcc: Vec<String>,

    /// Who sends it; DEFAULT_FROM_EMAIL if absent
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,

    /// The subject
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) subject: Option<String>,

    /// The text; - reads it from standard input
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) body: Option<String>,

    /// The text as HTML
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) html: Option<String>,

    /// A file to attach; may be repeated
    #[arg(long, value_name = "PATH", allow_hyphen_values = true)]
    pub(crate) attach: Vec<PathBuf>,

    /// One more header; may be repeated
    #[arg(long, value_name = "NAME: VALUE", allow_hyphen_values = true)]
    pub(crate) header: Vec<String>,
}

/// Send a test mail
///
/// Django's command of that name. The addresses get one mail together; managers and admins get one each, as by
/// mail_managers and mail_admins.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  posthaste sendtestemail ann@example.com\n  posthaste sendtestemail --admins --using bulk"
)]
pub(crate) struct SendTestEmail {
    /// Who gets it
    #[arg(value_name = "ADDRESS", required_unless_present_any = ["managers", "admins"])]
    pub(crate) addresses: Vec<String>,

    /// Send to the people in MANAGERS, too
    #[arg(long)]
    pub(crate) managers: bool,

    /// Send to the people in ADMINS, too
    #[arg(long)]
    pub(crate) admins: bool,

    #[command(flatten)]
    pub(crate) using: Using,

    /// What every command takes.
    #[command(flatten)]
    pub(crate) globals: Globals,
}

/// Look at the mail server, and say what is wrong and what to change
///
/// Connects and logs in as the settings say, and sends nothing. Shows the server's greeting, what it offers, TLS and the
/// certificate, how the login went, and how long an answer takes. Exits with 0 if mail can be sent this way, and with 1 if
/// not.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  posthaste check\n  posthaste check --using bulk --json | jq '.problems'\n  \
                  posthaste check --set EMAIL_URL='smtp://mail.example.com:587?tls=starttls'"
)]
pub(crate) struct Check {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) using: Using,

    /// What every command takes.
    #[command(flatten)]
    pub(crate) globals: Globals,
}

/// Show each setting, its value, and where it comes from
///
/// Secrets are masked. On a terminal it is a table; else one setting a line, with tabs between name, value and origin.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  posthaste settings\n  posthaste settings --json | jq -r 'select(.origin != \"default\").name'"
)]
pub(crate) struct Settings {
    /// Print one JSON object for each setting
    #[arg(long)]
    pub(crate) json: bool,

    /// Print what settings there are, in Markdown, not those that are in force
    #[arg(long, conflicts_with = "json")]
    pub(crate) reference: bool,

    /// What every command takes.
    #[command(flatten)]
    pub(crate) globals: Globals,
}

/// Print what makes a shell complete this program's arguments
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  posthaste completions bash > ~/.local/share/bash-completion/completions/posthaste\n  \
                        posthaste completions zsh > \"${fpath[1]}/_posthaste\"\n  \
                        posthaste completions fish > ~/.config/fish/completions/posthaste.fish"
)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

/// Print the manual page, or that of a command
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  posthaste man > ~/.local/share/man/man1/posthaste.1\n  posthaste man send | man -l -"
)]
pub(crate) struct Man {
    /// The command
    pub(crate) command: Option<String>,
}
