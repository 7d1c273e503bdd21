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

/// Which mails are waited for.
pub(crate) struct Wanted<'w> {
    /// What finds them.
    pub(crate) query: &'w Query,
    /// What a search cannot ask.
    pub(crate) fits: &'w (dyn Fn(&Mail) -> bool + Sync),
    /// Only those with higher numbers.
    pub(crate) after: Option<Id>,
    /// So many.
    pub(crate) count: usize,
}

impl Shared {
    /// Waits until so many mails are there that are wanted. Gives them in the order they came; fewer when the time is over.
    ///
    /// With `after`, only those count that came after the mail of this number, and the first of them are given: who waits
    /// again after the last of these misses none. Without it older mails count too, and the newest are given.
    pub(crate) async fn wait(
        &self,
        wanted: &Wanted<'_>,
        limit: Duration,
    ) -> Result<Vec<Arc<Mail>>, StoreError> {
        let Wanted { query, after, .. } = *wanted;
        let count = wanted.count.max(1);
        let end = Instant::now().checked_add(limit);
        // First listen, then look: what comes in between is seen twice, not never.
        let (_, mut events) = self.events.listen();
        let mut mails = self.present(wanted, count).await?;
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
                    if is_new && query.matches(&mail, false) && (wanted.fits)(&mail) {
                        mails.push(mail);
                    }
                }
                Some(Err(RecvError::Lagged(_))) => {
                    mails = self.present(wanted, count).await?;
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
        wanted: &Wanted<'_>,
        count: usize,
    ) -> Result<Vec<Arc<Mail>>, StoreError> {
        let page = Page {
            before: None,
            after: wanted.after,
            limit: usize::MAX,
        };
        let found = self.store.list(wanted.query, page).await?.mails.into_iter();
        let newest_first = found
            .map(|(mail, _)| mail)
            .filter(|mail| (wanted.fits)(mail));
        let mut mails: Vec<_> = match wanted.after {
            Some(_) => newest_first.rev().take(count).collect(),
            None => newest_first.take(count).collect(),
        };
        mails.sort_by_key(|mail| mail.id);
        Ok(mails)
    }
}
