//! What happens in an inbox, told to whoever listens.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::fault::Hit;
use crate::mail::{Id, Mail};

/// So many events are remembered for listeners that come back, and wait for one that is slow.
const KEPT: usize = 1024;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A mail came, or a client tried to send one.
    Mail(Arc<Mail>),
    /// Mails were deleted.
    Deleted(Arc<[Id]>),
    /// Mails had to go because of a limit.
    Dropped(Arc<[Id]>),
    /// A mail came in the place of another, which is deleted next: the other, and the mail.
    Replaced(Id, Id),
    /// A mail was read, or marked as unread.
    Marked(Id, bool),
    /// A fault rule had its turn.
    Fault(Arc<Hit>),
}

/// An event and its number: 1 for the first since the start.
pub(crate) type Numbered = (u64, Event);

/// Tells all listeners what happens, and remembers the last of it.
#[derive(Debug)]
pub(crate) struct Events {
    /// Tells the numbers of this start from those of another.
    pub(crate) epoch: i64,
    sender: broadcast::Sender<Numbered>,
    past: Mutex<Past>,
}

#[derive(Debug, Default)]
struct Past {
    last: u64,
    events: VecDeque<(u64, PastEvent)>,
}

/// An event that is over. It does not keep a mail in memory that the store has let go.
#[derive(Clone, Debug)]
pub(crate) enum PastEvent {
    /// A mail came.
    Mail(Id),
    /// Something else happened.
    Other(Event),
}

/// What a listener that comes back has missed. None: more than is remembered.
pub(crate) type Missed = Option<Vec<(u64, PastEvent)>>;

impl Events {
    pub(crate) fn new() -> Self {
        Self {
            epoch: Timestamp::now().as_millisecond(),
            sender: broadcast::Sender::new(KEPT),
            past: Mutex::default(),
        }
    }

    pub(crate) fn tell(&self, event: Event) {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.last += 1;
        let number = past.last;
        let is_over = match &event {
            Event::Mail(mail) => PastEvent::Mail(mail.id),
            other => PastEvent::Other(other.clone()),
        };
        past.events.push_back((number, is_over));
        if past.events.len() > KEPT {
            past.events.pop_front();
        }
        // Under the lock, so that all hear it in the order of the numbers. Nobody may be listening.
        let _ = self.sender.send((number, event));
    }

    pub(crate) fn listener(&self) -> Listener {
        Listener(self.sender.subscribe())
    }

    /// The number of the last event, and what happens from now on.
    pub(crate) fn listen(&self) -> (u64, broadcast::Receiver<Numbered>) {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        (past.last, self.sender.subscribe())
    }

    /// What happened after the event of this number, and what happens from now on.
    pub(crate) fn listen_after(&self, number: u64) -> (Missed, broadcast::Receiver<Numbered>) {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let first = past
            .events
            .front()
            .map_or(past.last + 1, |(first, _)| *first);
        let is_kept = number <= past.last && number + 1 >= first;
        let missed = is_kept.then(|| {
            let after = past.events.iter().filter(|(at, _)| *at > number);
            after.cloned().collect()
        });
        (missed, self.sender.subscribe())
    }
}

/// Tells what happens in an inbox, in order.
#[derive(Debug)]
pub struct Listener(broadcast::Receiver<Numbered>);

impl Listener {
    /// The next event; none when the inbox is gone. Who is more than 1,024 events late misses some.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match self.0.recv().await {
                Ok((_, event)) => return Some(event),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// [`next`](Self::next), waiting on this thread.
    ///
    /// # Panics
    ///
    /// On a thread of an asynchronous runtime, which must not wait.
    pub fn next_blocking(&mut self) -> Option<Event> {
        loop {
            match self.0.blocking_recv() {
                Ok((_, event)) => return Some(event),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_back_hears_what_it_missed() {
        let events = Events::new();
        for id in 1..=3 {
            events.tell(Event::Marked(id, true));
        }
        let numbers = |missed: Missed| -> Option<Vec<u64>> {
            missed.map(|missed| missed.iter().map(|(number, _)| *number).collect())
        };
        assert_eq!(numbers(events.listen_after(1).0), Some(vec![2, 3]));
        assert_eq!(numbers(events.listen_after(3).0), Some(vec![]));
        // Of another start, or made up.
        assert_eq!(numbers(events.listen_after(4).0), None);
    }

    #[test]
    fn what_is_too_long_ago_is_not_remembered() {
        let events = Events::new();
        for id in 0..KEPT as u64 + 1 {
            events.tell(Event::Marked(id, true));
        }
        assert!(events.listen_after(0).0.is_none());
        assert_eq!(
            events.listen_after(1).0.map(|missed| missed.len()),
            Some(KEPT)
        );
    }
}
