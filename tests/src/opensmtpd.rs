//! A real OpenSMTPD for the life of a test.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::room::{self, Room};
use crate::server::{Arrived, LATER, REFUSED, Server, UNWANTED, files, left_out, wait};

/// A running OpenSMTPD. It does not announce PIPELINING, and refuses an unwanted sender at MAIL.
#[derive(Debug)]
pub struct OpenSmtpd {
    room: Room,
    port: u16,
}

impl OpenSmtpd {
    /// Starts one; `None`, said on stderr, where there is none.
    ///
    /// # Panics
    /// Where it is missing although `CI` is `true`, or does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        if left_out(room::usable("opensmtpd")) {
            return None;
        }
        let (room, port) = room::start("opensmtpd", |room, port| {
            for name in ["run", "var/spool", "var/lib/opensmtpd/empty"] {
                room.make(name);
            }
            room.make_for("mail", "nobody");
            let configuration = configuration(room, port);
            let file = room.write("smtpd.conf", &configuration);
            fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("it is ours");
            let file = file.display().to_string();
            room.enter("/usr/sbin/smtpd", &["-d", "-v", "-f", &file]);
        });
        Some(Self { room, port })
    }
}

impl Server for OpenSmtpd {
    fn port(&self) -> u16 {
        self.port
    }

    fn arrived(&self) -> Vec<Arrived> {
        let spool = self.room.path("var/spool/smtpd");
        wait(
            || {
                let states = ["temporary", "incoming", "queue"];
                states
                    .iter()
                    .all(|state| files(&spool.join(state)).is_empty())
            },
            || format!("mail is stuck:\n{}", self.log()),
        );
        let mut found = files(&self.room.path("mail/new"));
        found.sort();
        found
            .iter()
            .map(|file| Arrived::read(file, "Delivered-To"))
            .collect()
    }

    fn log(&self) -> String {
        self.room.output()
    }
}

fn configuration(room: &Room, port: u16) -> String {
    let mail = room.path("mail");
    let mail = mail.display();
    let [refused, gone] = REFUSED;
    format!(
        r#"table here {{ "example.com", "xn--bcher-kva.example" }}
table all {{ "@" = "nobody" }}
filter refused phase rcpt-to match rcpt-to {{ "{refused}" }} reject "550 5.1.1 no such person"
filter gone phase rcpt-to match rcpt-to {{ "{gone}" }} reject "550 5.1.6 moved away"
filter later phase rcpt-to match rcpt-to {{ "{LATER}" }} reject "450 4.2.1 come back later"
filter unwanted phase mail-from match mail-from {{ "{UNWANTED}" }} reject "550 5.7.1 not from you"
filter policy chain {{ refused, gone, later, unwanted }}
smtp max-message-size "10M"
listen on 127.0.0.1 port {port} hostname {name} filter policy
action "deliver" maildir "{mail}" virtual <all> user nobody
match from any for domain <here> action "deliver"
"#,
        name = room.name(),
    )
}
