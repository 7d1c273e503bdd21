//! What the server knows, and what the reports may say.

use posthaste::testing::{Conversation, Received, Server};
use posthaste::{ErrorKind, Report, Status};

use crate::{Case, Fault, Offer, Stage};

/// Both sides of a case.
pub(crate) struct Truth<'a> {
    case: Case,
    conversations: Vec<Conversation>,
    reports: &'a [Report],
}

impl<'a> Truth<'a> {
    pub(crate) fn new(case: Case, server: &Server, reports: &'a [Report]) -> Self {
        Self {
            case,
            conversations: server.conversations(),
            reports,
        }
    }

    pub(crate) fn check(&self) {
        assert_eq!(self.reports.len(), 3, "{self}");
        for (name, report) in ["one", "two", "three"].into_iter().zip(self.reports) {
            self.check_report(name, report);
        }
        if self.case.stage.is_opening() {
            self.check_nothing_was_sent();
        } else {
            self.check_the_rest_was_sent();
        }
    }

    /// A report against all that the server knows of its message.
    fn check_report(&self, name: &str, report: &Report) {
        let begun = self.received(name);
        let whole: Vec<_> = begun.iter().filter(|one| one.is_complete).collect();
        assert!(whole.len() <= 1, "{name} was sent twice: {self}");
        let taken = whole.first().filter(|one| one.is_taken());
        let in_doubt = report
            .error
            .as_ref()
            .is_some_and(|error| error.is_in_doubt());
        match report.status() {
            Status::Sent | Status::Partial => {
                let taken = taken.unwrap_or_else(|| panic!("{name} was not taken: {self}"));
                let accepted: Vec<_> = report.accepted.iter().map(|one| one.addr_spec()).collect();
                assert_eq!(accepted, taken.accepted(), "{name}: {self}");
                let end = format!("\r\n\r\nThis is {name}.\r\n.\r\n");
                let is_other = self.case.large && name == "two";
                assert!(is_other || taken.text().ends_with(&end), "{name}: {self}");
            }
            Status::Failed => {
                assert!(taken.is_none() || in_doubt, "{name} was taken: {self}");
                let error = report.error.as_ref().expect("an error");
                assert!(!in_doubt || error.is_temporary(), "{name}: {error}");
                self.check_doubt(name, in_doubt, whole.first().copied().copied());
            }
            other => panic!("{name} is {other:?}: {self}"),
        }
    }

    /// In doubt exactly when the last octet may have arrived and no answer came.
    fn check_doubt(&self, name: &str, in_doubt: bool, whole: Option<&Received>) {
        if let Some(whole) = whole {
            let unanswered = whole.reply.is_none() || whole.is_taken();
            // An answer too many makes every answer after it worthless, and so does one of garbage.
            let confused = matches!(self.case.fault, Fault::TwoReplies | Fault::Garbage);
            assert!(
                in_doubt == unanswered || confused,
                "{name} in doubt: {in_doubt}; {self}"
            );
            return;
        }
        // With BDAT it is all written ahead, and otherwise once the server has said go.
        let may_be_written = match self.case.stage {
            Stage::Body if self.case.large => self.reads_on(),
            Stage::Body | Stage::Final => true,
            _ => self.case.offer == Offer::Chunking,
        };
        assert!(
            !in_doubt || may_be_written,
            "{name} cannot be in doubt: {self}"
        );
    }

    /// The server takes the content to its end, although it says nothing any more.
    fn reads_on(&self) -> bool {
        matches!(
            self.case.fault,
            Fault::Stall | Fault::Close | Fault::HalfClose | Fault::CutReply
        )
    }

    /// The connection was never good for anything, and nobody knocks a second time.
    fn check_nothing_was_sent(&self) {
        let harmless = self.case.fault == Fault::TwoReplies && self.case.stage == Stage::Greeting;
        for report in self.reports {
            let error = report.error.as_ref();
            let error = error.unwrap_or_else(|| panic!("it was sent: {self}"));
            assert!(!error.is_in_doubt(), "{error}: {self}");
            self.check_kind(error.kind());
        }
        assert!(!harmless || self.conversations.len() == 1, "{self}");
        assert_eq!(self.conversations.len(), 1, "{self}");
        assert!(self.conversations[0].messages.is_empty(), "{self}");
    }

    fn check_the_rest_was_sent(&self) {
        let [one, two, three] = self.reports else {
            panic!("{self}")
        };
        if self.case.stage == Stage::Rset {
            assert_eq!(
                one.error.as_ref().map(|error| error.kind()),
                Some(ErrorKind::Rejected),
                "{self}"
            );
        } else if self.case.offer != Offer::Chunking {
            assert_eq!(one.status(), Status::Sent, "{self}");
        }
        if let Some(error) = &two.error {
            self.check_kind(error.kind());
            let is_lost = self.case.large && self.case.fault == Fault::Stall;
            assert!(!is_lost || error.is_in_doubt(), "{self}");
        }
        assert!(!self.case.large || two.error.is_some(), "{self}");
        if let Some(error) = &three.error {
            self.check_kind(error.kind());
            let written_ahead = self.case.offer == Offer::Chunking && error.is_in_doubt();
            assert!(written_ahead || self.is_out_of_turn(), "{self}");
        }
        assert!(self.conversations.len() <= 2, "{self}");
        if matches!(self.case.stage, Stage::Quit | Stage::Between) {
            assert_eq!(two.status(), Status::Sent, "{self}");
        }
    }

    /// The server was silent or spoke out of turn when the third message was begun, which tells nothing about the third.
    fn is_out_of_turn(&self) -> bool {
        let hung_up = matches!(
            self.case.fault,
            Fault::Close | Fault::Reset | Fault::HalfClose | Fault::CutReply | Fault::Told421
        );
        // A small content is all written when the first of two answers to it comes; the second is noticed later.
        let one_ahead = !self.case.large
            && self.case.fault == Fault::TwoReplies
            && matches!(self.case.stage, Stage::Body | Stage::Final);
        one_ahead || self.case.stage == Stage::Between && !hung_up
    }

    /// Whether the failure is called by its name.
    fn check_kind(&self, kind: ErrorKind) {
        let expected: &[ErrorKind] = match self.case.fault {
            Fault::Close | Fault::Reset | Fault::HalfClose | Fault::CutReply => {
                &[ErrorKind::Connect]
            }
            Fault::Stall | Fault::Freeze => &[ErrorKind::Timeout],
            Fault::Garbage | Fault::EndlessLine | Fault::EndlessLines => &[ErrorKind::Protocol],
            Fault::Told421 if self.case.stage == Stage::Auth => &[ErrorKind::Auth],
            Fault::Told421 if self.case.stage == Stage::StartTls => &[ErrorKind::Tls],
            Fault::Told421 => &[ErrorKind::Rejected],
            Fault::TwoReplies if self.case.stage == Stage::StartTls => &[ErrorKind::Tls],
            Fault::TwoReplies => &[ErrorKind::Protocol],
        };
        assert!(expected.contains(&kind), "{kind:?}: {self}");
    }

    fn received(&self, name: &str) -> Vec<&Received> {
        let sender = format!("{name}@from.example");
        let all = self.conversations.iter().flat_map(|one| &one.messages);
        all.filter(|message| message.from == sender).collect()
    }
}

impl std::fmt::Display for Truth<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{:?}", self.case)?;
        for report in self.reports {
            let error = report.error.as_ref();
            let in_doubt = error.is_some_and(|error| error.is_in_doubt());
            writeln!(f, "{:?} in doubt: {in_doubt} {error:?}", report.status())?;
        }
        for (number, conversation) in self.conversations.iter().enumerate() {
            writeln!(f, "connection {number}:\n{}", conversation.transcript())?;
        }
        Ok(())
    }
}
