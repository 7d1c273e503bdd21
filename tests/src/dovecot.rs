//! A real Dovecot for the life of a test: it knows passwords, for Postfix to ask, and takes mail by LMTP.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use crate::room::{self, Room};
use crate::server::{left_out, wait};

/// The user whom it knows.
pub const USER: &str = "ann@example.com";

/// Her password.
pub const PASSWORD: &str = "s3cret = pass,word \\ \u{e9}";

/// A running Dovecot.
#[derive(Debug)]
pub struct Dovecot {
    room: Room,
}

impl Dovecot {
    /// Starts one that offers these mechanisms; `None`, said on stderr, where there is none.
    ///
    /// # Panics
    /// Where it is missing although `CI` is `true`, or does not start.
    #[must_use]
    pub fn start(mechanisms: &str) -> Option<Self> {
        if left_out(room::usable("dovecot")) {
            return None;
        }
        let mut room = Room::new("dovecot");
        for name in ["base", "state"] {
            room.make(name);
        }
        room.write("users", &format!("{USER}:{{PLAIN}}{PASSWORD}\n"));
        let configuration = configuration(&room, mechanisms);
        let file = room.write("dovecot.conf", &configuration);
        room.enter(
            "/usr/sbin/dovecot",
            &["-F", "-c", &file.display().to_string()],
        );
        let dovecot = Self { room };
        wait(
            || UnixStream::connect(dovecot.auth_socket()).is_ok(),
            || format!("Dovecot does not start:\n{}", dovecot.log()),
        );
        Some(dovecot)
    }

    /// The socket that Postfix asks for logins.
    #[must_use]
    pub fn auth_socket(&self) -> PathBuf {
        self.room.path("auth")
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        let log = std::fs::read_to_string(self.room.path("log")).unwrap_or_default();
        log + &self.room.output()
    }
}

fn configuration(room: &Room, mechanisms: &str) -> String {
    let room = room.path("");
    let room = room.display().to_string();
    let room = room.trim_end_matches('/');
    format!(
        "protocols =
base_dir = {room}/base
state_dir = {room}/state
log_path = {room}/log
auth_verbose = yes
auth_failure_delay = 0
auth_mechanisms = {mechanisms}
disable_plaintext_auth = no
ssl = no
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {room}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={room}/mail/%u
}}
service auth {{
  unix_listener {room}/auth {{
    mode = 0666
  }}
}}
"
    )
}
