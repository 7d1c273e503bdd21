//! How far a server is trusted with contents that it has not asked for.

/// How far a server is trusted with contents whose recipients it has not answered for, where CHUNKING lets them run ahead.
///
/// A server begins with one content; when that went well it is given 8 at once, and when all of those did, 64. When it
/// refuses an address, each content waits for its recipients until 16 mails have gone well. A
/// [session](crate::Session::trust) has its own; hand it on, and the next session with the same server knows what this one
/// has learnt.
///
/// # Example
///
/// ```
/// use posthaste_smtp::{Config, Session, Trust};
///
/// let mut session = Session::new(Config::default());
/// // The last session was cut off amid its contents: at most one of the next hundred mails is in doubt if this one is, too.
/// session.set_trust(Trust::after(100));
/// assert_eq!(session.trust(), Trust::after(100));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trust {
    /// So many mails have to go well before contents run ahead.
    wanted: u32,
    /// So many mails may be written whole without an answer.
    room: usize,
    /// The mails that went well since there was so much room.
    good: usize,
}

impl Trust {
    /// A refusal costs the mails behind it nothing, but servers count errors, and each content for nobody is one more.
    const AFTER_REFUSAL: u32 = 16;
    /// Fewer than the ten refusals after which Exim hangs up, and Postfix slows down.
    const GROWTH: usize = 8;

    /// Contents run ahead when so many mails have gone well, but never before the server has taken one: it has yet to show
    /// that it knows BDAT.
    #[must_use]
    pub fn after(mails: u32) -> Self {
        Self {
            wanted: mails.max(1),
            room: Self::GROWTH,
            good: 0,
        }
    }

    /// The same for another session with the server, which has to show that it knows BDAT, too.
    #[must_use]
    pub fn anew(self) -> Self {
        Self {
            wanted: self.wanted.max(1),
            ..self
        }
    }

    pub(super) fn went_well(&mut self) {
        if self.wanted > 0 {
            self.wanted -= 1;
            return;
        }
        self.good += 1;
        // All at once and not one by one: by then the server has answered for all that went ahead with less room.
        if self.good >= self.room {
            self.room = self.room.saturating_mul(Self::GROWTH);
            self.good = 0;
        }
    }

    pub(super) fn was_refused(&mut self) {
        *self = Self::after(self.wanted.max(Self::AFTER_REFUSAL));
    }

    /// Whether contents may run ahead at all.
    pub(super) fn is_full(self) -> bool {
        self.wanted == 0
    }

    /// How many mails may be written whole without an answer.
    pub(super) fn room(self) -> usize {
        self.room
    }
}

impl Default for Trust {
    /// Trusts a server that nothing is known of.
    fn default() -> Self {
        Self::after(1)
    }
}
