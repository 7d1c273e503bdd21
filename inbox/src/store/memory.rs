//! Mails in memory.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::{Added, Found, Later, Page, Retention, Stats, Store};
use crate::mail::{Arrival, Id, Mail};
use crate::query::Query;

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
    octets: u64,
    dropped: u64,
    last: Id,
}

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
}

impl Store for Memory {
    fn add(&self, arrival: Arrival) -> Later<'_, Added> {
        let mut state = self.state();
        let now = Timestamp::now();
        state.last += 1;
        let mail = Arc::new(Mail::new(state.last, now, arrival));
        state.octets += mail.raw.len() as u64;
        state.mails.push_back(Arc::clone(&mail));
        let dropped = state.make_room(&self.retention, now);
        Box::pin(ready(Ok(Added { mail, dropped })))
    }

    fn get(&self, id: Id) -> Later<'_, Option<Arc<Mail>>> {
        let state = self.state();
        let found = state.place(id).and_then(|place| state.mails.get(place));
        Box::pin(ready(Ok(found.cloned())))
    }

    fn list<'s>(&'s self, query: &'s Query, page: Page) -> Later<'s, Found> {
        // The lock is not held while texts are searched.
        let (mails, read) = {
            let state = self.state();
            let mails: Vec<_> = state.mails.iter().rev().cloned().collect();
            (mails, state.read.clone())
        };
        let mut found = Found::default();
        for mail in mails {
            let is_read = read.contains(&mail.id);
            if !query.matches(&mail, is_read) {
                continue;
            }
            found.total += 1;
            let is_wanted = page.before.is_none_or(|before| mail.id < before)
                && page.after.is_none_or(|after| mail.id > after);
            if is_wanted && found.mails.len() < page.limit {
                found.mails.push((mail, is_read));
            } else if is_wanted {
                found.more = true;
            }
        }
        Box::pin(ready(Ok(found)))
    }

    fn delete<'s>(&'s self, query: &'s Query) -> Later<'s, Vec<Id>> {
        let mut state = self.state();
        let State {
            mails,
            read,
            octets,
            ..
        } = &mut *state;
        let mut gone = Vec::new();
        mails.retain(|mail| {
            let goes = query.matches(mail, read.contains(&mail.id));
            if goes {
                gone.push(mail.id);
                *octets -= mail.raw.len() as u64;
            }
            !goes
        });
        for id in &gone {
            read.remove(id);
        }
        Box::pin(ready(Ok(gone)))
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
        let mut boxes = BTreeMap::new();
        for mail in &state.mails {
            *boxes.entry(mail.mailbox.clone()).or_insert(0) += 1;
        }
        let stats = Stats {
            mails: state.mails.len(),
            unread: state.mails.len() - state.read.len(),
            octets: state.octets,
            dropped: state.dropped,
            last: state.last,
            boxes: boxes.into_iter().collect(),
        };
        Box::pin(ready(Ok(stats)))
    }
}

impl State {
    fn place(&self, id: Id) -> Option<usize> {
        self.mails.binary_search_by_key(&id, |mail| mail.id).ok()
    }

    /// Drops the oldest, until all limits are kept. The newest stays, however large it is.
    fn make_room(&mut self, retention: &Retention, now: Timestamp) -> Vec<Id> {
        let mut dropped = Vec::new();
        while self.mails.len() > 1 && self.is_too_much(retention, now) {
            let Some(mail) = self.mails.pop_front() else {
                break;
            };
            self.octets -= mail.raw.len() as u64;
            self.read.remove(&mail.id);
            self.dropped += 1;
            dropped.push(mail.id);
        }
        dropped
    }

    fn is_too_much(&self, retention: &Retention, now: Timestamp) -> bool {
        let is_old = |mail: &Arc<Mail>| {
            let age = now.duration_since(mail.received);
            retention
                .age
                .is_some_and(|most| SignedDuration::try_from(most).is_ok_and(|most| age > most))
        };
        self.mails.len() > retention.mails
            || self.octets > retention.octets
            || self.mails.front().is_some_and(is_old)
    }
}
