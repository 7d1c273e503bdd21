//! The pools of a mailer: one for each kind of connection.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::backend::Io;
use crate::error::Error;
use crate::settings::Options;

/// So many kinds are kept even if they have no connection.
const MANY: usize = 64;

/// The pools of a mailer and its clones, by what their connections are made from.
#[derive(Default)]
pub(crate) struct Pools(Mutex<Vec<(Kind, Arc<dyn Keep>)>>);

/// What is kept for one kind of connection.
pub(crate) trait Keep: Any + Send + Sync {
    /// Closes what is idle, now and in future.
    fn close(&self);

    /// Whether it can be forgotten.
    fn is_unused(&self) -> bool;
}

/// All that makes a connection differ from another. Connections of different kinds never meet.
struct Kind {
    io: Io,
    options: Options,
    /// The files that options name, as they were when they were read: a certificate may be replaced by a newer one.
    files: Vec<Option<(SystemTime, u64)>>,
}

impl Pools {
    /// What is kept for these options; made by `make` if there is nothing yet. `files` are the options that name files.
    ///
    /// # Errors
    ///
    /// Those of `make`.
    pub(crate) fn find_or_make<K: Keep>(
        &self,
        io: Io,
        options: &Options,
        files: &[&str],
        make: impl FnOnce() -> Result<K, Error>,
    ) -> Result<Arc<K>, Error> {
        let kind = Kind {
            io,
            options: options.clone(),
            files: files.iter().map(|name| stamp(options, name)).collect(),
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, keep)) = all.iter().find(|(other, _)| kind.is_same(other)) {
            let keep: Arc<dyn Any + Send + Sync> = Arc::clone(keep) as _;
            if let Ok(found) = keep.downcast() {
                return Ok(found);
            }
        }
        let made = Arc::new(make()?);
        if all.len() >= MANY {
            all.retain(|(_, keep)| !keep.is_unused());
        }
        all.push((kind, Arc::clone(&made) as _));
        Ok(made)
    }
}

impl Kind {
    fn is_same(&self, other: &Self) -> bool {
        self.io == other.io && self.files == other.files && self.options.has_same(&other.options)
    }
}

fn stamp(options: &Options, name: &str) -> Option<(SystemTime, u64)> {
    let file = std::fs::metadata(options.path(name)?).ok()?;
    Some((file.modified().ok()?, file.len()))
}

impl Drop for Pools {
    fn drop(&mut self) {
        let all = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (_, keep) in all.drain(..) {
            keep.close();
        }
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pools")
    }
}
