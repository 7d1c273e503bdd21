//! Lines and their ends (RFC 5322 section 2.3).

use super::{Case, Finding, Notes, many};

const LONGEST: usize = 998;

pub(super) fn check(case: &Case<'_>) -> Option<Finding> {
    let raw = &*case.mail.raw;
    let mut notes = Notes::new("Lines");
    let at = |place: usize| line(raw, place);
    if let Some(place) = lone(raw, b'\r') {
        notes.fail(format!("a CR without LF in line {}", at(place)));
    }
    if let Some(place) = lone(raw, b'\n') {
        notes.fail(format!(
            "an LF without CR in line {}: some servers end the mail at one",
            at(place)
        ));
    }
    if let Some(place) = memchr::memchr(0, raw) {
        notes.fail(format!("a NUL in line {}", at(place)));
    }
    let mut longest = 0;
    let mut long = 0;
    for line in raw.split(|octet| *octet == b'\n') {
        let length = line.strip_suffix(b"\r").unwrap_or(line).len();
        longest = longest.max(length);
        long += usize::from(length > LONGEST);
    }
    if long > 0 {
        let lines = many(long, "line");
        notes.fail(format!(
            "{lines} of more than {LONGEST} octets; the longest has {longest}"
        ));
    }
    Some(notes.finding(&format!("the longest has {longest} octets")))
}

/// The first CR that no LF follows, or LF that no CR precedes.
fn lone(raw: &[u8], octet: u8) -> Option<usize> {
    memchr::memchr_iter(octet, raw).find(|place| {
        if octet == b'\r' {
            raw.get(place + 1) != Some(&b'\n')
        } else {
            place.checked_sub(1).and_then(|before| raw.get(before)) != Some(&b'\r')
        }
    })
}

fn line(raw: &[u8], place: usize) -> usize {
    let before = raw.get(..place).unwrap_or_default();
    memchr::memchr_iter(b'\n', before).count() + 1
}
