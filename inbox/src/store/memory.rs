//! Mails in memory.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::runtime::Handle;

use super::{Added, Found, Later, Page, Retention, Stats, Store, StoreError};
use crate::mail::{Arrival, Id, Mail};
use crate::query::Query;

/// Of so many mails the view is kept that was made for whoever looked at them.
const VIEWS: usize = 256;

/// Keeps mails in memory, and loses them with the process.
#[derive(Debug, Default)]
pub struct Memory {
    retention: Retention,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest first.
    mails: VecDeque<Arc<Mail>>,
    read: HashSet<Id>,
    /// The mails that were handed out last, and may have a view.
    shown: VecDeque<Id>,
    boxes: BTreeMap<String, Count>,
    octets: u64,
    dropped: u64,
    last: Id,
}

/// How many mails of a box were taken, and how many not.
#[derive(Debug, Default)]
struct Count {
    taken: usize,
    refused: usize,
}

/// A mail, and whether it was read.
type Entry = (Arc<Mail>, bool);

impl Memory {
    /// An empty store.
    pub fn new(retention: Retention) -> Self {
        Self {
            retention,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mails that a query finds, newest first. Texts are searched without the lock, and not where others wait for their turn.
    async fn find(&self, query: &Query) -> Result<Vec<Entry>, StoreError> {
        let entries = self.state().entries(query);
        if query.is_simple() {
            return Ok(entries);
        }
        let query = query.clone();
        let search = move || {
            let mut entries = entries;
            entries.retain(|(mail, is_read)| query.matches(mail, *is_read));
            entries
        };
        match Handle::try_current() {
            Ok(runtime) => runtime
                .spawn_blocking(search)
                .await
                .map_err(|error| StoreError(error.to_string())),
            Err(_) => Ok(search()),
        }
    }
}

impl Store for Memory {
    fn add(&self, arrival: Arrival) -> Later<'_, Added> {
        let mut state = self.state();
        let now = Timestamp::now();
        state.last += 1;
        let mail = Arc::new(Mail::new(state.last, now, arrival));
        state.octets += mail.raw.len() as u64;
        state.count(&mail);
        state.mails.push_back(Arc::clone(&mail));
        let id = mail.id;
        state.shown(id);
        let dropped = state.make_room(&self.retention, now);
        Box::pin(ready(Ok(Added { mail, dropped })))
    }

    fn get(&self, id: Id) -> Later<'_, Option<Arc<Mail>>> {
        let mut state = self.state();
        let found = state.place(id).and_then(|place| state.mails.get(place));
        let found = found.cloned();
        if found.is_some() {
            state.shown(id);
        }
        Box::pin(ready(Ok(found)))
    }

    fn list<'s>(&'s self, query: &'s Query, page: Page) -> Later<'s, Found> {
        Box::pin(async move {
            if query.is_simple() && query.ids.is_empty() {
                return Ok(self.state().list(query, page));
            }
            let entries = self.find(query).await?;
            let total = entries.len();
            let wanted = entries.into_iter().filter(|(mail, _)| page.has(mail.id));
            let mut state = self.state();
            Ok(state.page(wanted, page.limit, total))
        })
    }

    fn delete<'s>(&'s self, query: &'s Query) -> Later<'s, Vec<Id>> {
        Box::pin(async move {
            let found = self.find(query).await?;
            let ids: HashSet<Id> = found.into_iter().map(|(mail, _)| mail.id).collect();
            Ok(self.state().delete(&ids))
        })
    }

    fn mark(&self, id: Id, is_read: bool) -> Later<'_, bool> {
        let mut state = self.state();
        let is_there = state.place(id).is_some();
        if is_there && is_read {
            state.read.insert(id);
        } else {
            state.read.remove(&id);
        }
        Box::pin(ready(Ok(is_there)))
    }

    fn stats(&self) -> Later<'_, Stats> {
        let state = self.state();
        let boxes = state.boxes.iter();
        let stats = Stats {
            mails: state.mails.len(),
            unread: state.mails.len() - state.read.len(),
            octets: state.octets,
            dropped: state.dropped,
            last: state.last,
            boxes: boxes
                .map(|(name, count)| (name.clone(), count.taken + count.refused))
                .collect(),
        };
        Box::pin(ready(Ok(stats)))
    }
}

impl State {
    fn place(&self, id: Id) -> Option<usize> {
        self.mails.binary_search_by_key(&id, |mail| mail.id).ok()
    }

    fn entry(&self, mail: &Arc<Mail>) -> Entry {
        (Arc::clone(mail), self.read.contains(&mail.id))
    }

    /// The mails in which a query has to be looked for, newest first.
    fn entries(&self, query: &Query) -> Vec<Entry> {
        let simple = query.simple();
        if query.ids.is_empty() {
            let mails = self.mails.iter().rev();
            return mails
                .filter(|mail| simple.matches(mail, false))
                .map(|mail| self.entry(mail))
                .collect();
        }
        let mut ids = query.ids.clone();
        ids.sort_unstable_by(|one, other| other.cmp(one));
        ids.dedup();
        ids.iter()
            .filter_map(|id| self.mails.get(self.place(*id)?))
            .filter(|mail| simple.matches(mail, false))
            .map(|mail| self.entry(mail))
            .collect()
    }

    /// A page of a box or of all, without looking at more mails than are on it.
    fn list(&mut self, query: &Query, page: Page) -> Found {
        let end = page.before.map_or(self.mails.len(), |before| {
            self.mails.partition_point(|mail| mail.id < before)
        });
        let newest = self.mails.range(..end).rev();
        let wanted: Vec<Entry> = newest
            .take_while(|mail| page.after.is_none_or(|after| mail.id > after))
            .filter(|mail| query.matches(mail, false))
            .take(page.limit.saturating_add(1))
            .map(|mail| self.entry(mail))
            .collect();
        let total = self.total(query);
        self.page(wanted.into_iter(), page.limit, total)
    }

    fn page(
        &mut self,
        mut wanted: impl Iterator<Item = Entry>,
        limit: usize,
        total: usize,
    ) -> Found {
        let mails: Vec<Entry> = wanted.by_ref().take(limit).collect();
        for (mail, _) in &mails {
            self.shown(mail.id);
        }
        Found {
            mails,
            more: wanted.next().is_some(),
            total,
        }
    }

    fn total(&self, query: &Query) -> usize {
        let boxes = self.boxes.iter();
        boxes
            .filter(|(name, _)| query.mailbox.as_ref().is_none_or(|asked| asked == *name))
            .map(|(_, count)| match query.taken {
                None => count.taken + count.refused,
                Some(true) => count.taken,
                Some(false) => count.refused,
            })
            .sum()
    }

    /// Notes that somebody may make a view of a mail. The oldest such view goes: the mail's place is taken by one that has none.
    fn shown(&mut self, id: Id) {
        if self.shown.contains(&id) {
            return;
        }
        self.shown.push_back(id);
        if self.shown.len() <= VIEWS {
            return;
        }
        let place = self.shown.pop_front().and_then(|id| self.place(id));
        if let Some(mail) = place.and_then(|place| self.mails.get_mut(place)) {
            *mail = Arc::new(mail.without_view());
        }
    }

    fn count(&mut self, mail: &Mail) {
        let count = self.boxes.entry(mail.mailbox.clone()).or_default();
        if mail.is_taken() {
            count.taken += 1;
        } else {
            count.refused += 1;
        }
    }

    fn forget(&mut self, mail: &Mail) {
        self.octets -= mail.raw.len() as u64;
        self.read.remove(&mail.id);
        if let Some(count) = self.boxes.get_mut(&mail.mailbox) {
            if mail.is_taken() {
                count.taken -= 1;
            } else {
                count.refused -= 1;
            }
            if count.taken + count.refused == 0 {
                self.boxes.remove(&mail.mailbox);
            }
        }
    }

    fn delete(&mut self, ids: &HashSet<Id>) -> Vec<Id> {
        let (gone, kept) = std::mem::take(&mut self.mails)
            .into_iter()
            .partition::<VecDeque<_>, _>(|mail| ids.contains(&mail.id));
        self.mails = kept;
        for mail in &gone {
            self.forget(mail);
        }
        gone.iter().map(|mail| mail.id).collect()
    }

    /// Drops the oldest, until all limits are kept. The newest stays, however large it is.
    fn make_room(&mut self, retention: &Retention, now: Timestamp) -> Vec<Id> {
        let mut dropped = Vec::new();
        while self.mails.len() > 1 && self.is_too_much(retention, now) {
            let Some(mail) = self.mails.pop_front() else {
                break;
            };
            self.forget(&mail);
            self.dropped += 1;
            dropped.push(mail.id);
        }
        dropped
    }

    fn is_too_much(&self, retention: &Retention, now: Timestamp) -> bool {
        let oldest = self.mails.front();
        self.mails.len() > retention.mails
            || self.octets > retention.octets
            || oldest.is_some_and(|mail| retention.is_too_old(mail.received, now))
    }
}
