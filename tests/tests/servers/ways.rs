//! The ways to send a batch: the program, and the library with and without tokio.

use posthaste::{EmailMessage, Mailer, Report, Settings};
use posthaste_tests::Place;
use posthaste_tests::server::Server;
use serde_json::Value;
use tokio::runtime;

/// Sends these messages to that server; what was reported, in the program's form.
pub(crate) type Way = fn(&dyn Server, &[Value]) -> Vec<Value>;

/// All ways, each with its name.
pub(crate) const WAYS: [(&str, Way); 3] = [
    ("program", program),
    ("blocking", blocking),
    ("tokio", tokio),
];

fn program(server: &dyn Server, messages: &[Value]) -> Vec<Value> {
    let input: String = messages
        .iter()
        .map(|message| format!("{message}\n"))
        .collect();
    let place = Place::new();
    let run = place
        .posthaste(["send", "--json"])
        .env("EMAIL_BACKEND", "smtp")
        .env("EMAIL_HOST", "127.0.0.1")
        .env("EMAIL_PORT", server.port().to_string())
        .env("EMAIL_TIMEOUT", "60")
        .input(input);
    run.end().json()
}

fn blocking(server: &dyn Server, messages: &[Value]) -> Vec<Value> {
    let reports = mailer(server).blocking().send_messages(&read(messages));
    reports.iter().map(json).collect()
}

fn tokio(server: &dyn Server, messages: &[Value]) -> Vec<Value> {
    let mut builder = runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime");
    let mailer = mailer(server);
    let messages = read(messages);
    let reports = runtime.block_on(mailer.send_messages(&messages));
    reports.iter().map(json).collect()
}

/// The messages that JSON describes.
pub(crate) fn read(messages: &[Value]) -> Vec<EmailMessage> {
    let read = |message: &Value| EmailMessage::from_json(message.to_string());
    messages
        .iter()
        .map(|message| read(message).expect("a message"))
        .collect()
}

/// A report in the program's form.
pub(crate) fn json(report: &Report) -> Value {
    serde_json::to_value(report).expect("a report has a JSON form")
}

/// A mailer for that server.
pub(crate) fn mailer(server: &dyn Server) -> Mailer {
    let mut settings = Settings::default();
    "127.0.0.1".clone_into(&mut settings.email_host);
    settings.email_port = Some(server.port());
    Mailer::new(settings)
}
