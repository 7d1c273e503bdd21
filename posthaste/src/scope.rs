//! Which mailer the short functions use: the scope's, else the one that was set, else the environment's.

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::sync::{PoisonError, RwLock};
use std::task::{Context, Poll};

use crate::error::Error;
use crate::mailer::Mailer;

thread_local! {
    static SCOPED: RefCell<Option<Mailer>> = const { RefCell::new(None) };
}

static DEFAULT: RwLock<Option<Mailer>> = RwLock::new(None);

/// The mailer in force here.
///
/// # Errors
///
/// When none was set and the settings of the environment cannot be used.
pub(crate) fn current() -> Result<Mailer, Error> {
    let scoped = SCOPED.try_with(|scoped| scoped.borrow().clone());
    if let Some(mailer) = scoped.ok().flatten() {
        return Ok(mailer);
    }
    let default = DEFAULT.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(mailer) = default.as_ref() {
        return Ok(mailer.clone());
    }
    drop(default);
    let mailer = Mailer::from_env()?;
    let mut default = DEFAULT.write().unwrap_or_else(PoisonError::into_inner);
    // Another thread may have been faster; then all use the same one.
    Ok(default.get_or_insert(mailer).clone())
}

/// Makes `mailer` the one that is used outside of any scope.
pub(crate) fn set_default(mailer: Mailer) {
    *DEFAULT.write().unwrap_or_else(PoisonError::into_inner) = Some(mailer);
}

/// Runs `work` with `mailer` as the one in force on this thread.
pub(crate) fn within<T>(mailer: &Mailer, work: impl FnOnce() -> T) -> T {
    let _entered = Entered::new(mailer.clone());
    work()
}

/// Puts the former mailer back, also when the work panics.
struct Entered(Option<Mailer>);

impl Entered {
    fn new(mailer: Mailer) -> Self {
        // A thread that is ending has no scope any more.
        Self(
            SCOPED
                .try_with(|scoped| scoped.replace(Some(mailer)))
                .ok()
                .flatten(),
        )
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let former = self.0.take();
        // The mailer that was in force is dropped after the exchange: what drops with it may look here.
        let _ = SCOPED.try_with(|scoped| scoped.replace(former));
    }
}

/// A future during which the short functions use a certain mailer, made by [`Mailer::scope`].
///
/// The scope holds while this future is polled or dropped, whatever thread does it; a task that is spawned in it needs a scope of
/// its own.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Scoped<F> {
    mailer: Mailer,
    /// Gone only while this is dropped.
    future: Option<Pin<Box<F>>>,
}

impl<F> Scoped<F> {
    pub(crate) fn new(mailer: Mailer, future: F) -> Self {
        let future = Some(Box::pin(future));
        Self { mailer, future }
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let Some(future) = &mut this.future else {
            return Poll::Pending;
        };
        within(&this.mailer, || future.as_mut().poll(context))
    }
}

/// What is given up half-way may send a last mail when it is dropped; that belongs to the scope, too.
impl<F> Drop for Scoped<F> {
    fn drop(&mut self) {
        let future = self.future.take();
        within(&self.mailer, || drop(future));
    }
}

impl<F> fmt::Debug for Scoped<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scoped")
            .field("mailer", &self.mailer)
            .finish_non_exhaustive()
    }
}
