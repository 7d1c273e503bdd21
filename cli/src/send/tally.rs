//! How many messages fared how, and what that means for the exit code.

use std::fmt;

use posthaste::{Error, ErrorKind, Report, Status};

use crate::exit::{Exit, Failure};

/// The outcomes of a run, counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    sent: u64,
    partial: u64,
    failed: u64,
    skipped: u64,
    /// Those of the failed ones that could not be sent by anybody.
    invalid: u64,
    /// Whether there were more messages, which nobody would have heard of.
    pub(crate) stopped: bool,
}

impl Tally {
    /// Counts a message.
    pub(crate) fn add(&mut self, report: &Report) {
        let count = match report.status() {
            Status::Sent => &mut self.sent,
            Status::Partial => &mut self.partial,
            Status::Skipped => &mut self.skipped,
            _ => &mut self.failed,
        };
        *count += 1;
        let error = report.error.as_ref();
        if error.is_some_and(|error| error.kind() == ErrorKind::Invalid) {
            self.invalid += 1;
        }
    }

    /// Whether there was no message.
    pub(crate) fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// How many messages there were.
    pub(crate) fn total(&self) -> u64 {
        self.sent + self.partial + self.failed + self.skipped
    }

    /// Whether there was a message at all, and none of them could be sent by anybody.
    pub(crate) fn is_all_invalid(&self) -> bool {
        self.invalid > 0 && self.invalid == self.total()
    }

    /// The end of a run that could not go on: the input is to blame, unless something may have been sent before.
    pub(crate) fn end(&self, error: Error) -> Failure {
        match self.total() == self.invalid + self.skipped {
            true => Failure::from(error),
            false => Failure::late(error),
        }
    }

    /// What the run comes to.
    pub(crate) fn exit(&self, fail_silently: bool) -> Exit {
        let failed = self.failed + self.partial > 0 && !fail_silently;
        if self.is_all_invalid() {
            Exit::Unusable
        } else if failed || self.stopped {
            Exit::Failed
        } else {
            Exit::Done
        }
    }
}

/// `3 messages: 1 sent, 2 failed`.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        write!(f, "{total} message{}", if total == 1 { "" } else { "s" })?;
        let counts = [
            (self.sent, "sent"),
            (self.partial, "sent in part"),
            (self.failed, "failed"),
            (self.skipped, "skipped for want of recipients"),
        ];
        let present = counts.iter().filter(|(count, _)| *count > 0);
        present.enumerate().try_for_each(|(index, (count, what))| {
            let separator = if index == 0 { ": " } else { ", " };
            write!(f, "{separator}{count} {what}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(reports: &[Report]) -> Tally {
        let mut tally = Tally::default();
        reports.iter().for_each(|report| tally.add(report));
        tally
    }

    fn sent() -> Report {
        Report::sent("<1@example.com>", vec![])
    }

    fn failed(kind: ErrorKind) -> Report {
        Report::failed(None, Error::new(kind, "no"))
    }

    #[test]
    fn the_exit_code_follows_the_outcomes() {
        let (invalid, refused) = (failed(ErrorKind::Invalid), failed(ErrorKind::Rejected));
        for (reports, exit, silent) in [
            (vec![], Exit::Done, Exit::Done),
            (vec![sent(), Report::skipped()], Exit::Done, Exit::Done),
            (vec![sent(), refused.clone()], Exit::Failed, Exit::Done),
            (vec![sent(), invalid.clone()], Exit::Failed, Exit::Done),
            (vec![refused, invalid.clone()], Exit::Failed, Exit::Done),
            (
                vec![Report::skipped(), invalid.clone()],
                Exit::Failed,
                Exit::Done,
            ),
            (
                vec![invalid.clone(), invalid],
                Exit::Unusable,
                Exit::Unusable,
            ),
        ] {
            let tally = tally(&reports);
            assert_eq!(
                (tally.exit(false), tally.exit(true)),
                (exit, silent),
                "{tally}"
            );
        }
    }

    #[test]
    fn it_reads_as_one_line() {
        assert_eq!(tally(&[]).to_string(), "0 messages");
        assert_eq!(tally(&[sent()]).to_string(), "1 message: 1 sent");
        let mixed = tally(&[sent(), failed(ErrorKind::Io), Report::skipped()]);
        assert_eq!(
            mixed.to_string(),
            "3 messages: 1 sent, 1 failed, 1 skipped for want of recipients"
        );
    }
}
