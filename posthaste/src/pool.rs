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
        if used.is_worn(&self.limits) || self.limits.idle.is_zero() {
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};
    use std::thread;

    use super::*;
    use crate::mode::block_until;

    thread_local! {
        /// Where this thread is.
        static HERE: Cell<u8> = const { Cell::new(0) };
    }

    /// A connection that notes what becomes of it.
    struct Fake {
        home: u8,
        is_dead: bool,
        parted: Arc<AtomicUsize>,
    }

    impl Pooled for Fake {
        type Home = u8;

        fn here() -> u8 {
            HERE.get()
        }

        fn home(&self) -> u8 {
            self.home
        }

        fn is_usable(&mut self) -> bool {
            !self.is_dead
        }

        fn part(&mut self) {
            self.parted.fetch_add(1, Ordering::SeqCst);
        }
    }

    struct Trial {
        pool: Pool<Fake>,
        parted: Arc<AtomicUsize>,
    }

    impl Trial {
        fn new(limits: PoolLimits) -> Self {
            Self {
                pool: Pool::new(limits),
                parted: Arc::default(),
            }
        }

        fn of(connections: usize) -> Self {
            Self::new(PoolLimits {
                connections,
                ..PoolLimits::default()
            })
        }

        fn parted(&self) -> usize {
            self.parted.load(Ordering::SeqCst)
        }

        fn fake(&self, is_dead: bool) -> Fake {
            Fake {
                home: HERE.get(),
                is_dead,
                parted: Arc::clone(&self.parted),
            }
        }

        /// A lease; whether it was kept.
        fn take(&self) -> (Lease<Fake>, bool) {
            match ready(self.pool.take()).expect("nobody has to wait") {
                Taken::Kept(lease) => (lease, true),
                Taken::Empty(slot) => (slot.fill(self.fake(false)), false),
            }
        }
    }

    fn ready<T>(work: impl Future<Output = T>) -> Option<T> {
        match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn what_is_given_back_is_used_again() {
        let trial = Trial::of(2);
        let (lease, was_kept) = trial.take();
        assert!(!was_kept && !trial.pool.is_unused());
        lease.give_back();
        let (lease, was_kept) = trial.take();
        assert!(was_kept);
        let (other, was_kept) = trial.take();
        assert!(!was_kept);
        assert!(ready(trial.pool.take()).is_none(), "two are the most");
        // One that is not given back is closed, and makes room.
        drop(other);
        assert!(!trial.take().1);
        lease.give_back();
        assert!(trial.take().1);
        assert_eq!(trial.parted(), 0);
    }

    #[test]
    fn who_came_first_is_served_first() {
        let trial = Trial::of(1);
        let (lease, _) = trial.take();
        let mut context = Context::from_waker(Waker::noop());
        let mut first = Box::pin(trial.pool.take());
        let mut second = Box::pin(trial.pool.take());
        let mut third = Box::pin(trial.pool.take());
        for waiting in [&mut first, &mut second, &mut third] {
            assert!(waiting.as_mut().poll(&mut context).is_pending());
        }
        lease.give_back();
        // Nobody overtakes, whoever asks first.
        assert!(second.as_mut().poll(&mut context).is_pending());
        assert!(ready(trial.pool.take()).is_none());
        // What was granted to one who gives up goes to the next.
        drop(first);
        assert!(third.as_mut().poll(&mut context).is_pending());
        let Poll::Ready(Taken::Kept(lease)) = second.as_mut().poll(&mut context) else {
            panic!("the connection is handed on")
        };
        drop(lease);
        let Poll::Ready(Taken::Empty(slot)) = third.as_mut().poll(&mut context) else {
            panic!("a connection that was not given back is not handed on")
        };
        drop(slot);
        assert!(trial.pool.is_unused());
    }

    #[test]
    fn who_waits_can_be_woken_on_another_thread() {
        let trial = Trial::of(1);
        let (lease, _) = trial.take();
        let late = Instant::now() + Duration::from_millis(30);
        assert!(block_until(trial.pool.take(), Some(late)).is_none());
        thread::scope(|scope| {
            let waits = scope.spawn(|| block_until(trial.pool.take(), None).is_some());
            while trial.pool.0.lock().waiting.is_empty() {
                thread::yield_now();
            }
            lease.give_back();
            assert!(waits.join().expect("no panic"));
        });
    }

    #[test]
    fn dead_ones_are_passed_over() {
        let trial = Trial::of(3);
        let leases: Vec<_> = (0..3).map(|_| trial.take().0).collect();
        for (mut lease, is_dead) in leases.into_iter().zip([false, true, true]) {
            lease.is_dead = is_dead;
            lease.give_back();
        }
        let (lease, was_kept) = trial.take();
        assert!(was_kept && !lease.is_dead);
        assert_eq!(trial.pool.0.lock().total, 1);
        drop(lease);
        assert!(trial.pool.is_unused());
    }

    #[test]
    fn those_of_elsewhere_are_not_used_and_give_way() {
        let trial = Trial::of(2);
        let (one, two) = (trial.take().0, trial.take().0);
        one.give_back();
        two.give_back();
        HERE.set(1);
        let (here, was_kept) = trial.take();
        assert!(!was_kept && here.is_at_home());
        assert_eq!(trial.parted(), 1, "the oldest made room");
        here.give_back();
        HERE.set(0);
        let (lease, was_kept) = trial.take();
        assert!(was_kept && lease.is_at_home());
        HERE.set(1);
        assert!(!lease.is_at_home());
        let (here, was_kept) = trial.take();
        assert!(was_kept);
        // A connection of elsewhere is of no use to who waits, its slot is.
        let mut waits = Box::pin(trial.pool.take());
        let mut context = Context::from_waker(Waker::noop());
        assert!(waits.as_mut().poll(&mut context).is_pending());
        lease.give_back();
        let polled = waits.as_mut().poll(&mut context);
        assert!(matches!(polled, Poll::Ready(Taken::Empty(_))));
        assert_eq!(trial.parted(), 2);
        drop(here);
    }

    #[test]
    fn old_and_worn_ones_are_closed() {
        let trial = Trial::new(PoolLimits {
            messages: 2,
            ..PoolLimits::default()
        });
        let (mut lease, _) = trial.take();
        lease.count();
        assert!(!lease.is_worn());
        lease.count();
        assert!(lease.is_worn());
        lease.give_back();
        assert!(trial.parted() == 1 && trial.pool.is_unused());
        let idle = PoolLimits {
            idle: Duration::from_millis(20),
            ..PoolLimits::default()
        };
        let age = PoolLimits {
            age: Duration::from_millis(20),
            ..PoolLimits::default()
        };
        for limits in [idle, age] {
            let trial = Trial::new(limits);
            trial.take().0.give_back();
            while trial.parted() == 0 {
                thread::sleep(Duration::from_millis(2));
            }
            assert!(trial.pool.is_unused());
        }
        let endless = PoolLimits {
            idle: Duration::MAX,
            age: Duration::MAX,
            ..PoolLimits::default()
        };
        let trial = Trial::new(endless);
        trial.take().0.give_back();
        assert!(trial.take().1);
    }

    #[test]
    fn a_new_one_may_be_asked_for() {
        let trial = Trial::of(1);
        trial.take().0.give_back();
        let slot = ready(trial.pool.take_empty()).expect("room");
        assert_eq!(trial.parted(), 1);
        assert!(ready(trial.pool.take()).is_none());
        drop(slot);
        assert!(trial.pool.is_unused());
    }

    #[test]
    fn the_end_of_the_pool_is_that_of_its_connections() {
        let trial = Trial::of(3);
        let (busy, idle) = (trial.take().0, trial.take().0);
        idle.give_back();
        let shared = Arc::clone(&trial.pool.0);
        let parted = Arc::clone(&trial.parted);
        drop(trial);
        assert_eq!(parted.load(Ordering::SeqCst), 1);
        busy.give_back();
        assert_eq!(parted.load(Ordering::SeqCst), 2);
        assert_eq!(shared.lock().total, 0);
        // The thread that closes what is idle ends, too.
        while shared.lock().has_reaper {
            thread::yield_now();
        }
    }

    #[test]
    fn a_slot_apart_belongs_to_nobody() {
        let trial = Trial::of(1);
        let lease = Slot::apart(PoolLimits::default()).fill(trial.fake(false));
        assert!(trial.pool.is_unused());
        lease.give_back();
        assert_eq!(trial.parted(), 1);
    }
}
