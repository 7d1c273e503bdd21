//! A hundred thousand mails of 5 kB: how much memory they take. Run by hand: `cargo test -p posthaste-inbox --release --test
//! volume -- --ignored --nocapture --test-threads 1`. Times are told and not judged.

#![allow(
    clippy::print_stderr,
    reason = "it is run by hand to see these figures"
)]

mod common;

use std::time::Instant;

use common::{arrival, lines};
use posthaste_inbox::query::Query;
use posthaste_inbox::store::{Memory, Page, Retention, Sqlite, Store};

const MAILS: usize = 100_000;

async fn fill(store: &dyn Store) -> u64 {
    let before = resident();
    let start = Instant::now();
    let text = "The quick brown fox jumps over the lazy dog, and nobody knows why it does.\r\n";
    for number in 0..MAILS {
        let subject = format!("Subject: Order {number}");
        let body = format!("Number {}\r\n{}", number * 7_919 % 100_003, text.repeat(64));
        let raw = lines(&[
            "From: shop@example.com",
            "To: ann@example.com",
            &subject,
            "",
            &body,
        ]);
        store.add(arrival(raw)).await.expect("kept");
    }
    eprintln!("{MAILS} mails in {:?}", start.elapsed());
    for text in [
        "",
        "number",
        "order 4711",
        "\"number 4711\"",
        "lazy",
        "has:html",
        "header:subject=4711",
    ] {
        let query: Query = text.parse().expect("a query");
        let start = Instant::now();
        let found = store.list(&query, Page::default()).await.expect("a list");
        eprintln!("{text:24} {:7} found in {:?}", found.total, start.elapsed());
    }
    let start = Instant::now();
    store.stats().await.expect("counts");
    eprintln!("stats in {:?}", start.elapsed());
    (resident() - before) >> 20
}

/// The memory of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.unwrap_or(0_u64) << 10
}

fn all() -> Retention {
    Retention {
        mails: MAILS,
        octets: u64::MAX,
        age: None,
    }
}

#[tokio::test]
#[ignore = "takes a minute, and wants a release build"]
async fn in_memory() {
    let used = fill(&Memory::new(all())).await;
    eprintln!("{used} MiB");
    assert!(used < 700, "{used} MiB");
}

#[tokio::test]
#[ignore = "takes minutes, and wants a release build"]
async fn in_a_file() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let store = Sqlite::open(folder.path().join("inbox.db"), all()).expect("a new file");
    let used = fill(&store).await;
    eprintln!("{used} MiB");
    assert!(used < 60, "{used} MiB");
}
