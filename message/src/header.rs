//! The only writer of header lines: whatever goes into a header passes its checks.

use std::fmt::Write as _;

use crate::address::{
    Address, AddressList, AddressListItem, Mailbox, is_plain_name, is_plain_spec, parse_list,
    push_name,
};
use crate::encode::fold::{Folder, LONGEST_BLANK, LONGEST_WORD};
use crate::encode::{is_forbidden, rfc2047, rfc2231};
use crate::error::RenderError;

/// The longest name of a header.
const LONGEST_NAME: usize = 76;

/// The longest parameter, far beyond what any system takes for a file name.
const LONGEST_PARAMETER: usize = 16 * 1024;

/// The longest display name written in the clear; a quoted string does not fold well.
const LONGEST_QUOTED: usize = 500;

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
    if value.bytes().all(|byte| (32..127).contains(&byte)) {
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

/// RFC 2045's token, which is also HTTP's but for braces.
fn is_token(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte);
    !text.is_empty() && text.bytes().all(plain)
}

/// Whether a short text can be written as it is, known by one pass.
fn is_plain_text(value: &str) -> bool {
    let mut previous = 0;
    for byte in value.bytes() {
        let encoded = previous == b'=' && byte == b'?';
        if !(32..127).contains(&byte) && byte != b'\t' || encoded {
            return false;
        }
        previous = byte;
    }
    true
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
        let long = name.len() > LONGEST_QUOTED;
        let blank = " ".repeat(LONGEST_BLANK);
        if !name.is_ascii() || name.contains("=?") || long || name.contains(&blank) {
            rfc2047::write_words(&mut self.folder, " ", name);
            return true;
        }
        let mut text = String::with_capacity(name.len() + 2);
        push_name(name, &mut text);
        let whole = text.len() + more;
        if is_plain_name(name) {
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
