//! The arguments of `posthaste inbox` and `posthaste preview`.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use posthaste_inbox::fault::Profile;

use super::units;
use crate::args::Globals;

/// Catch mail and show it on a web page
///
/// Starts an SMTP server on this machine that takes every mail and sends none on, and a web page that shows mail as it comes.
/// With a command behind -- it takes free ports, runs the command with EMAIL_* set, and ends with the command's exit code.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    override_usage = "posthaste inbox [OPTIONS] [-- COMMAND…]\n       posthaste inbox <ls|show|wait|export> [OPTIONS]",
    after_help = "Examples:\n  posthaste inbox --demo --open\n  posthaste inbox -- pytest\n  \
                  posthaste inbox wait --to ann@example.com --code\n  posthaste inbox --faults faults.json --tls on"
)]
pub(crate) struct Inbox {
    /// Look at an inbox that is running.
    #[command(subcommand)]
    pub(crate) task: Option<Task>,

    #[command(flatten)]
    pub(crate) start: Start,

    /// Run this with EMAIL_* set, and end with its exit code
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// How an inbox is to be.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Start {
    /// Take mail here; port 0 is a free one [default: 127.0.0.1:1025]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
    pub(crate) smtp: Option<SocketAddr>,

    /// Show the page here [default: 127.0.0.1:8025]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
    pub(crate) web: Option<SocketAddr>,

    /// Listen at this address, where other machines may reach it: they can send mail, and need a token to see any
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<IpAddr>,

    /// Answer to this name, too, besides localhost; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,

    /// Offer STARTTLS, with a certificate that it makes itself
    #[arg(long, value_enum, default_value_t = Tls::Off)]
    pub(crate) tls: Tls,

    /// Take mail at this port, too, where TLS comes first
    #[arg(long, value_name = "PORT")]
    pub(crate) smtps: Option<u16>,

    /// Keep mails in this file, so that they are there again next time
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,

    /// Keep so many mails; the oldest go
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = units::at_least_one)]
    pub(crate) keep: usize,

    /// Keep mails of so many bytes in all
    #[arg(long, value_name = "SIZE", default_value = "512M", value_parser = units::size)]
    pub(crate) keep_bytes: u64,

    /// Keep mails so long, for instance 12h or 7d
    #[arg(long, value_name = "TIME", value_parser = units::time)]
    pub(crate) max_age: Option<Duration>,

    /// Refuse larger mails
    #[arg(long, value_name = "SIZE", default_value = "50M", value_parser = units::size)]
    pub(crate) max_size: u64,

    /// Misbehave as the rules of this file say: a JSON array, or one object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,

    /// Misbehave like this
    #[arg(long, value_name = "NAME", value_parser = profile)]
    pub(crate) profile: Option<Profile>,

    /// Begin chance here, for faults that have no seed of their own
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,

    /// Let mails be sent on to this server, one by one, from the page: a URL as EMAIL_URL has it
    #[arg(long, value_name = "URL", requires = "relay_to")]
    pub(crate) relay: Option<String>,

    /// Let them be sent on to this recipient; * stands for any text; may be repeated
    #[arg(long, value_name = "ADDRESS", requires = "relay")]
    pub(crate) relay_to: Vec<String>,

    /// Send a dozen mails of all kinds to it, to look at
    #[arg(long)]
    pub(crate) demo: bool,

    /// Open the page in a browser
    #[arg(long)]
    pub(crate) open: bool,

    /// Print JSON: one object with the addresses, then one for each mail
    #[arg(long, conflicts_with_all = ["quiet", "command"])]
    pub(crate) json: bool,

    /// Print nothing but errors
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Whether mail may come under TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tls {
    /// Not offered: some clients would use it unasked, and do not know the certificate
    Off,
    /// Offered
    On,
    /// Without it mail is refused
    Required,
}

/// What to do with an inbox that is running.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    Ls(Ls),
    Show(Show),
    Wait(Wait),
    Export(Export),
}

/// Which inbox.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Which {
    /// The page of the inbox [default: $POSTHASTE_INBOX, or http://127.0.0.1:8025/]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// Only mails of this box
    #[arg(long = "box", value_name = "NAME")]
    pub(crate) mailbox: Option<String>,
}

/// List mails, newest first
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  posthaste inbox ls\n  posthaste inbox ls to:ann has:attachment --json"
)]
pub(crate) struct Ls {
    /// A search, as in the page
    pub(crate) query: Vec<String>,

    /// At most so many
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,

    /// Print one JSON object for each mail
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) which: Which,
}

/// Print a mail
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  posthaste inbox show latest\n  posthaste inbox show 7 --raw > 7.eml\n  posthaste inbox show latest --transcript"
)]
pub(crate) struct Show {
    /// The number of the mail, or latest
    #[arg(value_name = "ID", default_value = "latest")]
    pub(crate) id: String,

    /// What of it
    #[command(flatten)]
    pub(crate) view: ViewArgs,

    #[command(flatten)]
    pub(crate) which: Which,
}

/// What to print of a mail.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(crate) struct ViewArgs {
    /// The octets as they came
    #[arg(long)]
    pub(crate) raw: bool,
    /// The HTML
    #[arg(long)]
    pub(crate) html: bool,
    /// All headers
    #[arg(long)]
    pub(crate) headers: bool,
    /// What client and server said
    #[arg(long)]
    pub(crate) transcript: bool,
    /// What the checks found
    #[arg(long)]
    pub(crate) checks: bool,
    /// All of it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Wait for mail, and print it
///
/// Mail that is there already counts too, unless --new or --after says otherwise. Exits with 1 when the time is over; what came
/// instead is told on standard error.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  posthaste inbox wait --to ann@example.com\n  \
                        code=$(posthaste inbox wait --to ann@example.com --code)\n  \
                        posthaste inbox wait --subject Invoice --count 3 --timeout 30s --json"
)]
pub(crate) struct Wait {
    /// To this recipient; * stands for any text
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: Option<String>,

    /// From this sender; * stands for any text
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Option<String>,

    /// With these words in the subject
    #[arg(long, value_name = "TEXT")]
    pub(crate) subject: Option<String>,

    /// A search, as in the page
    pub(crate) query: Vec<String>,

    /// For so many
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = units::at_least_one)]
    pub(crate) count: usize,

    /// So long
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = units::time)]
    pub(crate) timeout: Duration,

    /// Only for mails after that of this number
    #[arg(long, value_name = "ID", conflicts_with = "new")]
    pub(crate) after: Option<u64>,

    /// Only for mails from now on
    #[arg(long)]
    pub(crate) new: bool,

    /// Print the one-time code alone
    #[arg(long, conflicts_with_all = ["json", "link"])]
    pub(crate) code: bool,

    /// Print the first link alone
    #[arg(long, conflicts_with = "json")]
    pub(crate) link: bool,

    /// Print one JSON object for each mail
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) which: Which,
}

/// Write mails into a folder, each as ID.eml
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  posthaste inbox export mails\n  posthaste inbox export mails from:shop after:2026-01-01"
)]
pub(crate) struct Export {
    /// The folder; it is made if it is not there
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,

    /// A search, as in the page
    pub(crate) query: Vec<String>,

    #[command(flatten)]
    pub(crate) which: Which,
}

/// Look at messages before they are sent
///
/// Shows messages as they would go out, on the page of an inbox. When a file is saved, its message is shown anew.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  posthaste preview welcome.json --open\n  posthaste preview messages/"
)]
pub(crate) struct Preview {
    /// A message as JSON, or a folder of such files
    #[arg(value_name = "FILE|DIR")]
    pub(crate) path: PathBuf,

    /// Show the page here; port 0 is a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0", value_parser = address)]
    pub(crate) web: SocketAddr,

    /// Open the page in a browser
    #[arg(long)]
    pub(crate) open: bool,

    /// What every command takes.
    #[command(flatten)]
    pub(crate) globals: Globals,
}

/// `1025`, `:1025`, `localhost:1025` or an address with a port.
fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix("localhost:").or(text.strip_prefix(':'));
    if let Ok(port) = port.unwrap_or(text).parse() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse()
        .map_err(|_| "expected ADDRESS:PORT, for instance 127.0.0.1:1025".to_owned())
}

fn profile(text: &str) -> Result<Profile, String> {
    text.parse()
}
