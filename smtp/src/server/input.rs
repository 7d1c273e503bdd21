//! What the client has said and the server not yet read: lines, or octets by count.

/// The bytes that wait. As much is kept as the owner brings at once, and part of one line.
#[derive(Debug, Default)]
pub(super) struct Input {
    buffer: Vec<u8>,
    /// Where the first byte that was not read is.
    start: usize,
    /// No LF is before here: a line that comes in a byte at a time is searched once only.
    searched: usize,
    /// The line at hand is too long: its rest is passed over.
    overlong: bool,
}

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Whole(Vec<u8>),
    /// It was ended by LF alone.
    BareLf(Vec<u8>),
    /// It was longer than allowed; this is its beginning.
    TooLong(Vec<u8>),
}

/// How much is kept of a line that is too long.
const BEGINNING: usize = 128;

impl Input {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Throws away all that waits.
    pub(super) fn discard(&mut self) {
        *self = Self::default();
    }

    /// What waits.
    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Notes that so many of the waiting bytes were read.
    pub(super) fn read(&mut self, n: usize) {
        self.start = self.buffer.len().min(self.start.saturating_add(n));
        self.searched = self.searched.max(self.start);
    }

    /// The next line, if all of it is there; `limit` counts its line end.
    pub(super) fn line(&mut self, limit: usize) -> Option<Line> {
        let found = self.buffer[self.searched..]
            .iter()
            .position(|octet| *octet == b'\n');
        let end = found.map_or(self.buffer.len(), |at| self.searched + at + 1);
        self.searched = end;
        if found.is_none() {
            self.shorten(limit);
            return None;
        }
        let line = &self.buffer[self.start..end];
        let too_long = std::mem::take(&mut self.overlong) || line.len() > limit;
        let line = match line.strip_suffix(b"\r\n") {
            _ if too_long => Line::TooLong(line[..line.len().min(BEGINNING)].to_vec()),
            Some(line) => Line::Whole(line.to_vec()),
            None => Line::BareLf(line.strip_suffix(b"\n").unwrap_or(line).to_vec()),
        };
        self.start = end;
        Some(line)
    }

    /// Keeps no more than the beginning of a line that is too long already.
    fn shorten(&mut self, limit: usize) {
        if self.overlong || self.rest().len() > limit {
            self.overlong = true;
            self.buffer
                .truncate(self.buffer.len().min(self.start + BEGINNING));
            self.searched = self.buffer.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let text = b"one\r\n\r\ntwo\nthree\r\n";
        for piece in 1..text.len() {
            let (mut input, mut lines) = (Input::default(), Vec::new());
            for piece in text.chunks(piece) {
                input.push(piece);
                while let Some(line) = input.line(100) {
                    lines.push(line);
                }
            }
            let expected = [
                Line::Whole(b"one".to_vec()),
                Line::Whole(Vec::new()),
                Line::BareLf(b"two".to_vec()),
                Line::Whole(b"three".to_vec()),
            ];
            assert_eq!(lines, expected);
        }
    }

    #[test]
    fn the_limit_counts_the_line_end() {
        for (length, fits) in [(8, true), (9, false)] {
            let text = [&vec![b'x'; length][..], b"\r\nnext\r\n"].concat();
            for piece in [1, 3, 100] {
                let (mut input, mut lines) = (Input::default(), Vec::new());
                for piece in text.chunks(piece) {
                    input.push(piece);
                    while let Some(line) = input.line(10) {
                        lines.push(line);
                    }
                }
                assert_eq!(matches!(lines[0], Line::Whole(_)), fits, "{length} {piece}");
                assert_eq!(lines[1], Line::Whole(b"next".to_vec()));
            }
        }
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut input = Input::default();
        for _ in 0..1000 {
            input.push(&[b'x'; 1000]);
            assert_eq!(input.line(500), None);
            assert!(input.rest().len() <= 500);
        }
        input.push(b"\r\nQUIT\r\n");
        assert!(matches!(input.line(500), Some(Line::TooLong(_))));
        assert_eq!(input.line(500), Some(Line::Whole(b"QUIT".to_vec())));
    }

    #[test]
    fn reading_by_count_and_by_line_go_together() {
        let mut input = Input::default();
        input.push(b"12345NOOP\r\n");
        input.read(5);
        assert_eq!(input.line(100), Some(Line::Whole(b"NOOP".to_vec())));
        input.push(b"x");
        input.read(9);
        assert!(input.rest().is_empty());
        assert_eq!(input.line(100), None);
    }
}
