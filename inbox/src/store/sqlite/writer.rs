//! The thread that writes.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use super::reader::gone;
use super::{Count, Counts, Shared, file, integer, natural, record};
use crate::mail::{Id, Mail};
use crate::query::{Column, Columns, codes, traits};
use crate::store::{Added, Retention, StoreError};
use crate::transcript::Line;
use crate::view::View;

/// So much goes into one commit at most.
const GROUP: usize = 64;
/// Of so many connections it is known where their first lines are in the file.
const OPENINGS: usize = 64;

/// Has a thread write. It ends, with all that was asked done, when this is dropped.
pub(super) struct Writer {
    jobs: Option<Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

enum Job {
    Add(Box<Incoming>, Answer<Added>),
    Delete(Vec<Id>, Answer<Vec<Id>>),
    Mark(Id, bool, Answer<bool>),
}

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// A mail with all that is written of it.
pub(super) struct Incoming {
    mail: Mail,
    record: String,
    columns: Columns,
    traits: i64,
    codes: String,
    tags: String,
}

impl Incoming {
    pub(super) fn new(mail: Mail) -> Result<Self, StoreError> {
        // The view is not kept: most mails are never looked at.
        let view = View::of(&mail);
        let mut codes: Vec<_> = codes(&mail.envelope, mail.reply.as_ref()).collect();
        codes.dedup();
        let tags: Vec<_> = view.tags().map(str::to_lowercase).collect();
        Ok(Self {
            record: record::write(&mail)?,
            columns: Columns::new(&view, &mail.envelope),
            traits: traits(&view).map(|one| 1 << one as i64).sum(),
            codes: format!(" {} ", codes.join(" ")),
            tags: format!("\n{}\n", tags.join("\n")),
            mail,
        })
    }
}

impl Writer {
    pub(super) fn start(
        path: &Path,
        retention: Retention,
        shared: Arc<Shared>,
    ) -> Result<Self, StoreError> {
        let (connection, lock) = file::open(path)?;
        let mut work = Work {
            connection,
            retention,
            shared,
            counts: Counts::default(),
            openings: VecDeque::new(),
            _lock: lock,
        };
        work.start()?;
        let (jobs, waiting) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("posthaste-inbox-write".to_owned())
            .spawn(move || work.run(&waiting))
            .map_err(|error| StoreError(error.to_string()))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    pub(super) async fn add(&self, incoming: Incoming) -> Result<Added, StoreError> {
        self.ask(|answer| Job::Add(Box::new(incoming), answer))
            .await
    }

    pub(super) async fn delete(&self, ids: Vec<Id>) -> Result<Vec<Id>, StoreError> {
        self.ask(|answer| Job::Delete(ids, answer)).await
    }

    pub(super) async fn mark(&self, id: Id, read: bool) -> Result<bool, StoreError> {
        self.ask(|answer| Job::Mark(id, read, answer)).await
    }

    async fn ask<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job(answer)).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The file is free for the next one when this returns.
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What was done for a job, to be told after the commit.
enum Done {
    Added(Added, Answer<Added>),
    Deleted(Vec<Id>, Answer<Vec<Id>>),
    Marked(bool, Answer<bool>),
}

struct Work {
    connection: Connection,
    retention: Retention,
    shared: Arc<Shared>,
    /// As they will be after the commit.
    counts: Counts,
    openings: VecDeque<(Arc<[Line]>, i64)>,
    _lock: File,
}

impl Work {
    /// Counts what is there, and drops what is too much by now.
    fn start(&mut self) -> Result<(), StoreError> {
        self.counts = count(&self.connection)?;
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        self.make_room(Timestamp::now())?;
        self.connection.execute_batch("COMMIT")?;
        self.publish();
        Ok(())
    }

    fn run(mut self, waiting: &Receiver<Job>) {
        while let Ok(first) = waiting.recv() {
            // Whatever came during the last commit. Waiting for more would make each client wait that long.
            let more = waiting.try_iter().take(GROUP - 1);
            self.commit(std::iter::once(first).chain(more));
        }
    }

    fn commit(&mut self, jobs: impl Iterator<Item = Job>) {
        let mut jobs = jobs.peekable();
        let mut done = Vec::new();
        let outcome = self.transaction(&mut jobs, &mut done);
        if outcome.is_ok() {
            self.publish();
        } else {
            self.roll_back();
        }
        for done in done {
            done.tell(&outcome);
        }
        if let Err(error) = outcome {
            for job in jobs {
                job.fail(&error);
            }
        }
    }

    fn transaction(
        &mut self,
        jobs: &mut impl Iterator<Item = Job>,
        done: &mut Vec<Done>,
    ) -> Result<(), StoreError> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut is_smaller = false;
        for job in jobs {
            let outcome = match job {
                Job::Add(incoming, answer) => match self.add(*incoming) {
                    Ok(added) => Ok(Done::Added(added, answer)),
                    Err(error) => Err(fail(answer, error)),
                },
                Job::Delete(ids, answer) => {
                    is_smaller = true;
                    match self.delete(&ids) {
                        Ok(gone) => Ok(Done::Deleted(gone, answer)),
                        Err(error) => Err(fail(answer, error)),
                    }
                }
                Job::Mark(id, read, answer) => match self.mark(id, read) {
                    Ok(is_there) => Ok(Done::Marked(is_there, answer)),
                    Err(error) => Err(fail(answer, error)),
                },
            };
            done.push(outcome?);
        }
        self.connection.execute_batch("COMMIT")?;
        if is_smaller {
            // The file shrinks; if not now, then another time.
            let _ = self.connection.execute_batch("PRAGMA incremental_vacuum");
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        // An error: the transaction is over already.
        let _ = self.connection.execute_batch("ROLLBACK");
        self.openings.clear();
        self.counts = self.shared.counts().clone();
    }

    fn publish(&self) {
        self.counts.clone_into(&mut self.shared.counts());
    }

    fn add(&mut self, incoming: Incoming) -> Result<Added, StoreError> {
        let opening = self.opening(&incoming.mail.transcript.opening)?;
        let id = self.insert(&incoming, opening)?;
        let mut mail = incoming.mail;
        mail.id = id;
        self.counts.unread += 1;
        self.counts.octets += mail.raw.len() as u64;
        self.counts.last = id;
        let is_taken = mail.is_taken();
        *self.counts.of(&mail.mailbox, is_taken) += 1;
        let dropped = self.make_room(mail.received)?;
        Ok(Added {
            mail: Arc::new(mail),
            dropped,
        })
    }

    fn insert(&self, incoming: &Incoming, opening: Option<i64>) -> Result<Id, StoreError> {
        let mail = &incoming.mail;
        let user = mail.session.user.as_ref().map(|user| user.to_lowercase());
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO mails (received, mailbox, taken, octets, user, codes, traits, tags, opening)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        let id = statement.insert(params![
            mail.received.as_microsecond(),
            mail.mailbox,
            mail.is_taken(),
            integer(mail.raw.len()),
            user,
            incoming.codes,
            incoming.traits,
            incoming.tags,
            opening,
        ])?;
        self.connection
            .prepare_cached("INSERT INTO contents (id, record, raw) VALUES (?, ?, ?)")?
            .execute(params![id, incoming.record, &*mail.raw])?;
        let words = Column::ALL.map(|column| incoming.columns.of(column));
        let [subject, from, to, cc, bcc, rcpt, body, file] = words;
        self.connection
            .prepare_cached(
                "INSERT INTO words (rowid, subject, sender, addressee, cc, bcc, rcpt, body, file)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![id, subject, from, to, cc, bcc, rcpt, body, file])?;
        Ok(natural(id))
    }

    /// Where the first lines of a connection are, which its mails share.
    fn opening(&mut self, lines: &Arc<[Line]>) -> Result<Option<i64>, StoreError> {
        if lines.is_empty() {
            return Ok(None);
        }
        let known = self
            .openings
            .iter()
            .find(|(known, _)| Arc::ptr_eq(known, lines));
        if let Some((_, id)) = known {
            return Ok(Some(*id));
        }
        let id = self
            .connection
            .prepare_cached("INSERT INTO openings (lines) VALUES (?)")?
            .insert([record::write_opening(lines)?])?;
        self.openings.push_back((Arc::clone(lines), id));
        if self.openings.len() > OPENINGS {
            self.openings.pop_front();
        }
        Ok(Some(id))
    }

    /// Drops the oldest, until all limits are kept. The newest stays, however large it is.
    fn make_room(&mut self, now: Timestamp) -> Result<Vec<Id>, StoreError> {
        let mut dropped = Vec::new();
        while self.counts.mails() > 1 {
            let oldest = self
                .connection
                .prepare_cached("SELECT id, received FROM mails ORDER BY id LIMIT 1")?
                .query_row([], |row| {
                    Ok((natural::<Id>(row.get(0)?), row.get::<_, i64>(1)?))
                })?;
            let received = Timestamp::from_microsecond(oldest.1).unwrap_or(now);
            let is_too_much = self.counts.mails() > self.retention.mails
                || self.counts.octets > self.retention.octets
                || self.retention.is_too_old(received, now);
            if !is_too_much {
                break;
            }
            self.remove(oldest.0)?;
            dropped.push(oldest.0);
        }
        self.counts.dropped += dropped.len() as u64;
        self.shared.recent().forget(&dropped);
        Ok(dropped)
    }

    fn delete(&mut self, ids: &[Id]) -> Result<Vec<Id>, StoreError> {
        let mut gone = Vec::new();
        for id in ids {
            if self.remove(*id)? {
                gone.push(*id);
            }
        }
        self.shared.recent().forget(&gone);
        Ok(gone)
    }

    /// Takes a mail out. Says whether it was there.
    fn remove(&mut self, id: Id) -> Result<bool, StoreError> {
        let removed = self
            .connection
            .prepare_cached(
                "DELETE FROM mails WHERE id = ? RETURNING mailbox, taken, read, octets",
            )?
            .query_row([integer(id)], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get(1)?,
                    row.get::<_, bool>(2)?,
                    row.get::<_, i64>(3)?,
                ))
            })
            .optional()?;
        let Some((mailbox, is_taken, is_read, octets)) = removed else {
            return Ok(false);
        };
        for table in ["contents WHERE id", "words WHERE rowid"] {
            self.connection
                .prepare_cached(&format!("DELETE FROM {table} = ?"))?
                .execute([integer(id)])?;
        }
        self.counts.unread = self.counts.unread.saturating_sub(usize::from(!is_read));
        self.counts.octets = self.counts.octets.saturating_sub(natural(octets));
        let count = self.counts.of(&mailbox, is_taken);
        *count = count.saturating_sub(1);
        let left = self.counts.boxes.get(&mailbox);
        if left.is_some_and(|count| count.taken + count.refused == 0) {
            self.counts.boxes.remove(&mailbox);
        }
        Ok(true)
    }

    fn mark(&mut self, id: Id, is_read: bool) -> Result<bool, StoreError> {
        let changed = self
            .connection
            .prepare_cached("UPDATE mails SET read = ?2 WHERE id = ?1 AND read != ?2")?
            .execute(params![integer(id), is_read])?;
        if changed > 0 && is_read {
            self.counts.unread = self.counts.unread.saturating_sub(1);
        } else if changed > 0 {
            self.counts.unread += 1;
        }
        let found = self
            .connection
            .prepare_cached("SELECT 1 FROM mails WHERE id = ?")?
            .exists([integer(id)])?;
        Ok(found)
    }
}

impl Counts {
    fn of(&mut self, mailbox: &str, is_taken: bool) -> &mut usize {
        let count = self.boxes.entry(mailbox.to_owned()).or_default();
        if is_taken {
            &mut count.taken
        } else {
            &mut count.refused
        }
    }

    fn mails(&self) -> usize {
        let boxes = self.boxes.values();
        boxes.map(|count| count.taken + count.refused).sum()
    }
}

/// Counts all of a file.
fn count(connection: &Connection) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    let mut statement = connection.prepare(
        "SELECT mailbox, sum(taken), sum(NOT taken), sum(NOT read), sum(octets) FROM mails GROUP BY mailbox",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let count = Count {
            taken: natural(row.get(1)?),
            refused: natural(row.get(2)?),
        };
        counts.boxes.insert(row.get(0)?, count);
        counts.unread += natural::<usize>(row.get(3)?);
        counts.octets += natural::<u64>(row.get(4)?);
    }
    let last = "SELECT seq FROM sqlite_sequence WHERE name = 'mails'";
    let last = connection.query_row(last, [], |row| row.get(0));
    counts.last = natural(last.optional()?.unwrap_or_default());
    Ok(counts)
}

impl Done {
    fn tell(self, outcome: &Result<(), StoreError>) {
        // Nobody waits any more: as well.
        match self {
            Self::Added(added, answer) => drop(answer.send(outcome.clone().map(|()| added))),
            Self::Deleted(ids, answer) => drop(answer.send(outcome.clone().map(|()| ids))),
            Self::Marked(found, answer) => drop(answer.send(outcome.clone().map(|()| found))),
        }
    }
}

impl Job {
    fn fail(self, error: &StoreError) {
        match self {
            Self::Add(_, answer) => drop(fail(answer, error.clone())),
            Self::Delete(_, answer) => drop(fail(answer, error.clone())),
            Self::Mark(_, _, answer) => drop(fail(answer, error.clone())),
        }
    }
}

fn fail<T>(answer: Answer<T>, error: StoreError) -> StoreError {
    let _ = answer.send(Err(error.clone()));
    error
}
