//! Rules that belong together, by a name.

use std::fmt;
use std::str::FromStr;

use super::{Rule, Step};

/// How a server behaves, by a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// `slow-mx`: a server far away on a thin line: each group of commands comes 300 ms late, and 20,000 octets pass in a second. It shows what
    /// pipelining is worth.
    SlowMx,
    /// `greylist`: a recipient is refused by 451 for the first minute that a sender wants to reach it.
    Greylist,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::SlowMx, Self::Greylist];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SlowMx => "slow-mx",
            Self::Greylist => "greylist",
        }
    }

    /// Its rules.
    pub fn rules(self) -> Vec<Rule> {
        match self {
            Self::SlowMx => vec![Rule::at(Step::Connect).latency_ms(300).throttle_bps(20_000)],
            Self::Greylist => {
                let mut rule =
                    Rule::rcpt("*").reply(451, "4.7.1", "Greylisted, try again in a minute");
                rule.greylist_ms = Some(60_000);
                vec![rule]
            }
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Profile {
    type Err = String;

    /// # Errors
    ///
    /// When there is none of this name.
    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL
            .into_iter()
            .find(|profile| profile.as_str() == name);
        found.ok_or_else(|| format!("there is no profile {name:?}; there are slow-mx and greylist"))
    }
}
