//! The rules of an inbox, and how often each had its turn.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::address::Addresses;
use super::check::{Act, Checked};
use super::rate::Bucket;
use super::{InvalidRule, Rule, Step};

/// So many pairs of sender and recipient are remembered for one rule.
const MOST_PAIRS: usize = 10_000;

/// A rule that had its turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Hit {
    /// The place of the rule in the list, from 1; none for an address that says the fault itself.
    pub rule: Option<usize>,
    /// Where.
    pub step: Step,
    /// The number of the connection.
    pub session: u64,
    /// What it did, in words.
    pub what: String,
}

/// A rule, and how often it had its turn.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Listed {
    /// The rule.
    pub rule: Rule,
    /// How often it acted.
    pub hits: u64,
}

/// Where a conversation is.
#[derive(Clone, Debug)]
pub(crate) struct Here<'a> {
    pub(crate) step: Step,
    pub(crate) now: Instant,
    pub(crate) from: Option<&'a str>,
    /// At RCPT the one, later those that were accepted.
    pub(crate) recipients: Vec<&'a str>,
    pub(crate) user: &'a str,
    /// At the end, for the subject.
    pub(crate) content: &'a [u8],
    /// Amid a content: how many octets there were before, and are now.
    pub(crate) came: Option<(u64, u64)>,
}

/// A rule whose turn it is.
#[derive(Clone, Debug)]
pub(crate) struct Acting {
    /// The place in the list, from 1.
    pub(crate) rule: Option<usize>,
    pub(crate) act: Act,
}

/// The rules of an inbox, looked through in their order.
#[derive(Debug)]
pub(crate) struct Rules {
    seed: u64,
    list: RwLock<Arc<[Entry]>>,
    addresses: Addresses,
}

/// A rule and its counts. An entry stays the same when others are added.
#[derive(Clone, Debug)]
struct Entry {
    rule: Rule,
    checked: Arc<Checked>,
    hits: Arc<AtomicU64>,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug)]
struct Counts {
    fitted: u64,
    random: fastrand::Rng,
    bucket: Option<Bucket>,
    pairs: HashMap<(String, String), Instant>,
}

impl Rules {
    /// No rules yet. `seed` is for rules that have none of their own.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            list: RwLock::new(Arc::from([])),
            addresses: Addresses::default(),
        }
    }

    /// All of them, in order.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let listed = |entry: &Entry| Listed {
            rule: entry.rule.clone(),
            hits: entry.hits.load(Ordering::Relaxed),
        };
        self.entries().iter().map(listed).collect()
    }

    /// These instead of those that there are.
    pub(crate) fn replace(&self, rules: Vec<Rule>) -> Result<(), InvalidRule> {
        let numbered = rules.into_iter().enumerate();
        let entries: Result<Vec<_>, _> = numbered
            .map(|(place, rule)| self.entry(place, rule))
            .collect();
        self.set(entries?);
        Ok(())
    }

    /// One more, behind the others. Gives its place, from 1.
    pub(crate) fn push(&self, rule: Rule) -> Result<usize, InvalidRule> {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        let entry = self.entry(list.len(), rule)?;
        *list = list.iter().cloned().chain([entry]).collect();
        Ok(list.len())
    }

    fn entry(&self, place: usize, rule: Rule) -> Result<Entry, InvalidRule> {
        let checked = rule.checked().map_err(|error| InvalidRule {
            rule: Some(place + 1),
            ..error
        })?;
        let seed = rule.seed.unwrap_or(self.seed.wrapping_add(place as u64));
        let counts = Counts {
            fitted: 0,
            random: fastrand::Rng::with_seed(seed),
            bucket: rule.rate.map(Bucket::new),
            pairs: HashMap::new(),
        };
        Ok(Entry {
            rule,
            checked: Arc::new(checked),
            hits: Arc::default(),
            counts: Arc::new(Mutex::new(counts)),
        })
    }

    fn set(&self, entries: Vec<Entry>) {
        *self.list.write().unwrap_or_else(PoisonError::into_inner) = entries.into();
    }

    fn entries(&self) -> Arc<[Entry]> {
        Arc::clone(&self.list.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a rule waits for this mail's content to have so many octets.
    pub(crate) fn looks_into_content(&self) -> bool {
        let entries = self.entries();
        entries
            .iter()
            .any(|entry| entry.checked.after_bytes.is_some())
    }

    /// The first rule that acts here; counts it.
    pub(crate) fn at(&self, here: &Here<'_>) -> Option<Acting> {
        let entries = self.entries();
        let found = entries.iter().enumerate().find_map(|(place, entry)| {
            entry.acts(here).then(|| Acting {
                rule: Some(place + 1),
                act: entry.checked.act.clone(),
            })
        });
        found.or_else(|| {
            let act = self.addresses.at(here)?;
            Some(Acting { rule: None, act })
        })
    }
}

impl Entry {
    fn acts(&self, here: &Here<'_>) -> bool {
        self.checked.fits(here) && self.takes_turn(here)
    }

    /// Whether its turn has come, by all that counts; then it is counted.
    fn takes_turn(&self, here: &Here<'_>) -> bool {
        let rule = &self.rule;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.fitted += 1;
        let Some(nth) = counts.fitted.checked_sub(rule.skip).filter(|nth| *nth > 0) else {
            return false;
        };
        let is_over = rule
            .times
            .is_some_and(|times| self.hits.load(Ordering::Relaxed) >= times);
        let acts = !is_over
            && rule.every.is_none_or(|every| nth.is_multiple_of(every))
            && rule.prob.is_none_or(|prob| counts.random.f64() < prob)
            && counts
                .bucket
                .as_mut()
                .is_none_or(|bucket| !bucket.take(here.now))
            && rule
                .greylist_ms
                .is_none_or(|least| counts.is_new(here, Duration::from_millis(least)));
        if acts {
            // Still under the lock: two connections at a time do not share a turn.
            self.hits.fetch_add(1, Ordering::Relaxed);
        }
        acts
    }
}

impl Counts {
    /// Whether sender and recipient have been known for less than this.
    fn is_new(&mut self, here: &Here<'_>, least: Duration) -> bool {
        if self.pairs.len() >= MOST_PAIRS {
            self.pairs.clear();
        }
        let to = here.recipients.first().copied().unwrap_or_default();
        let pair = (
            here.from.unwrap_or_default().to_lowercase(),
            to.to_lowercase(),
        );
        let first = *self.pairs.entry(pair).or_insert(here.now);
        here.now.saturating_duration_since(first) < least
    }
}

impl Checked {
    fn fits(&self, here: &Here<'_>) -> bool {
        let is_here = match (self.after_bytes, here.came) {
            (Some(octets), Some((before, now))) => before < octets.max(1) && octets <= now,
            (None, None) => {
                self.at == here.step || self.at == Step::Any && here.step != Step::Connect
            }
            _ => false,
        };
        is_here
            && self
                .from
                .as_ref()
                .is_none_or(|from| here.from.is_some_and(|said| from.fits(said)))
            && self
                .rcpt
                .as_ref()
                .is_none_or(|rcpt| here.recipients.iter().any(|to| rcpt.fits(to)))
            && self.user.as_ref().is_none_or(|user| user.fits(here.user))
            && self
                .subject
                .as_ref()
                .is_none_or(|subject| subject.fits(&subject_of(here.content)))
    }
}

/// The subject of a content, decoded.
fn subject_of(content: &[u8]) -> String {
    let parsed = mail_parser::MessageParser::default().parse_headers(content);
    let subject = parsed.as_ref().and_then(|parsed| parsed.subject());
    subject.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(step: Step, from: &'static str, to: &'static str) -> Here<'static> {
        Here {
            step,
            now: Instant::now(),
            from: Some(from),
            recipients: vec![to],
            user: "",
            content: b"Subject: =?utf-8?q?Your_inv=6Fice?=\r\n\r\nHello",
            came: None,
        }
    }

    fn rules(rules: impl IntoIterator<Item = Rule>) -> Rules {
        let list = Rules::new(0);
        list.replace(rules.into_iter().collect())
            .expect("rules that make sense");
        list
    }

    fn turns(list: &Rules, here: &Here<'_>, count: usize) -> Vec<Option<usize>> {
        (0..count).map(|_| list.at(here)?.rule).collect()
    }

    #[test]
    fn the_first_that_fits_acts() {
        let list = rules([
            Rule::rcpt("bob@*").reply(550, "5.1.1", "no"),
            Rule::rcpt("*").times(1).reply(451, "4.7.1", "later"),
            Rule::end().subject("*INVOICE*").close(),
        ]);
        let (ann, bob) = (here(Step::Rcpt, "", "ann@x"), here(Step::Rcpt, "", "bob@x"));
        assert_eq!(turns(&list, &bob, 2), [Some(1), Some(1)]);
        assert_eq!(turns(&list, &ann, 2), [Some(2), None]);
        assert_eq!(turns(&list, &here(Step::End, "", "ann@x"), 1), [Some(3)]);
        assert_eq!(turns(&list, &here(Step::Mail, "bob@x", ""), 1), [None]);
        let hits: Vec<_> = list.list().iter().map(|listed| listed.hits).collect();
        assert_eq!(hits, [2, 1, 1]);
    }

    #[test]
    fn skip_every_and_times_count() {
        let list = rules([Rule::end().skip(1).every(3).times(2).close()]);
        let acted: Vec<_> = turns(&list, &here(Step::End, "", ""), 12)
            .iter()
            .map(Option::is_some)
            .collect();
        let expected: Vec<_> = (1..=12).map(|nth| nth == 4 || nth == 7).collect();
        assert_eq!(acted, expected);
    }

    #[test]
    fn the_same_seed_is_the_same_run() {
        let run = |seed| {
            turns(
                &rules([Rule::end().prob(0.3, seed).close()]),
                &here(Step::End, "", ""),
                1000,
            )
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let hits = run(7).iter().flatten().count();
        assert!((200..400).contains(&hits), "{hits}");
    }

    #[test]
    fn never_and_always_are_probabilities() {
        for (prob, hits) in [(0.0, 0), (1.0, 100)] {
            let list = rules([Rule::end().prob(prob, 1).close()]);
            assert_eq!(
                turns(&list, &here(Step::End, "", ""), 100)
                    .iter()
                    .flatten()
                    .count(),
                hits
            );
        }
    }

    #[test]
    fn a_rate_acts_on_what_is_too_much() {
        let rate = "3/s".parse().expect("a rate");
        let list = rules([Rule::mail("*").rate(rate).reply(421, "4.7.0", "too fast")]);
        let mut here = here(Step::Mail, "a@b", "");
        assert_eq!(turns(&list, &here, 5), [None, None, None, Some(1), Some(1)]);
        here.now += Duration::from_millis(700);
        assert_eq!(turns(&list, &here, 3), [None, None, Some(1)]);
    }

    #[test]
    fn greylisting_ends_for_each_pair_by_itself() {
        let mut rule = Rule::rcpt("*").reply(451, "4.7.1", "later");
        rule.greylist_ms = Some(60_000);
        let list = rules([rule]);
        let mut ann = here(Step::Rcpt, "shop@x", "ann@x");
        let mut bob = here(Step::Rcpt, "shop@x", "bob@x");
        bob.now = ann.now + Duration::from_secs(59);
        assert!(list.at(&ann).is_some());
        ann.now = bob.now;
        assert!(list.at(&ann).is_some() && list.at(&bob).is_some());
        ann.now += Duration::from_secs(1);
        assert!(list.at(&ann).is_none() && list.at(&bob).is_some());
    }

    #[test]
    fn a_content_is_met_once_on_its_way() {
        let list = rules([Rule::content(100).close()]);
        let mut here = here(Step::Data, "", "");
        let met: Vec<_> = [(0, 99), (99, 100), (100, 300)]
            .map(|came| {
                here.came = Some(came);
                list.at(&here).is_some()
            })
            .into();
        assert_eq!(met, [false, true, false]);
        here.came = None;
        assert!(list.at(&here).is_none());
    }

    #[test]
    fn a_list_with_an_error_changes_nothing() {
        let list = rules([Rule::end().close()]);
        let error = list.replace(vec![Rule::end().reply(550, "", "x"), Rule::end()]);
        assert_eq!(
            error.expect_err("no act").to_string(),
            "rule 2: at: nothing is said to happen there"
        );
        assert_eq!(list.list().len(), 1);
        assert_eq!(list.push(Rule::at(Step::Any).delay_ms(1)), Ok(2));
        assert!(list.at(&here(Step::Connect, "", "")).is_none());
    }
}
