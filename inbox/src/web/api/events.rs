//! What happens, told as it happens (server-sent events).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::json::row;
use super::problem::Problem;
use crate::event::{Event, Numbered, PastEvent};
use crate::inbox::Shared;

/// So much waits for a listener that is slow. Then it is told that it has missed something.
const WAITING: usize = 256;

/// Tells what happens from now on, or since the event that the listener heard last.
pub(super) async fn stream(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = Arc::clone(&shared.listeners).try_acquire_owned();
    let place = place.map_err(|_| {
        let text = "There are too many who listen; close a page.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, text)
    })?;
    let last = headers.get("last-event-id");
    let last = last.map(|last| last.to_str().unwrap_or_default().to_owned());
    let (to, told) = mpsc::channel(WAITING);
    let teller = Teller {
        shared,
        to,
        _place: place,
    };
    tokio::spawn(teller.run(last));
    let response = Sse::new(Told(told)).keep_alive(KeepAlive::default());
    // Who stands in between is not to collect it.
    Ok(([("x-accel-buffering", "no")], response).into_response())
}

/// Tells one listener.
struct Teller {
    shared: Arc<Shared>,
    to: mpsc::Sender<sse::Event>,
    _place: OwnedSemaphorePermit,
}

/// The listener is gone, or the inbox is.
struct Over;

impl Teller {
    /// Until the listener goes, or the inbox stops.
    async fn run(self, last: Option<String>) {
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            _ = self.tell(last) => {}
            () = self.to.closed() => {}
            () = shared.stopped() => {}
        }
    }

    async fn tell(&self, last: Option<String>) -> Result<(), Over> {
        let mut events = self.greet(last).await?;
        loop {
            let event = match events.recv().await {
                Ok((number, event)) => self.event(number, &event),
                Err(RecvError::Lagged(_)) => {
                    events = self.begin_anew().await?;
                    continue;
                }
                Err(RecvError::Closed) => return Err(Over),
            };
            match self.to.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Closed(_)) => return Err(Over),
                Err(TrySendError::Full(_)) => {
                    // What is not listened to does not keep mails in memory.
                    drop(events);
                    events = self.begin_anew().await?;
                }
            }
        }
    }

    /// Says where things stand, and what was missed.
    async fn greet(&self, last: Option<String>) -> Result<Receiver<Numbered>, Over> {
        let Some(last) = last else {
            let (number, events) = self.shared.events.listen();
            let hello = self.made("hello", number, &json!({"last": self.id(number)}));
            self.send(hello).await?;
            return Ok(events);
        };
        let number = last
            .split_once('-')
            .filter(|(epoch, _)| *epoch == self.shared.events.epoch.to_string())
            .and_then(|(_, number)| number.parse().ok());
        let Some(number) = number else {
            return self.begin_anew().await;
        };
        let (missed, events) = self.shared.events.listen_after(number);
        let Some(missed) = missed else {
            return self.begin_anew().await;
        };
        for (number, event) in missed {
            let event = match event {
                PastEvent::Other(event) => self.event(number, &event),
                // One that is gone since was deleted; that is told, too.
                PastEvent::Mail(id) => match self.shared.store.get(id).await {
                    Ok(Some(mail)) => self.event(number, &Event::Mail(mail)),
                    _ => continue,
                },
            };
            self.send(event).await?;
        }
        Ok(events)
    }

    /// Tells that something was missed and cannot be told again: the listener has to look for itself.
    async fn begin_anew(&self) -> Result<Receiver<Numbered>, Over> {
        let place = self.to.reserve().await.map_err(|_| Over)?;
        let (number, events) = self.shared.events.listen();
        place.send(self.made("resync", number, &json!({})));
        Ok(events)
    }

    async fn send(&self, event: sse::Event) -> Result<(), Over> {
        self.to.send(event).await.map_err(|_| Over)
    }

    fn event(&self, number: u64, event: &Event) -> sse::Event {
        let (name, data) = match event {
            Event::Mail(mail) => ("message", row(mail)),
            Event::Deleted(ids) => ("deleted", json!({"ids": ids[..]})),
            Event::Dropped(ids) => ("dropped", json!({"ids": ids[..]})),
            Event::Replaced(old, new) => ("replaced", json!({"old": old, "new": new})),
            Event::Marked(id, read) => ("marked", json!({"id": id, "read": read})),
            Event::Fault(hit) => ("fault", json!(**hit)),
        };
        self.made(name, number, &data)
    }

    fn made(&self, name: &str, number: u64, data: &Value) -> sse::Event {
        let event = sse::Event::default().event(name).id(self.id(number));
        event.data(data.to_string())
    }

    fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.shared.events.epoch)
    }
}

/// What a listener is told.
struct Told(mpsc::Receiver<sse::Event>);

impl Stream for Told {
    type Item = Result<sse::Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}
