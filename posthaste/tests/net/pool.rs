//! Connections that a mailer keeps.

use std::time::Duration;

use posthaste::{ErrorKind, Mailer, Phase, Settings};

use crate::common::{Driver, assert_sent, eventually, message, messages, settings};
use crate::counting::Server;

for_both! {
    a_connection_is_used_again,
    the_end_of_the_mailer_says_goodbye,
    there_are_never_too_many,
    a_batch_goes_over_one,
    a_dead_one_is_replaced,
    clones_and_aliases_share,
    what_differs_is_apart,
    a_connection_of_ones_own_is_apart,
    one_serves_so_many_messages,
    one_serves_so_long,
    one_is_not_idle_for_too_long,
    none_is_kept_if_none_may_be_idle,
    who_waits_gets_the_next,
    who_waits_in_vain_is_told,
}

fn limited(server: &Server, connections: u64) -> Settings {
    let mut settings = settings(server);
    settings.email_max_connections = connections;
    settings
}

fn a_connection_is_used_again<D: Driver>() {
    let server = Server::new();
    let mailer = Mailer::new(settings(&server));
    for one in messages(5) {
        assert_sent(&D::send(&mailer, &one));
    }
    let seen = server.seen();
    assert_eq!(
        (seen.connections, seen.quits, seen.messages.len()),
        (1, 0, 5)
    );
    assert_eq!(
        seen.commands
            .iter()
            .filter(|(_, line)| line.starts_with("EHLO"))
            .count(),
        1
    );
    // Nothing is asked on the hot path.
    assert!(!seen.commands.iter().any(|(_, line)| line == "NOOP"));
}

fn the_end_of_the_mailer_says_goodbye<D: Driver>() {
    let server = Server::new();
    let mailer = Mailer::new(limited(&server, 2));
    let clone = mailer.clone();
    D::send_at_once(&mailer, messages(2))
        .iter()
        .for_each(assert_sent);
    drop(mailer);
    assert_sent(&D::send(&clone, &message("last")));
    assert_eq!(server.seen().quits, 0, "a clone is left");
    let connections = server.seen().connections;
    drop(clone);
    eventually("a goodbye for each", || server.seen().quits == connections);
    eventually("all are closed", || server.seen().open == 0);
}

fn there_are_never_too_many<D: Driver>() {
    let server = Server::new();
    let mailer = Mailer::new(limited(&server, 3));
    let reports = D::send_at_once(&mailer, messages(40));
    reports.iter().for_each(assert_sent);
    let seen = server.seen();
    assert_eq!(seen.messages.len(), 40);
    assert!(seen.most <= 3, "{} at once", seen.most);
    assert!(
        seen.connections <= 3,
        "{} for 40 messages",
        seen.connections
    );
}

fn a_batch_goes_over_one<D: Driver>() {
    let server = Server::new();
    let mailer = Mailer::new(settings(&server));
    for _ in 0..2 {
        D::send_messages(&mailer, &messages(3))
            .iter()
            .for_each(assert_sent);
    }
    let seen = server.seen();
    assert_eq!(
        (seen.connections, seen.quits, seen.messages.len()),
        (1, 0, 6)
    );
}

/// Closed, told to go, or told something that nobody asked for: no message is risked on it.
fn a_dead_one_is_replaced<D: Driver>() {
    for (words, closes) in [
        ("", true),
        ("421 4.4.2 idle\r\n", true),
        ("421 4.4.2 idle\r\n", false),
        ("250 x\r\n", false),
    ] {
        let server = Server::new();
        let mailer = Mailer::new(settings(&server));
        assert_sent(&D::send(&mailer, &message("a")));
        let commands = server.seen().commands.len();
        server.interject(words, closes);
        assert_sent(&D::send(&mailer, &message("b")));
        let seen = server.seen();
        assert_eq!(seen.messages, ["a", "b"], "{words:?}");
        assert_eq!(seen.connections, 2, "{words:?}");
        let (_, after) = seen.commands.split_at(commands);
        assert!(
            after.iter().all(|(number, _)| *number == 1),
            "{words:?}: {after:?}"
        );
    }
}

fn clones_and_aliases_share<D: Driver>() {
    let server = Server::new();
    let mailer = Mailer::new(settings(&server));
    assert_sent(&D::send(&mailer, &message("a")));
    assert_sent(&D::send(&mailer.clone(), &message("b")));
    assert_sent(&D::send(&mailer.using("default"), &message("c")));
    assert_sent(&D::send(&mailer.clone().allow_files(false), &message("d")));
    assert_eq!(server.seen().connections, 1);
}

fn what_differs_is_apart<D: Driver>() {
    let server = Server::new();
    let mut ann = settings(&server);
    ann.email_host_user = "ann".to_owned();
    ann.email_host_password = "hunter2".into();
    let mailer = Mailer::new(ann);
    assert_sent(&D::send(&mailer, &message("a")));
    mailer.blocking().scope(|| {
        for user in ["bob", "bob", "carl"] {
            let sending =
                posthaste::blocking::send_mail("b", "", "a@example.com", ["b@example.com"]);
            let sending = sending.auth_user(user).auth_password("tr0ub4dor");
            assert_sent(&sending.send().expect("sent"));
        }
    });
    assert_sent(&D::send(&mailer, &message("c")));
    // One for ann, one for bob, one for carl.
    assert_eq!(server.seen().connections, 3);
    let commands = server.seen().commands;
    assert_eq!(
        commands
            .iter()
            .filter(|(_, line)| line.starts_with("AUTH"))
            .count(),
        3
    );
    // A mailer that was changed may connect otherwise.
    let changed = mailer.clone().token_from(|_| Ok("token".into()));
    assert_sent(&D::send(&changed, &message("d")));
    assert_eq!(server.seen().connections, 4);
}

fn a_connection_of_ones_own_is_apart<D: Driver>() {
    let server = Server::new();
    let mailer = Mailer::new(limited(&server, 1));
    assert_sent(&D::send(&mailer, &message("a")));
    let mut own = mailer.blocking().connection().expect("usable settings");
    assert!(own.open().expect("open"));
    // It does not take the only one that may be kept.
    assert_sent(&D::send(&mailer, &message("b")));
    assert_sent(&own.send(&message("c")));
    assert_sent(&own.send(&message("d")));
    assert_eq!((server.seen().connections, server.seen().quits), (2, 0));
    own.close().expect("closed");
    assert_eq!(server.seen().quits, 1, "a goodbye that is waited for");
    assert_sent(&D::send(&mailer, &message("e")));
    assert_eq!(server.seen().connections, 2);
}

fn one_serves_so_many_messages<D: Driver>() {
    let server = Server::new();
    let mut settings = settings(&server);
    settings.email_max_messages = 2;
    let mailer = Mailer::new(settings);
    for one in messages(4) {
        assert_sent(&D::send(&mailer, &one));
    }
    assert_eq!(server.seen().connections, 2);
    D::send_messages(&mailer, &messages(5))
        .iter()
        .for_each(assert_sent);
    assert_eq!(server.seen().connections, 5);
    eventually("goodbyes", || server.seen().quits == 4);
}

fn one_serves_so_long<D: Driver>() {
    let server = Server::new();
    let mut settings = settings(&server);
    settings.email_max_age = Duration::from_nanos(1);
    let mailer = Mailer::new(settings);
    for one in messages(3) {
        assert_sent(&D::send(&mailer, &one));
    }
    assert_eq!(server.seen().connections, 3);
}

fn one_is_not_idle_for_too_long<D: Driver>() {
    let server = Server::new();
    let mut settings = settings(&server);
    settings.email_idle_timeout = Duration::from_millis(50);
    let mailer = Mailer::new(settings);
    for round in 1..3 {
        assert_sent(&D::send(&mailer, &message("a")));
        eventually("a goodbye without another send", || {
            server.seen().quits == round
        });
        eventually("it is closed", || server.seen().open == 0);
    }
}

fn none_is_kept_if_none_may_be_idle<D: Driver>() {
    let server = Server::new();
    let mut settings = settings(&server);
    settings.email_idle_timeout = Duration::ZERO;
    let mailer = Mailer::new(settings);
    for one in messages(3) {
        assert_sent(&D::send(&mailer, &one));
    }
    assert_eq!(server.seen().connections, 3);
}

fn who_waits_gets_the_next<D: Driver>() {
    let server = Server::new();
    let mailer = Mailer::new(limited(&server, 1));
    server.hold("held");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| D::send(&mailer, &message("held")));
        eventually("the first is under way", || {
            server.seen().messages.len() == 1
        });
        let others = scope.spawn(|| D::send_at_once(&mailer, messages(8)));
        server.release();
        assert_sent(&first.join().expect("no panic"));
        others
            .join()
            .expect("no panic")
            .iter()
            .for_each(assert_sent);
    });
    assert_eq!((server.seen().connections, server.seen().most), (1, 1));
}

fn who_waits_in_vain_is_told<D: Driver>() {
    let server = Server::new();
    let mut settings = limited(&server, 1);
    settings.email_send_timeout = Some(Duration::from_millis(300));
    let mailer = Mailer::new(settings);
    let mut own = mailer.blocking().connection().expect("usable settings");
    server.hold("held");
    std::thread::scope(|scope| {
        let patient = Mailer::clone(&mailer);
        let first = scope.spawn(move || D::send(&patient, &message("held")));
        eventually("the first is under way", || {
            server.seen().messages.len() == 1
        });
        // The first one's time may be over just before; then the second is connected, and all may be well.
        let report = D::send(&mailer, &message("late"));
        if let Some(error) = report.error {
            assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
            assert!(error.is_temporary(), "{error}");
            let is_early = error.phase() == Some(Phase::Connect);
            assert!(!(is_early && error.is_in_doubt()), "{error}");
        }
        server.release();
        let first = first.join().expect("no panic");
        assert!(first.error.is_none_or(|error| error.is_in_doubt()));
    });
    assert_sent(&own.send(&message("own")));
    assert_sent(&D::send(&mailer, &message("afterwards")));
}

#[cfg(feature = "tokio")]
mod cancelled {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;
    use crate::common::{Tokio, runtime};

    /// Polls `work` so many times, and then gives it up; `None` if it was not done.
    async fn polled<T>(work: impl Future<Output = T>, times: usize) -> Option<T> {
        let mut work = pin!(work);
        let mut left = times;
        poll_fn(|context| {
            left -= 1;
            match work.as_mut().poll(context) {
                Poll::Pending if left == 0 => Poll::Ready(None),
                polled => polled.map(Some),
            }
        })
        .await
    }

    #[test]
    fn at_any_await_nothing_half_spoken_is_left() {
        let server = Server::new();
        let mailer = Mailer::new(limited(&server, 1));
        // There are to be many places to cut.
        server.slow_down();
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().expect("a runtime");
        for is_cold in [true, false] {
            let mut cuts = 0;
            for times in 1..100 {
                if is_cold {
                    server.interject("", true);
                }
                let tried = runtime.block_on(polled(mailer.send(&message("cut")), times));
                if let Some(report) = tried {
                    assert_sent(&report);
                    break;
                }
                cuts += 1;
                // The slot is free, and the connection is new or good.
                assert_sent(&runtime.block_on(mailer.send(&message("whole"))));
            }
            assert!((1..99).contains(&cuts), "{cuts}");
        }
        drop(mailer);
        eventually("all are closed", || server.seen().open == 0);
    }

    #[test]
    fn who_gives_up_waiting_is_not_waited_for() {
        let server = Server::new();
        let mailer = Mailer::new(limited(&server, 1));
        server.hold("held");
        let sends = |name: &str| {
            let (mailer, message) = (mailer.clone(), message(name));
            runtime().spawn(async move { mailer.send(&message).await })
        };
        let first = sends("held");
        eventually("the first is under way", || {
            server.seen().messages.len() == 1
        });
        let gives_up = runtime().block_on(polled(mailer.send(&message("never")), 1));
        assert!(gives_up.is_none());
        let (second, third) = (sends("second"), sends("third"));
        second.abort();
        server.release();
        assert_sent(&runtime().block_on(first).expect("no panic"));
        assert_sent(&runtime().block_on(third).expect("no panic"));
        assert!(!server.seen().messages.contains(&"never".to_owned()));
        assert_eq!(server.seen().most, 1);
    }

    #[test]
    fn a_send_that_is_cut_off_frees_its_place() {
        let server = Server::new();
        let mailer = Mailer::new(limited(&server, 1));
        server.hold("held");
        let (own, held) = (mailer.clone(), message("held"));
        let first = runtime().spawn(async move { own.send(&held).await });
        eventually("the first is under way", || {
            server.seen().messages.len() == 1
        });
        first.abort();
        server.release();
        assert_sent(&Tokio::send(&mailer, &message("next")));
        assert_eq!(
            server.seen().connections,
            2,
            "the cut one is not used again"
        );
    }
}

#[cfg(feature = "tokio")]
mod runtimes {
    use super::*;

    fn on_a_runtime_of_its_own(mailer: &Mailer, name: &str) {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().expect("a runtime");
        let message = message(name);
        assert_sent(&runtime.block_on(mailer.send(&message)));
        assert_sent(&runtime.block_on(mailer.send(&message)));
    }

    /// As with a global mailer in tests, each of which has its own runtime.
    #[test]
    fn a_connection_ends_with_its_runtime() {
        let server = Server::new();
        let mailer = Mailer::new(limited(&server, 1));
        for name in ["one", "two", "three"] {
            on_a_runtime_of_its_own(&mailer, name);
        }
        let seen = server.seen();
        assert_eq!((seen.connections, seen.messages.len()), (3, 6));
        eventually("goodbyes, though nobody can wait any more", || {
            server.seen().quits == 2
        });
    }

    /// A runtime that is there, but that nobody runs, wakes nobody.
    #[test]
    fn a_connection_of_another_runtime_is_left_alone() {
        let server = Server::new();
        let mailer = Mailer::new(limited(&server, 2));
        let runtime = || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_all().build().expect("a runtime")
        };
        let (first, second) = (runtime(), runtime());
        for on in [&first, &second, &first, &second] {
            assert_sent(&on.block_on(mailer.send(&message("a"))));
        }
        assert_eq!(server.seen().connections, 2);
    }

    /// An open connection is replaced, too.
    #[test]
    fn a_connection_of_ones_own_outlives_its_runtime() {
        let server = Server::new();
        let mailer = Mailer::new(settings(&server));
        let mut own = mailer.connection().expect("usable settings");
        for round in 1..3 {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let runtime = builder.enable_all().build().expect("a runtime");
            runtime.block_on(async {
                own.open().await.expect("open");
                assert_sent(&own.send(&message("a")).await);
            });
            assert_eq!(server.seen().connections, round);
        }
    }
}
