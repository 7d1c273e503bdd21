//! How much may come in which time.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// So many in such a time: `10/s`, `100/m`, `1000/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    count: u32,
    unit: char,
}

impl Rate {
    fn period(self) -> Duration {
        Duration::from_secs(match self.unit {
            's' => 1,
            'm' => 60,
            _ => 3600,
        })
    }
}

impl FromStr for Rate {
    type Err = String;

    /// # Errors
    ///
    /// When it is no whole number from 1 on, `/`, and `s`, `m` or `h`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(count, unit)| {
            let unit = ["s", "m", "h"].into_iter().find(|known| *known == unit)?;
            let count = count.parse().ok().filter(|count| *count > 0)?;
            Some(Self {
                count,
                unit: unit.chars().next()?,
            })
        });
        parsed.ok_or_else(|| format!("{text:?} is no rate; one is said so: 10/s, 100/m, 1000/h"))
    }
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.unit)
    }
}

/// A bucket that is full at first, and into which tokens drip at a rate.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    tokens: f64,
    filled: Option<Instant>,
}

impl Bucket {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            tokens: f64::from(rate.count),
            filled: None,
        }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let full = f64::from(self.rate.count);
        let since = now.saturating_duration_since(self.filled.unwrap_or(now));
        let dripped = since.as_secs_f64() / self.rate.period().as_secs_f64() * full;
        self.tokens = full.min(self.tokens + dripped);
        self.filled = Some(now);
        let is_there = self.tokens >= 1.0;
        if is_there {
            self.tokens -= 1.0;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        for text in ["10/s", "1/m", "4294967295/h"] {
            assert_eq!(text.parse::<Rate>().map(String::from), Ok(text.to_owned()));
        }
        for bad in ["", "10", "0/s", "-1/s", "10/d", "10/ s", "1.5/s", "/s"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bucket_gives_no_more_than_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new("10/s".parse().expect("a rate"));
        let mut given = |after: u64, tries: usize| {
            let now = start + Duration::from_millis(after);
            (0..tries).filter(|_| bucket.take(now)).count()
        };
        assert_eq!(given(0, 25), 10);
        assert_eq!(given(99, 5), 0);
        assert_eq!(given(351, 5), 3);
        // However long nobody came, it is only full.
        assert_eq!(given(100_000, 25), 10);
    }
}
