//! What Django's mail framework does, behaviour by behaviour, where it is the library's and not the message's own.

mod backends;
mod functions;
mod settings;

#[path = "../backends/support.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod support;

use posthaste::blocking::Mailer;
use posthaste::{EmailMessage, Outbox, Settings};

/// A mailer by this backend.
fn mailer(backend: &str) -> Mailer {
    Mailer::new(settings(backend))
}

fn settings(backend: &str) -> Settings {
    let mut settings = Settings::default();
    settings.email_backend = backend.to_owned();
    settings
}

/// An outbox, and a mailer of which the administrators are these.
fn staffed(admins: &[&str], managers: &[&str]) -> (Outbox, Mailer) {
    let mut settings = Settings::default();
    let owned = |list: &[&str]| list.iter().map(|&one| one.to_owned()).collect();
    settings.admins = owned(admins);
    settings.managers = owned(managers);
    let outbox = Outbox::new();
    let mailer = outbox.mailer_for(settings).blocking();
    (outbox, mailer)
}

fn message(name: &str) -> EmailMessage {
    EmailMessage::new(name, "text")
        .from("from@example.com")
        .to(["to@example.com"])
}
