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

use posthaste::testing::Server;

/// The settings for a server.
fn settings(server: &Server) -> Settings {
    let mut settings = Settings::default();
    settings.email_host = server.address().ip().to_string();
    settings.email_port = Some(server.address().port());
    settings.email_timeout = Some(Duration::from_secs(20));
    settings
}

fn message(name: &str) -> EmailMessage {
    EmailMessage::new(name, format!("This is {name}."))
        .from("from@example.com")
        .to([format!("{name}@example.com")])
}

fn send(server: &Server, messages: &[EmailMessage]) -> Vec<Report> {
    let mailer = Mailer::new(settings(server)).blocking();
    let mut connection = mailer.connection().expect("usable settings");
    connection.send_messages(messages).into_vec()
}
