//! Words, as searches and comparisons see them. Both stores look for the same words, so that a search finds the same in both.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The words of a text: small letters without accents, each with a space before it, and one at the end.
///
/// Letters of scripts without spaces are words of their own, so that a part of a Chinese sentence is found as a phrase.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = Folded {
        text: String::with_capacity(text.len() + 2),
        is_inside: false,
    };
    if text.is_ascii() {
        for c in text.chars() {
            folded.push(c);
        }
    } else {
        let plain = text.nfkd().filter(|c| !is_combining_mark(*c));
        for c in plain.flat_map(char::to_lowercase) {
            folded.push(c);
        }
    }
    folded.text.push(' ');
    folded.text
}

/// The words of a folded text.
pub(crate) fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(' ').filter(|word| !word.is_empty())
}

/// At most so many octets of the start of a text.
pub(crate) fn start(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

struct Folded {
    text: String,
    is_inside: bool,
}

impl Folded {
    fn push(&mut self, c: char) {
        if !c.is_alphanumeric() {
            self.is_inside = false;
            return;
        }
        let is_alone = stands_alone(c);
        if !self.is_inside || is_alone {
            self.text.push(' ');
        }
        self.text.push(c.to_ascii_lowercase());
        self.is_inside = !is_alone;
    }
}

/// Han, kana, hangul (that is taken apart by the normalization), Thai, Lao and Khmer.
fn stands_alone(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn words_are_what_is_left() {
        assert_eq!(fold("Grüße, ann@EXAMPLE.com!"), " gruße ann example com ");
        assert_eq!(fold("認証コードABC 12"), " 認 証 コ ー ト abc 12 ");
        assert_eq!(fold(" -- "), " ");
        assert_eq!(fold(""), " ");
    }
}
