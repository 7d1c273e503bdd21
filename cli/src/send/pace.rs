//! How many messages are handed over at once.

use std::time::Duration;

/// The most. Between two batches the connection is idle for a moment, so few large ones are better than many small ones.
const MOST: usize = 1024;

/// A batch is finished when Ctrl-C comes, so none should take longer.
const LONG: Duration = Duration::from_secs(1);

/// The size of the next batch.
#[derive(Debug)]
pub(super) struct Pace(usize);

impl Pace {
    pub(super) fn new() -> Self {
        Self(16)
    }

    pub(super) fn size(&self) -> usize {
        self.0
    }

    /// Notes how long a batch of this many messages took.
    pub(super) fn note(&mut self, count: usize, took: Duration) {
        if took > LONG {
            self.0 = (self.0 / 2).max(1);
        } else if took < LONG / 3 && count == self.0 {
            self.0 = (self.0 * 2).min(MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_grow_while_they_are_quick_and_shrink_when_they_are_not() {
        let mut pace = Pace::new();
        let start = pace.size();
        pace.note(start - 1, Duration::ZERO);
        assert_eq!(pace.size(), start, "there were no more messages");
        for _ in 0..20 {
            pace.note(pace.size(), Duration::ZERO);
        }
        assert_eq!(pace.size(), MOST);
        for _ in 0..20 {
            pace.note(pace.size(), LONG * 2);
        }
        assert_eq!(pace.size(), 1);
    }
}
