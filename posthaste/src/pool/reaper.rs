//! The thread that closes connections that nobody has used for too long. It lives while there are any.

use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{After, Pooled, Shared};

/// How long it sleeps when no end is in sight.
const NAP: Duration = Duration::from_secs(3600);

/// Starts it.
pub(super) fn start<C: Pooled>(shared: &Arc<Shared<C>>) {
    let pool = Arc::clone(shared);
    let thread = thread::Builder::new().name("posthaste-pool".to_owned());
    if thread.spawn(move || run(&pool)).is_err() {
        // Then they are closed when somebody next wants a connection.
        shared.lock().has_reaper = false;
    }
}

fn run<C: Pooled>(shared: &Shared<C>) {
    let mut state = shared.lock();
    loop {
        let expired = state.take_expired(&shared.limits);
        if !expired.is_empty() {
            drop(state);
            After::closing(expired).settle();
            state = shared.lock();
            continue;
        }
        if state.idle.is_empty() {
            state.has_reaper = false;
            return;
        }
        let ends = state
            .idle
            .iter()
            .filter_map(|idle| idle.end(&shared.limits));
        let left = ends
            .min()
            .map_or(NAP, |end| end.saturating_duration_since(Instant::now()));
        let waited = shared.changed.wait_timeout(state, left);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}
