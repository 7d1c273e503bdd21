//! Backends of a user's own: wrong ones, and really asynchronous ones where nobody has a runtime.

use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;

use posthaste::{
    Backend, BoxFuture, EmailMessage, ErrorKind, Mailer, Outbox, Report, Settings, Status,
};

use crate::message;

fn mailer<B: Backend + 'static>(
    make: impl Fn() -> B + Send + Sync + 'static,
) -> posthaste::blocking::Mailer {
    let mut settings = Settings::default();
    settings.email_backend = "own".to_owned();
    Mailer::new(settings)
        .register("own", move |_| Ok(Box::new(make())))
        .blocking()
}

/// Reports on as many messages as it likes.
struct Counting(usize);

impl Backend for Counting {
    fn send_messages<'a>(&'a mut self, _: &'a [EmailMessage]) -> BoxFuture<'a, Vec<Report>> {
        let reports = (0..self.0).map(|_| Report::sent("<1@example.com>", Vec::new()));
        let reports = reports.collect();
        Box::pin(async { reports })
    }
}

#[test]
fn a_message_without_a_report_does_not_pass_for_sent() {
    let reports = mailer(|| Counting(1)).send_messages(&[message("a"), message("b"), message("c")]);
    assert_eq!((reports.len(), reports.count()), (3, 1));
    for report in &reports[1..] {
        let error = report.error.as_ref().expect("an error");
        assert_eq!(
            (error.kind(), error.is_in_doubt()),
            (ErrorKind::Protocol, true)
        );
    }
    let report = mailer(|| Counting(0)).send(&message("a"));
    assert_eq!(report.status(), Status::Failed);
    let mails = [("a", "b", "c@example.com", ["d@example.com"]); 2];
    let forgetful = mailer(|| Counting(0));
    let mut connection = forgetful.connection().expect("made");
    let outbox = Outbox::new();
    let sending = posthaste::blocking::send_mass_mail(mails)
        .connection(&mut connection)
        .mailer(&outbox.mailer());
    assert_eq!(sending.send().expect_err("no reports").reports().count(), 0);
}

#[test]
fn reports_too_many_are_left_out() {
    let reports = mailer(|| Counting(5)).send_messages(&[message("a"), message("b")]);
    assert_eq!((reports.len(), reports.count()), (2, 2));
    assert_eq!(mailer(|| Counting(5)).send(&message("a")).count(), 1);
}

/// Is ready only after another thread has woken it.
struct Slow {
    /// Sends by another such backend while it is polled for the first time.
    nested: bool,
}

impl Backend for Slow {
    fn send_messages<'a>(&'a mut self, messages: &'a [EmailMessage]) -> BoxFuture<'a, Vec<Report>> {
        let mut polls = 0;
        Box::pin(std::future::poll_fn(move |context| {
            polls += 1;
            if polls == 1 {
                let (wakers, waker) = mpsc::channel::<Waker>();
                let (done, woken) = mpsc::channel();
                thread::spawn(move || {
                    waker.recv().expect("a waker").wake();
                    done.send(()).expect("a listener");
                });
                wakers.send(context.waker().clone()).expect("a listener");
                // The wake-up comes before this poll is over, and must not be lost.
                woken.recv().expect("woken");
                if self.nested {
                    let report = mailer(|| Self { nested: false }).send(&messages[0]);
                    assert_eq!(report.count(), 1);
                }
                return Poll::Pending;
            }
            Poll::Ready(
                messages
                    .iter()
                    .map(|_| Report::sent("<1@example.com>", Vec::new()))
                    .collect(),
            )
        }))
    }
}

#[test]
fn a_backend_that_really_waits_is_waited_for() {
    let reports = mailer(|| Slow { nested: false }).send_messages(&[message("a"), message("b")]);
    assert_eq!(reports.count(), 2);
}

#[test]
fn one_that_sends_by_another_meanwhile_does_not_wait_for_ever() {
    let (done, finished) = mpsc::channel();
    thread::spawn(move || done.send(mailer(|| Slow { nested: true }).send(&message("a")).count()));
    let finished = finished.recv_timeout(std::time::Duration::from_secs(60));
    assert_eq!(finished, Ok(1), "it waits for a wake-up that was lost");
}

/// The panic is the caller's; the mailer works on.
#[test]
fn a_backend_that_panics_leaves_the_mailer_usable() {
    struct Panicking;
    impl Backend for Panicking {
        fn send_messages<'a>(
            &'a mut self,
            messages: &'a [EmailMessage],
        ) -> BoxFuture<'a, Vec<Report>> {
            assert_ne!(messages[0].subject, "bad", "on purpose");
            Box::pin(async { vec![Report::sent("<1@example.com>", Vec::new())] })
        }
    }
    let mailer = mailer(|| Panicking);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        mailer.send(&message("bad")).count()
    }));
    assert!(panicked.is_err());
    assert_eq!(mailer.send(&message("a")).count(), 1);
}
