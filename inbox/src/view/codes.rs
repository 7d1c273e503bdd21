//! One-time codes: four to eight digits near a word that says so.

use std::ops::Range;

use super::html::urls;
use crate::words::start;

/// Words that stand near codes, in small letters.
const WORDS: [&str; 26] = [
    "code",
    "otp",
    "one-time",
    "one time",
    "passcode",
    "passwor",
    "verif",
    "pin",
    "token",
    "2fa",
    "confirm",
    "login",
    "log in",
    "sign in",
    "código",
    "codigo",
    "codice",
    "kennwort",
    "kod",
    "код",
    "пароль",
    "验证码",
    "驗證碼",
    "認証",
    "コード",
    "인증",
];
/// So many octets before and after a code such a word may stand.
const NEAR: usize = 80;
/// So many octets of a text are looked through.
const MOST: usize = 64 * 1024;

/// The codes in some texts, each once.
pub(super) fn find(texts: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for text in texts {
        let text = without_urls(start(text, MOST)).to_lowercase();
        for (place, code) in numbers(&text) {
            if !found.contains(&code) && is_code(&text, &place, &code) {
                found.push(code);
            }
        }
    }
    found
}

/// Digits in URLs are no codes, and `token=` is no word.
fn without_urls(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    for url in urls(text) {
        if let Some((before, after)) = rest.split_once(url) {
            kept.push_str(before);
            kept.push('\u{1}');
            rest = after;
        }
    }
    kept + rest
}

/// Four to eight digits that nothing belongs to, where they are; `123 456` and `123-456` are one.
fn numbers(text: &str) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begin) = text
        .get(at..)
        .and_then(|rest| rest.find(|c: char| c.is_ascii_digit()))
    {
        let begin = at + begin;
        let end = begin + token(text.get(begin..).unwrap_or_default());
        at = end.max(begin + 1);
        let number = text.get(begin..end).unwrap_or_default();
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        if is_apart(text, begin, end) && is_grouped(number) && (4..=8).contains(&digits.len()) {
            found.push((begin..end, digits));
        }
    }
    found
}

/// How long a run of digits is, with single spaces and hyphens between them.
fn token(text: &str) -> usize {
    let octets = text.as_bytes();
    let mut end = 0;
    while let Some(octet) = octets.get(end) {
        let is_between =
            matches!(octet, b' ' | b'-') && octets.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !octet.is_ascii_digit() && !is_between {
            break;
        }
        end += 1;
    }
    end
}

/// Either no gaps, or groups of the same size: not a date or a telephone number.
fn is_grouped(number: &str) -> bool {
    let groups: Vec<_> = number.split([' ', '-']).map(str::len).collect();
    groups.len() == 1 || groups.len() == 2 && groups.iter().all(|size| *size == 3 || *size == 4)
}

/// Whether no letter, sign of money or decimal point touches it.
fn is_apart(text: &str, begin: usize, end: usize) -> bool {
    let before = text.get(..begin).and_then(|text| text.chars().next_back());
    let mut after = text.get(end..).unwrap_or_default().chars();
    let next = after.next();
    let touches = |c: char| c.is_alphanumeric() && c.is_ascii() || "_#$€£¥+/%@&=\u{1}".contains(c);
    let goes_on = matches!(next, Some('.' | ',' | '/' | ':'))
        && after.next().is_some_and(|c| c.is_ascii_digit());
    let went_on = matches!(before, Some('.' | ',' | ':' | '-'))
        && text
            .get(..begin - 1)
            .is_some_and(|text| text.ends_with(|c: char| c.is_ascii_digit()));
    !before.is_some_and(touches) && !next.is_some_and(touches) && !goes_on && !went_on
}

fn is_code(text: &str, place: &Range<usize>, code: &str) -> bool {
    let before = end(text.get(..place.start).unwrap_or_default(), NEAR);
    let after = start(text.get(place.end..).unwrap_or_default(), NEAR);
    let is_year = code.len() == 4 && (code.starts_with("19") || code.starts_with("20"));
    if is_year {
        // "code: 2044" is one, "© 2026" is not.
        return names_a_code(end(before, 8));
    }
    names_a_code(before) || names_a_code(after)
}

/// Whether a word of such a text begins like one of the list: `shipping` has no PIN in it.
fn names_a_code(text: &str) -> bool {
    WORDS.iter().any(|word| {
        let is_latin = word.is_ascii();
        text.match_indices(word).any(|(at, _)| {
            let before = text.get(..at).and_then(|text| text.chars().next_back());
            !is_latin || !before.is_some_and(char::is_alphabetic)
        })
    })
}

fn end(text: &str, most: usize) -> &str {
    let mut start = text.len().saturating_sub(most);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn codes_are_found_near_their_words() {
        for (text, code) in [
            ("Your code is 482913.", "482913"),
            ("482913 is your verification code", "482913"),
            ("Your code:\n\n  123 456\n", "123456"),
            ("PIN: 0042", "0042"),
            ("G-123456 is your code", ""),
            ("Code: 2044", "2044"),
            ("您的验证码是483920。", "483920"),
            ("認証コード: 12345678", "12345678"),
        ] {
            let expected: Vec<&str> = code.split_whitespace().collect();
            let expected = if text.starts_with("G-") {
                vec!["123456"]
            } else {
                expected
            };
            assert_eq!(find(&[text]), expected, "{text}");
        }
    }

    #[test]
    fn other_numbers_are_no_codes() {
        for text in [
            "Order 482913 has been shipped",
            "Your code costs $4829 or 48.2913",
            "Enter the code. © 2026 Example",
            "code https://example.com/482913?token=123456",
            "Your password was changed on 2026-11-25. Call +49 30 123456",
            "Code 123, or 123456789",
            "Free shipping for order 482913",
        ] {
            assert!(find(&[text]).is_empty(), "{text}: {:?}", find(&[text]));
        }
    }

    #[test]
    fn a_code_is_told_once() {
        assert_eq!(
            find(&["code 1234", "code 1234", "code 5678"]),
            ["1234", "5678"]
        );
    }
}
