//! Folding of header lines at blanks.

/// The longest line wanted.
const LIMIT: usize = 78;

/// The longest line wanted with an encoded word on it (RFC 2047, 2).
const ENCODED_LIMIT: usize = 76;

/// The most octets of a blank and a word that are put on a line whatever the wanted length:
/// a line may have 998.
pub(crate) const LONGEST_WORD: usize = 990;

/// The longest run of blanks written as it is.
pub(crate) const LONGEST_BLANK: usize = 40;

/// Writes the words of one header, breaking the line where there is a blank.
pub(crate) struct Folder<'a> {
    out: &'a mut Vec<u8>,
    column: usize,
    limit: usize,
}

impl<'a> Folder<'a> {
    /// Starts the header `name`; the first word brings its blank.
    pub(crate) fn new(out: &'a mut Vec<u8>, name: &str) -> Self {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        Self {
            out,
            column: name.len() + 1,
            limit: LIMIT,
        }
    }

    /// Writes `blank` and `word`, on the next line if they do not fit on this one.
    pub(crate) fn word(&mut self, blank: &str, word: &str) {
        self.word_of(blank, word, 0);
    }

    /// Like [`Folder::word`], for the start of something `whole` octets long that had better
    /// stay on one line.
    pub(crate) fn word_of(&mut self, blank: &str, word: &str, whole: usize) {
        let mut needed = blank.len() + word.len();
        if blank.len() + whole <= LIMIT {
            needed = needed.max(blank.len() + whole);
        }
        if !blank.is_empty() && self.column + needed > self.limit {
            self.new_line();
        }
        self.push(blank);
        self.push(word);
    }

    /// Writes a blank and an encoded word; the caller saw to it that it fits.
    pub(crate) fn encoded(&mut self, blank: &str, word: &str) {
        self.limit = ENCODED_LIMIT;
        self.push(blank);
        self.push(word);
    }

    /// How many octets an encoded word may have on this line.
    pub(crate) fn room(&self) -> usize {
        ENCODED_LIMIT.saturating_sub(self.column)
    }

    /// Breaks the line; a blank must follow.
    pub(crate) fn new_line(&mut self) {
        self.out.extend_from_slice(b"\r\n");
        self.column = 0;
        self.limit = LIMIT;
    }

    /// Adds to the last word, without a break.
    pub(crate) fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.column += text.len();
    }

    /// Ends the header.
    pub(crate) fn finish(self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_only_at_blanks() {
        let mut out = Vec::new();
        let mut folder = Folder::new(&mut out, "X");
        folder.word(" ", &"a".repeat(75));
        folder.word("", "b");
        folder.word("\t", "c");
        folder.word_of(" ", "d", 76);
        folder.finish();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, format!("X: {}b\r\n\tc\r\n d\r\n", "a".repeat(75)));
    }
}
