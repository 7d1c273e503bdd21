//! Connections that are kept for the next message.
//!
//! A [`Pool`] knows nothing of mail. Whoever wants a connection waits for a [`Slot`], the right to have one, and gets an
//! idle connection with it if there is one: a [`Lease`]. Whatever becomes of the holder, the slot returns when it is
//! dropped; the connection returns only by [`Lease::give_back`], so that one that somebody was cut off from in
//! mid-conversation is closed.

mod kinds;
mod lease;
mod reaper;
mod turn;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

pub(crate) use self::kinds::{Keep, Pools};
pub(crate) use self::lease::{Lease, Slot, Taken};
use self::turn::Turn;

/// How many connections there may be, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolLimits {
    /// Connections at the same time.
    pub(crate) connections: usize,
    /// How long one that nobody uses is kept.
    pub(crate) idle: Duration,
    /// How long one is used at all.
    pub(crate) age: Duration,
    /// Messages over one.
    pub(crate) messages: u64,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            connections: 10,
            idle: Duration::from_secs(60),
            age: Duration::from_secs(600),
            messages: 1000,
        }
    }
}

/// What can be kept.
pub(crate) trait Pooled: Send + 'static {
    /// What has to be the same where it is used again.
    type Home: Copy + PartialEq + Send;

    /// Where we are.
    fn here() -> Self::Home;

    /// Where it was made.
    fn home(&self) -> Self::Home;

    /// Whether it is still good, as far as can be seen without waiting.
    fn is_usable(&mut self) -> bool;

    /// Takes leave, without waiting.
    fn part(&mut self);
}

/// Connections to one server, all alike. Its end is that of those that are idle.
pub(crate) struct Pool<C: Pooled>(Arc<Shared<C>>);

struct Shared<C: Pooled> {
    limits: PoolLimits,
    state: Mutex<State<C>>,
    /// Wakes the thread that closes what has been idle for too long.
    changed: Condvar,
}

struct State<C: Pooled> {
    /// The one that was used last stands last.
    idle: Vec<Idle<C>>,
    /// Slots that somebody holds, and idle connections.
    total: usize,
    /// Who came first is served first. While somebody waits, nothing is idle.
    waiting: VecDeque<Waiting<C::Home>>,
    /// For those who waited and have not been polled since.
    granted: Vec<(u64, Option<Used<C>>)>,
    numbers: u64,
    is_closed: bool,
    has_reaper: bool,
}

struct Waiting<H> {
    number: u64,
    home: H,
    waker: Waker,
}

struct Idle<C> {
    used: Used<C>,
    since: Instant,
}

/// A connection, and what it has behind it.
struct Used<C> {
    connection: C,
    made: Instant,
    messages: u64,
}

/// What is left to do when the lock is released: it writes to connections, and wakes others.
#[must_use]
struct After<C> {
    old: Vec<Used<C>>,
    wake: Option<Waker>,
}

impl<C: Pooled> Pool<C> {
    pub(crate) fn new(limits: PoolLimits) -> Self {
        Self(Arc::new(Shared {
            limits,
            state: Mutex::new(State {
                idle: Vec::new(),
                total: 0,
                waiting: VecDeque::new(),
                granted: Vec::new(),
                numbers: 0,
                is_closed: false,
                has_reaper: false,
            }),
            changed: Condvar::new(),
        }))
    }

    /// Waits for a slot, and takes the idle connection that was used last if one is left and still good.
    pub(crate) async fn take(&self) -> Taken<C> {
        let (slot, mut found) = Turn::new(&self.0).await;
        while let Some(mut used) = found {
            if used.connection.is_usable() {
                return Taken::Kept(Lease::new(slot, used));
            }
            drop(used);
            found = self.0.lock().pop_idle(C::here());
            if found.is_some() {
                // Its slot is one too many.
                self.0.release();
            }
        }
        Taken::Empty(slot)
    }

    /// Waits for a slot, for a connection that is new.
    pub(crate) async fn take_empty(&self) -> Slot<C> {
        let (slot, found) = Turn::new(&self.0).await;
        if let Some(mut used) = found {
            used.connection.part();
        }
        slot
    }

    /// Closes what is idle, now and in future.
    pub(crate) fn close(&self) {
        let after = {
            let mut state = self.0.lock();
            state.is_closed = true;
            state.total -= state.idle.len();
            let idle = std::mem::take(&mut state.idle);
            After::closing(idle)
        };
        self.0.changed.notify_all();
        after.settle();
    }

    /// Whether there is no connection, and nobody wants one.
    pub(crate) fn is_unused(&self) -> bool {
        self.0.lock().total == 0
    }
}

impl<C: Pooled> Drop for Pool<C> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<C: Pooled> Shared<C> {
    fn lock(&self) -> MutexGuard<'_, State<C>> {
        // Nothing is left half-done under the lock, so a panic elsewhere does no harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a slot back: it goes to whoever waits.
    fn release(&self) {
        let after = self.lock().pass_on(None);
        after.settle();
    }

    /// Takes a connection and its slot back: they go to whoever waits, or the connection is kept.
    fn restore(self: &Arc<Self>, used: Used<C>) {
        if used.is_worn(&self.limits) {
            After::closing([Idle::from(used)]).settle();
            return self.release();
        }
        let (after, wants_reaper) = {
            let mut state = self.lock();
            let after = state.keep(used);
            let wants_reaper = !state.idle.is_empty() && !state.has_reaper;
            state.has_reaper |= wants_reaper;
            (after, wants_reaper)
        };
        after.settle();
        if wants_reaper {
            reaper::start(self);
        }
    }
}

impl<C: Pooled> State<C> {
    /// Gives a slot to who asks for one, if nobody else is before them; and an idle connection if there is one.
    fn grant(&mut self, home: C::Home, limits: &PoolLimits) -> Option<(Option<Used<C>>, After<C>)> {
        if !self.waiting.is_empty() {
            return None;
        }
        let mut old = self.take_expired(limits);
        if let Some(used) = self.pop_idle(home) {
            return Some((Some(used), After::closing(old)));
        }
        if self.total >= limits.connections.max(1) {
            // What is idle all the same is of another runtime. The oldest one gives way.
            if self.idle.is_empty() {
                return None;
            }
            old.push(self.idle.remove(0));
            self.total -= 1;
        }
        self.total += 1;
        Some((None, After::closing(old)))
    }

    /// Takes the idle connection that was used last, and its slot.
    fn pop_idle(&mut self, home: C::Home) -> Option<Used<C>> {
        let at_home = |idle: &Idle<C>| idle.used.connection.home() == home;
        let at = self.idle.iter().rposition(at_home)?;
        Some(self.idle.remove(at).used)
    }

    /// Takes what has been idle, or was there, for too long.
    fn take_expired(&mut self, limits: &PoolLimits) -> Vec<Idle<C>> {
        let now = Instant::now();
        let is_over = |idle: &mut Idle<C>| idle.end(limits).is_some_and(|end| end <= now);
        let expired: Vec<_> = self.idle.extract_if(.., is_over).collect();
        self.total -= expired.len();
        expired
    }

    /// Keeps a connection, or hands it on; closes it if there is no use for it.
    fn keep(&mut self, used: Used<C>) -> After<C> {
        if self.is_closed || !self.waiting.is_empty() {
            return self.pass_on(Some(used));
        }
        self.idle.push(Idle::from(used));
        After::closing([])
    }

    /// Gives a slot to the first who waits. The connection goes along if it is of use there, and is closed if not.
    fn pass_on(&mut self, mut used: Option<Used<C>>) -> After<C> {
        let Some(first) = self.waiting.pop_front() else {
            self.total -= 1;
            return After::closing(used.map(Idle::from));
        };
        let fits = |used: &mut Used<C>| used.connection.home() == first.home;
        self.granted.push((first.number, used.take_if(fits)));
        After {
            wake: Some(first.waker),
            ..After::closing(used.map(Idle::from))
        }
    }

    /// What was granted to one who waited.
    fn take_granted(&mut self, number: u64) -> Option<Option<Used<C>>> {
        let at = self.granted.iter().position(|(to, _)| *to == number)?;
        Some(self.granted.swap_remove(at).1)
    }
}

impl<C> Used<C> {
    fn new(connection: C) -> Self {
        Self {
            connection,
            made: Instant::now(),
            messages: 0,
        }
    }

    fn is_worn(&self, limits: &PoolLimits) -> bool {
        self.messages >= limits.messages || self.made.elapsed() >= limits.age
    }
}

impl<C> From<Used<C>> for Idle<C> {
    fn from(used: Used<C>) -> Self {
        Self {
            used,
            since: Instant::now(),
        }
    }
}

impl<C> Idle<C> {
    /// When it is to be closed; never, if that is beyond what time can tell.
    fn end(&self, limits: &PoolLimits) -> Option<Instant> {
        let ends = [
            self.since.checked_add(limits.idle),
            self.used.made.checked_add(limits.age),
        ];
        ends.into_iter().flatten().min()
    }
}

impl<C: Pooled> After<C> {
    fn closing(idle: impl IntoIterator<Item = Idle<C>>) -> Self {
        Self {
            old: idle.into_iter().map(|idle| idle.used).collect(),
            wake: None,
        }
    }

    fn settle(self) {
        for mut used in self.old {
            used.connection.part();
        }
        if let Some(waker) = self.wake {
            waker.wake();
        }
    }
}
