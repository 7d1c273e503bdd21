//! The queue for slots.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::lease::Slot;
use super::{Pooled, Shared, Used, Waiting};

/// The wait for a slot. Who gives up is no longer waited for, and what was granted meanwhile goes to the next.
pub(super) struct Turn<'a, C: Pooled> {
    shared: &'a Arc<Shared<C>>,
    /// Our number in the queue, if we had to wait.
    number: Option<u64>,
}

impl<'a, C: Pooled> Turn<'a, C> {
    pub(super) fn new(shared: &'a Arc<Shared<C>>) -> Self {
        Self {
            shared,
            number: None,
        }
    }
}

impl<C: Pooled> Future for Turn<'_, C> {
    type Output = (Slot<C>, Option<Used<C>>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = self.shared;
        let mut state = shared.lock();
        let (granted, after) = match self.number {
            Some(number) => (state.take_granted(number), None),
            None => state
                .grant(C::here(), &shared.limits)
                .map_or((None, None), |(used, after)| (Some(used), Some(after))),
        };
        if let Some(used) = granted {
            drop(state);
            self.number = None;
            if let Some(after) = after {
                after.settle();
            }
            return Poll::Ready((Slot::of(shared), used));
        }
        let number = self.number.unwrap_or(state.numbers);
        match state.waiting.iter_mut().find(|one| one.number == number) {
            Some(waiting) => waiting.waker.clone_from(context.waker()),
            None => {
                state.numbers += 1;
                state.waiting.push_back(Waiting {
                    number,
                    home: C::here(),
                    waker: context.waker().clone(),
                });
            }
        }
        drop(state);
        self.number = Some(number);
        Poll::Pending
    }
}

impl<C: Pooled> Drop for Turn<'_, C> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let granted = {
            let mut state = self.shared.lock();
            state.waiting.retain(|one| one.number != number);
            state.take_granted(number)
        };
        match granted {
            Some(Some(used)) => self.shared.restore(used),
            Some(None) => self.shared.release(),
            None => {}
        }
    }
}
