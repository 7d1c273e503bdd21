//! The same suite over every backend, by both ways to wait.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use posthaste::backends::{ConsoleBackend, FileBackend};
use posthaste::testing::{Server, Subject, conformance_blocking};
use posthaste::{Backend, BoxFuture, EmailMessage, Error, Mailer, Outbox, Report, Settings};

/// A backend that a mailer makes, and how to look at what arrived.
struct Made<F> {
    mailer: Mailer,
    io: Way,
    arrived: F,
}

#[derive(Clone, Copy)]
enum Way {
    Blocking,
    #[cfg(feature = "tokio")]
    Tokio,
}

impl<F: Fn() -> Option<Vec<Vec<u8>>>> Subject for Made<F> {
    fn backend(&self) -> Box<dyn Backend> {
        match self.io {
            Way::Blocking => Box::new(Blocking(self.mailer.blocking().connection().expect("made"))),
            #[cfg(feature = "tokio")]
            Way::Tokio => Box::new(Awaited(self.mailer.connection().expect("made"))),
        }
    }

    fn arrived(&self) -> Option<Vec<Vec<u8>>> {
        (self.arrived)()
    }
}

/// A connection is a backend, too.
struct Blocking(posthaste::blocking::Connection);

impl Backend for Blocking {
    fn open(&mut self) -> BoxFuture<'_, Result<bool, Error>> {
        let opened = self.0.open();
        Box::pin(async { opened })
    }

    fn close(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        let closed = self.0.close();
        Box::pin(async { closed })
    }

    fn send_messages<'a>(&'a mut self, messages: &'a [EmailMessage]) -> BoxFuture<'a, Vec<Report>> {
        let reports = self.0.send_messages(messages).into_vec();
        Box::pin(async { reports })
    }
}

#[cfg(feature = "tokio")]
struct Awaited(posthaste::Connection);

#[cfg(feature = "tokio")]
impl Backend for Awaited {
    fn open(&mut self) -> BoxFuture<'_, Result<bool, Error>> {
        Box::pin(self.0.open())
    }

    fn close(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.0.close())
    }

    fn send_messages<'a>(&'a mut self, messages: &'a [EmailMessage]) -> BoxFuture<'a, Vec<Report>> {
        Box::pin(async { self.0.send_messages(messages).await.into_vec() })
    }
}

/// Runs the suite by both ways.
fn run(mailer: &Mailer, arrived: impl Fn() -> Option<Vec<Vec<u8>>> + Copy) {
    let made = |io| Made {
        mailer: mailer.clone(),
        io,
        arrived,
    };
    conformance_blocking(&made(Way::Blocking));
    #[cfg(feature = "tokio")]
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(posthaste::testing::conformance(&made(Way::Tokio)));
}

fn settings(backend: &str) -> Settings {
    let mut settings = Settings::default();
    settings.email_backend = backend.to_owned();
    settings
}

/// The messages of a console's or a file's text.
fn messages(text: &str) -> Vec<Vec<u8>> {
    let rule = format!("\n{}\n", "-".repeat(79));
    let all = text.split_terminator(&rule);
    all.map(|message| message.as_bytes().to_vec()).collect()
}

#[test]
fn dummy() {
    run(&Mailer::new(settings("dummy")), || None);
}

#[test]
fn dummy_names_everybody_or_fails() {
    let mailer = Mailer::new(settings("dummy")).blocking();
    let message = EmailMessage::new("", "").to(["a@example.com", "b c"]);
    let report = mailer.send(&message);
    assert_eq!(report.status(), posthaste::Status::Failed);
    let error = report.error.expect("an error");
    assert_eq!(
        (error.kind(), error.field()),
        (posthaste::ErrorKind::Invalid, Some("to"))
    );
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn a_scope_takes_what_can_be_awaited() {
    let outbox = Outbox::new();
    let mail = posthaste::send_mail("Hi", "", "a@example.com", &["b@example.com"][..]);
    let report = outbox.mailer().scope(mail).await.expect("sent");
    assert_eq!((report.count(), outbox.len()), (1, 1));
}

#[test]
fn locmem() {
    let outbox = Outbox::new();
    let arrived = || {
        let all = outbox.messages().into_iter().map(|message| {
            // The outbox keeps the message itself; its octets are made anew, but for the identity.
            let mut options = posthaste::RenderOptions::default();
            options.allow_files = false;
            let message = message
                .message
                .clone()
                .header("Message-ID", message.message_id);
            let rendered = message.render(&options).expect("rendered before");
            rendered.to_vec().expect("no files")
        });
        Some(all.collect())
    };
    run(&outbox.mailer(), arrived);
}

#[test]
fn console() {
    let screen = Screen::default();
    let shared = screen.clone();
    let mailer = Mailer::new(settings("console")).register("console", move |ctx| {
        Ok(Box::new(ConsoleBackend::new(
            ctx.renderer(),
            shared.clone(),
        )))
    });
    run(&mailer, || Some(messages(&screen.text())));
}

#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Screen {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic").clone()).expect("text")
    }
}

impl std::io::Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn file() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = settings("file");
    settings.email_file_path = Some(folder.path().join("deep/er"));
    let path = folder.path().join("deep/er");
    // Names have the second in them and then a random number, so the order of the files is that of their making only by
    // the time when they were last written.
    run(&Mailer::new(settings), || Some(in_folder(&path)));
}

fn in_folder(folder: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            (
                fs::metadata(&path)
                    .and_then(|data| data.modified())
                    .expect("a time"),
                path,
            )
        })
        .collect();
    files.sort();
    let texts = files
        .iter()
        .map(|(_, path)| fs::read_to_string(path).expect("text"));
    texts.flat_map(|text| messages(&text)).collect()
}

#[test]
fn smtp() {
    let server = Server::start();
    let arrived = || {
        Some(
            server
                .taken()
                .into_iter()
                .map(|message| message.content)
                .collect(),
        )
    };
    run(&Mailer::new(server.settings()), arrived);
}

#[test]
#[should_panic(expected = "one report for each message")]
fn a_backend_that_forgets_reports_is_found_out() {
    struct Forgetful;
    impl Backend for Forgetful {
        fn send_messages<'a>(&'a mut self, _: &'a [EmailMessage]) -> BoxFuture<'a, Vec<Report>> {
            Box::pin(async { Vec::new() })
        }
    }
    impl Subject for Forgetful {
        fn backend(&self) -> Box<dyn Backend> {
            Box::new(Self)
        }
        fn arrived(&self) -> Option<Vec<Vec<u8>>> {
            None
        }
    }
    conformance_blocking(&Forgetful);
}

#[test]
fn a_file_backend_says_which_folder_it_cannot_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = folder.path().join("taken");
    fs::write(&taken, "").expect("written");
    let mailer = Mailer::new(settings("dummy")).register("dummy", move |ctx| {
        FileBackend::new(ctx.renderer(), &taken).map(|backend| Box::new(backend) as _)
    });
    let error = mailer.blocking().connection().expect_err("it is a file");
    assert_eq!(error.field(), Some("file_path"));
    assert!(error.to_string().contains("taken"), "{error}");
}
