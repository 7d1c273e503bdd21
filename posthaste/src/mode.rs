//! The two ways to wait: the same types serve both, and a marker says which one is meant.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use crate::backend::Io;

/// Marks what is awaited, on tokio.
#[derive(Clone, Copy, Debug)]
pub enum Async {}

/// Marks what blocks the thread, without a runtime; see [`blocking`](crate::blocking).
#[derive(Clone, Copy, Debug)]
pub enum Blocking {}

/// How a marker's backends have to do their input and output.
pub trait Mode: sealed::Sealed + Send + 'static {
    #[doc(hidden)]
    const IO: Io;
}

#[cfg(feature = "tokio")]
impl Mode for Async {
    const IO: Io = Io::Tokio;
}

impl Mode for Blocking {
    const IO: Io = Io::Blocking;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Async {}
    impl Sealed for super::Blocking {}
}

/// Runs a future on this thread until it is done. Those of our own backends are ready when they are first polled.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        // Without a deadline there is always a result.
        if let Some(value) = block_until(work.as_mut(), None) {
            return value;
        }
    }
}

/// Runs a future on this thread until it is done, or until `deadline`.
pub(crate) fn block_until<T>(
    work: impl Future<Output = T>,
    deadline: Option<Instant>,
) -> Option<T> {
    let mut work = pin!(work);
    let unpark = Arc::new(Unpark {
        thread: thread::current(),
        woken: AtomicBool::new(false),
    });
    let waker = Waker::from(Arc::clone(&unpark));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = work.as_mut().poll(&mut context) {
            return Some(value);
        }
        while !unpark.woken.swap(false, Ordering::Acquire) {
            let Some(deadline) = deadline else {
                thread::park();
                continue;
            };
            let left = deadline.checked_duration_since(Instant::now())?;
            thread::park_timeout(left);
        }
    }
}

/// Wakes a thread that waits for a backend of a user's own.
struct Unpark {
    thread: Thread,
    /// Whatever else parks the thread during a poll, a channel or another `block_on`, uses up the thread's own mark.
    woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn waits_for_a_future_that_another_thread_wakes() {
        let (wakers, waker) = mpsc::channel::<Waker>();
        thread::spawn(move || waker.recv().map(Waker::wake));
        let mut polls = 0;
        let value = block_on(std::future::poll_fn(|context| {
            polls += 1;
            if polls == 1 {
                wakers.send(context.waker().clone()).expect("a listener");
                return Poll::Pending;
            }
            Poll::Ready(polls)
        }));
        assert!(value >= 2);
    }
}
