//! A server's own name for a message, in the words of those servers that tell it.
//!
//! There is no standard for it, so only phrases that are known are read, and only what looks like a name is taken.

use posthaste_smtp::Reply;

/// The shortest and the longest name that is believed to be one.
const LENGTHS: std::ops::RangeInclusive<usize> = 4..=128;

/// The phrases that have nothing else in them: what comes before the name, and what comes after it.
const PHRASES: [(&str, &str); 5] = [
    // Postfix and those that follow it: `Ok: queued as 4Xyz`.
    ("queued as ", ""),
    // Exim: `OK id=1tKxyz-0001Ab-2C`.
    (" id=", ""),
    // Exchange: `<…> [InternalId=4711, Hostname=…] Queued mail for delivery`.
    ("[internalid=", ""),
    // Haraka: `Message Queued (0A1B…)`.
    ("message queued (", ")"),
    // qmail: `ok 1700000000 qp 4711`.
    (" qp ", ""),
];

/// The name under which the server that gave this reply has the message.
pub(super) fn find(reply: &Reply) -> Option<String> {
    if !reply.is_success() {
        return None;
    }
    let text = reply.message();
    let lower = text.to_ascii_lowercase();
    let by_phrase = PHRASES.iter().find_map(|(before, after)| {
        let start = lower.find(before)? + before.len();
        let rest = text.get(start..)?;
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let word = rest.get(..end)?;
        name(word.strip_suffix(after)?)
    });
    by_phrase.or_else(|| by_place(&text))
}

/// Names that are known by the words around them.
fn by_place(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is = |word: &str, what: &str| word.eq_ignore_ascii_case(what);
    match words.as_slice() {
        // OpenSMTPD and Sendmail: `4c1e9f1b Message accepted for delivery`.
        [id, message, accepted, ..] if is(message, "message") && is(accepted, "accepted") => {
            name(id)
        }
        // Gmail: `OK  1700000000 a1-20020a05sm12.3 - gsmtp`.
        [ok, time, id, "-", "gsmtp"] if is(ok, "ok") && is_number(time) => name(id),
        // Dovecot by LMTP: `<ann@example.com> W0abc Saved`.
        [address, id, "Saved"] if address.starts_with('<') => name(id),
        // Amazon's SES: `Ok 0100018c…-000000`.
        [ok, id] if is(ok, "ok") && id.len() >= 32 && id.contains('-') => name(id),
        _ => None,
    }
}

/// The word, if it looks like a name.
fn name(word: &str) -> Option<String> {
    let word = word.trim_end_matches(['.', ',', ';', ')', ']']);
    let inner = word
        .strip_prefix('<')
        .and_then(|word| word.strip_suffix('>'));
    let word = inner.unwrap_or(word);
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+/=@:".contains(&byte);
    let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    let is_name = LENGTHS.contains(&word.len()) && word.bytes().all(is_of_name);
    // A name in letters alone exists, but more often it is a word of the language.
    (is_name && (has_digit || is_shouted(word))).then(|| word.to_owned())
}

fn is_shouted(word: &str) -> bool {
    word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(reply: &str) -> Option<String> {
        find(&reply.parse().expect("a reply"))
    }

    #[test]
    fn the_words_of_known_servers() {
        for (reply, expected) in [
            ("250 2.0.0 Ok: queued as 4XyZ1b3Tn8z9", "4XyZ1b3Tn8z9"),
            ("250 2.0.0 Ok: queued as 3F2A31C0042", "3F2A31C0042"),
            (
                "250 2.0.0 from MTA(smtp:[::1]:10025): 250 2.0.0 Ok: queued as 3F2A31",
                "3F2A31",
            ),
            ("250 OK id=1tKxYz-0001Ab-2C", "1tKxYz-0001Ab-2C"),
            (
                "250 OK id=1tKxYz-00000001Ab2-3Cde",
                "1tKxYz-00000001Ab2-3Cde",
            ),
            (
                "250 2.0.0 4c1e9f1b Message accepted for delivery",
                "4c1e9f1b",
            ),
            (
                "250 2.0.0 4ANBcDeF012345 Message accepted for delivery",
                "4ANBcDeF012345",
            ),
            (
                "250 2.0.0 OK  1700000000 a640c23a62f3a-a1b2c3d4e5fsi123456a12.345 - gsmtp",
                "a640c23a62f3a-a1b2c3d4e5fsi123456a12.345",
            ),
            (
                "250 2.6.0 <x@example.com> [InternalId=123456789, Hostname=AB1.prod.outlook.com] 9 bytes in 0.1, 9 \
                 KB/sec Queued mail for delivery",
                "123456789",
            ),
            (
                "250 Ok 0100018c1f2e3d4c-5b6a7988-1122-3344-5566-778899aabbcc-000000",
                "0100018c1f2e3d4c-5b6a7988-1122-3344-5566-778899aabbcc-000000",
            ),
            ("250 Message Queued (0A1B2C3D-4E5F.1)", "0A1B2C3D-4E5F.1"),
            ("250 ok 1700000000 qp 47110", "47110"),
            ("250 2.0.0 <ann@example.com> W0aBcD1eF2 Saved", "W0aBcD1eF2"),
            (
                "250-2.0.0 thanks\r\n250 2.0.0 Ok: queued as <7F00.1@mx>.",
                "7F00.1@mx",
            ),
        ] {
            assert_eq!(id(reply).as_deref(), Some(expected), "{reply}");
        }
    }

    #[test]
    fn what_is_no_name_is_not_taken_for_one() {
        let long = format!("250 queued as {}", "4".repeat(129));
        for reply in [
            "250 OK",
            "250 2.0.0 Ok",
            "250",
            "250 ok dirdel",
            "250 Message accepted for delivery",
            "250 Your message accepted for delivery",
            "250 2.0.0 Ok: queued as",
            "250 queued as usual",
            "250 queued as a\u{1b}[31m1",
            "250 queued as 12\"34",
            "250 queued as 1é234",
            "250 great success",
            "250 Queued. Thank you.",
            "250 OK id=",
            "250 2.6.0 Queued mail for delivery",
            "250 Ok thanks-for-all-the-fish-and-the-bread-1x 2",
            "550 5.7.1 queued as 4XyZ1b3T",
            "354 queued as 4XyZ1b3T",
            &long,
        ] {
            assert_eq!(id(reply), None, "{reply}");
        }
    }
}
