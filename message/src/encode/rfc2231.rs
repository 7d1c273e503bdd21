//! Parameters of `Content-Type` and `Content-Disposition`, and RFC 2231 for those that do
//! not fit into a plain quoted string.

use std::fmt::Write as _;

use super::fold::Folder;
use super::rfc2047::looks_encoded;

/// The most octets of a parameter with its blank, so that the line stays within 78 even
/// with a `;` after it.
const LONGEST: usize = 76;

/// Writes `; name=value`, as one quoted string or as RFC 2231 tells. The name must be a
/// token, the value hold no controls.
pub(crate) fn write_param(folder: &mut Folder<'_>, name: &str, value: &str) {
    let mut text = String::with_capacity(name.len() + value.len() + 3);
    // Careless readers take a quote inside for the end, whatever stands before it.
    let careless = value.contains(['"', '\\']) || looks_encoded(value);
    if value.is_ascii() && !careless {
        push_quoted(name, value, &mut text);
        if text.len() < LONGEST {
            folder.push(";");
            folder.word_of(" ", &text, text.len() + 1);
            return;
        }
        text.clear();
    }
    let charset = if value.is_ascii() {
        "us-ascii"
    } else {
        "utf-8"
    };
    let _ = write!(text, "{name}*={charset}''");
    push_percent(value, usize::MAX, &mut text);
    folder.push(";");
    if text.len() < LONGEST {
        folder.word_of(" ", &text, text.len() + 1);
        return;
    }
    write_continued(folder, name, charset, value);
}

/// Writes the value in numbered pieces, one a line.
fn write_continued(folder: &mut Folder<'_>, name: &str, charset: &str, value: &str) {
    let mut rest = value;
    let mut text = String::with_capacity(LONGEST);
    for number in 0.. {
        text.clear();
        let _ = write!(text, "{name}*{number}*=");
        if number == 0 {
            let _ = write!(text, "{charset}''");
        }
        // A character always fits, however long the name: else this would not end.
        let budget = LONGEST.saturating_sub(text.len() + 1).max(12);
        let taken = push_percent(rest, budget, &mut text);
        rest = rest.get(taken..).unwrap_or_default();
        folder.word_of(" ", &text, text.len() + 1);
        if rest.is_empty() {
            return;
        }
        folder.push(";");
    }
}

fn push_quoted(name: &str, value: &str, out: &mut String) {
    out.push_str(name);
    out.push_str("=\"");
    out.push_str(value);
    out.push('"');
}

/// Percent-encodes as many whole characters as fit; returns how many octets they were.
fn push_percent(value: &str, budget: usize, out: &mut String) -> usize {
    let (mut taken, mut cost) = (0, 0);
    for c in value.chars() {
        let plain = c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '!');
        let more = if plain { 1 } else { 3 * c.len_utf8() };
        if cost + more > budget {
            break;
        }
        if plain {
            out.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        taken += c.len_utf8();
        cost += more;
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, value: &str) -> String {
        let mut out = Vec::new();
        let mut folder = Folder::new(&mut out, "X");
        folder.word(" ", "a");
        write_param(&mut folder, name, value);
        folder.finish();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn long_values_are_numbered() {
        assert_eq!(written("n", ""), "X: a; n=\"\"\r\n");
        let value = "a b".repeat(40);
        let text = written("filename", &value);
        assert!(
            text.starts_with("X: a;\r\n filename*0*=us-ascii''a%20ba%20b"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.len() <= 78), "{text}");
        let read: String = text
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once("*="))
            .map(|(_, piece)| piece.trim_end_matches(';').trim_start_matches("us-ascii''"))
            .collect();
        assert_eq!(
            percent_encoding::percent_decode_str(&read)
                .decode_utf8()
                .unwrap(),
            value
        );
    }

    #[test]
    fn no_length_leaves_a_line_too_long() {
        for length in 0..400 {
            for c in ["x", "é", "🦀", "\"", " "] {
                for name in ["f", "filename"] {
                    let text = written(name, &c.repeat(length));
                    assert!(text.lines().all(|line| line.len() <= 78), "{text}");
                }
            }
        }
    }
}
