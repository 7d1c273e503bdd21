//! Where mails are kept.

pub mod memory;
pub mod sqlite;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::mail::{Arrival, Id, Mail};
use crate::query::Query;

pub use memory::Memory;
pub use sqlite::Sqlite;

/// A future that a [`Store`] gives.
pub type Later<'s, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 's>>;

/// Where mails are kept. Numbers grow; the newest mail has the highest.
pub trait Store: Send + Sync + fmt::Debug {
    /// Keeps a mail, and drops the oldest where that goes beyond a limit. When it is done the mail is as safe as it will be.
    fn add(&self, arrival: Arrival) -> Later<'_, Added>;

    /// The mail of this number.
    fn get(&self, id: Id) -> Later<'_, Option<Arc<Mail>>>;

    /// The newest mails that a query finds, newest first.
    fn list<'s>(&'s self, query: &'s Query, page: Page) -> Later<'s, Found>;

    /// Deletes what a query finds, and says which they were.
    fn delete<'s>(&'s self, query: &'s Query) -> Later<'s, Vec<Id>>;

    /// Notes that somebody read a mail, or that it is to count as unread. Says whether there is such a mail.
    fn mark(&self, id: Id, read: bool) -> Later<'_, bool>;

    /// How much is kept.
    fn stats(&self) -> Later<'_, Stats>;
}

/// What became of an [`Arrival`].
#[derive(Debug)]
pub struct Added {
    /// The mail, with its number.
    pub mail: Arc<Mail>,
    /// The mails that had to go for it.
    pub dropped: Vec<Id>,
}

/// Which part of what a query finds.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Only mails with lower numbers than this.
    pub before: Option<Id>,
    /// Only mails with higher numbers than this.
    pub after: Option<Id>,
    /// At most so many.
    pub limit: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            before: None,
            after: None,
            limit: 50,
        }
    }
}

impl Page {
    /// Whether a mail may be on it.
    pub(crate) fn has(&self, id: Id) -> bool {
        self.before.is_none_or(|before| id < before) && self.after.is_none_or(|after| id > after)
    }
}

/// What a query found.
#[derive(Debug, Default)]
pub struct Found {
    /// The mails, newest first, and whether each was read.
    pub mails: Vec<(Arc<Mail>, bool)>,
    /// Whether there are older ones.
    pub more: bool,
    /// How many the query finds in all.
    pub total: usize,
}

/// How much is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Mails.
    pub mails: usize,
    /// Of them not read.
    pub unread: usize,
    /// Octets of their contents.
    pub octets: u64,
    /// Mails that had to go because of a limit, since the start.
    pub dropped: u64,
    /// The highest number that was given; 0 at first.
    pub last: Id,
    /// The boxes that have mail, with how many, by name.
    pub boxes: Vec<(String, usize)>,
}

/// What is kept at most. What is too much drops the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Mails: 10,000.
    pub mails: usize,
    /// Octets of contents: 512 MiB.
    pub octets: u64,
    /// Days, hours, … since it came; no limit at first.
    pub age: Option<std::time::Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            mails: 10_000,
            octets: 512 << 20,
            age: None,
        }
    }
}

impl Retention {
    pub(crate) fn is_too_old(&self, received: Timestamp, now: Timestamp) -> bool {
        let most = self.age.and_then(|age| SignedDuration::try_from(age).ok());
        most.is_some_and(|most| now.duration_since(received) > most)
    }
}

/// Why a store could not do what was asked: the disk is full, the file is no database, ….
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(pub String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreError {}
