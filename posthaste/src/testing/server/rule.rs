//! Rules: where in a conversation, and what happens there.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use posthaste_smtp::Reply;

/// A point in a conversation, at which a [`Rule`] begins: `At::rcpt("bob@*").reply("550 5.1.1 No such user")`.
///
/// In patterns `*` stands for any text; capital and small letters are the same.
///
/// # Examples
///
/// ```
/// use posthaste::testing::At;
///
/// // The first two recipients at this domain, on the first connection alone.
/// let rule = At::rcpt("*@slow.example").connection(0).times(2).reply("451 4.7.1 Try again");
/// // The mail arrives, and its sender never learns of it.
/// let rule = At::end().holding("invoice").close();
/// ```
#[must_use = "a point alone does nothing; say what happens there"]
#[derive(Clone, Debug)]
pub struct At {
    pub(super) place: Place,
    connection: Option<usize>,
    holding: Option<String>,
    skip: usize,
    times: usize,
}

/// What the server is about to answer, or has just done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    Mail(String),
    Rcpt(String),
    Data,
    Bdat,
    Chunk,
    /// So many octets of a content have come.
    Content(usize),
    End,
    AfterEnd,
    Reset,
    Quit,
    /// The command line of this number, or one that fits the pattern.
    Number(usize),
    Line(String),
}

impl At {
    fn new(place: Place) -> Self {
        Self {
            place,
            connection: None,
            holding: None,
            skip: 0,
            times: usize::MAX,
        }
    }

    /// Before the greeting.
    pub fn greeting() -> Self {
        Self::new(Place::Greeting)
    }

    /// After EHLO, HELO or LHLO.
    pub fn ehlo() -> Self {
        Self::new(Place::Ehlo)
    }

    /// After STARTTLS.
    pub fn starttls() -> Self {
        Self::new(Place::StartTls)
    }

    /// After AUTH, and after each line that answers a challenge.
    pub fn auth() -> Self {
        Self::new(Place::Auth)
    }

    /// After a well-formed MAIL with such a sender; it may be empty.
    pub fn mail(pattern: &str) -> Self {
        Self::new(Place::Mail(pattern.to_owned()))
    }

    /// After a well-formed RCPT with such a recipient.
    pub fn rcpt(pattern: &str) -> Self {
        Self::new(Place::Rcpt(pattern.to_owned()))
    }

    /// After a DATA that could be answered by 354.
    pub fn data() -> Self {
        Self::new(Place::Data)
    }

    /// After a BDAT that is in its place, before its octets. A refusal is said once they are passed over.
    pub fn bdat() -> Self {
        Self::new(Place::Bdat)
    }

    /// After the octets of a BDAT that is not the last.
    pub fn chunk() -> Self {
        Self::new(Place::Chunk)
    }

    /// Once in each message: when so many octets of its content have come, or a few more. A [`reply`](Self::reply) is said
    /// amid the content then, which is read on.
    pub fn content(octets: usize) -> Self {
        Self::new(Place::Content(octets))
    }

    /// After the end of a message, before its answer. In LMTP once for each recipient.
    pub fn end() -> Self {
        Self::new(Place::End)
    }

    /// After the answer to the end of a message was sent. A [`reply`](Self::reply) that is said here was not asked for.
    pub fn after_end() -> Self {
        Self::new(Place::AfterEnd)
    }

    /// After RSET.
    pub fn rset() -> Self {
        Self::new(Place::Reset)
    }

    /// After QUIT.
    pub fn quit() -> Self {
        Self::new(Place::Quit)
    }

    /// After the command line of this number on its connection, counted from 0.
    pub fn command(number: usize) -> Self {
        Self::new(Place::Number(number))
    }

    /// After such a command line, be it understood or not.
    pub fn line(pattern: &str) -> Self {
        Self::new(Place::Line(pattern.to_owned()))
    }

    /// Only on the connection of this number, counted from 0.
    pub fn connection(self, number: usize) -> Self {
        Self {
            connection: Some(number),
            ..self
        }
    }

    /// Only in a message whose content, as far as it has come, holds this.
    pub fn holding(self, text: &str) -> Self {
        Self {
            holding: Some(text.to_owned()),
            ..self
        }
    }

    /// Not the first so many times.
    pub fn skip(self, times: usize) -> Self {
        Self {
            skip: times,
            ..self
        }
    }

    /// Only so many times, on all connections together.
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Answers this instead: a code and a text, in several lines if need be. What is no success is a refusal to the server
    /// itself, too, and 421 closes.
    ///
    /// # Panics
    ///
    /// When it is no well-formed reply; see [`raw`](Self::raw).
    pub fn reply(self, reply: &str) -> Rule {
        self.rule(Act::Reply(parsed(reply)))
    }

    /// Answers this, and closes.
    ///
    /// # Panics
    ///
    /// When it is no well-formed reply.
    pub fn reply_and_close(self, reply: &str) -> Rule {
        self.rule(Act::ReplyAndClose(parsed(reply)))
    }

    /// Answers as usual. With [`Rule::after`] it is late; with [`Rule::then`] something else happens before.
    pub fn accept(self) -> Rule {
        self.rule(Act::Usual)
    }

    /// Says these bytes instead of the answer, and goes on as if it had accepted.
    pub fn raw(self, bytes: impl Into<Vec<u8>>) -> Rule {
        self.rule(Act::Raw(bytes.into()))
    }

    /// Answers as usual, and says these bytes with it, in one piece.
    pub fn accept_and_say(self, bytes: impl Into<Vec<u8>>) -> Rule {
        self.rule(Act::Add(bytes.into()))
    }

    /// Accepts, does not answer, and goes on.
    pub fn no_reply(self) -> Rule {
        self.rule(Act::NoReply)
    }

    /// Sends the first bytes of the usual answer, and closes.
    pub fn cut_reply(self, bytes: usize) -> Rule {
        self.rule(Act::CutReply(bytes))
    }

    /// Closes the connection instead of an answer.
    pub fn close(self) -> Rule {
        self.rule(Act::Close)
    }

    /// Resets the connection (RST) instead of an answer.
    pub fn reset(self) -> Rule {
        self.rule(Act::Reset)
    }

    /// Closes its own direction alone: it says nothing any more, and reads until the client leaves.
    pub fn half_close(self) -> Rule {
        self.rule(Act::HalfClose)
    }

    /// Says nothing any more, and reads until the client leaves.
    pub fn stall(self) -> Rule {
        self.rule(Act::Stall)
    }

    /// Neither says nor reads anything any more, so that a client who writes on gets stuck.
    pub fn freeze(self) -> Rule {
        self.rule(Act::Freeze)
    }

    /// Says a line that never ends.
    pub fn endless_line(self) -> Rule {
        self.rule(Act::EndlessLine)
    }

    /// Says an answer of endlessly many lines.
    pub fn endless_lines(self) -> Rule {
        self.rule(Act::EndlessLines)
    }

    /// Says an answer that never ends, one byte each time.
    pub fn trickle(self, each: Duration) -> Rule {
        self.rule(Act::Trickle(each))
    }

    fn rule(self, act: Act) -> Rule {
        Rule {
            at: self,
            act,
            after: Duration::ZERO,
            then: None,
            seen: AtomicUsize::new(0),
        }
    }
}

fn parsed(reply: &str) -> Reply {
    let parsed = reply.parse();
    parsed.unwrap_or_else(|error| panic!("{reply:?} is no reply: {error}"))
}

/// What a server does at some point instead of its usual answer. Made by the methods of [`At`].
pub struct Rule {
    at: At,
    pub(super) act: Act,
    pub(super) after: Duration,
    pub(super) then: Option<Arc<dyn Fn() + Send + Sync>>,
    /// How often it fitted.
    seen: AtomicUsize,
}

/// What happens.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Usual,
    Reply(Reply),
    ReplyAndClose(Reply),
    Raw(Vec<u8>),
    Add(Vec<u8>),
    NoReply,
    CutReply(usize),
    Close,
    Reset,
    HalfClose,
    Stall,
    Freeze,
    EndlessLine,
    EndlessLines,
    Trickle(Duration),
}

/// Where a conversation is, for rules to be compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Here<'a> {
    /// The points that this is; more than one for a command.
    pub(super) places: &'a [Place],
    pub(super) connection: usize,
    pub(super) content: &'a [u8],
}

impl Rule {
    /// Waits so long before; what was to be said before this point is said at once.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    /// Does this before, while the client waits.
    #[must_use]
    pub fn then(mut self, action: impl Fn() + Send + Sync + 'static) -> Self {
        self.then = Some(Arc::new(action));
        self
    }

    pub(super) fn is_at(&self, place: &Place) -> bool {
        self.at.place == *place
    }

    /// Whether the rule holds here and now; counts it.
    pub(super) fn holds(&self, here: Here<'_>) -> bool {
        let fits = here.places.iter().any(|place| self.at.place.fits(place))
            && self
                .at
                .connection
                .is_none_or(|number| number == here.connection)
            && self
                .at
                .holding
                .as_ref()
                .is_none_or(|text| contains(here.content, text.as_bytes()));
        if !fits {
            return false;
        }
        let seen = self.seen.fetch_add(1, Ordering::Relaxed);
        seen >= self.at.skip && seen - self.at.skip < self.at.times
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("at", &self.at)
            .field("act", &self.act)
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}

impl Place {
    /// Whether a rule for this holds at `other`.
    fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Mail(pattern), Self::Mail(text))
            | (Self::Rcpt(pattern), Self::Rcpt(text))
            | (Self::Line(pattern), Self::Line(text)) => fits(pattern, text),
            (Self::Content(octets), Self::Content(came)) => octets <= came,
            _ => self == other,
        }
    }
}

fn contains(content: &[u8], text: &[u8]) -> bool {
    text.is_empty() || content.windows(text.len()).any(|window| window == text)
}

/// Whether a text fits a pattern in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        let Some(at) = text.find(part) else {
            return false;
        };
        text = text.get(at + part.len()..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("*", "anything", true),
            ("a@b", "A@B", true),
            ("a@b", "a@bc", false),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*a", "a", false),
            ("*@*.example", "x@y.example", true),
            ("*@*.example", "x@example", false),
            ("*b*b*", "abba", true),
            ("*b*b*", "aba", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn rules_count() {
        let rule = At::rcpt("a@*").skip(1).times(2).connection(1).close();
        let places = [Place::Rcpt("a@b".to_owned())];
        let here = |connection| Here {
            places: &places,
            connection,
            content: b"",
        };
        let seen: Vec<_> = [1, 0, 1, 1, 1]
            .map(|connection| rule.holds(here(connection)))
            .into();
        assert_eq!(seen, [false, false, true, true, false]);
    }
}
