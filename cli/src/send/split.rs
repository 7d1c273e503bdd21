//! Cuts an input into its messages while it is being read: one object, an array of objects, or one object a line.

use std::io::{self, Read};

use super::nest::Nest;

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// Memory that is kept from one message to the next.
const KEPT: usize = 1024 * 1024;

/// What some editors put before a text in UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// One message of the input.
#[derive(Debug, PartialEq)]
pub(crate) enum Piece<'a> {
    /// Its text, whole; whether it is JSON remains to be seen.
    Text(&'a [u8]),
    /// It has more octets than the limit, and was passed over.
    TooLarge,
}

/// Why an input cannot be read on.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The system says so.
    Read(io::Error),
    /// It has none of the three forms.
    Form(&'static str),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// The form of the input, and how far it was read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Unknown,
    /// One message a line.
    Lines,
    /// Messages that span lines, one behind the other, as some programs print several.
    Objects,
    /// An array that goes on.
    Array,
    /// An array that was closed.
    Closed,
    /// An array that ended before it was closed.
    CutOff,
}

/// Reads messages one at a time, and holds no more than one of them.
///
/// A message that is no JSON ends where it would if it were: at the end of its line, or at the comma of the array. So a
/// broken message does not take the next ones with it.
pub(crate) struct Splitter<R> {
    reader: R,
    /// What was read; what was not yet looked at starts at `at`.
    buffer: Vec<u8>,
    at: usize,
    item: Vec<u8>,
    /// The most octets of a message.
    limit: usize,
    /// Whether the message at hand has more, so that it is read but not kept.
    over: bool,
    form: Form,
    read: u64,
}

impl<R: Read> Splitter<R> {
    /// A splitter of this input that passes over messages of more than `limit` octets.
    pub(crate) fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            at: 0,
            item: Vec::new(),
            limit,
            over: false,
            form: Form::Unknown,
            read: 0,
        }
    }

    /// How many octets of the input are done with.
    pub(crate) fn position(&self) -> u64 {
        self.read.saturating_sub(self.rest().len() as u64)
    }

    /// The next message; `None` is the end.
    ///
    /// # Errors
    ///
    /// When the input cannot be read, or has none of the three forms.
    pub(crate) fn next(&mut self) -> Result<Option<Piece<'_>>, Fault> {
        self.item.clear();
        self.item.shrink_to(KEPT);
        self.over = false;
        let found = match self.form {
            Form::Unknown => self.first()?,
            Form::Lines => self.line()?,
            Form::Objects => self.object(false)?,
            Form::Array => self.entry()?,
            Form::Closed => self.closed()?,
            Form::CutOff => return Err(Fault::Form("ends inside its array; is it cut off?")),
        };
        Ok(match found {
            false => None,
            true if self.over => Some(Piece::TooLarge),
            true => Some(Piece::Text(&self.item)),
        })
    }

    /// Finds out the form.
    fn first(&mut self) -> Result<bool, Fault> {
        while self.rest().len() < MARK.len() && self.more()? {}
        if self.rest().starts_with(MARK) {
            self.at += MARK.len();
        }
        match self.skip_blanks()? {
            Some(b'{') => self.object(true),
            Some(b'[') => {
                self.at += 1;
                self.form = Form::Array;
                if self.skip_blanks()? != Some(b']') {
                    return self.entry();
                }
                self.at += 1;
                self.closed()
            }
            Some(_) => Err(Fault::Form(
                "is no JSON of messages; expected an object, an array of objects, or one object a line",
            )),
            None => Err(Fault::Form("is empty; expected at least one message")),
        }
    }

    /// The next line that is not blank.
    fn line(&mut self) -> Result<bool, Fault> {
        let found = self.skip_blanks()?.is_some();
        if found {
            self.take_line(|_| ())?;
        }
        Ok(found)
    }

    /// The next object, which may span lines. The very first one tells whether the input has one a line.
    fn object(&mut self, is_first: bool) -> Result<bool, Fault> {
        let mut nest = Nest::default();
        let mut lines = 0;
        let mut second = None;
        loop {
            let next = self.skip_blanks()?;
            if lines == 1 {
                second = next.map(|byte| (byte, self.item.len()));
            }
            let starts_anew = next == Some(b'{') && lines > 0 && !nest.may_open();
            if next.is_none() || starts_anew {
                break;
            }
            self.take_line(|bytes| nest.read(bytes))?;
            lines += 1;
            if nest.depth() == 0 || nest.is_broken() {
                break;
            }
        }
        if is_first {
            self.form = if lines == 1 {
                Form::Lines
            } else {
                Form::Objects
            };
            let whole = nest.depth() == 0 && !nest.is_broken();
            // What looked like an object of many lines may have been many objects, the first of them broken.
            if let (Some((b'{', end)), false, false) = (second, whole, self.over) {
                self.put_back(end);
                self.form = Form::Lines;
            }
        }
        Ok(lines > 0)
    }

    /// The next entry of the array, up to its comma.
    fn entry(&mut self) -> Result<bool, Fault> {
        let mut nest = Nest::default();
        loop {
            if self.peek()?.is_none() {
                self.form = Form::CutOff;
                return match self.item.trim_ascii().is_empty() && !self.over {
                    true => self.next().map(|piece| piece.is_some()),
                    false => Ok(true),
                };
            }
            match nest.find_end_of_entry(self.rest()) {
                None => self.take(self.rest().len()),
                Some(end) => {
                    self.take(end);
                    if self.rest().first() == Some(&b']') {
                        self.form = Form::Closed;
                    }
                    self.at += 1;
                    return Ok(true);
                }
            }
        }
    }

    /// Nothing may stand behind an array.
    fn closed(&mut self) -> Result<bool, Fault> {
        self.form = Form::Closed;
        match self.skip_blanks()? {
            None => Ok(false),
            Some(_) => Err(Fault::Form(
                "goes on behind its array; expected nothing there",
            )),
        }
    }

    /// Takes the rest of the line, with its end; `look` sees it, too.
    fn take_line(&mut self, mut look: impl FnMut(&[u8])) -> Result<(), Fault> {
        while self.peek()?.is_some() {
            let end = memchr::memchr(b'\n', self.rest());
            let count = end.map_or(self.rest().len(), |end| end + 1);
            look(self.rest().get(..count).unwrap_or_default());
            self.take(count);
            if end.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Puts the next octets into the message.
    fn take(&mut self, count: usize) {
        let bytes = self.buffer.get(self.at..self.at + count);
        self.over |= self.item.len() + count > self.limit;
        if self.over {
            self.item = Vec::new();
        } else {
            self.item.extend_from_slice(bytes.unwrap_or_default());
        }
        self.at += count;
    }

    /// Puts all of the message but its first octets back into the input.
    fn put_back(&mut self, keep: usize) {
        let mut buffer = self.item.split_off(keep);
        buffer.extend_from_slice(self.rest());
        self.buffer = buffer;
        self.at = 0;
    }

    /// The next octet that is not blank, which is not taken.
    fn skip_blanks(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                next => return Ok(next),
            }
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.rest().is_empty() {
            self.more()?;
        }
        Ok(self.rest().first().copied())
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }

    /// Reads on; tells whether there was anything.
    fn more(&mut self) -> io::Result<bool> {
        if self.rest().is_empty() {
            self.buffer.clear();
            self.buffer.shrink_to(KEPT);
            self.at = 0;
        }
        let before = self.buffer.len();
        self.buffer.resize(before + CHUNK, 0);
        let count = loop {
            let room = self.buffer.get_mut(before..).unwrap_or_default();
            match self.reader.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.buffer.truncate(before + *count.as_ref().unwrap_or(&0));
        self.read += count.as_ref().map_or(0, |&count| count as u64);
        count.map(|count| count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out few octets at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(out.len());
            (&mut self.0).take(count as u64).read(out)
        }
    }

    /// The pieces, trimmed; `<large>` and `<fault>` stand for those that are none.
    fn pieces_at(input: &str, step: usize, limit: usize) -> Vec<String> {
        let mut splitter = Splitter::new(Slow(input.as_bytes(), step), limit);
        let mut found = Vec::new();
        loop {
            match splitter.next() {
                Ok(None) => break,
                Ok(Some(Piece::TooLarge)) => found.push("<large>".to_owned()),
                Ok(Some(Piece::Text(text))) => {
                    let text = std::str::from_utf8(text).expect("text");
                    found.push(text.split_whitespace().collect::<Vec<_>>().join(" "));
                }
                Err(_) => {
                    found.push("<fault>".to_owned());
                    break;
                }
            }
        }
        found
    }

    /// The pieces, which do not depend on how the input comes.
    fn pieces(input: &str) -> Vec<String> {
        let whole = pieces_at(input, usize::MAX, 1000);
        for step in [1, 2, 3, 7] {
            assert_eq!(
                pieces_at(input, step, 1000),
                whole,
                "{step} at a time: {input}"
            );
        }
        whole
    }

    #[test]
    fn one_object_on_one_line_or_many() {
        assert_eq!(pieces(r#"{"a":1}"#), [r#"{"a":1}"#]);
        assert_eq!(pieces("\u{feff} \n{\"a\":1}\n\n"), [r#"{"a":1}"#]);
        assert_eq!(
            pieces("{\n \"a\": [\n {\"b\":1},\n {\"c\":2}\n]\n}\n"),
            [r#"{ "a": [ {"b":1}, {"c":2} ] }"#]
        );
        assert_eq!(pieces("{\n\"a\":\n{\"b\": 1}}"), [r#"{ "a": {"b": 1}}"#]);
        assert_eq!(pieces("{\n\"a\": \"}{\\\"\"\n}"), [r#"{ "a": "}{\"" }"#]);
    }

    #[test]
    fn one_object_a_line() {
        assert_eq!(
            pieces("{\"a\":1}\n{\"b\":2}\r\n\n  {\"c\":3}"),
            [r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#]
        );
    }

    #[test]
    fn a_broken_line_is_one_message() {
        assert_eq!(
            pieces("{\"a\":1}\n{\"b\n{\"c\":3}\n"),
            [r#"{"a":1}"#, "{\"b", r#"{"c":3}"#]
        );
        assert_eq!(
            pieces("{\"a\":1}\nnonsense\n{\"c\":3}\n"),
            [r#"{"a":1}"#, "nonsense", r#"{"c":3}"#]
        );
        assert_eq!(
            pieces("{\"a\":1}\n{\"b\":[\n{\"c\":3}"),
            [r#"{"a":1}"#, r#"{"b":["#, r#"{"c":3}"#]
        );
    }

    #[test]
    fn the_first_line_may_be_the_broken_one() {
        for broken in [
            "{\"a",
            "{\"a\":",
            "{\"a\": 1",
            "{\"a\": 1,",
            "{\"a\":[",
            "{\"a\":[1,",
            "{",
            "{{",
            "{\"a\":1}}",
        ] {
            assert_eq!(
                pieces(&format!("{broken}\n{{\"b\":2}}\n{{\"c\":3}}")),
                [broken, r#"{"b":2}"#, r#"{"c":3}"#]
            );
        }
    }

    #[test]
    fn objects_of_many_lines_may_follow_each_other() {
        assert_eq!(
            pieces("{\n\"a\":1\n}\n{\n\"b\":2\n}\n"),
            [r#"{ "a":1 }"#, r#"{ "b":2 }"#]
        );
        assert_eq!(
            pieces("{\n\"a\":1\n}\n{\n\"b\":2\n{\n\"c\":3\n}\n"),
            [r#"{ "a":1 }"#, r#"{ "b":2"#, r#"{ "c":3 }"#]
        );
    }

    #[test]
    fn arrays_come_entry_by_entry() {
        assert!(pieces("[]").is_empty() && pieces(" [ \n ] ").is_empty());
        assert_eq!(
            pieces(r#"[{"a":[1,{"x":"],"}]} , {"b":2}]"#),
            [r#"{"a":[1,{"x":"],"}]}"#, r#"{"b":2}"#]
        );
        assert_eq!(pieces(r#"[1, "x", {]"#), ["1", r#""x""#, "{]", "<fault>"]);
        assert_eq!(pieces(r#"[{"a":1},]"#), [r#"{"a":1}"#, ""]);
        assert_eq!(
            pieces("[{\"a\": \"x},\n{\"b\":2}]"),
            ["{\"a\": \"x}, {\"b\":2}]", "<fault>"]
        );
        assert_eq!(
            pieces("[{\"a\": \"x\n},{\"b\":2}]"),
            ["{\"a\": \"x }", r#"{"b":2}"#]
        );
    }

    #[test]
    fn an_array_must_end_and_nothing_follow() {
        assert_eq!(pieces("["), ["<fault>"]);
        assert_eq!(pieces(r#"[{"a":1}"#), [r#"{"a":1}"#, "<fault>"]);
        assert_eq!(pieces(r#"[{"a":1},"#), [r#"{"a":1}"#, "<fault>"]);
        assert_eq!(pieces(r#"[{"a":1}] x"#), [r#"{"a":1}"#, "<fault>"]);
        assert_eq!(pieces("[] x"), ["<fault>"]);
    }

    #[test]
    fn anything_else_is_no_input() {
        for input in ["", " \n ", "\u{feff}", "x", "12", "\"{}\"", "null", "\0{}"] {
            assert_eq!(pieces(input), ["<fault>"], "{input:?}");
        }
    }

    #[test]
    fn what_is_too_large_is_passed_over() {
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(100));
        let pieces = |input: &str| pieces_at(input, 10, 20);
        assert_eq!(
            pieces(&format!("{{\"b\":2}}\n{large}\n{{\"c\":3}}\n")),
            [r#"{"b":2}"#, "<large>", r#"{"c":3}"#]
        );
        assert_eq!(
            pieces(&format!("[{large},{{\"c\":3}}]")),
            ["<large>", r#"{"c":3}"#]
        );
        assert_eq!(
            pieces(&format!("{{\n\"a\":\n{large}\n}}\n{{\"c\":3}}")),
            ["<large>", r#"{"c":3}"#]
        );
        assert_eq!(pieces(&format!("[{large}")), ["<large>", "<fault>"]);
    }

    #[test]
    fn the_position_follows_the_messages() {
        let input = "{\"a\":1}\n{\"b\":2}\n";
        let mut splitter = Splitter::new(input.as_bytes(), 100);
        assert!(matches!(splitter.next(), Ok(Some(_))));
        assert_eq!(splitter.position(), 8);
        assert!(matches!(splitter.next(), Ok(Some(_))));
        assert_eq!(splitter.position(), 16);
    }

    #[test]
    fn deep_and_long_input_is_no_trouble() {
        let deep = "[".repeat(100_000);
        assert_eq!(pieces_at(&deep, 4096, 1_000_000), [&deep[1..], "<fault>"]);
        let deep = "{\"a\":".repeat(100_000);
        assert_eq!(pieces_at(&deep, 4096, 1_000_000).len(), 1);
    }
}
