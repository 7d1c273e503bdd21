//! A room of its own for a server that is unpacked and not installed; `tests/servers/room.sh` says how.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::server::{NOBODY, PATIENCE, free_port, greeting};

/// Users that servers want to exist.
const USERS: [&str; 5] = [
    "Debian-exim",
    "opensmtpd",
    "opensmtpq",
    "dovecot",
    "dovenull",
];

/// The first number for those users and their groups.
const FIRST_USER: u32 = 64100;

/// A folder with all that a server reads and writes, and the server that runs in it.
#[derive(Debug)]
pub(crate) struct Room {
    folder: TempDir,
    packages: PathBuf,
    keeper: Option<Child>,
}

impl Room {
    /// A room for the server of that name, with nobody in it yet.
    pub(crate) fn new(server: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("posthaste-room-")
            .tempdir()
            .expect("a temporary folder");
        let room = Self {
            folder,
            packages: packages(server),
            keeper: None,
        };
        // Servers have users of their own, who must get through.
        fs::set_permissions(room.path(""), Permissions::from_mode(0o755)).expect("it is ours");
        room.add_users();
        room
    }

    /// The path of something in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a folder in it.
    pub(crate) fn make(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).expect("a folder in a room");
        path
    }

    /// Makes a folder that belongs to `nobody`, or to one of `USERS`.
    pub(crate) fn make_for(&self, name: &str, user: &str) -> PathBuf {
        let path = self.make(name);
        let id = match (FIRST_USER..).zip(USERS).find(|(_, one)| *one == user) {
            Some((id, _)) => id,
            None => NOBODY,
        };
        chown(&path, Some(id), Some(id)).expect("we are root");
        path
    }

    /// Writes a file into it.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a file in a room");
        path
    }

    /// A name that no other server greets with.
    pub(crate) fn name(&self) -> &str {
        self.folder
            .path()
            .file_name()
            .and_then(OsStr::to_str)
            .expect("we named it")
    }

    /// Starts the server, which is not ready by then.
    pub(crate) fn enter<A: AsRef<OsStr>>(&mut self, program: impl AsRef<OsStr>, args: &[A]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers/room.sh");
        let child = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .arg("sh")
            .args([&script, &self.packages, self.folder.path()])
            .arg(program)
            .args(args)
            .stdin(Stdio::piped())
            .spawn();
        self.keeper = Some(child.expect("unshare starts (Debian's package util-linux)"));
    }

    /// Whether it is up and it is ours that answers at the port: not so if another test was faster to take it.
    ///
    /// # Panics
    /// If it does not start.
    pub(crate) fn answers(&self, port: u16) -> bool {
        let start = std::time::Instant::now();
        while start.elapsed() < PATIENCE {
            match greeting(port) {
                Ok(line) if line.contains(self.name()) => return true,
                Ok(line) if !line.is_empty() => return false,
                _ if self.output().contains("in use") => return false,
                _ if self.output().contains("the server ended") => break,
                _ => std::thread::sleep(std::time::Duration::from_millis(10)),
            }
        }
        panic!("the server does not start: {}", self.output())
    }

    /// What the server wrote to standard output and error.
    pub(crate) fn output(&self) -> String {
        let octets = fs::read(self.path("output")).unwrap_or_default();
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// The system's users and groups, and those that the server wants.
    fn add_users(&self) {
        let etc = self.make("etc");
        let mut users = fs::read_to_string("/etc/passwd").expect("users");
        let mut groups = fs::read_to_string("/etc/group").expect("groups");
        for (id, name) in (FIRST_USER..).zip(USERS) {
            let is_new = |line: &&str| !line.starts_with(&format!("{name}:"));
            let without = |text: &str| -> String {
                let lines = text.lines().filter(is_new);
                lines.map(|line| format!("{line}\n")).collect()
            };
            users = without(&users) + &format!("{name}:x:{id}:{id}::/:/usr/sbin/nologin\n");
            groups = without(&groups) + &format!("{name}:x:{id}:\n");
        }
        fs::write(etc.join("passwd"), users).expect("written");
        fs::write(etc.join("group"), groups).expect("written");
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}

/// Starts a server, again where another test was faster to take the free port.
///
/// # Panics
/// If it does not start.
pub(crate) fn start(server: &str, prepare: impl Fn(&mut Room, u16)) -> (Room, u16) {
    for _ in 0..5 {
        let port = free_port();
        let mut room = Room::new(server);
        prepare(&mut room, port);
        if room.answers(port) {
            return (room, port);
        }
    }
    panic!("no free port for {server}")
}

/// Whether a server can be started in a room here, else why not.
pub(crate) fn usable(server: &str) -> Result<(), String> {
    let ours = fs::metadata("/proc/self").map(|of| of.uid());
    if ours.is_ok_and(|user| user != 0) {
        return Err(format!(
            "{server} in a room of its own starts only for root"
        ));
    }
    if !packages(server).join("complete").exists() {
        return Err(format!("there is no {server} (`./check` fetches it)"));
    }
    Ok(())
}

/// Where `./check` unpacks a server.
pub(crate) fn packages(server: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("it is in the repository")
        .join("target/servers")
        .join(server)
}
