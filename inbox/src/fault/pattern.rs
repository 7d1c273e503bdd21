//! Patterns in which `*` stands for any text.

/// A pattern, ready to be compared.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    /// What stands between the stars, in small letters.
    parts: Vec<String>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let parts = text.to_lowercase().split('*').map(str::to_owned).collect();
        Self { parts }
    }

    pub(crate) fn fits(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let Some((first, rest)) = self.parts.split_first() else {
            return text.is_empty();
        };
        let Some((last, between)) = rest.split_last() else {
            return *first == text;
        };
        let Some(mut text) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for part in between {
            let Some((_, behind)) = text.split_once(part.as_str()) else {
                return false;
            };
            text = behind;
        }
        text.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("Ann@*", "ann@EXAMPLE.com", true),
            ("ann@b", "ann@bc", false),
            ("*@fault.test", "x@fault.test", true),
            ("a*a", "a", false),
            ("*b*b*", "abba", true),
            ("*b*b*", "aba", false),
            ("**", "x", true),
            ("*ärger*", "Großer ÄRGER hier", true),
        ] {
            assert_eq!(
                Pattern::new(pattern).fits(text),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
