//! A real Postfix for the life of a test: its own configuration, queue and Maildirs in a temporary folder, a free port
//! of 127.0.0.1, no DNS, no network. The system's own Postfix, if there is one, is not touched.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};
use std::{env, thread};

use tempfile::TempDir;

use crate::server::{
    Arrived, LATER, NOBODY, PATIENCE, REFUSED, Server, UNWANTED, files, free_port, greeting,
    left_out, wait,
};

/// What is said to RCPT for [`REFUSED`] and [`LATER`].
const REPLIES: [&str; 3] = [
    "550 5.1.1 no such person",
    "550 5.1.6 moved away",
    "450 4.2.1 come back later",
];

/// Runs Postfix in a session of its own (it kills its whole process group in the end) until its own stdin is closed.
/// A test that is killed closes it too, so no Postfix outlives its test. The master does not wait for the others of its group,
/// which hold the connections, so that is done here (for ten seconds at most: where nobody buries the dead, they stay).
const KEEPER: &str = r#"
trap '' INT HUP
setsid "$1" -c "$2" -d & master=$!
read -r _
kill -TERM $master
wait $master
n=0
while kill -0 -$master && [ $n -lt 500 ]; do sleep 0.02; n=$((n + 1)); done
"#;

/// A running Postfix that takes all mail for `example.com` and `bücher.example`, and delivers it to a Maildir for each recipient.
///
/// `refused@`, `gone@` and `later@example.com` are refused: 550 5.1.1, 550 5.1.6 and 450 4.2.1. Other domains are
/// refused with 554 5.7.1.
#[derive(Debug)]
pub struct Postfix {
    folder: TempDir,
    port: u16,
    tls_port: Option<u16>,
    keeper: Option<Child>,
}

impl Postfix {
    /// Starts one with a Maildir for each of these local parts of `example.com`; all others share the one named `rest`.
    ///
    /// `None`, said on stderr, where there is no Postfix or we are not root.
    ///
    /// # Panics
    /// Where it is missing although `CI` is `true`, or does not start.
    #[must_use]
    pub fn start(mailboxes: &[&str]) -> Option<Self> {
        Self::start_with(mailboxes, &[])
    }

    /// The same with further settings for `main.cf`.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with(mailboxes: &[&str], settings: &[(&str, &str)]) -> Option<Self> {
        Self::start_on(mailboxes, settings, false)
    }

    /// The same with another port, where TLS comes first.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with_tls(mailboxes: &[&str], settings: &[(&str, &str)]) -> Option<Self> {
        Self::start_on(mailboxes, settings, true)
    }

    fn start_on(mailboxes: &[&str], settings: &[(&str, &str)], tls: bool) -> Option<Self> {
        if left_out(usable()) {
            return None;
        }
        // Between our finding a free port and Postfix taking it, another test may have taken it.
        for _ in 0..5 {
            let folder = prepare(mailboxes);
            let port = free_port();
            let tls_port = tls.then(free_port);
            configure(folder.path(), port, tls_port, settings);
            let postfix = Self {
                keeper: Some(keeper(&folder.path().join("etc"))),
                folder,
                port,
                tls_port,
            };
            if postfix.answers() {
                return Some(postfix);
            }
        }
        panic!("Postfix does not start")
    }

    /// The port of 127.0.0.1 that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port where TLS comes first.
    ///
    /// # Panics
    /// Where it was started without.
    #[must_use]
    pub fn tls_port(&self) -> u16 {
        self.tls_port.expect("it was started with one")
    }

    /// The mails in the Maildir of that name, once nothing is on its way any more, in the order of their file names.
    ///
    /// # Panics
    /// If mail is stuck in the queue.
    #[must_use]
    pub fn delivered(&self, mailbox: &str) -> Vec<PathBuf> {
        self.settle();
        let mut found = files(&self.folder.path().join("mail").join(mailbox).join("new"));
        found.sort();
        found
    }

    /// How many mails are in all Maildirs together, once nothing is on its way any more.
    ///
    /// # Panics
    /// If mail is stuck in the queue.
    #[must_use]
    pub fn count(&self) -> usize {
        self.settle();
        files(&self.folder.path().join("mail")).len()
    }

    /// What Postfix has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("mail.log")).unwrap_or_default()
    }

    /// Waits until it has logged that text.
    ///
    /// # Panics
    /// If it never does.
    pub fn logs(&self, text: &str) {
        wait(
            || self.log().contains(text),
            || format!("no {text:?} in what Postfix logged:\n{}", self.log()),
        );
    }

    /// Stops it at once, connections and all; the Maildirs stay.
    ///
    /// # Panics
    /// If there is no waiting for its end.
    pub fn stop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            keeper.wait().expect("Postfix ends");
        }
    }

    /// Whether it is up, and it is ours that answers at the port.
    fn answers(&self) -> bool {
        let name = name(self.folder.path());
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            match greeting(self.port) {
                Ok(line) => return line.contains(name),
                Err(_) if self.log().contains("fatal: bind") => return false,
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        }
        panic!("Postfix does not answer; it logged:\n{}", self.log())
    }

    /// Waits until the queue is empty: the order of the folders is the way of a message, so none slips by.
    fn settle(&self) {
        let queue = self.folder.path().join("queue");
        let is_empty = |state: &str| files(&queue.join(state)).is_empty();
        wait(
            || {
                ["incoming", "active", "deferred"]
                    .iter()
                    .all(|state| is_empty(state))
            },
            || format!("mail is stuck; Postfix logged:\n{}", self.log()),
        );
    }
}

impl Server for Postfix {
    fn port(&self) -> u16 {
        self.port
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.settle();
        let mut found = files(&self.folder.path().join("mail"));
        found.sort();
        let read = |file: &PathBuf| Arrived::read(file, "Delivered-To");
        found.iter().map(read).collect()
    }

    fn log(&self) -> String {
        self.log()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether a Postfix can be started here, else why not.
fn usable() -> Result<(), String> {
    let ours = fs::metadata("/proc/self").map(|of| of.uid());
    if ours.is_ok_and(|user| user != 0) {
        return Err("Postfix starts only for root".into());
    }
    if postconf().args(["-d", "mail_version"]).output().is_err() {
        return Err("there is no Postfix (Debian's package postfix)".into());
    }
    Ok(())
}

fn postconf() -> Command {
    tool("postconf")
}

/// A program that may be in a folder that is not in everybody's PATH.
fn tool(name: &str) -> Command {
    let path = env::var("PATH").unwrap_or_default();
    let full = env::split_paths(&format!("{path}:/usr/sbin"))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    Command::new(full.unwrap_or_else(|| name.into()))
}

/// The folder with all that Postfix wants to find there, but its configuration.
fn prepare(mailboxes: &[&str]) -> TempDir {
    let folder = tempfile::Builder::new()
        .prefix("posthaste-postfix-")
        .tempdir()
        .expect("a temporary folder");
    let root = folder.path();
    let within = |name: &str| {
        let path = root.join(name);
        fs::create_dir_all(&path).expect("a folder of Postfix's");
        path
    };
    for name in ["etc", "queue/pid"] {
        within(name);
    }
    let own: Vec<_> = [
        "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
        "maildrop", "private", "public", "saved", "trace",
    ]
    .iter()
    .map(|name| within(&format!("queue/{name}")))
    .chain([within("data")])
    .collect();
    run(Command::new("chown").arg("postfix").args(&own));
    // Postfix's programs have other users, who must get through.
    fs::set_permissions(root, Permissions::from_mode(0o755)).expect("the folder is ours");
    chown(within("mail"), Some(NOBODY), Some(NOBODY)).expect("we are root");
    write_tables(&root.join("etc"), mailboxes);
    folder
}

fn write_tables(etc: &Path, mailboxes: &[&str]) {
    let mut table = String::from("@example.com rest/\n@xn--bcher-kva.example rest/\n");
    for name in mailboxes {
        let _ = writeln!(table, "{name}@example.com {name}/");
    }
    write(&etc.join("mailboxes"), &table);
    let refused: String = REFUSED
        .iter()
        .chain([&LATER])
        .zip(REPLIES)
        .map(|(who, reply)| format!("{who} {reply}\n"))
        .collect();
    write(&etc.join("refused"), &refused);
}

fn configure(root: &Path, port: u16, tls_port: Option<u16>, settings: &[(&str, &str)]) {
    let etc = root.join("etc");
    let mut master = services(port);
    if let Some(port) = tls_port {
        let _ = writeln!(
            master,
            "127.0.0.1:{port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes"
        );
    }
    write(&etc.join("master.cf"), &master);
    let mut main = main_settings(root);
    for (name, value) in settings {
        let _ = writeln!(main, "{name} = {value}");
    }
    write(&etc.join("main.cf"), &main);
}

/// Writes a file that looks old: one that was just written may not be complete yet, so Postfix waits two seconds.
fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("the folder is ours");
    let file = File::options().write(true).open(path);
    let file = file.expect("it was just written");
    let hour = Duration::from_secs(3600);
    file.set_modified(SystemTime::now() - hour)
        .expect("the file is ours");
}

fn main_settings(root: &Path) -> String {
    let name = name(root);
    let root = root.display();
    format!(
        "compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
meta_directory = {root}/etc
maillog_file = {root}/mail.log
maillog_file_prefixes = {root}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.com
smtpd_banner = mail.example.com ESMTP {name}
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
disable_dns_lookups = yes
smtpd_peername_lookup = no
default_transport = error:5.4.4 no network here
smtputf8_enable = yes
message_size_limit = 10485760
smtpd_relay_restrictions = reject_unauth_destination
smtpd_sender_restrictions = check_sender_access inline:{{{{{UNWANTED} = 550 5.7.1 not from you}}}}
smtpd_recipient_restrictions = check_recipient_access texthash:{root}/etc/refused
virtual_mailbox_domains = example.com xn--bcher-kva.example
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = texthash:{root}/etc/mailboxes
virtual_mailbox_limit = 0
virtual_uid_maps = static:{NOBODY}
virtual_gid_maps = static:{NOBODY}
in_flow_delay = 0s
smtpd_error_sleep_time = 0s
smtpd_hard_error_limit = 1000
smtpd_client_connection_count_limit = 0
"
    )
}

/// The services that it takes to receive mail and to deliver it here: none that leads out.
fn services(port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
postlog unix-dgram n - n - 1 postlogd
"
    )
}

fn keeper(etc: &Path) -> Child {
    let daemons = postconf()
        .args(["-dh", "daemon_directory"])
        .output()
        .expect("postconf runs");
    let daemons = String::from_utf8(daemons.stdout).expect("a path in UTF-8");
    Command::new("sh")
        .args(["-c", KEEPER, "keeper"])
        .arg(Path::new(daemons.trim()).join("master"))
        .arg(etc)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell")
}

/// A name that no other Postfix greets with.
fn name(root: &Path) -> &str {
    root.file_name()
        .and_then(OsStr::to_str)
        .expect("we named it")
}

fn run(command: &mut Command) {
    let status = command.status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "failed: {command:?}"
    );
}
