//! Scopes: the mail of one test must not land in another's outbox, nor in earnest.

use std::panic::{AssertUnwindSafe, catch_unwind};

use posthaste::Outbox;
use posthaste::blocking::send;

use crate::message;

fn sent(outbox: &Outbox) -> Vec<String> {
    outbox
        .messages()
        .iter()
        .map(|mail| mail.subject.clone())
        .collect()
}

fn mail(name: &str) {
    assert_eq!(send(message(name)).send().expect("sent").count(), 1);
}

#[test]
fn an_inner_scope_ends_and_the_outer_one_is_back() {
    let (outer, inner) = (Outbox::new(), Outbox::new());
    outer.mailer().blocking().scope(|| {
        mail("a");
        inner.mailer().blocking().scope(|| mail("b"));
        mail("c");
    });
    assert_eq!(
        (sent(&outer), sent(&inner)),
        (vec!["a".into(), "c".into()], vec!["b".into()])
    );
}

#[test]
fn a_panic_ends_a_scope() {
    let (outer, inner) = (Outbox::new(), Outbox::new());
    outer.mailer().blocking().scope(|| {
        let panicking = || inner.mailer().blocking().scope(|| panic!("on purpose"));
        assert!(catch_unwind(AssertUnwindSafe(panicking)).is_err());
        mail("a");
    });
    assert_eq!((outer.len(), inner.len()), (1, 0));
}

#[test]
fn another_thread_has_no_part_in_a_scope() {
    let (here, there) = (Outbox::new(), Outbox::new());
    here.mailer().blocking().scope(|| {
        let mailer = there.mailer().blocking();
        std::thread::scope(|threads| {
            threads.spawn(|| mailer.scope(|| mail("there")));
        });
        mail("here");
    });
    assert_eq!(
        (sent(&here), sent(&there)),
        (vec!["here".into()], vec!["there".into()])
    );
}

/// Sends a mail when it is dropped, as a guard of a user's own may.
struct Parting;

impl Drop for Parting {
    fn drop(&mut self) {
        mail("parting");
    }
}

/// A future that is given up half-way is dropped in its scope: a test's last mail must not leave in earnest.
#[test]
fn a_future_that_is_given_up_is_dropped_in_its_scope() {
    let (outer, inner) = (Outbox::new(), Outbox::new());
    outer.mailer().blocking().scope(|| {
        let parting = Parting;
        let future = inner.mailer().scope(async move {
            let _parting = parting;
            std::future::pending::<()>().await;
        });
        drop(future);
        mail("a");
    });
    assert_eq!(
        (sent(&outer), sent(&inner)),
        (vec!["a".into()], vec!["parting".into()])
    );
}

#[cfg(feature = "tokio")]
mod tasks {
    use super::*;

    async fn mail(name: String) {
        let sending = posthaste::send(message(&name));
        assert_eq!(sending.await.expect("sent").count(), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn many_scopes_on_one_runtime_never_mix() {
        let tasks = (0..64).map(|task| {
            tokio::spawn(async move {
                let outbox = Outbox::new();
                let work = async {
                    for number in 0..20 {
                        tokio::task::yield_now().await;
                        mail(format!("t{task}n{number}")).await;
                    }
                };
                outbox.mailer().scope(work).await;
                (task, outbox)
            })
        });
        let tasks: Vec<_> = tasks.collect();
        for task in tasks {
            let (task, outbox) = task.await.expect("no panic");
            let expected: Vec<_> = (0..20).map(|number| format!("t{task}n{number}")).collect();
            assert_eq!(sent(&outbox), expected);
        }
    }

    #[tokio::test]
    async fn scopes_that_run_in_turn_on_one_thread_do_not_mix() {
        let outboxes = [Outbox::new(), Outbox::new()];
        let work = |name: &'static str| async move {
            for number in 0..5 {
                tokio::task::yield_now().await;
                mail(format!("{name}{number}")).await;
            }
        };
        tokio::join!(
            outboxes[0].mailer().scope(work("a")),
            outboxes[1].mailer().scope(work("b"))
        );
        for (outbox, name) in outboxes.iter().zip(["a", "b"]) {
            assert_eq!(outbox.len(), 5);
            assert!(sent(outbox).iter().all(|subject| subject.starts_with(name)));
        }
    }

    #[tokio::test]
    async fn nested_scopes_of_futures_end_in_their_order() {
        let (outer, inner) = (Outbox::new(), Outbox::new());
        outer
            .mailer()
            .scope(async {
                mail("a".into()).await;
                inner
                    .mailer()
                    .scope(async {
                        tokio::task::yield_now().await;
                        mail("b".into()).await;
                    })
                    .await;
                mail("c".into()).await;
            })
            .await;
        assert_eq!(
            (sent(&outer), sent(&inner)),
            (vec!["a".into(), "c".into()], vec!["b".into()])
        );
    }

    #[tokio::test]
    async fn a_task_that_panics_leaves_no_scope_behind_on_its_thread() {
        let (around, inner) = (Outbox::new(), Outbox::new());
        // On this runtime of one thread the task runs on the very thread that looks afterwards.
        let scoped = inner.mailer();
        let panicking =
            tokio::spawn(async move { scoped.scope(async { panic!("on purpose") }).await });
        assert!(panicking.await.is_err());
        let mailer = around.mailer();
        mailer.scope(mail("a".into())).await;
        let left = posthaste::Mailer::current().map(|mailer| mailer.outbox().len());
        assert!(!matches!(left, Ok(1)), "no scope is in force here");
        assert_eq!((around.len(), inner.len()), (1, 0));
    }
}
