//! A real aiosmtpd (Python) for the life of a test: it keeps each message as it came.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::room::{self, Room};
use crate::server::{Arrived, Server, files, left_out};

/// A running aiosmtpd. It announces SIZE, 8BITMIME and SMTPUTF8; neither PIPELINING nor CHUNKING.
#[derive(Debug)]
pub struct Aiosmtpd {
    room: Room,
    port: u16,
}

impl Aiosmtpd {
    /// Starts one; `None`, said on stderr, where there is none.
    ///
    /// # Panics
    /// Where it is missing although `CI` is `true`, or does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        if left_out(room::usable("aiosmtpd")) {
            return None;
        }
        let python = room::packages("aiosmtpd").join("bin/python");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/recorder.py");
        let (room, port) = room::start("aiosmtpd", |room, port| {
            let folder = room.make("taken").display().to_string();
            let script = script.display().to_string();
            let name = room.name().to_owned();
            room.enter(&python, &[script, port.to_string(), name, folder]);
        });
        Some(Self { room, port })
    }
}

impl Server for Aiosmtpd {
    fn port(&self) -> u16 {
        self.port
    }

    fn arrived(&self) -> Vec<Arrived> {
        let mut found = files(&self.room.path("taken"));
        found.sort();
        let envelopes = found
            .iter()
            .filter(|file| file.extension().is_some_and(|of| of == "json"));
        envelopes.flat_map(|file| taken(file)).collect()
    }

    fn log(&self) -> String {
        self.room.output()
    }
}

/// A message with its envelope beside it, for each recipient.
fn taken(file: &Path) -> Vec<Arrived> {
    let envelope = fs::read(file).expect("an envelope");
    let envelope: Value = serde_json::from_slice(&envelope).expect("JSON");
    let content = fs::read(file.with_extension("eml")).expect("a message");
    let text = |value: &Value| value.as_str().expect("an address").to_owned();
    let recipients = envelope["to"].as_array().expect("recipients").iter();
    recipients
        .map(|recipient| Arrived {
            sender: text(&envelope["from"]),
            recipient: text(recipient),
            content: content.clone(),
        })
        .collect()
}
