//! The moment in a `Date` header.

use std::fmt;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The first second of the year 0 and the last of the year 9999, a day away from the edge for
/// any offset: years have four digits.
const FIRST: i64 = -62_167_219_200 + 86_400;
const LAST: i64 = 253_402_300_799 - 86_400;

const DAY: i64 = 86_400;

/// A moment and the offset of the clock that shows it.
///
/// ```
/// use posthaste_message::Date;
///
/// let date = Date::from_unix(1_795_435_200, 3600);
/// assert_eq!(date.to_string(), "Mon, 23 Nov 2026 13:00:00 +0100");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Date {
    seconds: i64,
    offset: i32,
}

impl Date {
    /// The moment so many seconds after 1970 began, shown by a clock that is `offset` seconds
    /// ahead of UTC. Moments outside the years 0 to 9999, and offsets of a day and more, become
    /// the nearest that can be written; of offsets, whole minutes count.
    #[must_use]
    pub fn from_unix(seconds: i64, offset: i32) -> Self {
        let limit = 86_340;
        Self {
            seconds: seconds.clamp(FIRST, LAST),
            offset: offset.clamp(-limit, limit) / 60 * 60,
        }
    }

    /// Seconds since 1970 began.
    #[must_use]
    pub fn unix(self) -> i64 {
        self.seconds
    }

    /// Appends the date as RFC 5322 writes it.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let local = self.seconds + i64::from(self.offset);
        let (days, time) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let (year, month, day) = civil(days);
        let name = |names: &[&'static str], index: i64| {
            let index = usize::try_from(index).unwrap_or_default();
            names.get(index).copied().unwrap_or_default()
        };
        out.extend_from_slice(name(&DAYS, days.rem_euclid(7)).as_bytes());
        let [d, e] = pair(day);
        out.extend_from_slice(&[b',', b' ', d, e, b' ']);
        out.extend_from_slice(name(&MONTHS, month - 1).as_bytes());
        let ([c, d], [y, z]) = (pair(year / 100), pair(year % 100));
        let ([h, i], [m, n]) = (pair(time / 3600), pair(time / 60 % 60));
        let [s, t] = pair(time % 60);
        let sign = if self.offset < 0 { b'-' } else { b'+' };
        let minutes = i64::from(self.offset.abs() / 60);
        let ([o, p], [q, r]) = (pair(minutes / 60), pair(minutes % 60));
        out.extend_from_slice(&[
            b' ', c, d, y, z, b' ', h, i, b':', m, n, b':', s, t, b' ', sign, o, p, q, r,
        ]);
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(32);
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

/// Two digits of a number below 100.
fn pair(number: i64) -> [u8; 2] {
    let number = u8::try_from(number).unwrap_or_default() % 100;
    [b'0' + number / 10, b'0' + number % 10]
}

/// Year, month and day of a count of days since 1970, by Howard Hinnant's `civil_from_days`:
/// years are counted from March, so that the leap day is the last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_another_library() {
        for seconds in (FIRST..=LAST).step_by(1_234_567_891) {
            let date = Date::from_unix(seconds, 0).to_string();
            let timestamp = jiff::Timestamp::from_second(seconds).unwrap();
            let other = timestamp
                .strftime("%a, %d %b %Y %H:%M:%S +0000")
                .to_string();
            assert_eq!(date, other);
        }
    }

    #[test]
    fn the_offset_moves_the_clock() {
        let date = |offset| Date::from_unix(0, offset).to_string();
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(date(-12_600), "Wed, 31 Dec 1969 20:30:00 -0330");
        assert_eq!(date(20_700), "Thu, 01 Jan 1970 05:45:00 +0545");
    }

    #[test]
    fn extremes_can_be_written() {
        for (seconds, offset) in [(i64::MIN, i32::MIN), (i64::MAX, i32::MAX), (i64::MAX, 0)] {
            assert_eq!(Date::from_unix(seconds, offset).to_string().len(), 31);
        }
    }
}
