//! What the tests share.

use std::time::{Duration, Instant};

use posthaste::{EmailMessage, Mailer, Report, Reports, Settings, Status};

use crate::counting::Server;

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Who moves the bytes.
pub(crate) trait Driver: 'static {
    /// Sends one message.
    fn send(mailer: &Mailer, message: &EmailMessage) -> Report;

    /// Sends all of them by one call.
    fn send_messages(mailer: &Mailer, messages: &[EmailMessage]) -> Reports;

    /// Sends each message by a call of its own, all at the same time.
    fn send_at_once(mailer: &Mailer, messages: Vec<EmailMessage>) -> Vec<Report>;
}

/// Threads that block.
pub(crate) struct Std;

impl Driver for Std {
    fn send(mailer: &Mailer, message: &EmailMessage) -> Report {
        mailer.blocking().send(message)
    }

    fn send_messages(mailer: &Mailer, messages: &[EmailMessage]) -> Reports {
        mailer.blocking().send_messages(messages)
    }

    fn send_at_once(mailer: &Mailer, messages: Vec<EmailMessage>) -> Vec<Report> {
        std::thread::scope(|scope| {
            let send = |message| scope.spawn(move || Self::send(mailer, &message));
            let all: Vec<_> = messages.into_iter().map(send).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Report>| thread.join();
            all.into_iter()
                .map(|one| join(one).expect("no panic"))
                .collect()
        })
    }
}

/// Tasks of one runtime, which lives as long as the tests do.
#[cfg(feature = "tokio")]
pub(crate) struct Tokio;

#[cfg(feature = "tokio")]
pub(crate) fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: std::sync::OnceLock<tokio::runtime::Runtime> = std::sync::OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let builder = builder.worker_threads(2).enable_all();
        builder.build().expect("a runtime")
    })
}

#[cfg(feature = "tokio")]
impl Driver for Tokio {
    fn send(mailer: &Mailer, message: &EmailMessage) -> Report {
        runtime().block_on(mailer.send(message))
    }

    fn send_messages(mailer: &Mailer, messages: &[EmailMessage]) -> Reports {
        runtime().block_on(mailer.send_messages(messages))
    }

    fn send_at_once(mailer: &Mailer, messages: Vec<EmailMessage>) -> Vec<Report> {
        let send = |message: EmailMessage| {
            let mailer = mailer.clone();
            runtime().spawn(async move { mailer.send(&message).await })
        };
        let all: Vec<_> = messages.into_iter().map(send).collect();
        let join =
            |task: tokio::task::JoinHandle<Report>| runtime().block_on(task).expect("no panic");
        all.into_iter().map(join).collect()
    }
}

/// The settings for a server.
pub(crate) fn settings(server: &Server) -> Settings {
    let mut settings = Settings::default();
    settings.email_host = server.address.ip().to_string();
    settings.email_port = Some(server.address.port());
    settings.email_timeout = Some(LONG);
    settings
}

pub(crate) fn message(name: &str) -> EmailMessage {
    EmailMessage::new(name, format!("This is {name}."))
        .from("from@example.com")
        .to([format!("{name}@example.com")])
}

pub(crate) fn messages(number: usize) -> Vec<EmailMessage> {
    (0..number).map(|n| message(&format!("m{n}"))).collect()
}

#[track_caller]
pub(crate) fn assert_sent(report: &Report) {
    assert_eq!(report.status(), Status::Sent, "{:?}", report.error);
}

/// Waits until it is so. That it will be is what the test is about.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LONG, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
