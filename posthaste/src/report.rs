//! What became of each message.

mod queue_id;

use std::fmt;
use std::ops::Deref;
use std::slice;
use std::vec;

use posthaste_message::Mailbox;
use posthaste_smtp::Reply;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::error::{Error, Phase};

/// What became of one message.
///
/// It serialises as the line that `posthaste send --json` prints for the message. Where a server has spoken the last word on
/// the message, the line has `reply` (its code, enhanced code and text) and `queue_id`, too. An LMTP server answers for each
/// recipient: then it has `receipts` (`recipient`, `reply` and `queue_id` of each), and `in_doubt` if that is not empty.
///
/// # Examples
///
/// ```
/// # let outbox = posthaste::Outbox::new();
/// # outbox.mailer().blocking().scope(|| {
/// use posthaste::Status;
/// use posthaste::blocking::send_mail;
///
/// let report = send_mail("Hello", "How are you?", "a@example.com", ["b@example.com"]).send()?;
/// assert_eq!(report.status(), Status::Sent);
/// assert_eq!(report.accepted[0].addr_spec(), "b@example.com");
/// # Ok::<(), posthaste::Error>(())
/// # })?;
/// # Ok::<(), posthaste::Error>(())
/// ```
#[must_use = "a report says whether the message was sent"]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The `Message-ID` that the message went out with; none if it was never rendered.
    pub message_id: Option<String>,
    /// The recipients that the message was taken for.
    pub accepted: Vec<Mailbox>,
    /// The recipients that it was refused for.
    pub rejected: Vec<Rejection>,
    /// The recipients that may have it or not, where others are known to have it: an LMTP server answers for each, and was cut
    /// off amid its answers. Of a message that nobody is known to have the [`error`](Self::error) tells whether it is in doubt.
    pub in_doubt: Vec<Mailbox>,
    /// Why nobody got it.
    pub error: Option<Error>,
    /// What the server said when it took the message; none if nobody got it, or if no server was asked. Where there is an
    /// answer for each recipient, as in LMTP, it is the first.
    pub reply: Option<Reply>,
    /// What it said for each of those in `accepted`, where there is an answer for each, as in LMTP; else empty.
    pub receipts: Vec<Receipt>,
    skipped: bool,
}

impl Report {
    /// The report of a message that nobody got. The refused recipients are those that the error knows.
    pub fn failed(message_id: Option<String>, error: Error) -> Self {
        Self {
            message_id,
            accepted: Vec::new(),
            rejected: error.rejections().to_vec(),
            in_doubt: Vec::new(),
            error: Some(error),
            reply: None,
            receipts: Vec::new(),
            skipped: false,
        }
    }

    /// The report of a message that was taken for all of `accepted`.
    pub fn sent(message_id: impl Into<String>, accepted: Vec<Mailbox>) -> Self {
        Self::taken(Some(message_id.into()), accepted, Vec::new())
    }

    /// The report of a message that was taken for `accepted` and refused for `rejected`.
    pub fn taken(
        message_id: Option<String>,
        accepted: Vec<Mailbox>,
        rejected: Vec<Rejection>,
    ) -> Self {
        Self {
            message_id,
            accepted,
            rejected,
            in_doubt: Vec::new(),
            error: None,
            reply: None,
            receipts: Vec::new(),
            skipped: false,
        }
    }

    /// The report of a message that has no recipients, so that nothing was done.
    pub fn skipped() -> Self {
        Self {
            skipped: true,
            ..Self::taken(None, Vec::new(), Vec::new())
        }
    }

    /// The same report, with what the server said when it took the message.
    pub fn with_reply(mut self, reply: Option<Reply>) -> Self {
        self.reply = reply;
        self
    }

    /// The same report, with what the server said for each recipient. The first stands for all.
    pub fn with_receipts(mut self, receipts: Vec<Receipt>) -> Self {
        self.reply = receipts.first().map(|first| first.reply.clone());
        self.receipts = receipts;
        self
    }

    /// The same report, with the recipients that may have the message or not.
    pub fn with_in_doubt(mut self, in_doubt: Vec<Mailbox>) -> Self {
        self.in_doubt = in_doubt;
        self
    }

    /// The name that the server gave the message, to find it in the server's log: `4Xyz` of `Ok: queued as 4Xyz`.
    ///
    /// It is read from the [`reply`](Self::reply) of servers whose words are known: Postfix, Exim, OpenSMTPD, Sendmail,
    /// qmail, Haraka, Dovecot, Exchange, Gmail, Amazon SES and those that speak like them.
    ///
    /// ```
    /// use posthaste::{Reply, Report};
    ///
    /// let reply: Reply = "250 2.0.0 Ok: queued as 4Xyz1".parse()?;
    /// let report = Report::sent("<1@example.com>", vec![]).with_reply(Some(reply));
    /// assert_eq!(report.queue_id().as_deref(), Some("4Xyz1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn queue_id(&self) -> Option<String> {
        self.reply.as_ref().and_then(queue_id::find)
    }

    /// What the server said last of the message, be it taken or refused.
    fn last_word(&self) -> Option<&Reply> {
        let refusal = self.error.as_ref().and_then(Error::reply);
        self.reply.as_ref().or(refusal)
    }

    /// The outcome in a word.
    #[must_use]
    pub fn status(&self) -> Status {
        if self.error.is_some() {
            Status::Failed
        } else if !self.rejected.is_empty() || !self.in_doubt.is_empty() {
            Status::Partial
        } else if self.skipped {
            Status::Skipped
        } else {
            Status::Sent
        }
    }

    /// How many messages were sent, as Django counts: 1 if anybody got it, else 0.
    #[must_use]
    pub fn count(&self) -> usize {
        usize::from(matches!(self.status(), Status::Sent | Status::Partial))
    }

    /// Turns a failure into an error that carries the report.
    ///
    /// # Errors
    ///
    /// When nobody got the message.
    pub fn into_result(self) -> Result<Self, Error> {
        match &self.error {
            Some(error) => Err(error.clone().with_reports(Reports::from(vec![self]))),
            None => Ok(self),
        }
    }
}

/// The outcome of a message in a word.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It was taken for every recipient.
    Sent,
    /// It was taken for some of the recipients. The others were refused, or are in doubt.
    Partial,
    /// Nobody got it.
    Failed,
    /// It has no recipients, so that nothing was done.
    Skipped,
}

impl Status {
    /// The word in the program's JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A recipient that the server took the message for, with an answer of its own.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Who.
    pub recipient: Mailbox,
    /// The server's words.
    pub reply: Reply,
}

impl Receipt {
    /// These words about that recipient.
    #[must_use]
    pub fn new(recipient: Mailbox, reply: Reply) -> Self {
        Self { recipient, reply }
    }

    /// The name that the server gave the message for this recipient; see [`Report::queue_id`].
    #[must_use]
    pub fn queue_id(&self) -> Option<String> {
        queue_id::find(&self.reply)
    }
}

/// A recipient that the server refused.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// Who.
    pub recipient: Mailbox,
    /// The server's words.
    pub reply: Reply,
}

/// What became of each message of a batch, in its order.
#[must_use = "reports say whether the messages were sent"]
#[derive(Clone, Debug, Default)]
pub struct Reports(Vec<Report>);

impl Reports {
    /// How many messages were sent, as Django counts: those that anybody got.
    ///
    /// ```
    /// use posthaste::{Report, Reports};
    ///
    /// let reports = Reports::from(vec![Report::sent("<1@example.com>", vec![]), Report::skipped()]);
    /// assert_eq!(reports.count(), 1);
    /// assert_eq!(reports.len(), 2);
    /// ```
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.iter().map(Report::count).sum()
    }

    /// Turns a failure of any message into an error that carries all the reports.
    ///
    /// # Errors
    ///
    /// When nobody got one of the messages. It is the error of the first such message.
    pub fn into_result(self) -> Result<Self, Error> {
        match self.0.iter().find_map(|report| report.error.clone()) {
            Some(error) => Err(error.with_reports(self)),
            None => Ok(self),
        }
    }

    /// The reports as a vector.
    #[must_use]
    pub fn into_vec(self) -> Vec<Report> {
        self.0
    }
}

impl From<Vec<Report>> for Reports {
    fn from(reports: Vec<Report>) -> Self {
        Self(reports)
    }
}

impl Deref for Reports {
    type Target = [Report];

    fn deref(&self) -> &[Report] {
        &self.0
    }
}

impl IntoIterator for Reports {
    type Item = Report;
    type IntoIter = vec::IntoIter<Report>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Reports {
    type Item = &'a Report;
    type IntoIter = slice::Iter<'a, Report>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let accepted: Vec<String> = self.accepted.iter().map(Mailbox::addr_spec).collect();
        let has_more = [!self.receipts.is_empty(), !self.in_doubt.is_empty()];
        let fields = if self.last_word().is_some() { 7 } else { 5 };
        let fields = fields + has_more.into_iter().filter(|has| *has).count();
        let mut line = serializer.serialize_struct("Report", fields)?;
        line.serialize_field("status", self.status().as_str())?;
        line.serialize_field("message_id", &self.message_id)?;
        line.serialize_field("accepted", &accepted)?;
        line.serialize_field("rejected", &self.rejected)?;
        line.serialize_field("error", &self.error.as_ref().map(Line))?;
        if let Some(reply) = self.last_word() {
            line.serialize_field("reply", &Words(reply))?;
            line.serialize_field("queue_id", &self.queue_id())?;
        }
        if !self.receipts.is_empty() {
            line.serialize_field("receipts", &self.receipts)?;
        }
        if !self.in_doubt.is_empty() {
            let in_doubt: Vec<String> = self.in_doubt.iter().map(Mailbox::addr_spec).collect();
            line.serialize_field("in_doubt", &in_doubt)?;
        }
        line.end()
    }
}

impl Serialize for Reports {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Serialize for Rejection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let enhanced = self.reply.enhanced().map(|code| code.to_string());
        let mut line = serializer.serialize_struct("Rejection", 4)?;
        line.serialize_field("recipient", &self.recipient.addr_spec())?;
        line.serialize_field("code", &self.reply.code())?;
        line.serialize_field("enhanced", &enhanced)?;
        line.serialize_field("message", &self.reply.message())?;
        line.end()
    }
}

impl Serialize for Receipt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_struct("Receipt", 3)?;
        line.serialize_field("recipient", &self.recipient.addr_spec())?;
        line.serialize_field("reply", &Words(&self.reply))?;
        line.serialize_field("queue_id", &self.queue_id())?;
        line.end()
    }
}

/// A reply as the report shows it.
struct Words<'a>(&'a Reply);

impl Serialize for Words<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let enhanced = self.0.enhanced().map(|code| code.to_string());
        let mut words = serializer.serialize_struct("Reply", 3)?;
        words.serialize_field("code", &self.0.code())?;
        words.serialize_field("enhanced", &enhanced)?;
        words.serialize_field("message", &self.0.message())?;
        words.end()
    }
}

/// An error as the report shows it.
pub(crate) struct Line<'a>(pub(crate) &'a Error);

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let error = self.0;
        let phase = error.phase().unwrap_or(Phase::Connect);
        let mut line = serializer.serialize_struct("Error", 6)?;
        line.serialize_field("kind", error.kind().as_str())?;
        line.serialize_field("temporary", &error.is_temporary())?;
        line.serialize_field("in_doubt", &error.is_in_doubt())?;
        line.serialize_field("phase", phase.as_str())?;
        line.serialize_field("field", &error.field())?;
        line.serialize_field("message", error.message())?;
        line.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn json(report: &Report) -> serde_json::Value {
        serde_json::to_value(report).expect("JSON")
    }

    #[test]
    fn the_servers_words_are_told_where_there_are_any() {
        let plain = json(&Report::sent("<1@x>", vec![]));
        let keys = plain.as_object().map(serde_json::Map::len);
        assert_eq!(keys, Some(5), "{plain}");

        let reply = |text: &str| text.parse::<Reply>().ok();
        let sent = Report::sent("<1@x>", vec![]).with_reply(reply("250 2.0.0 Ok: queued as 4Xyz1"));
        let line = json(&sent);
        assert_eq!(line["queue_id"], "4Xyz1");
        let words =
            serde_json::json!({"code": 250, "enhanced": "2.0.0", "message": "Ok: queued as 4Xyz1"});
        assert_eq!(line["reply"], words);

        let refusal = reply("554 5.7.1 queued as spam1").expect("a reply");
        let error = Error::new(ErrorKind::Rejected, "no").with_reply(refusal);
        let line = json(&Report::failed(None, error));
        assert_eq!(line["reply"]["code"], 554);
        assert_eq!(line["queue_id"], serde_json::Value::Null);
    }
}
