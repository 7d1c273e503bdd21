//! Attacks on the library as its users see it: by messages, by settings, by mail servers, by backends, by other tasks.
//! What the message and the SMTP crate refuse by themselves is tested there; TLS and lost connections are in the tests of
//! the backends.

mod backends;
mod injection;
mod scopes;
mod secrets;
mod server;
#[path = "../backends/support.rs"]
#[allow(dead_code, reason = "each binary uses its share of the server")]
mod support;

use std::time::Duration;

use posthaste::{EmailMessage, Mailer, Report, Settings};

use support::Sink;

/// The settings for a server.
fn settings(sink: &Sink) -> Settings {
    let mut settings = Settings::default();
    settings.email_host = sink.address.ip().to_string();
    settings.email_port = Some(sink.address.port());
    settings.email_timeout = Some(Duration::from_secs(20));
    settings
}

fn message(name: &str) -> EmailMessage {
    EmailMessage::new(name, format!("This is {name}."))
        .from("from@example.com")
        .to([format!("{name}@example.com")])
}

fn send(sink: &Sink, messages: &[EmailMessage]) -> Vec<Report> {
    let mailer = Mailer::new(settings(sink)).blocking();
    let mut connection = mailer.connection().expect("usable settings");
    connection.send_messages(messages).into_vec()
}
