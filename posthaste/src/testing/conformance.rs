//! What every backend has to do, as a suite of tests; your own backend can run it, too.

use std::fmt;

use posthaste_message::{EmailAttachment, EmailMessage};

use crate::backend::Backend;
use crate::error::ErrorKind;
use crate::mode::block_on;
use crate::report::{Report, Status};

/// A backend under test.
pub trait Subject {
    /// Makes a backend of this kind, with no connection yet.
    fn backend(&self) -> Box<dyn Backend>;

    /// The octets of all messages that arrived from all backends so far, in the order of their sending; line ends may be
    /// of either kind. `None` if this kind of backend keeps nothing that could be looked at.
    fn arrived(&self) -> Option<Vec<Vec<u8>>>;
}

/// Runs the suite, as Django's tests of its backends do.
///
/// # Panics
///
/// When the backend does not do what every backend has to do; the panic says in which case, and what came of it.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::sync::{Arc, Mutex};
///
/// use posthaste::testing::{Subject, conformance};
/// use posthaste::{Backend, BoxFuture, EmailMessage, RenderOptions, Report};
///
/// /// Keeps the octets of every message in a list.
/// #[derive(Clone, Default)]
/// struct List(Arc<Mutex<Vec<Vec<u8>>>>);
///
/// impl List {
///     fn keep(&self, message: &EmailMessage) -> Result<Report, posthaste::Error> {
///         let options = RenderOptions::default();
///         let envelope = message.envelope(&options)?;
///         let rendered = message.render(&options)?;
///         self.0.lock().unwrap().push(rendered.to_vec()?);
///         Ok(Report::sent(rendered.message_id(), envelope.to))
///     }
/// }
///
/// impl Backend for List {
///     fn send_messages<'a>(&'a mut self, messages: &'a [EmailMessage]) -> BoxFuture<'a, Vec<Report>> {
///         let keep = |message| self.keep(message).unwrap_or_else(|error| Report::failed(None, error));
///         let reports = messages.iter().map(keep).collect();
///         Box::pin(async { reports })
///     }
/// }
///
/// impl Subject for List {
///     fn backend(&self) -> Box<dyn Backend> {
///         Box::new(self.clone())
///     }
///
///     fn arrived(&self) -> Option<Vec<Vec<u8>>> {
///         Some(self.0.lock().unwrap().clone())
///     }
/// }
///
/// conformance(&List::default()).await;
/// # }
/// # #[cfg(not(feature = "tokio"))] fn main() {}
/// ```
pub async fn conformance(subject: &impl Subject) {
    let suite = Suite { subject };
    suite.one_message_arrives().await;
    suite.many_arrive_in_order().await;
    suite.all_kinds_of_messages_arrive().await;
    suite.hidden_recipients_stay_hidden().await;
    suite.a_failure_does_not_stop_the_batch().await;
    suite.nothing_is_fine().await;
    suite.nobody_is_no_failure().await;
    suite.opens_and_closes().await;
    suite.is_used_again_after_it_was_closed().await;
}

/// Runs the suite on a backend whose calls block.
///
/// # Panics
///
/// As [`conformance`] does.
pub fn conformance_blocking(subject: &impl Subject) {
    block_on(conformance(subject));
}

struct Suite<'s, S> {
    subject: &'s S,
}

/// What one case brought.
struct Outcome {
    reports: Vec<Report>,
    arrived: Option<Vec<Arrived>>,
}

impl<S: Subject> Suite<'_, S> {
    /// Sends all by a new backend; what arrived before is left out.
    async fn send(&self, messages: &[EmailMessage]) -> Outcome {
        let mut backend = self.subject.backend();
        self.send_by(&mut *backend, messages).await
    }

    async fn send_by(&self, backend: &mut dyn Backend, messages: &[EmailMessage]) -> Outcome {
        let before = self.subject.arrived().map_or(0, |all| all.len());
        let reports = backend.send_messages(messages).await;
        assert_eq!(reports.len(), messages.len(), "one report for each message");
        let arrived = self.subject.arrived();
        let new = arrived.map(|all| all.into_iter().skip(before).map(Arrived).collect());
        Outcome {
            reports,
            arrived: new,
        }
    }

    async fn one_message_arrives(&self) {
        let outcome = self.send(&[message("one")]).await;
        outcome.all_sent("a message");
        outcome.arrived_are("a message", &["one"]);
        outcome.each_has_its_id("a message");
    }

    async fn many_arrive_in_order(&self) {
        let names = ["one", "two", "three"];
        let outcome = self.send(&names.map(message)).await;
        outcome.all_sent("three messages");
        outcome.arrived_are("three messages", &names);
        outcome.each_has_its_id("three messages");
    }

    async fn all_kinds_of_messages_arrive(&self) {
        let long = "x".repeat(2_000);
        let messages = [
            message("html").html("<p>text"),
            message("empty").body(""),
            message("long").body(long),
            message("dots").body(".\n..\n.\nend\n"),
            message("languages").body("Grüße, Привет, こんにちは"),
            message("names").to([("Ångström, Ann", "names@example.com")]),
            message("attachment").attach(EmailAttachment::bytes("a.bin", vec![0, 13, 10, 255])),
        ];
        let outcome = self.send(&messages).await;
        outcome.all_sent("a message of some kind");
        let names: Vec<&str> = messages.iter().map(|one| one.subject.as_str()).collect();
        outcome.arrived_are("messages of all kinds", &names);
    }

    async fn hidden_recipients_stay_hidden(&self) {
        let hidden = message("hidden")
            .cc(["copy@example.com"])
            .bcc(["secret@example.net"]);
        let outcome = self.send(&[hidden]).await;
        outcome.all_sent("a message with bcc");
        let accepted: Vec<String> = outcome.reports[0]
            .accepted
            .iter()
            .map(|one| one.addr_spec())
            .collect();
        let expected = [
            "hidden@example.com",
            "copy@example.com",
            "secret@example.net",
        ];
        assert_eq!(accepted, expected, "all recipients are reported");
        for arrived in outcome.arrived.iter().flatten() {
            assert!(!arrived.text().contains("secret"), "bcc shows: {arrived}");
        }
    }

    async fn a_failure_does_not_stop_the_batch(&self) {
        let injected = message("bad\r\nBcc: x@example.net");
        let outcome = self.send(&[message("one"), injected, message("two")]).await;
        if outcome.arrived.is_none() {
            // What keeps nothing need not look at anything.
            return;
        }
        let error = outcome.reports[1].error.as_ref();
        let error = error.expect("a subject with a line end has to be refused");
        assert_eq!(error.kind(), ErrorKind::Invalid, "the kind of {error}");
        assert_eq!(error.field(), Some("subject"), "the field of {error}");
        for report in [&outcome.reports[0], &outcome.reports[2]] {
            assert_eq!(
                report.status(),
                Status::Sent,
                "beside a bad message: {report:?}"
            );
        }
        outcome.arrived_are("good messages beside a bad one", &["one", "two"]);
    }

    async fn nothing_is_fine(&self) {
        let outcome = self.send(&[]).await;
        outcome.arrived_are("no messages", &[]);
    }

    async fn nobody_is_no_failure(&self) {
        let nobody = message("nobody").to(Vec::<String>::new());
        let outcome = self.send(&[nobody]).await;
        let report = &outcome.reports[0];
        let fine = matches!(report.status(), Status::Sent | Status::Skipped);
        assert!(
            fine,
            "a message without recipients is no failure: {report:?}"
        );
        assert!(report.accepted.is_empty(), "nobody took it: {report:?}");
    }

    async fn opens_and_closes(&self) {
        let mut backend = self.subject.backend();
        closed(&mut *backend, "that was not open").await;
        let opened = backend.open().await;
        opened.unwrap_or_else(|error| panic!("a backend has to open: {error}"));
        let again = backend.open().await;
        let again = again.unwrap_or_else(|error| panic!("opening again is no error: {error}"));
        assert!(!again, "an open backend is not opened once more");
        self.send_by(&mut *backend, &[message("one")])
            .await
            .all_sent("an open backend");
        let outcome = self.send_by(&mut *backend, &[message("two")]).await;
        outcome.arrived_are("an open backend", &["two"]);
        closed(&mut *backend, "that was open").await;
        closed(&mut *backend, "that was closed").await;
    }

    async fn is_used_again_after_it_was_closed(&self) {
        let mut backend = self.subject.backend();
        for _ in 0..2 {
            let opened = backend.open().await;
            opened.unwrap_or_else(|error| panic!("a closed backend has to open: {error}"));
            let outcome = self.send_by(&mut *backend, &[message("again")]).await;
            outcome.all_sent("a backend that is used again");
            closed(&mut *backend, "that is used again").await;
        }
    }
}

impl Outcome {
    #[track_caller]
    fn all_sent(&self, case: &str) {
        for report in &self.reports {
            assert_eq!(report.status(), Status::Sent, "{case}: {report:?}");
            assert_eq!(report.count(), 1, "{case}: {report:?}");
        }
    }

    /// The messages with these subjects arrived, and no others.
    #[track_caller]
    fn arrived_are(&self, case: &str, subjects: &[&str]) {
        if let Some(arrived) = &self.arrived {
            let seen: Vec<_> = arrived
                .iter()
                .filter_map(|one| one.header("Subject"))
                .collect();
            assert_eq!(seen, subjects, "{case}: the subjects of what arrived");
        }
    }

    /// The `Message-ID`s of reports and messages agree, and no two are alike.
    #[track_caller]
    fn each_has_its_id(&self, case: &str) {
        let Some(arrived) = &self.arrived else { return };
        for (report, arrived) in self.reports.iter().zip(arrived) {
            let id = arrived.header("Message-ID");
            assert!(id.is_some(), "{case}: no Message-ID in {arrived}");
            assert_eq!(report.message_id, id, "{case}: the report's Message-ID");
        }
    }
}

/// A message as it arrived.
struct Arrived(Vec<u8>);

impl Arrived {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).replace("\r\n", "\n")
    }

    /// The value of a header of the message itself; folded ones are not needed here.
    fn header(&self, name: &str) -> Option<String> {
        let text = self.text();
        let (head, _) = text.split_once("\n\n")?;
        let value = head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.map(str::to_owned)
    }
}

impl fmt::Display for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text())
    }
}

fn message(subject: &str) -> EmailMessage {
    let name = subject.split(|c: char| !c.is_ascii_alphanumeric()).next();
    EmailMessage::new(subject, "This is a test.")
        .from("from@example.com")
        .to([format!("{}@example.com", name.unwrap_or("x"))])
}

async fn closed(backend: &mut dyn Backend, which: &str) {
    let closed = backend.close().await;
    closed.unwrap_or_else(|error| panic!("a backend {which} has to close: {error}"));
}
