//! The messages of an input, read by a thread of their own: so they are ready when the connection is, and one that comes
//! alone does not wait for company.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use posthaste::{EmailMessage, Error};

use super::split::{Fault, Piece, Splitter};
use crate::message;

/// So many octets of messages are read in advance.
const AHEAD: usize = 8 << 20;

/// So many messages are read in advance.
const MOST: usize = 4096;

/// A message of the input.
pub(super) struct Item {
    /// The message, or what is wrong with it.
    pub(super) message: Result<EmailMessage, Error>,
    /// How far in the input it ends.
    pub(super) position: u64,
    octets: usize,
}

/// The messages of an input, in order.
pub(super) struct Source(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    octets: usize,
    /// Nothing more will come, for this reason if there is one.
    end: Option<Option<Fault>>,
}

impl Source {
    /// Begins to read.
    ///
    /// # Errors
    ///
    /// When there is no thread to be had.
    pub(super) fn start(reader: Box<dyn Read + Send>) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let writer = Arc::clone(&shared);
        thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || {
                let end = read(reader, &writer);
                writer.lock().end = Some(end);
                writer.changed.notify_all();
            })?;
        Ok(Self(shared))
    }

    /// Waits for the next message, and takes those that have come by then too, up to `most`. None at the end.
    ///
    /// # Errors
    ///
    /// When the input cannot be read on. The messages before are given first.
    pub(super) fn take(&self, most: usize) -> Result<Vec<Item>, Fault> {
        let mut state = self.0.lock();
        while state.items.is_empty() {
            match state.end.take() {
                Some(Some(fault)) => return Err(fault),
                Some(None) => return Ok(Vec::new()),
                None => state = self.0.wait(state),
            }
        }
        let count = state.items.len().min(most.max(1));
        let items: Vec<Item> = state.items.drain(..count).collect();
        state.octets -= items.iter().map(|item| item.octets).sum::<usize>();
        self.0.changed.notify_all();
        Ok(items)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        let state = self.changed.wait(state);
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message, as soon as there is room for it.
    fn push(&self, item: Item) {
        let mut state = self.lock();
        let is_full = |state: &State| {
            !state.items.is_empty()
                && (state.items.len() >= MOST || state.octets + item.octets > AHEAD)
        };
        while is_full(&state) {
            state = self.wait(state);
        }
        state.octets += item.octets;
        state.items.push_back(item);
        self.changed.notify_all();
    }
}

/// Reads all messages; gives what ended it early, if anything did.
fn read(reader: Box<dyn Read + Send>, shared: &Shared) -> Option<Fault> {
    let mut pieces = Splitter::new(reader, message::LIMIT);
    loop {
        let (message, octets) = match pieces.next() {
            Ok(None) => return None,
            Ok(Some(Piece::Text(json))) => {
                let message = EmailMessage::from_json(json).map_err(Error::from);
                (message, json.len())
            }
            Ok(Some(Piece::TooLarge)) => (Err(message::too_large()), 0),
            Err(fault) => return Some(fault),
        };
        let position = pieces.position();
        shared.push(Item {
            message,
            position,
            octets,
        });
    }
}

impl Item {
    /// A message that was not read from anywhere.
    pub(super) fn alone(message: EmailMessage) -> Self {
        Self {
            message: Ok(message),
            position: 0,
            octets: 0,
        }
    }
}
