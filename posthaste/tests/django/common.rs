//! What the tests share.

use std::io;
use std::sync::{Arc, Mutex};

use posthaste::{Backend, BoxFuture, EmailMessage, Error, Mailer, Report, Settings};

/// Django's default settings, but for the backend.
pub(crate) fn settings(backend: &str) -> Settings {
    let mut settings = Settings::default();
    settings.email_backend = backend.to_owned();
    settings
}

/// A message whose subject is `name`, to `name@example.com`; an invalid second line of the name is in the subject only.
pub(crate) fn message(name: &str) -> EmailMessage {
    let local = name.split('\n').next().unwrap_or_default();
    EmailMessage::new(name, format!("This is {name}."))
        .from("from@example.com")
        .to([format!("{local}@example.com")])
}

/// A port that nobody listens on.
pub(crate) fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Settings for a mail server that is not there.
pub(crate) fn no_server() -> Settings {
    let mut settings = settings("smtp");
    settings.email_host = "127.0.0.1".to_owned();
    settings.email_port = Some(closed_port());
    settings
}

/// What was done to the backends called `record`, in its order.
#[derive(Clone, Default)]
pub(crate) struct Record(Arc<Mutex<Vec<String>>>);

impl Record {
    /// A mailer whose backend `record` writes into this.
    pub(crate) fn mailer(&self) -> Mailer {
        self.mailer_for(settings("record"))
    }

    /// The same, with other settings.
    pub(crate) fn mailer_for(&self, settings: Settings) -> Mailer {
        let record = self.clone();
        Mailer::new(settings).register("record", move |ctx| {
            let login = ["username", "password"]
                .map(|name| ctx.options.string(name).unwrap_or("-").to_owned());
            record.add(format!("made {} {}", ctx.alias, login.join(" ")));
            Ok(Box::new(record.clone()))
        })
    }

    /// All that was done.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no panic").clone()
    }

    fn add(&self, line: impl Into<String>) {
        self.0.lock().expect("no panic").push(line.into());
    }
}

impl Backend for Record {
    fn open(&mut self) -> BoxFuture<'_, Result<bool, Error>> {
        self.add("open");
        Box::pin(async { Ok(true) })
    }

    fn close(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        self.add("close");
        Box::pin(async { Ok(()) })
    }

    fn send_messages<'a>(&'a mut self, messages: &'a [EmailMessage]) -> BoxFuture<'a, Vec<Report>> {
        let subjects: Vec<_> = messages.iter().map(|one| one.subject.as_str()).collect();
        self.add(format!("send {}", subjects.join(" ")));
        let sent = messages
            .iter()
            .map(|_| Report::sent("<1@example.com>", Vec::new()));
        let reports = sent.collect();
        Box::pin(async { reports })
    }
}

/// A stream that keeps what is written, and counts how often it is flushed.
#[derive(Clone, Default)]
pub(crate) struct Screen(Arc<Mutex<(Vec<u8>, usize)>>);

impl Screen {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("no panic").0.clone()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes()).expect("text")
    }

    pub(crate) fn flushes(&self) -> usize {
        self.0.lock().expect("no panic").1
    }
}

impl io::Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().expect("no panic").1 += 1;
        Ok(())
    }
}
