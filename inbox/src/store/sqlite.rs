//! Mails in a file, for more than memory holds and longer than a process lives.
//!
//! One thread writes: what waits for it while it commits goes into its next commit together. Two threads read, each from the
//! state that was committed last.

mod file;
mod reader;
mod record;
mod search;
mod writer;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::{Added, Found, Later, Page, Retention, Stats, Store, StoreError};
use crate::mail::{Arrival, Id, Mail};
use crate::query::Query;
use reader::Readers;
use writer::{Incoming, Writer};

/// Keeps mails in a file of SQLite.
pub struct Sqlite {
    writer: Writer,
    readers: Readers,
    shared: Arc<Shared>,
}

/// What threads of a store share.
#[derive(Default)]
struct Shared {
    counts: Mutex<Counts>,
    recent: Mutex<Recent>,
}

/// What was counted up to the last commit.
#[derive(Clone, Debug, Default)]
struct Counts {
    unread: usize,
    octets: u64,
    dropped: u64,
    last: Id,
    boxes: BTreeMap<String, Count>,
}

/// How many mails of a box were taken, and how many not.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    taken: usize,
    refused: usize,
}

impl Sqlite {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    ///
    /// When it is no database, or one of something else or of a newer version; when another inbox uses it; when it cannot
    /// be read or written.
    pub fn open(path: impl AsRef<Path>, retention: Retention) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let shared = Arc::new(Shared::default());
        // The writer makes the tables that readers ask for.
        let writer = Writer::start(path, retention, Arc::clone(&shared))?;
        let readers = Readers::start(path)?;
        Ok(Self {
            writer,
            readers,
            shared,
        })
    }
}

impl Store for Sqlite {
    fn add(&self, arrival: Arrival) -> Later<'_, Added> {
        // Here, and not where all others wait for it.
        let incoming = Incoming::new(Mail::new(0, Timestamp::now(), arrival));
        Box::pin(async move {
            let added = self.writer.add(incoming?).await?;
            self.shared.recent().keep(&added.mail);
            Ok(added)
        })
    }

    fn get(&self, id: Id) -> Later<'_, Option<Arc<Mail>>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(
            self.readers
                .read(move |connection| reader::mail(connection, &shared, id)),
        )
    }

    fn list<'s>(&'s self, query: &'s Query, page: Page) -> Later<'s, Found> {
        let shared = Arc::clone(&self.shared);
        let query = query.clone();
        Box::pin(
            self.readers
                .read(move |connection| search::list(connection, &shared, &query, page)),
        )
    }

    fn delete<'s>(&'s self, query: &'s Query) -> Later<'s, Vec<Id>> {
        let query = query.clone();
        Box::pin(async move {
            let found = self
                .readers
                .read(move |connection| search::ids(connection, &query));
            self.writer.delete(found.await?).await
        })
    }

    fn mark(&self, id: Id, read: bool) -> Later<'_, bool> {
        Box::pin(self.writer.mark(id, read))
    }

    fn stats(&self) -> Later<'_, Stats> {
        let counts = self.shared.counts().clone();
        Box::pin(std::future::ready(Ok(counts.stats())))
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").finish_non_exhaustive()
    }
}

impl Shared {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn stats(self) -> Stats {
        let boxes = self.boxes.into_iter();
        let boxes: Vec<_> = boxes
            .map(|(name, count)| (name, count.taken + count.refused))
            .collect();
        Stats {
            mails: boxes.iter().map(|(_, mails)| mails).sum(),
            unread: self.unread,
            octets: self.octets,
            dropped: self.dropped,
            last: self.last,
            boxes,
        }
    }

    /// How many mails a query finds that has no words.
    fn total(&self, query: &Query) -> usize {
        let asked = query.mailbox.as_ref();
        let boxes = self.boxes.iter();
        boxes
            .filter(|(name, _)| asked.is_none_or(|asked| asked == *name))
            .map(|(_, count)| match query.taken {
                None => count.taken + count.refused,
                Some(true) => count.taken,
                Some(false) => count.refused,
            })
            .sum()
    }
}

/// The mails that were asked for last: their views are made once, not for every request.
#[derive(Default)]
struct Recent {
    mails: VecDeque<Arc<Mail>>,
    octets: usize,
}

impl Recent {
    const MAILS: usize = 256;
    const OCTETS: usize = 8 << 20;

    fn find(&self, id: Id) -> Option<Arc<Mail>> {
        self.mails.iter().find(|mail| mail.id == id).cloned()
    }

    fn keep(&mut self, mail: &Arc<Mail>) {
        if self.find(mail.id).is_some() {
            return;
        }
        self.octets += mail.raw.len();
        self.mails.push_back(Arc::clone(mail));
        while self.mails.len() > Self::MAILS || self.octets > Self::OCTETS {
            let Some(oldest) = self.mails.pop_front() else {
                break;
            };
            self.octets -= oldest.raw.len();
        }
    }

    fn forget(&mut self, ids: &[Id]) {
        let octets = &mut self.octets;
        self.mails.retain(|mail| {
            let goes = ids.contains(&mail.id);
            *octets -= if goes { mail.raw.len() } else { 0 };
            !goes
        });
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

/// SQLite's integers have a sign.
fn integer(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn natural<N: TryFrom<i64> + Default>(integer: i64) -> N {
    integer.try_into().unwrap_or_default()
}
