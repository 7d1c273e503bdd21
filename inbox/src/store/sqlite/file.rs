//! The file: what is in it, and whether it is ours.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::store::StoreError;

/// What marks a file as an inbox: "Post".
const APPLICATION: i64 = 0x506f_7374;
/// Which tables are in it.
const VERSION: i64 = 1;

/// So often another inbox is waited for, which may be about to end.
const PATIENCE: usize = 20;

/// What is looked through is apart from what is large, so that the newest of many mails are found without reading their contents.
/// Words are kept in the index alone: the mail has them already.
const TABLES: &str = "
    CREATE TABLE mails (
        id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
        received INTEGER NOT NULL,            -- microseconds since 1970
        mailbox TEXT NOT NULL,
        taken INTEGER NOT NULL,
        read INTEGER NOT NULL DEFAULT 0,
        octets INTEGER NOT NULL,
        user TEXT,                            -- in small letters
        codes TEXT NOT NULL,                  -- ' 250 2.1.5 550 '
        traits INTEGER NOT NULL,              -- a bit for each
        tags TEXT NOT NULL,                   -- a line for each, in small letters
        opening INTEGER
    );
    CREATE INDEX mails_mailbox ON mails (mailbox, taken);
    CREATE INDEX mails_opening ON mails (opening);
    CREATE TABLE contents (id INTEGER PRIMARY KEY, record TEXT NOT NULL, raw BLOB NOT NULL);
    CREATE TABLE openings (id INTEGER PRIMARY KEY, lines TEXT NOT NULL);
    CREATE VIRTUAL TABLE words USING fts5 (
        subject, sender, addressee, cc, bcc, rcpt, body, file,
        content='', contentless_delete=1, tokenize='ascii', prefix='2 3'
    );";

/// The connection that writes, and a lock that nobody else has.
pub(super) fn open(path: &Path) -> Result<(Connection, File), StoreError> {
    let named = |error: rusqlite::Error| named(path, &error);
    // Another program's file must not change before it is known to be ours.
    let connection = Connection::open(path).map_err(named)?;
    check(&connection, path)?;
    let lock = lock(path)?;
    prepare(&connection).map_err(named)?;
    Ok((connection, lock))
}

/// A connection that reads.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        set_up(&connection)?;
        Ok(connection)
    };
    open().map_err(|error| named(path, &error))
}

fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let integer = |pragma: &str| {
        connection
            .pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
            .map_err(|error| named(path, &error))
    };
    let (application, version) = (integer("application_id")?, integer("user_version")?);
    let is_new = integer("schema_version")? == 0;
    if !is_new && application != APPLICATION {
        return Err(problem(path, "a database, but not of an inbox"));
    }
    if version > VERSION {
        let text = format!("of a newer version ({version}; this one knows up to {VERSION})");
        return Err(problem(path, &text));
    }
    Ok(())
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    set_up(connection)?;
    let is_new: i64 = connection.pragma_query_value(None, "schema_version", |row| row.get(0))?;
    if is_new == 0 {
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A crash of the program loses nothing; one of the machine may lose the last mails, and tests need no more.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    if is_new == 0 {
        connection.execute_batch(&format!(
            "BEGIN; {TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
        ))?;
    }
    connection.execute(
        "DELETE FROM openings WHERE id NOT IN (SELECT opening FROM mails WHERE opening IS NOT NULL)",
        [],
    )?;
    Ok(())
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "cache_size", -4096)
}

/// Two inboxes would not see each other's mails, nor what they count.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let name = PathBuf::from(name);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(|error| problem(&name, &error.to_string()))?;
    let mut locked = file.try_lock();
    for _ in 0..PATIENCE {
        if let Err(TryLockError::WouldBlock) = locked {
            thread::sleep(Duration::from_millis(50));
            locked = file.try_lock();
        }
    }
    match locked {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(problem(path, "in use by another inbox")),
        Err(TryLockError::Error(error)) => Err(problem(&name, &error.to_string())),
    }
}

fn named(path: &Path, error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => problem(path, "no database"),
        _ => StoreError(format!("{}: {error}", path.display())),
    }
}

fn problem(path: &Path, text: &str) -> StoreError {
    StoreError(format!("{} is {text}", path.display()))
}
