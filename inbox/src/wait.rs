//! Waiting for mail.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};

use crate::event::Event;
use crate::inbox::Shared;
use crate::mail::{Id, Mail};
use crate::query::Query;
use crate::store::{Page, StoreError};

impl Shared {
    /// Waits until there are `count` mails that the query finds. Gives them in the order they came; fewer when the time is over.
    ///
    /// With `after`, only those count that came after the mail of this number, and the first of them are given: who waits
    /// again after the last of these misses none. Without it older mails count too, and the newest are given.
    pub(crate) async fn wait(
        &self,
        query: &Query,
        after: Option<Id>,
        count: usize,
        limit: Duration,
    ) -> Result<Vec<Arc<Mail>>, StoreError> {
        let count = count.max(1);
        let end = Instant::now().checked_add(limit);
        // First listen, then look: what comes in between is seen twice, not never.
        let (_, mut events) = self.events.listen();
        let mut mails = self.present(query, after, count).await?;
        while mails.len() < count {
            let next = async {
                tokio::select! {
                    event = events.recv() => Some(event),
                    () = self.stopped() => None,
                }
            };
            let next = match end {
                Some(end) => timeout_at(end, next).await.unwrap_or_default(),
                None => next.await,
            };
            match next {
                Some(Ok((_, Event::Mail(mail)))) => {
                    let is_new = after.is_none_or(|after| mail.id > after)
                        && mails.iter().all(|seen| seen.id != mail.id);
                    if is_new && query.matches(&mail, false) {
                        mails.push(mail);
                    }
                }
                Some(Err(RecvError::Lagged(_))) => {
                    mails = self.present(query, after, count).await?;
                }
                Some(Ok(_)) => {}
                Some(Err(RecvError::Closed)) | None => break,
            }
        }
        mails.sort_by_key(|mail| mail.id);
        Ok(mails)
    }

    /// What is there already, oldest first.
    async fn present(
        &self,
        query: &Query,
        after: Option<Id>,
        count: usize,
    ) -> Result<Vec<Arc<Mail>>, StoreError> {
        let page = Page {
            before: None,
            after,
            // The store gives the newest; the first after a mark are wanted.
            limit: after.map_or(count, |_| usize::MAX),
        };
        let found = self.store.list(query, page).await?;
        let oldest_first = found.mails.into_iter().rev().map(|(mail, _)| mail);
        Ok(oldest_first.take(count).collect())
    }
}
