//! The only writer of header lines: whatever goes into a header passes its checks.

use std::fmt::Write as _;

use crate::address::{
    Address, AddressList, AddressListItem, Mailbox, is_plain_name, is_plain_spec, parse_list,
    push_name,
};
use crate::encode::fold::{Folder, LONGEST_WORD};
use crate::encode::{is_forbidden, rfc2047, rfc2231};
use crate::error::RenderError;
use crate::media::is_token;

/// The longest name of a header.
const LONGEST_NAME: usize = 76;

/// The longest parameter, far beyond what any system takes for a file name.
const LONGEST_PARAMETER: usize = 16 * 1024;

/// The longest word or quoted string of a display name written in the clear: one line's.
const LONGEST_NAME_WORD: usize = 75;

/// The longest line written without looking for folds.
const SHORT: usize = 78;

/// Writes header lines to a buffer. `field` is always the name of the field in errors.
pub(crate) struct HeaderWriter<'a> {
    out: &'a mut Vec<u8>,
    utf8: bool,
}

impl<'a> HeaderWriter<'a> {
    /// A writer that appends to `out`.
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, utf8: false }
    }

    /// Whether a local part beyond ASCII was written, so that the message needs SMTPUTF8.
    pub(crate) fn needs_smtputf8(&self) -> bool {
        self.utf8
    }

    /// Writes free text, such as a subject.
    pub(crate) fn unstructured(
        &mut self,
        field: &str,
        name: &str,
        value: &str,
    ) -> Result<(), RenderError> {
        gate_name(field, name)?;
        if name.len() + 2 + value.len() <= SHORT && is_plain_text(value) {
            self.line(name, value);
            return Ok(());
        }
        check_text(field, value)?;
        let mut folder = Folder::new(self.out, name);
        rfc2047::write_text(&mut folder, value);
        folder.finish();
        Ok(())
    }

    /// Writes a value that is known to be right and is ASCII, such as a date; long ones are
    /// folded at blanks.
    pub(crate) fn verbatim(
        &mut self,
        field: &str,
        name: &str,
        value: &str,
    ) -> Result<(), RenderError> {
        gate_name(field, name)?;
        check_ascii(field, value)?;
        if name.len() + 2 + value.len() <= SHORT {
            self.line(name, value);
            return Ok(());
        }
        if value.split(' ').any(|word| word.len() > LONGEST_WORD) {
            return Err(RenderError::new(
                field,
                "is too long for one line; shorten it to 990 octets",
            ));
        }
        let mut folder = Folder::new(self.out, name);
        value
            .split_ascii_whitespace()
            .for_each(|word| folder.word(" ", word));
        folder.finish();
        Ok(())
    }

    /// Writes a list of addresses; one entry may hold several. Empty entries are dropped, and
    /// with them the header if nothing is left.
    pub(crate) fn mailboxes<'b>(
        &mut self,
        field: &str,
        name: &str,
        addresses: impl IntoIterator<Item = &'b Address>,
    ) -> Result<(), RenderError> {
        gate_name(field, name)?;
        let start = self.out.len();
        let mut list = ListWriter::new(Folder::new(self.out, name));
        for address in addresses {
            if address.is_empty() {
                continue;
            }
            let result = match address.text() {
                Some(text) if list.plain(text) => Ok(()),
                Some(_) | None => address.list().map(|parsed| list.list(&parsed)),
            };
            if let Err(error) = result {
                self.out.truncate(start);
                return Err(error.at(field));
            }
        }
        let (some, utf8) = list.finish();
        self.utf8 |= utf8;
        if !some {
            self.out.truncate(start);
        }
        Ok(())
    }

    /// Writes a text that must be a list of addresses.
    pub(crate) fn address_text(
        &mut self,
        field: &str,
        name: &str,
        text: &str,
    ) -> Result<(), RenderError> {
        gate_name(field, name)?;
        let parsed = parse_list(text).map_err(|error| error.at(field))?;
        if parsed.is_empty() {
            return Ok(());
        }
        let mut list = ListWriter::new(Folder::new(self.out, name));
        list.list(&parsed);
        self.utf8 |= list.finish().1;
        Ok(())
    }

    /// Writes a token or a media type with parameters, such as `Content-Disposition`.
    pub(crate) fn structured(
        &mut self,
        field: &str,
        name: &str,
        value: &str,
        params: &[(&str, &str)],
    ) -> Result<(), RenderError> {
        gate_name(field, name)?;
        let tokens = value.splitn(2, '/').all(is_token);
        if !tokens || value.len() > LONGEST_WORD {
            let what = "is no token or media type; expected for instance text/plain";
            return Err(RenderError::new(field, what));
        }
        for (key, text) in params {
            check_param(field, key, text)?;
        }
        let mut folder = Folder::new(self.out, name);
        folder.word(" ", value);
        for (key, text) in params {
            rfc2231::write_param(&mut folder, key, text);
        }
        folder.finish();
        Ok(())
    }

    /// Writes a short line that was checked.
    fn line(&mut self, name: &str, value: &str) {
        self.out.reserve(name.len() + value.len() + 4);
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b':');
        if !value.is_empty() {
            self.out.push(b' ');
            self.out.extend_from_slice(value.as_bytes());
        }
        self.out.extend_from_slice(b"\r\n");
    }
}

/// Refuses a header name that is no token.
///
/// # Errors
///
/// Names the field `headers.NAME`.
pub(crate) fn check_name(name: &str) -> Result<(), RenderError> {
    if is_header_name(name) {
        return Ok(());
    }
    gate_name(&format!("headers.{name}"), name)
}

/// Refuses text that may not stand in a header: controls but tabs, and Unicode's line ends.
pub(crate) fn check_text(field: &str, value: &str) -> Result<(), RenderError> {
    let plain = |byte: u8| (32..127).contains(&byte) || byte == b'\t';
    if value.bytes().all(plain) {
        return Ok(());
    }
    refuse(field, value, |c| is_forbidden(c) && c != '\t')
}

/// Refuses all controls, tabs too, and what is not ASCII.
fn check_ascii(field: &str, value: &str) -> Result<(), RenderError> {
    if !any_octet(value.as_bytes(), |byte| !(32..127).contains(&byte)) {
        return Ok(());
    }
    refuse(field, value, is_forbidden)?;
    let what = "has a character that is not ASCII; only ASCII may stand here";
    Err(RenderError::new(field, what))
}

fn check_param(field: &str, key: &str, value: &str) -> Result<(), RenderError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!#$&+^".contains(&byte);
    if key.is_empty() || key.len() > 40 || !key.bytes().all(plain) {
        let mut what = String::new();
        let _ = write!(
            what,
            "has a parameter named \"{key}\"; expected letters, digits, \"-\""
        );
        return Err(RenderError::new(field, what));
    }
    if value.len() > LONGEST_PARAMETER {
        return Err(RenderError::new(
            field,
            "is too long; at most 16 KiB are taken",
        ));
    }
    refuse(field, value, is_forbidden)
}

/// An error if any character is `bad`; it tells which, for people look in vain otherwise.
fn refuse(field: &str, value: &str, bad: impl Fn(char) -> bool) -> Result<(), RenderError> {
    let Some(c) = value.chars().find(|&c| bad(c)) else {
        return Ok(());
    };
    let what = match c {
        '\r' | '\n' => "has a line end; write it on one line".to_owned(),
        _ => format!(
            "has the control character U+{:04X}; remove it",
            u32::from(c)
        ),
    };
    Err(RenderError::new(field, what))
}

/// The name's check of every line; `field` is what the caller calls the header.
fn gate_name(field: &str, name: &str) -> Result<(), RenderError> {
    if is_header_name(name) {
        return Ok(());
    }
    let what = "is no header name; expected up to 76 letters, digits and \"-\"";
    Err(RenderError::new(field, what))
}

fn is_header_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME && is_token(name)
}

/// Whether a short text can be written as it is, known by one pass.
fn is_plain_text(value: &str) -> bool {
    let bytes = value.as_bytes();
    let next = bytes.get(1..).unwrap_or_default();
    // Without ways out of the loops the compiler looks at many octets at once.
    let encoded = bytes.iter().zip(next).fold(false, |any, (&byte, &next)| {
        any | (byte == b'=') & (next == b'?')
    });
    !encoded && !any_octet(bytes, |byte| !(32..127).contains(&byte) & (byte != b'\t'))
}

/// Whether any octet is `bad`; all are looked at, many at once.
fn any_octet(bytes: &[u8], bad: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(false, |any, &byte| any | bad(byte))
}

/// Writes the entries of one address header.
struct ListWriter<'a> {
    folder: Folder<'a>,
    /// Whether an entry was written, so that a comma is due.
    some: bool,
    utf8: bool,
}

impl<'a> ListWriter<'a> {
    fn new(folder: Folder<'a>) -> Self {
        Self {
            folder,
            some: false,
            utf8: false,
        }
    }

    /// Writes `text` if it is seen at once to be one plain address, with or without a name.
    fn plain(&mut self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let spec = match bytes {
            [.., b'>'] => memchr::memchr(b'<', bytes).map(|at| (at, bytes.len() - 1)),
            _ => None,
        };
        let plain = match spec {
            None => is_plain_spec(bytes),
            Some((at, end)) => {
                is_plain_spec(bytes.get(at + 1..end).unwrap_or_default())
                    && at >= 2
                    && text.get(..at).is_some_and(is_plain_phrase)
            }
        };
        if plain && text.len() < SHORT - 2 {
            self.separate();
            self.whole(text);
            return true;
        }
        false
    }

    fn list(&mut self, list: &AddressList) {
        for item in list.items() {
            match item {
                AddressListItem::Mailbox(mailbox) => {
                    self.separate();
                    self.mailbox(mailbox);
                }
                AddressListItem::Group { name, members } => self.group(name, members),
            }
        }
    }

    fn group(&mut self, name: &str, members: &[Mailbox]) {
        self.separate();
        let encoded = self.name(name, 0);
        // An encoded word must have a blank after it.
        self.folder.push(if encoded { " :" } else { ":" });
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                self.folder.push(",");
            }
            self.mailbox(member);
        }
        self.folder.push(";");
    }

    fn mailbox(&mut self, mailbox: &Mailbox) {
        self.utf8 |= !mailbox.is_ascii();
        let Some(name) = mailbox.name() else {
            self.whole(mailbox.spec());
            return;
        };
        let spec = format!("<{}>", mailbox.spec());
        // The comma after it counts, too.
        self.name(name, spec.len() + 3);
        self.whole(&spec);
    }

    /// Writes a word that a comma or semicolon may follow on its line.
    fn whole(&mut self, word: &str) {
        self.folder.word_of(" ", word, word.len() + 2);
    }

    /// Writes a display name; `more` octets after it had better be on its line. Tells
    /// whether it was encoded.
    fn name(&mut self, name: &str, more: usize) -> bool {
        let mut text = String::with_capacity(name.len() + 2);
        push_name(name, &mut text);
        let plain = is_plain_name(name);
        let longest = if plain {
            text.split(' ').map(str::len).max().unwrap_or_default()
        } else {
            text.len()
        };
        if !name.is_ascii() || name.contains("=?") || longest > LONGEST_NAME_WORD {
            rfc2047::write_words(&mut self.folder, " ", name);
            return true;
        }
        let whole = text.len() + more;
        if plain {
            let mut words = text.split(' ');
            self.folder
                .word_of(" ", words.next().unwrap_or_default(), whole);
            words.for_each(|word| self.folder.word(" ", word));
        } else {
            self.folder.word_of(" ", &text, whole);
        }
        false
    }

    fn separate(&mut self) {
        if self.some {
            self.folder.push(",");
        }
        self.some = true;
    }

    /// Ends the header; tells whether it has entries, and whether any is beyond ASCII.
    fn finish(self) -> (bool, bool) {
        self.folder.finish();
        (self.some, self.utf8)
    }
}

/// Words of letters and digits, each with one blank after it.
fn is_plain_phrase(text: &str) -> bool {
    let mut previous = b' ';
    for byte in text.bytes() {
        match byte {
            b' ' if previous != b' ' => {}
            b'-' | b'_' | b'+' | b'\'' => {}
            _ if byte.is_ascii_alphanumeric() => {}
            _ => return false,
        }
        previous = byte;
    }
    previous == b' '
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail_parser::{Address as Parsed, MessageParser, MimeHeaders};
    use proptest::prelude::*;

    type Written = Result<String, RenderError>;

    fn write(write: impl FnOnce(&mut HeaderWriter<'_>) -> Result<(), RenderError>) -> Written {
        let mut out = Vec::new();
        let mut writer = HeaderWriter::new(&mut out);
        write(&mut writer)?;
        let raw = writer.needs_smtputf8();
        assert_eq!(raw, !out.is_ascii());
        let text = String::from_utf8(out).unwrap();
        assert_lines(&text);
        Ok(text)
    }

    /// What holds for all headers.
    fn assert_lines(text: &str) {
        assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
        for (index, line) in text.split_terminator("\r\n").enumerate() {
            assert!(line.len() <= 998, "{text:?}");
            assert_eq!(line.starts_with([' ', '\t']), index > 0, "{text:?}");
            assert!(
                !line.chars().any(|c| is_forbidden(c) && c != '\t'),
                "{text:?}"
            );
            assert!(!line.trim().is_empty(), "{text:?}");
            let words = line
                .split([' ', '\t'])
                .filter(|word| !word.is_empty())
                .count();
            // The name, or the rest of a name too long to break, and one word.
            assert!(
                line.len() <= 78 || words <= 2 || line.ends_with([' ', '\t']),
                "{text:?}"
            );
            for word in line
                .split([' ', '\t'])
                .filter(|word| word.starts_with("=?utf-8?"))
            {
                assert!(word.len() <= 75, "{text:?}");
            }
        }
    }

    fn subject(value: &str) -> Written {
        write(|w| w.unstructured("subject", "Subject", value))
    }

    fn to(entries: &[&str]) -> Written {
        let entries: Vec<Address> = entries.iter().map(|&entry| entry.into()).collect();
        write(|w| w.mailboxes("to", "To", &entries))
    }

    fn named(name: &str) -> Written {
        write(|w| w.mailboxes("to", "To", &[Address::from((name, "a@b.c"))]))
    }

    fn filename(value: &str) -> Written {
        write(|w| {
            w.structured(
                "f",
                "Content-Disposition",
                "attachment",
                &[("filename", value)],
            )
        })
    }

    #[test]
    fn text_is_written_plain_or_encoded() {
        let url = format!("<https://x.org/{}>", "a".repeat(900));
        for (value, line) in [
            ("", "Subject:"),
            ("Hello", "Subject: Hello"),
            ("a\tb  c ", "Subject: a\tb  c "),
            ("Grüße an alle", "Subject: =?utf-8?b?R3LDvMOfZQ==?= an alle"),
            ("Привет", "Subject: =?utf-8?b?0J/RgNC40LLQtdGC?="),
            ("ü ö", "Subject: =?utf-8?b?w7wgw7Y=?="),
            ("ü  ", "Subject: =?utf-8?q?=C3=BC__?="),
            (" é x", "Subject: =?utf-8?b?IMOp?= x"),
            ("=?utf-8?q?x?= y", "Subject: =?utf-8?q?x?= y"),
            ("=?utf-8?q?x?= é", "Subject: =?utf-8?q?x?= =?utf-8?b?IMOp?="),
            ("é =?utf-8?q?x?=", "Subject: =?utf-8?b?w6kg?= =?utf-8?q?x?="),
            (
                "=?utf-8?q?x=0AB?=",
                "Subject: =?utf-8?b?PT91dGYtOD9xP3g9MEFCPz0=?=",
            ),
            ("=?x?q?x?=", "Subject: =?utf-8?b?PT94P3E/eD89?="),
            ("a =? b", "Subject: a =? b"),
            (&url, &format!("Subject:\r\n {url}")),
        ] {
            assert_eq!(subject(value).unwrap(), format!("{line}\r\n"), "{value:?}");
        }
        let words = "lorem ipsum dolor ".repeat(20);
        let text = subject(&words).unwrap();
        assert_eq!(text.replace("\r\n", ""), format!("Subject: {words}"));
        assert!(text.split("\r\n").all(|line| line.len() <= 78));
    }

    #[test]
    fn addresses_are_written_as_parsed() {
        let n60 = "n".repeat(60);
        for (entries, line) in [
            (&["a@b.c", "", "Ann <c@d>"][..], "To: a@b.c, Ann <c@d>"),
            (
                &["a@b.c, x@y (c)", "\"A, B\" <c@d>"],
                "To: a@b.c, x@y, \"A, B\" <c@d>",
            ),
            (
                &["\"Firstname Sürname\" <to@example.com>"],
                "To: =?utf-8?q?Firstname_S=C3=BCrname?= <to@example.com>",
            ),
            (
                &["Jörg <jörg@ü.de>"],
                "To: =?utf-8?b?SsO2cmc=?= <jörg@xn--tda.de>",
            ),
            (
                &["undisclosed-recipients:;"],
                "To: undisclosed-recipients:;",
            ),
            (
                &["é: a@b, c@d;", "e@f"],
                "To: =?utf-8?b?w6k=?= : a@b, c@d;, e@f",
            ),
            (&["=?utf-8?q?x?= <a@b>"], "To: x <a@b>"),
            (
                &["\"=?utf-8?q?x?=\" <a@b>"],
                "To: =?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <a@b>",
            ),
            (
                &[&format!("{n60}@b.c"), "Ann Lee <a@b.c>"],
                &format!("To: {n60}@b.c,\r\n Ann Lee <a@b.c>"),
            ),
        ] {
            assert_eq!(to(entries).unwrap(), format!("{line}\r\n"), "{entries:?}");
            let text = write(|w| w.address_text("to", "To", &entries.join(", "))).unwrap();
            assert_eq!(text, format!("{line}\r\n"), "{entries:?}");
        }
        assert_eq!(to(&[]).unwrap() + &to(&[""]).unwrap(), "");
        assert_eq!(write(|w| w.address_text("to", "To", "")).unwrap(), "");
        for entry in [
            " ", "a b@c.d", "to@", "@x", "a@@b", "a@b..c", "a@b\n", "a@b, c d",
        ] {
            assert_eq!(to(&["x@y.z", entry]).unwrap_err().field(), "to");
            assert_eq!(named("x").unwrap(), "To: x <a@b.c>\r\n");
        }
        let mut out = b"From: x\r\n".to_vec();
        let bad = [Address::from("a@b"), Address::from("a@")];
        assert!(
            HeaderWriter::new(&mut out)
                .mailboxes("to", "To", &bad)
                .is_err()
        );
        assert_eq!(out, b"From: x\r\n");
    }

    #[test]
    fn long_lists_fold_after_commas() {
        let entries: Vec<String> = (0..50)
            .flat_map(|n| {
                [
                    format!("user{n}@example.com"),
                    format!("\"Lee, A. {n}\" <a{n}@b.org>"),
                    format!("Ann Bell {n} <c{n}@b.org>"),
                    format!("Jörg {n} <d{n}@b.org>"),
                    format!("root{n}"),
                ]
            })
            .collect();
        let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
        let text = to(&entries).unwrap();
        let lines: Vec<&str> = text.trim_end().split("\r\n").collect();
        assert!(lines.iter().all(|line| line.len() <= 78), "{text}");
        assert!(lines.iter().filter(|line| !line.ends_with(',')).count() < 60);
    }

    #[test]
    fn parameters_are_quoted_or_split() {
        for (value, rest) in [
            ("x", " filename=\"x\""),
            ("a \"b\"\\.txt", " filename*=us-ascii''a%20%22b%22%5C.txt"),
            ("é.txt", " filename*=utf-8''%C3%A9.txt"),
            (
                "=?utf-8?q?x?=",
                "\r\n filename*=us-ascii''%3D%3Futf-8%3Fq%3Fx%3F%3D",
            ),
        ] {
            let line = format!("Content-Disposition: attachment;{rest}\r\n");
            assert_eq!(filename(value).unwrap(), line);
        }
        let text = filename(&"ü".repeat(100)).unwrap();
        assert!(text.contains("filename*0*=utf-8''") && text.contains("filename*1*=%C3"));
        assert!(text.split("\r\n").all(|line| line.len() <= 78));
        let long = write(|w| {
            w.structured(
                "f",
                "X",
                "text/plain",
                &[(&"k".repeat(40), &"🦀".repeat(99))],
            )
        });
        assert!(long.unwrap().split("\r\n").all(|line| line.len() <= 78));
        for value in ["", "a/b/c", "a b", "a;b", "a/", "/b", "é", "a\n", "a(b)"] {
            let result = write(|w| w.structured("mimetype", "Content-Type", value, &[]));
            assert_eq!(result.unwrap_err().field(), "mimetype");
        }
        for key in [
            "", "a b", "a*", "a=", "a\"", "a;b", "a\r\nb", "é", "a'", "a%",
        ] {
            assert!(
                write(|w| w.structured("f", "X", "a/b", &[(key, "x")])).is_err(),
                "{key}"
            );
        }
    }

    #[test]
    fn no_line_end_passes_anywhere() {
        let controls = (0..0x20)
            .chain(0x7f..0xa0)
            .chain(0x2028..0x202a)
            .filter_map(char::from_u32);
        for c in controls {
            for text in [
                format!("a{c}b"),
                format!("a{c}"),
                format!("{c}a"),
                format!("{c}{c}"),
                format!("ü{c}x"),
            ] {
                if c != '\t' {
                    assert_eq!(subject(&text).unwrap_err().field(), "subject", "{text:?}");
                    assert_eq!(check_text("x", &text).unwrap_err().field(), "x");
                }
                assert!(named(&text).is_err(), "{text:?}");
                assert!(to(&[&text]).is_err(), "{text:?}");
                assert!(filename(&text).is_err(), "{text:?}");
                assert!(write(|w| w.address_text("f", "To", &text)).is_err());
                assert!(write(|w| w.verbatim("f", "Date", &text)).is_err());
                assert!(write(|w| w.structured("f", "X", &text, &[])).is_err());
                assert!(write(|w| w.structured("f", "X", "a", &[(&text, "x")])).is_err());
                assert!(write(|w| w.unstructured("f", &text, "x")).is_err());
                assert!(write(|w| w.verbatim("f", &text, "x")).is_err());
                assert!(write(|w| w.mailboxes("f", &text, &[Address::from("a@b")])).is_err());
                assert!(write(|w| w.address_text("f", &text, "a@b")).is_err());
                assert!(write(|w| w.structured("f", &text, "a", &[])).is_err());
                assert!(check_name(&text).is_err());
            }
        }
        for name in ["", "a b", "a:", "é", "a(b)", &"x".repeat(77)] {
            assert!(check_name(name).is_err());
        }
        let error = check_name("X\nFoo").unwrap_err();
        assert_eq!(error.field(), "headers.X\\nFoo");
        assert!(check_name("X-Foo").is_ok());
    }

    #[test]
    fn verbatim_values_stay() {
        let date = write(|w| w.verbatim("f", "Date", "Mon, 1 Jan 2024 00:00:00 +0000"));
        assert_eq!(date.unwrap(), "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n");
        let ids = "<0123456789@example.com> ".repeat(9);
        let text = write(|w| w.verbatim("f", "References", ids.trim())).unwrap();
        assert_eq!(
            text.replace("\r\n", ""),
            format!("References: {}", ids.trim())
        );
        assert!(write(|w| w.verbatim("f", "Date", "é")).is_err());
        assert!(write(|w| w.verbatim("f", "Date", &"x".repeat(991))).is_err());
    }

    fn words() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[a-zA-Z]{1,9}",
            "[!-~]{1,9}",
            "[ \t]{1,3}",
            " {30,60}",
            Just(" ".to_owned()),
            Just("é".to_owned()),
            Just("日本語🦀".to_owned()),
            Just("=?utf-8?q?a=0Ab?=".to_owned()),
            Just("=?".to_owned()),
            Just("?=".to_owned()),
            "[a-z]{900,1100}",
            any::<char>().prop_map(String::from),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| {
            pieces
                .concat()
                .replace(|c| is_forbidden(c) && c != '\t', "")
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn text_is_read_back(value in words()) {
            let text = subject(&value).unwrap();
            let unfolded = text.trim_end_matches("\r\n").replace("\r\n", "");
            let raw = unfolded.strip_prefix("Subject:").unwrap();
            let read = encodify::rfc2047::decode_text(raw.as_bytes(), encodify::rfc2047::utf8_charset);
            // Blanks at the ends are dropped by readers if the value is plain.
            prop_assert_eq!(read.trim(), value.trim(), "{}", text);
            let message = text.clone() + "\r\n";
            let parsed = MessageParser::new().parse(message.as_bytes()).unwrap();
            let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assert_eq!(squeeze(parsed.subject().unwrap_or_default()), squeeze(&value), "{}", text);
        }

        #[test]
        fn names_are_read_back(names in prop::collection::vec(words(), 1..5)) {
            let names: Vec<String> = names.into_iter().map(|n| n.replace('\t', "")).collect();
            let list: Vec<Address> = names.iter().map(|n| Address::from((n.clone(), "a@b.c"))).collect();
            let text = write(|w| w.mailboxes("to", "To", &list)).unwrap();
            let unfolded = text.trim_end().strip_prefix("To:").unwrap().replace("\r\n", "");
            let read = parse_list(&unfolded).unwrap();
            prop_assert_eq!(
                read.mailboxes().map(|m| m.name().unwrap_or_default()).collect::<Vec<_>>(),
                names.iter().map(String::as_str).collect::<Vec<_>>(), "{}", text);
            let message = text.clone() + "\r\n";
            let parsed = MessageParser::new().parse(message.as_bytes()).unwrap();
            let Some(Parsed::List(parsed)) = parsed.to() else { panic!("{text}") };
            prop_assert_eq!(parsed.len(), names.len(), "{}", text);
            for (addr, name) in parsed.iter().zip(&names) {
                prop_assert_eq!(addr.address(), Some("a@b.c"), "{}", text);
                let squeeze = |text: &str| text.split_whitespace().collect::<String>();
                prop_assert_eq!(squeeze(addr.name().unwrap_or_default()), squeeze(name), "{}", text);
            }
        }

        #[test]
        fn file_names_are_read_back(value in words()) {
            let value = value.replace('\t', "");
            let text = filename(&value).unwrap() + "\r\n";
            let parsed = MessageParser::new().parse(text.as_bytes()).unwrap();
            prop_assert_eq!(parsed.attachment_name().unwrap_or_default(), &value, "{}", text);
        }
    }

    #[test]
    #[ignore = "a measurement; run it with --release"]
    #[allow(clippy::disallowed_methods, reason = "it measures")]
    fn a_short_mail_costs_little() {
        let (from, to) = (
            [Address::from("Ann <ann@example.com>")],
            [Address::from("bob@example.com")],
        );
        let mut out = Vec::with_capacity(1000);
        let rounds = 1_000_000;
        let start = std::time::Instant::now();
        for _ in 0..rounds {
            out.clear();
            let mut writer = HeaderWriter::new(&mut out);
            writer
                .unstructured("subject", "Subject", "The weekly report is ready")
                .unwrap();
            writer.mailboxes("from_email", "From", &from).unwrap();
            writer.mailboxes("to", "To", &to).unwrap();
            std::hint::black_box(&mut out);
        }
        let each = start.elapsed().as_nanos() / rounds;
        assert!(each < 400, "{each} ns");
    }
}
