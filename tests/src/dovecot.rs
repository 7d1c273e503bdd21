//! A real Dovecot for the life of a test: it knows passwords, for Postfix to ask, and takes mail by LMTP.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mail::base64;
use crate::room::{self, Room};
use crate::server::{Arrived, files, left_out, wait};

/// The user whom it knows.
pub const USER: &str = "ann@example.com";

/// Her password.
pub const PASSWORD: &str = "s3cret = pass,word \\ \u{e9}";

/// A user who can log in as [`USER`] can, and who gets mail, too.
pub const OTHER: &str = "bob@example.com";

/// A user whose mailbox cannot be written: mail for him is refused when all of it is there, and not before.
pub const BROKEN: &str = "broken@example.com";

/// A running Dovecot. By LMTP it takes mail for [`USER`], [`OTHER`] and [`BROKEN`].
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
        room.make_for("mail", "nobody");
        let mail = room.path("mail").display().to_string();
        let users = [(USER, &*mail), (OTHER, &mail), (BROKEN, "/proc/nowhere")];
        let users = users.map(|(user, mail)| {
            format!("{user}:{{PLAIN}}{PASSWORD}:65534:65534::{mail}/{user}::\n")
        });
        room.write("users", &users.concat());
        room.make("keys/default/HS256");
        room.write("keys/default/HS256/default", &base64(TOKEN_KEY.as_bytes()));
        room.write("tokens.conf", &tokens(&room));
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

    /// The socket that takes mail by LMTP.
    #[must_use]
    pub fn lmtp_socket(&self) -> PathBuf {
        self.room.path("lmtp")
    }

    /// All that was delivered by LMTP.
    #[must_use]
    pub fn arrived(&self) -> Vec<Arrived> {
        let mails = files(&self.room.path("mail"));
        let mails = mails.iter().filter(|file| {
            let folder = file.parent().and_then(Path::file_name);
            folder.is_some_and(|name| name == "new")
        });
        mails.map(|file| delivered(file)).collect()
    }

    /// An OAuth 2.0 access token (RFC 7519) that it takes for this user.
    ///
    /// # Panics
    /// If Python cannot make it.
    #[must_use]
    pub fn token(user: &str) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/access_token.py");
        let python = Command::new("python3")
            .arg(script)
            .args([user, TOKEN_KEY])
            .output()
            .expect("python3 starts");
        let token = String::from_utf8(python.stdout).expect("text");
        assert!(
            token.contains('.'),
            "{}",
            String::from_utf8_lossy(&python.stderr)
        );
        token.trim().to_owned()
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        let log = std::fs::read_to_string(self.room.path("log")).unwrap_or_default();
        log + &self.room.output()
    }
}

/// A mail in a user's Maildir, whose name tells who that is: the headers tell it of mails for one recipient alone.
fn delivered(file: &Path) -> Arrived {
    let mut arrived = Arrived::read(file, "Received");
    let user = file.ancestors().nth(2).and_then(Path::file_name);
    let user = user.expect("a Maildir").to_string_lossy();
    arrived.recipient = user.into_owned();
    arrived
}

/// What tokens are signed with.
const TOKEN_KEY: &str = "a key that signs tokens of tests";

fn tokens(room: &Room) -> String {
    format!(
        "introspection_mode = local
local_validation_key_dict = fs:posix:prefix={}/
username_attribute = sub
",
        room.path("keys").display()
    )
}

fn configuration(room: &Room, mechanisms: &str) -> String {
    let room = room.path("");
    let room = room.display().to_string();
    let room = room.trim_end_matches('/');
    format!(
        "protocols = lmtp
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
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {room}/tokens.conf
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {room}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {room}/users
}}
mail_location = maildir:~
lmtp_add_received_header = yes
service lmtp {{
  unix_listener {room}/lmtp {{
    mode = 0666
  }}
}}
service auth {{
  unix_listener {room}/auth {{
    mode = 0666
  }}
}}
"
    )
}
