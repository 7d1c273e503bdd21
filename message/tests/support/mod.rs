//! What the tests of this crate share: rendering, and the rules that hold for every message.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::Read as _;

use posthaste_message::{Date, EmailMessage, RenderError, RenderOptions};

/// Monday, 23 November 2026, 12:00 UTC.
pub(crate) const NOON: i64 = 1_795_435_200;

/// The options of most tests.
pub(crate) fn options() -> RenderOptions {
    RenderOptions::new(Date::from_unix(NOON, 0), "mail.example.com", 7)
}

/// A message with a sender and a recipient.
pub(crate) fn message() -> EmailMessage {
    EmailMessage::new("Subject", "Content")
        .from("from@example.com")
        .to(["to@example.com"])
}

/// The octets, checked by the rules that hold for every message.
pub(crate) fn bytes(message: &EmailMessage) -> Vec<u8> {
    bytes_with(message, &options())
}

/// Like [`bytes`], with other options.
pub(crate) fn bytes_with(message: &EmailMessage, options: &RenderOptions) -> Vec<u8> {
    let rendered = message.render(options).expect("the message is good");
    let bytes = rendered.to_vec().expect("files can be read");
    assert_eq!(rendered.len(), bytes.len() as u64, "the length was known");
    let mut written = Vec::new();
    let length = rendered.write_to(&mut written).expect("it can be written");
    assert_eq!(length, bytes.len() as u64);
    assert!(written == bytes, "write_to gives the same octets");
    let mut read = Vec::new();
    let mut reader = rendered.reader();
    reader.read_to_end(&mut read).expect("it can be read");
    assert!(read == bytes, "the reader gives the same octets");
    let again = message.render(options).expect("the message is good");
    assert_eq!(again.message_id(), rendered.message_id());
    assert!(again.into_vec().expect("files can be read") == bytes);
    let plain = bytes.is_ascii();
    assert!(plain || rendered.is_8bit() || rendered.needs_smtputf8());
    assert_octets(&bytes);
    bytes
}

/// The message as text, which it is but for 8-bit charsets.
pub(crate) fn text(message: &EmailMessage) -> String {
    String::from_utf8(bytes(message)).expect("the message is UTF-8")
}

/// The error of a message that cannot be rendered.
pub(crate) fn error(message: &EmailMessage) -> RenderError {
    error_with(message, &options())
}

/// Like [`error`], with other options.
pub(crate) fn error_with(message: &EmailMessage, options: &RenderOptions) -> RenderError {
    match message.render(options) {
        Ok(_) => panic!("this can be rendered: {message:?}"),
        Err(error) => error,
    }
}

/// The header block and what comes after it.
pub(crate) fn split(text: &str) -> (&str, &str) {
    text.split_once("\r\n\r\n")
        .expect("a blank line ends the headers")
}

/// The values of a header, unfolded, its name in exactly this case.
pub(crate) fn all(text: &str, name: &str) -> Vec<String> {
    let block = format!("\r\n{}\r\n", split(text).0);
    let unfolded = block.replace("\r\n ", " ").replace("\r\n\t", "\t");
    let start = format!("{name}:");
    let lines = unfolded
        .split("\r\n")
        .filter_map(|line| line.strip_prefix(&start));
    lines.map(|value| value.trim_start().to_owned()).collect()
}

/// The value of a header that stands once.
pub(crate) fn header(text: &str, name: &str) -> String {
    let mut values = all(text, name);
    assert_eq!(values.len(), 1, "{name} stands once in {text}");
    values.remove(0)
}

/// The names of all headers, in order.
pub(crate) fn names(text: &str) -> Vec<&str> {
    let lines = split(text).0.split("\r\n");
    let lines = lines.filter(|line| !line.starts_with([' ', '\t']));
    lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name)
        .collect()
}

/// The kinds of all parts, such as `mixed(text/plain, image/png)`.
pub(crate) fn structure(bytes: &[u8]) -> String {
    let parsed = mail_parser::MessageParser::new()
        .parse(bytes)
        .expect("mail-parser reads it");
    structure_of(&parsed, 0)
}

fn structure_of(message: &mail_parser::Message<'_>, id: u32) -> String {
    use mail_parser::{MimeHeaders as _, PartType};
    let part = message.part(id).expect("the part is there");
    let kind = part.content_type().map_or_else(
        || "none".to_owned(),
        |kind| {
            format!(
                "{}/{}",
                kind.c_type,
                kind.c_subtype.as_deref().unwrap_or_default()
            )
        },
    );
    match &part.body {
        PartType::Multipart(parts) => {
            let parts: Vec<_> = parts.iter().map(|&id| structure_of(message, id)).collect();
            format!(
                "{}({})",
                kind.trim_start_matches("multipart/"),
                parts.join(", ")
            )
        }
        PartType::Message(inner) => format!("{kind}[{}]", structure_of(inner, 0)),
        _ => kind,
    }
}

/// Only CRLF ends lines, no line is over 998 octets, 8-bit octets are declared, quoted-printable and base64 lines
/// have at most 76, and what must stand once stands once.
pub(crate) fn assert_octets(bytes: &[u8]) {
    let shown = String::from_utf8_lossy(bytes);
    for (at, &byte) in bytes.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        match byte {
            b'\n' => assert_eq!(before, Some(&b'\r'), "a bare LF in {shown}"),
            b'\r' => assert_eq!(bytes.get(at + 1), Some(&b'\n'), "a bare CR in {shown}"),
            0 => panic!("a NUL in {shown}"),
            _ => {}
        }
    }
    assert!(bytes.ends_with(b"\r\n"), "the end of {shown}");
    let longest = bytes.split(|&byte| byte == b'\n').map(<[u8]>::len).max();
    assert!(longest <= Some(999), "a line of {longest:?} in {shown}");
    let head = split(&shown).0;
    for line in head.split("\r\n") {
        assert!(!line.trim().is_empty(), "a blank header line in {shown}");
        let words = line
            .split([' ', '\t'])
            .filter(|word| !word.is_empty())
            .count();
        assert!(
            line.len() <= 78 || words <= 2 || line.ends_with([' ', '\t']),
            "not folded: {line}"
        );
    }
    for name in ["Message-ID", "Date", "MIME-Version", "From", "Subject"] {
        let is = |other: &&str| other.eq_ignore_ascii_case(name);
        assert_eq!(
            names(&shown).into_iter().filter(is).count(),
            1,
            "{name} in {shown}"
        );
    }
    let hidden = |name: &&str| name.to_ascii_lowercase().ends_with("bcc");
    assert_eq!(names(&shown).into_iter().find(hidden), None);
    assert_part(bytes, 0);
}

/// The rules of one part and of those within.
fn assert_part(part: &[u8], depth: usize) {
    assert!(depth < 100);
    let end = part
        .windows(4)
        .position(|octets| octets == b"\r\n\r\n")
        .expect("headers end");
    let (head, body) = part.split_at(end + 4);
    let head = String::from_utf8_lossy(head)
        .replace("\r\n ", " ")
        .replace("\r\n\t", " ");
    let value = |name: &str| {
        let start = format!("{name}:");
        let is = |line: &&str| {
            line.get(..start.len())
                .is_some_and(|text| text.eq_ignore_ascii_case(&start))
        };
        let found = head.split("\r\n").find(is);
        found.map(|line| line[start.len()..].trim().to_owned())
    };
    let encoding = value("Content-Transfer-Encoding").unwrap_or_else(|| "7bit".to_owned());
    assert!(
        body.is_ascii() || encoding == "8bit",
        "8-bit octets as {encoding}"
    );
    let limit = match encoding.as_str() {
        "quoted-printable" | "base64" => 76,
        "7bit" | "8bit" => 998,
        _ => panic!("the encoding {encoding}"),
    };
    for line in body.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(
            line.len() <= limit,
            "a line of {} in {encoding}",
            line.len()
        );
        let open = encoding == "quoted-printable" && line.ends_with(b" ");
        assert!(!open, "a blank at the end of a line in {encoding}");
    }
    let Some(kind) = value("Content-Type") else {
        return;
    };
    if kind.starts_with("message/rfc822") {
        return;
    }
    let Some((_, rest)) = kind.split_once("boundary=\"") else {
        return;
    };
    if !kind.starts_with("multipart/") {
        return;
    }
    let boundary = format!("--{}", rest.split('"').next().unwrap_or_default());
    let body = [b"\r\n", body].concat();
    let delimiter = format!("\r\n{boundary}");
    let found = memchr::memmem::find_iter(&body, &delimiter).collect::<Vec<_>>();
    for pair in found.windows(2) {
        let inner = &body[pair[0] + delimiter.len()..pair[1]];
        assert_part(
            inner.strip_prefix(b"\r\n").expect("a part starts"),
            depth + 1,
        );
    }
    let last = *found.last().expect("a multipart has parts");
    assert_eq!(&body[last + delimiter.len()..], b"--\r\n");
}
