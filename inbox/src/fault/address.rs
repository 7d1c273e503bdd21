//! Addresses that say what is to happen to them: `550-5.1.1@fault.test`.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::check::{Act, Ending};
use super::{Here, Step};

/// The domain; nobody can have it (RFC 6761).
const DOMAIN: &str = "@fault.test";
/// So many addresses that act only once are remembered.
const MOST: usize = 10_000;
/// What an address that says nothing is told.
const KNOWN: &str = "550 5.1.1 fault.test knows 550@, 550-5.1.1@, once-451-4.7.1@, delay-3s@, delay-200ms@, drop@ and reset@, and each after end-";

/// The addresses of `fault.test`.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// Those that acted once, with the user that is logged in.
    once: Mutex<HashSet<String>>,
}

/// What an address says.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    at_end: bool,
    once: bool,
    act: Act,
}

impl Addresses {
    /// What happens here because of an address.
    pub(super) fn at(&self, here: &Here<'_>) -> Option<Act> {
        if here.came.is_some() {
            return None;
        }
        match here.step {
            Step::Mail => self.of(here.from?, here),
            Step::Rcpt => self.of(here.recipients.first()?, here),
            Step::End => {
                let mut all = here.recipients.iter().copied().chain(here.from);
                all.find_map(|address| self.of(address, here))
            }
            _ => None,
        }
    }

    fn of(&self, address: &str, here: &Here<'_>) -> Option<Act> {
        let address = address.to_lowercase();
        let wish = wish(address.strip_suffix(DOMAIN)?);
        let Some(wish) = wish else {
            return refusal(KNOWN).filter(|_| here.step != Step::End);
        };
        let is_here = wish.at_end == (here.step == Step::End);
        (is_here && (!wish.once || self.is_first(&address, here.user))).then_some(wish.act)
    }

    fn is_first(&self, address: &str, user: &str) -> bool {
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        if once.len() >= MOST {
            once.clear();
        }
        once.insert(format!("{user}\n{address}"))
    }
}

/// Reads what stands before the at sign.
fn wish(local: &str) -> Option<Wish> {
    let (said, _) = local.split_once('+').unwrap_or((local, ""));
    let (at_end, said) = after("end-", said);
    let (once, said) = after("once-", said);
    let ending = |ending| {
        Some(Act {
            ending: Some(ending),
            ..Act::default()
        })
    };
    let act = match said {
        "drop" => ending(Ending::Drop),
        "reset" => ending(Ending::Reset),
        _ => match said.strip_prefix("delay-") {
            Some(time) => delay(time),
            None => reply(said),
        },
    };
    Some(Wish {
        at_end,
        once,
        act: act?,
    })
}

fn after<'a>(prefix: &str, said: &'a str) -> (bool, &'a str) {
    said.strip_prefix(prefix)
        .map_or((false, said), |rest| (true, rest))
}

/// `3s`, `200ms`.
fn delay(time: &str) -> Option<Act> {
    let (number, unit) = time.split_at_checked(time.find(|c: char| !c.is_ascii_digit())?)?;
    let number = number.parse::<u32>().ok()?;
    let delay = match unit {
        "s" => Duration::from_secs(number.into()),
        "ms" => Duration::from_millis(number.into()),
        _ => return None,
    };
    Some(Act {
        delay,
        ..Act::default()
    })
}

/// `550`, `550-5.1.1`.
fn reply(said: &str) -> Option<Act> {
    let (code, enhanced) = said.split_once('-').unwrap_or((said, ""));
    let is_code = code.len() == 3 && matches!(code.as_bytes().first(), Some(b'4' | b'5'));
    let dots = |c: char| c == '.' || c.is_ascii_digit();
    if !is_code || !enhanced.chars().all(dots) {
        return None;
    }
    let blank = if enhanced.is_empty() { "" } else { " " };
    refusal(&format!("{code}{blank}{enhanced} As the address asks for"))
}

fn refusal(reply: &str) -> Option<Act> {
    Some(Act {
        reply: Some(reply.parse().ok()?),
        ..Act::default()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn at<'a>(step: Step, to: &'a str, user: &'a str) -> Here<'a> {
        Here {
            step,
            now: Instant::now(),
            from: Some("shop@example.com"),
            recipients: vec![to],
            user,
            content: b"",
            came: None,
        }
    }

    #[test]
    fn addresses_say_what_happens() {
        for (local, expected) in [
            ("550-5.1.1", "550 5.1.1 As the address asks for"),
            ("452", "452 As the address asks for"),
            ("delay-3s", "3s late"),
            ("delay-200ms", "200ms late"),
            ("drop", "closed without an answer"),
            ("Reset+7", "connection reset"),
            ("once-451-4.7.1+tag", "451 4.7.1 As the address asks for"),
        ] {
            let (rcpt, end) = (
                format!("{local}@Fault.TEST"),
                format!("end-{local}@fault.test"),
            );
            let addresses = Addresses::default();
            let acts = |step, to| addresses.at(&at(step, to, "")).map(|act| act.to_string());
            assert_eq!(acts(Step::Rcpt, &rcpt).as_deref(), Some(expected));
            assert_eq!(acts(Step::End, &rcpt), None);
            assert_eq!(acts(Step::Rcpt, &end), None);
            assert_eq!(acts(Step::End, &end).as_deref(), Some(expected));
        }
    }

    #[test]
    fn once_is_once_for_each_user_and_tag() {
        let addresses = Addresses::default();
        let mut acted = Vec::new();
        for (to, user) in [
            ("once-451@fault.test", "ann"),
            ("once-451@fault.test", "ann"),
            ("once-451@fault.test", "bob"),
            ("once-451+2@fault.test", "ann"),
        ] {
            acted.push(addresses.at(&at(Step::Rcpt, to, user)).is_some());
        }
        assert_eq!(acted, [true, false, true, true]);
    }

    #[test]
    fn what_says_nothing_is_told_what_there_is() {
        for local in [
            "",
            "650",
            "250",
            "5500",
            "550-x",
            "delay-3",
            "delay-s",
            "delay-99999999999s",
            "once",
        ] {
            let to = format!("{local}@fault.test");
            let act = Addresses::default().at(&at(Step::Rcpt, &to, ""));
            let reply = act.and_then(|act| act.reply).map(|reply| reply.to_string());
            assert_eq!(reply.as_deref(), Some(KNOWN), "{local}");
            assert_eq!(Addresses::default().at(&at(Step::End, &to, "")), None);
        }
        assert_eq!(
            Addresses::default().at(&at(Step::Rcpt, "550@fault.tests", "")),
            None
        );
    }
}
