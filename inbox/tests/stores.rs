//! Both stores keep, find, drop and delete the same.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{arrival, lines, recipient};
use posthaste_inbox::mail::{Arrival, Id};
use posthaste_inbox::query::Query;
use posthaste_inbox::store::{Memory, Page, Retention, Sqlite, Stats, Store};
use posthaste_inbox::transcript::{Line, Speaker, Transcript};
use proptest::prelude::*;
use tempfile::TempDir;

/// Runs a test on each store.
macro_rules! each_store {
    ($($name:ident($store:ident, $retention:expr) $body:block)*) => {
        $(mod $name {
            use super::*;

            async fn test($store: &dyn Store) $body

            #[tokio::test]
            async fn memory() {
                test(&Memory::new($retention)).await;
            }

            #[tokio::test]
            async fn sqlite() {
                let folder = TempDir::new().expect("a folder");
                test(&open(&folder, $retention)).await;
            }
        })*
    };
}

fn open(folder: &TempDir, retention: Retention) -> Sqlite {
    Sqlite::open(folder.path().join("inbox.db"), retention).expect("a new file")
}

fn subject(subject: &str) -> Arrival {
    arrival(lines(&[&format!("Subject: {subject}"), "", "Hello"]))
}

async fn add(store: &dyn Store, arrival: Arrival) -> Id {
    store.add(arrival).await.expect("kept").mail.id
}

async fn found(store: &dyn Store, query: &str) -> Vec<Id> {
    let query: Query = query.parse().expect("a query");
    let page = Page {
        limit: 1_000,
        ..Page::default()
    };
    let found = store.list(&query, page).await.expect("a list");
    let ids: Vec<_> = found.mails.iter().map(|(mail, _)| mail.id).collect();
    assert_eq!(ids.len(), found.total);
    ids
}

async fn stats(store: &dyn Store) -> Stats {
    store.stats().await.expect("counts")
}

each_store! {
    a_mail_comes_back_as_it_was(store, Retention::default()) {
        let mut arrival = arrival("Subject: \u{0}\r\n\r\n\r\n.");
        arrival.mailbox = "ann".to_owned();
        arrival.envelope.recipients.push(recipient("bob@example.com", "550-5.1.1 no\r\n550 5.1.1 never"));
        arrival.envelope.body = Some("8BITMIME".to_owned());
        arrival.envelope.priority = Some(-3);
        arrival.session.user = Some("Ann".to_owned());
        arrival.session.duration_us = u64::from(u32::MAX) * 9;
        arrival.reply = None;
        let line = |text: &str| Line {
            at: Duration::from_nanos(1_234_567_891),
            speaker: Speaker::Server,
            text: text.to_owned(),
            joined: true,
        };
        arrival.transcript = Transcript { opening: [line("220 hi")].into(), lines: [line("250 ok")].into() };
        let (envelope, session) = (arrival.envelope.clone(), arrival.session.clone());
        let (transcript, raw) = (arrival.transcript.clone(), arrival.raw.clone());
        let added = store.add(arrival).await.expect("kept");
        assert!(added.dropped.is_empty());
        let mail = store.get(1).await.expect("a store").expect("a mail");
        assert_eq!((added.mail.id, mail.id), (1, 1));
        assert_eq!(*mail.raw, *raw);
        assert_eq!((&mail.envelope, &mail.session), (&envelope, &session));
        assert_eq!((mail.mailbox.as_str(), mail.reply.is_none(), mail.is_taken()), ("ann", true, false));
        assert_eq!((&mail.transcript.opening, &mail.transcript.lines), (&transcript.opening, &transcript.lines));
        assert_eq!(mail.received.as_microsecond(), added.mail.received.as_microsecond());
        assert!(store.get(2).await.expect("a store").is_none());
        assert!(store.get(u64::MAX).await.expect("a store").is_none());
    }

    pages_follow_each_other(store, Retention::default()) {
        for number in 1..=7 {
            add(store, subject(&format!("mail {number}"))).await;
        }
        for query in ["", "mail", "header:subject=mail"] {
            let query: Query = query.parse().expect("a query");
            let page = |before, after, limit| Page { before, after, limit };
            for (page, ids, more) in [
                (page(None, None, 3), vec![7, 6, 5], true),
                (page(Some(5), None, 3), vec![4, 3, 2], true),
                (page(Some(2), None, 3), vec![1], false),
                (page(Some(1), None, 3), vec![], false),
                (page(None, Some(5), 3), vec![7, 6], false),
                (page(None, Some(5), 1), vec![7], true),
                (page(Some(6), Some(3), 3), vec![5, 4], false),
                (page(None, Some(7), 3), vec![], false),
                (page(None, None, 0), vec![], true),
            ] {
                let found = store.list(&query, page).await.expect("a list");
                let got: Vec<_> = found.mails.iter().map(|(mail, _)| mail.id).collect();
                assert_eq!((got, found.more, found.total), (ids, more, 7), "{query:?} {page:?}");
            }
        }
    }

    boxes_are_apart(store, Retention::default()) {
        for (mailbox, is_taken) in [("ann", true), ("bob", true), ("ann", false), ("ann", true)] {
            let mut arrival = subject("x");
            arrival.mailbox = mailbox.to_owned();
            if !is_taken {
                arrival.reply = "550 no".parse().ok();
            }
            add(store, arrival).await;
        }
        for (mailbox, taken, ids) in [
            (Some("ann"), None, vec![4, 3, 1]),
            (Some("ann"), Some(true), vec![4, 1]),
            (Some("Ann"), None, vec![]),
            (None, Some(false), vec![3]),
        ] {
            let mut query = Query { mailbox: mailbox.map(str::to_owned), taken, ..Query::default() };
            let found = store.list(&query, Page::default()).await.expect("a list");
            let got: Vec<_> = found.mails.iter().map(|(mail, _)| mail.id).collect();
            assert_eq!((got, found.total), (ids.clone(), ids.len()));
            query.ids = vec![1, 3, 3, 99];
            let found = store.list(&query, Page::default()).await.expect("a list");
            assert_eq!(found.total, ids.iter().filter(|id| [1, 3].contains(*id)).count());
        }
        assert_eq!(stats(store).await.boxes, [("ann".to_owned(), 3), ("bob".to_owned(), 1)]);
    }

    marks_and_counts_agree(store, Retention::default()) {
        for number in 0..3 {
            add(store, subject(&number.to_string())).await;
        }
        assert!(store.mark(1, true).await.expect("a store"));
        assert!(store.mark(1, true).await.expect("a store"));
        assert!(store.mark(2, false).await.expect("a store"));
        assert!(!store.mark(9, true).await.expect("a store"));
        assert_eq!(stats(store).await.unread, 2);
        assert_eq!(found(store, "is:read").await, [1]);
        assert_eq!(found(store, "is:unread").await, [3, 2]);
        assert!(store.mark(1, false).await.expect("a store"));
        assert_eq!(stats(store).await.unread, 3);
    }

    deleted_is_deleted(store, Retention::default()) {
        for number in 1..=4 {
            add(store, subject(&format!("mail {number}"))).await;
        }
        store.mark(2, true).await.expect("a store");
        let gone = store.delete(&"mail is:read".parse().expect("a query")).await.expect("a store");
        assert_eq!(gone, [2]);
        let by_number = Query { ids: vec![3, 2, 9], ..Query::default() };
        assert_eq!(store.delete(&by_number).await.expect("a store"), [3]);
        assert!(store.get(3).await.expect("a store").is_none());
        assert_eq!(found(store, "mail").await, [4, 1]);
        let counts = stats(store).await;
        assert_eq!((counts.mails, counts.unread, counts.last, counts.dropped), (2, 2, 4, 0));
        assert_eq!(store.delete(&Query::default()).await.expect("a store"), [1, 4]);
        let counts = stats(store).await;
        assert_eq!((counts.mails, counts.unread, counts.octets, counts.boxes.len()), (0, 0, 0, 0));
        assert_eq!(add(store, subject("new")).await, 5);
    }

    the_oldest_go_when_there_are_too_many(store, Retention { mails: 3, ..Retention::default() }) {
        for number in 1..=3 {
            add(store, subject(&number.to_string())).await;
        }
        store.mark(1, true).await.expect("a store");
        let added = store.add(subject("4")).await.expect("kept");
        assert_eq!(added.dropped, [1]);
        assert!(store.get(1).await.expect("a store").is_none());
        assert_eq!(found(store, "").await, [4, 3, 2]);
        assert!(found(store, "subject:1").await.is_empty());
        let counts = stats(store).await;
        assert_eq!((counts.mails, counts.unread, counts.dropped), (3, 3, 1));
    }

    the_oldest_go_when_they_are_too_large(store, Retention { octets: 100, ..Retention::default() }) {
        for _ in 0..2 {
            add(store, arrival("x".repeat(40))).await;
        }
        let added = store.add(arrival("x".repeat(61))).await.expect("kept");
        assert_eq!(added.dropped, [1, 2]);
        let added = store.add(arrival("x".repeat(39))).await.expect("kept");
        assert_eq!(added.dropped, Vec::<Id>::new());
        let added = store.add(arrival("x".repeat(1_000))).await.expect("kept");
        assert_eq!(added.dropped, [3, 4]);
        assert_eq!((stats(store).await.octets, stats(store).await.dropped), (1_000, 4));
    }

    the_oldest_go_when_they_are_too_old(store, Retention { age: Some(Duration::ZERO), ..Retention::default() }) {
        add(store, subject("1")).await;
        // The clock has to go on by a microsecond, which is more than a commit or less.
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert_eq!(store.add(subject("2")).await.expect("kept").dropped, [1]);
        assert_eq!(found(store, "").await, [2]);
    }
}

#[tokio::test]
async fn a_file_is_there_again_after_a_restart() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder, Retention::default());
    for number in 1..=3 {
        add(&store, subject(&format!("mail {number}"))).await;
    }
    store.mark(2, true).await.expect("a store");
    let last = Query {
        ids: vec![3],
        ..Query::default()
    };
    store.delete(&last).await.expect("a store");
    let before = stats(&store).await;
    drop(store);
    let store = open(&folder, Retention::default());
    assert_eq!(stats(&store).await, before);
    assert_eq!(found(&store, "mail").await, [2, 1]);
    assert_eq!(found(&store, "is:read").await, [2]);
    assert_eq!(add(&store, subject("mail 4")).await, 4);
    drop(store);
    let fewer = Retention {
        mails: 1,
        ..Retention::default()
    };
    let store = open(&folder, fewer);
    assert_eq!(found(&store, "").await, [4]);
    assert_eq!(stats(&store).await.dropped, 2);
}

#[tokio::test]
async fn many_write_at_once() {
    let folder = TempDir::new().expect("a folder");
    let store = Arc::new(open(&folder, Retention::default()));
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { add(&*store, subject(&format!("n{number}"))).await })
        })
        .collect();
    let mut ids = Vec::new();
    for task in tasks {
        ids.push(task.await.expect("kept"));
    }
    ids.sort_unstable();
    assert_eq!(ids, (1..=200).collect::<Vec<_>>());
    // n17, and n170 to n179.
    assert_eq!(found(&*store, "n17").await.len(), 11);
}

#[test]
fn a_file_that_is_no_inbox_is_left_alone() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("x.db");
    let error = || {
        let error = Sqlite::open(&path, Retention::default()).expect_err("no inbox");
        error
            .to_string()
            .replace(&path.display().to_string(), "x.db")
    };
    let text = "This is a letter, and no database. ".repeat(100);
    std::fs::write(&path, &text).expect("written");
    assert_eq!(error(), "x.db is no database");
    assert_eq!(std::fs::read_to_string(&path).expect("text"), text);

    std::fs::remove_file(&path).expect("removed");
    let other = rusqlite::Connection::open(&path).expect("a database");
    other
        .execute_batch("CREATE TABLE notes (text)")
        .expect("a table");
    assert_eq!(error(), "x.db is a database, but not of an inbox");

    std::fs::remove_file(&path).expect("removed");
    drop(Sqlite::open(&path, Retention::default()).expect("a new file"));
    let newer = rusqlite::Connection::open(&path).expect("a database");
    newer
        .pragma_update(None, "user_version", 2)
        .expect("a version");
    assert_eq!(
        error(),
        "x.db is of a newer version (2; this one knows up to 1)"
    );

    newer
        .pragma_update(None, "user_version", 1)
        .expect("a version");
    drop(newer);
    let first = Sqlite::open(&path, Retention::default()).expect("a file");
    assert_eq!(error(), "x.db is in use by another inbox");
    drop(first);
    drop(Sqlite::open(&path, Retention::default()).expect("free again"));

    let nowhere = folder.path().join("none/x.db");
    assert!(Sqlite::open(&nowhere, Retention::default()).is_err());
}

/// Texts that share words, and queries that ask for them.
fn text() -> impl Strategy<Value = String> {
    let words = [
        "ann",
        "Anne",
        "annex",
        "café",
        "CAFE",
        "认证码",
        "認",
        "report",
        "re:port",
        "a-b",
        "b",
        "_",
        "'",
        "٣",
        "ß",
        "SS",
        "İ",
        "ﬁn",
        "e\u{301}",
        "x\u{200b}y",
        "ann@example.com",
        "example",
        "*",
        "(",
        "NEAR",
        "AND",
        "😀",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..6)
        .prop_map(|words| words.join(" "))
}

fn query() -> impl Strategy<Value = String> {
    let fields = [
        "",
        "-",
        "subject:",
        "-body:",
        "to:",
        "header:subject=",
        "-header:x-other=",
    ];
    let free = (prop::sample::select(fields.to_vec()), text())
        .prop_map(|(field, text)| format!("{field}\"{text}\""));
    let fixed = [
        "is:read",
        "-is:read",
        "is:taken",
        "is:refused",
        "larger:60",
        "smaller:60",
        "has:text",
        "-has:attachment",
        "tag:b",
        "box:ann",
        "-user:ann",
        "code:2",
        "code:25",
        "-code:5.1.1",
        "after:1h",
        "before:1h",
        "ann",
        "caf",
        "认",
    ];
    let term = prop_oneof![
        free,
        prop::sample::select(fixed.to_vec()).prop_map(str::to_owned)
    ];
    prop::collection::vec(term, 0..4).prop_map(|terms| terms.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_stores_find_the_same(
        mails in prop::collection::vec((text(), text(), 0..8_u8), 1..12),
        queries in prop::collection::vec(query(), 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let folder = TempDir::new().expect("a folder");
            let (memory, sqlite) = (Memory::default(), open(&folder, Retention::default()));
            for (subject, body, kind) in &mails {
                let make = || {
                    let raw = lines(&[&format!("Subject: {subject}"), &format!("X-Tags: {subject}"), "", body]);
                    let mut arrival = arrival(raw);
                    if kind & 1 > 0 {
                        arrival.mailbox = "ann".to_owned();
                        arrival.session.user = Some("Ann".to_owned());
                    }
                    if kind & 2 > 0 {
                        arrival.reply = "554 5.6.0 no".parse().ok();
                    }
                    arrival
                };
                let id = add(&memory, make()).await;
                assert_eq!(add(&sqlite, make()).await, id);
                for store in [&memory as &dyn Store, &sqlite] {
                    store.mark(id, kind & 4 > 0).await.expect("marked");
                }
            }
            for query in &queries {
                if query.parse::<Query>().is_ok() {
                    assert_eq!(found(&memory, query).await, found(&sqlite, query).await, "{query}");
                }
            }
            assert_eq!(stats(&memory).await, stats(&sqlite).await);
        });
    }
}
