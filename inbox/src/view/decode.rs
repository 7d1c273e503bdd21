//! Transfer encodings (RFC 2045 section 6) and charsets. What is wrong is skipped: a reader sees as much as there is.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// The octets of a body.
pub(crate) fn body(octets: &[u8], encoding: &str) -> Vec<u8> {
    match encoding {
        "base64" => base64(octets),
        "quoted-printable" => quoted_printable(octets),
        _ => octets.to_vec(),
    }
}

/// How many octets [`body`] gives.
pub(super) fn size(octets: &[u8], encoding: &str) -> usize {
    match encoding {
        "base64" => octets.iter().filter_map(|octet| sextet(*octet)).count() * 3 / 4,
        "quoted-printable" => quoted_printable(octets).len(),
        _ => octets.len(),
    }
}

/// The text of a body. Without a charset, or with one that nobody knows, it is UTF-8 if it can be.
pub(super) fn text(octets: &[u8], charset: Option<&str>) -> String {
    let named = charset.and_then(|label| Encoding::for_label(label.trim().as_bytes()));
    let encoding = named.filter(|named| *named != WINDOWS_1252 || charset_is_latin(charset));
    let encoding = encoding.unwrap_or_else(|| guess(octets));
    encoding.decode(octets).0.replace("\r\n", "\n")
}

/// WHATWG reads `us-ascii` as windows-1252. A mail that says so and has more in it is mostly UTF-8.
fn charset_is_latin(charset: Option<&str>) -> bool {
    charset.is_none_or(|label| !label.to_ascii_lowercase().contains("ascii"))
}

fn guess(octets: &[u8]) -> &'static Encoding {
    if std::str::from_utf8(octets).is_ok() {
        UTF_8
    } else {
        WINDOWS_1252
    }
}

fn base64(octets: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(octets.len() / 4 * 3);
    let mut bits = 0_u32;
    let mut count = 0;
    for value in octets.iter().filter_map(|octet| sextet(*octet)) {
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count) as u8);
        }
    }
    decoded
}

fn sextet(octet: u8) -> Option<u8> {
    match octet {
        b'A'..=b'Z' => Some(octet - b'A'),
        b'a'..=b'z' => Some(octet - b'a' + 26),
        b'0'..=b'9' => Some(octet - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

fn quoted_printable(octets: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(octets.len());
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let content = line.trim_ascii_end();
        match content.strip_suffix(b"=") {
            Some(soft) => escapes(soft, &mut decoded),
            None => {
                escapes(content, &mut decoded);
                // Spaces before a line end were added on the way.
                let end = if line.ends_with(b"\r\n") {
                    &b"\r\n"[..]
                } else if line.ends_with(b"\n") {
                    b"\n"
                } else {
                    line.get(content.len()..).unwrap_or_default()
                };
                decoded.extend_from_slice(end);
            }
        }
    }
    decoded
}

fn escapes(mut line: &[u8], decoded: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr(b'=', line) {
        let (plain, escape) = line.split_at(at);
        decoded.extend_from_slice(plain);
        let octet = match escape {
            [_, high, low, ..] => hex(*high).zip(hex(*low)),
            _ => None,
        };
        let (octet, length) = octet.map_or((b'=', 1), |(high, low)| (high << 4 | low, 3));
        decoded.push(octet);
        line = escape.get(length..).unwrap_or_default();
    }
    decoded.extend_from_slice(line);
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::{body, size, text};

    #[test]
    fn broken_encodings_give_what_there_is() {
        assert_eq!(body(b"SGVs\r\nbG8=", "base64"), b"Hello");
        assert_eq!(body(b"S!G\0Vs bG8", "base64"), b"Hello");
        assert_eq!(body(b"S", "base64"), b"");
        assert_eq!(
            body(b"a=3Db=\r\nc =ZZ=4  \r\nd=", "quoted-printable"),
            b"a=bc =ZZ=4\r\nd"
        );
        assert_eq!(body(b"=E4", "x-none"), b"=E4");
    }

    #[test]
    fn the_size_is_that_of_the_octets() {
        for text in ["", "SA==", "SGU=", "SGVs", "SGVs\r\nbG8="] {
            assert_eq!(
                size(text.as_bytes(), "base64"),
                body(text.as_bytes(), "base64").len(),
                "{text}"
            );
        }
    }

    #[test]
    fn charsets_are_read_as_browsers_do() {
        assert_eq!(text(b"gr\xfc\xdfe", Some("iso-8859-1")), "grüße");
        assert_eq!(text("grüße".as_bytes(), Some("us-ascii")), "grüße");
        assert_eq!(text(b"gr\xfc\xdfe", None), "grüße");
        assert_eq!(text("grüße".as_bytes(), Some("klingon")), "grüße");
        assert_eq!(
            text(b"\x83\x65\x83\x58\x83\x67", Some("shift_jis")),
            "テスト"
        );
    }
}
