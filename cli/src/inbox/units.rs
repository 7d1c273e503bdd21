//! Sizes and times as people write them.

use std::time::Duration;

/// `512M`: bytes, or KiB, MiB, GiB.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let factor = match unit
        .to_ascii_uppercase()
        .trim_end_matches('B')
        .trim_end_matches('I')
    {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => 0_u64,
    };
    let size = number.parse().ok().and_then(|n: u64| n.checked_mul(factor));
    size.filter(|size| *size > 0)
        .ok_or_else(|| "expected a size, for instance 512M".to_owned())
}

/// `7d`: milliseconds, seconds, minutes, hours or days.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0_u64,
    };
    let time = number.parse().ok().and_then(|n: u64| n.checked_mul(factor));
    time.filter(|_| factor > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| "expected a time, for instance 500ms, 30s or 7d".to_owned())
}

pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "expected a number from 1".to_owned())
}

fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}

/// `14.2 kB`, as people read it.
pub(super) fn shown(octets: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", octets / unit, octets % unit * 10 / unit);
    match octets {
        0..1000 => format!("{octets} B"),
        1000..1_000_000 => format!("{} kB", tenths(1000)),
        _ => format!("{} MB", tenths(1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read() {
        assert_eq!(size("512M"), Ok(512 << 20));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        assert_eq!(size("7"), Ok(7));
        assert_eq!(time("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        for text in ["", "M", "0", "1X", "-1", "99999999999999999999G"] {
            assert!(size(text).is_err(), "{text}");
        }
        for text in ["", "5", "s", "1 s", "5y"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown() {
        assert_eq!(shown(999), "999 B");
        assert_eq!(shown(14_250), "14.2 kB");
        assert_eq!(shown(52_428_800), "52.4 MB");
    }
}
