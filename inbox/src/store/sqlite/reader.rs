//! The threads that read.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rusqlite::{Connection, OptionalExtension};
use tokio::sync::oneshot;

use super::record::Row;
use super::{Shared, file, integer, natural};
use crate::mail::{Id, Mail};
use crate::store::StoreError;

const THREADS: usize = 2;

/// What is to be done with a connection.
type Job = Box<dyn FnOnce(&Connection) + Send>;

/// Threads that read. They end when this is dropped.
pub(super) struct Readers {
    jobs: Sender<Job>,
}

impl Readers {
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..THREADS {
            let connection = file::open_to_read(path)?;
            let waiting = Arc::clone(&waiting);
            thread::Builder::new()
                .name("posthaste-inbox-read".to_owned())
                .spawn(move || work(&connection, &waiting))
                .map_err(|error| StoreError(error.to_string()))?;
        }
        Ok(Self { jobs })
    }

    /// Has one of them do something.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        what: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move |connection: &Connection| {
            // Nobody waits any more: as well.
            let _ = answer.send(what(connection));
        });
        self.jobs.send(job).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

fn work(connection: &Connection, waiting: &Mutex<Receiver<Job>>) {
    loop {
        let next = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        match next {
            Ok(job) => job(connection),
            Err(_) => return,
        }
    }
}

pub(super) fn gone() -> StoreError {
    StoreError("the store has stopped".to_owned())
}

/// The mail of this number.
pub(super) fn mail(
    connection: &Connection,
    shared: &Shared,
    id: Id,
) -> Result<Option<Arc<Mail>>, StoreError> {
    let recent = shared.recent().find(id);
    if recent.is_some() {
        // It may have been kept after it was deleted.
        let mut statement = connection.prepare_cached("SELECT 1 FROM mails WHERE id = ?")?;
        let is_there = statement.exists([integer(id)])?;
        return Ok(recent.filter(|_| is_there));
    }
    let mail = load(connection, id)?.map(Arc::new);
    if let Some(mail) = &mail {
        shared.recent().keep(mail);
    }
    Ok(mail)
}

/// The mail of this number out of the file, not to be kept.
pub(super) fn load(connection: &Connection, id: Id) -> Result<Option<Mail>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT mails.id, received, mailbox, record, lines, raw FROM mails JOIN contents USING (id)
            LEFT JOIN openings ON openings.id = opening WHERE mails.id = ?",
    )?;
    let row = statement.query_row([integer(id)], |row| {
        Ok(Row {
            id: natural(row.get(0)?),
            received: row.get(1)?,
            mailbox: row.get(2)?,
            record: row.get(3)?,
            opening: row.get(4)?,
            raw: row.get(5)?,
        })
    });
    row.optional()?.map(Row::mail).transpose()
}
