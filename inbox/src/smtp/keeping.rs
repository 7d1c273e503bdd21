//! What becomes of a mail that came, or that did not come to its end.

use posthaste_smtp::Reply;

use super::connection::{Connection, Over};
use super::delivery::Delivery;
use crate::fault::{Act, Ending};
use crate::mail::{Arrival, Session};
use crate::store::StoreError;

/// The answer when all contents that are on their way take too much memory.
const TOO_MUCH: &str = "452 4.3.1 There is no room for this now, try again later";

impl Connection<'_> {
    /// Keeps the mail, then answers.
    pub(super) async fn complete(&mut self, act: Act) -> Result<(), Over> {
        let usual = self.server.usual_answer().cloned();
        let Some(delivery) = self.delivery.take() else {
            return Ok(());
        };
        let usual = match TOO_MUCH.parse() {
            Ok(reply) if delivery.is_too_much => Some(reply),
            _ => usual,
        };
        let is_cut = act.ending.is_some_and(|ending| ending != Ending::Close);
        let said = act
            .reply
            .clone()
            .or_else(|| usual.clone())
            .filter(|_| !is_cut);
        let kept = if act.after_store { usual } else { said.clone() };
        if let Some(reply) = &said {
            self.note_ahead(reply);
        }
        let problem = self.keep(delivery, kept).await.err();
        if act.after_store {
            self.pause(act.delay).await?;
        }
        if is_cut {
            self.flush().await?;
            return self.cut_if(act.ending);
        }
        let problem = problem.and_then(|error| {
            format!("452 4.3.1 The mail could not be kept: {error}")
                .parse()
                .ok()
        });
        self.say(problem.or(said), act.ending);
        self.is_noted();
        Ok(())
    }

    /// A mail will not come to its end: what there is of it is kept, if anything was refused or went wrong.
    pub(super) async fn give_up(&mut self) {
        if let Some(mut delivery) = self.delivery.take().filter(Delivery::is_attempt) {
            let reply = delivery.refusal.take();
            // Nobody is left to be told.
            let _ = self.keep(delivery, reply).await;
        }
    }

    async fn keep(
        &mut self,
        mut delivery: Delivery<'_>,
        reply: Option<Reply>,
    ) -> Result<(), StoreError> {
        let session = Session {
            chunks: delivery.chunks,
            duration_us: u64::try_from(delivery.start.elapsed().as_micros()).unwrap_or(u64::MAX),
            ..self.session.clone()
        };
        let arrival = Arrival {
            mailbox: session.user.clone().unwrap_or_default(),
            envelope: std::mem::take(&mut delivery.envelope),
            session,
            reply,
            raw: delivery.take_content(),
            transcript: self.record.take(),
        };
        self.shared.keep(arrival).await.map(drop)
    }
}
