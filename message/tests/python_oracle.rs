//! Two independent readers, Python's email package and mail-parser, read back what was meant.
//!
//! Python is started once and gets one mail a line; see `oracle/read_mail.py`, which also tells
//! of the fault of older Pythons that it works around. Without `python3` only mail-parser reads;
//! on CI (`CI=true`) that is a failure.

#![allow(
    clippy::disallowed_methods,
    reason = "the test asks whether it runs on CI"
)]

mod oracle;
mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use encodify::base64;
use mail_parser::{Addr, MessageParser, MimeHeaders as _, PartType};
use oracle::{Meant, Person, Seen, meant, squeezed};
use posthaste_message::{AddressList, EmailMessage, Mailbox, Transfer, parse_list};
use proptest::prelude::*;
use serde_json::Value;

/// What Python is told and tells.
struct Python {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// What Python reads, or `None` if there is no Python.
fn python(mail: &[u8]) -> Option<Value> {
    static PYTHON: OnceLock<Option<Mutex<Python>>> = OnceLock::new();
    let python = PYTHON.get_or_init(start_python).as_ref()?;
    let mut python = python.lock().unwrap_or_else(PoisonError::into_inner);
    writeln!(python.to, "{}", base64::STANDARD.encode(mail)).expect("Python reads");
    let mut line = String::new();
    python.from.read_line(&mut line).expect("Python answers");
    if line.is_empty() {
        let status = python.child.wait();
        panic!(
            "Python ended with {status:?} at this mail:\n{}",
            String::from_utf8_lossy(mail)
        );
    }
    let read: Value = serde_json::from_str(&line).expect("Python answers in JSON");
    let mail = String::from_utf8_lossy(mail);
    assert!(
        read["error"].is_null(),
        "{} at this mail:\n{mail}",
        read["error"]
    );
    Some(read)
}

#[allow(clippy::print_stderr, reason = "who runs the tests should know")]
fn start_python() -> Option<Mutex<Python>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/read_mail.py");
    let mut command = Command::new("python3");
    command
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    match command.spawn() {
        Ok(mut child) => {
            let to = child.stdin.take().expect("stdin is a pipe");
            let from = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
            Some(Mutex::new(Python { child, to, from }))
        }
        Err(error) => {
            let ci = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(!ci, "python3 is needed on CI: {error}");
            eprintln!("skipped Python's reading: no python3 ({error})");
            None
        }
    }
}

fn seen_by_python(part: &Value) -> Seen {
    let text = |key: &str| part[key].as_str().map(str::to_owned);
    assert_eq!(part["defects"], Value::Array(Vec::new()), "{part}");
    Seen {
        kind: text("type").expect("a part has a type"),
        name: text("name"),
        filename: text("filename"),
        disposition: text("disposition"),
        id: text("content_id").map(|id| id.trim_matches(['<', '>']).to_owned()),
        text: text("text"),
        exact: false,
        bytes: text("bytes").map(|bytes| base64::STANDARD.decode(bytes).expect("base64")),
        parts: part["parts"]
            .as_array()
            .expect("a list")
            .iter()
            .map(seen_by_python)
            .collect(),
    }
}

fn check_python(meant: &Meant, bytes: &[u8]) {
    let Some(read) = python(bytes) else { return };
    assert_eq!(
        squeezed(read["subject"].as_str().expect("a subject")),
        squeezed(&meant.subject)
    );
    let extra = read["extra"].as_str();
    assert_eq!(extra.map(squeezed), meant.extra.as_deref().map(squeezed));
    for (field, people) in [
        ("from", std::slice::from_ref(&meant.from)),
        ("to", &meant.to),
        ("cc", &meant.cc),
        ("reply_to", &meant.reply_to),
    ] {
        let empty = Vec::new();
        let read = read[field].as_array().unwrap_or(&empty);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let read: Vec<_> = read
            .iter()
            .map(|one| (trimmed(&text(&one[0])), text(&one[1]), text(&one[2])))
            .collect();
        let people = people.iter().map(Person::seen);
        let people: Vec<_> = people
            .map(|(name, local, domain)| (trimmed(&name), local, domain))
            .collect();
        assert_eq!(read, people, "{field}");
    }
    assert_eq!(read["date"].as_f64(), Some(support::NOON as f64));
    meant.parts().check(&seen_by_python(&read["root"]));
}

/// Python takes blanks of every kind from the ends of a display name, not only those of ASCII.
fn trimmed(name: &str) -> String {
    squeezed(name).trim().to_owned()
}

fn seen_by_mail_parser(message: &mail_parser::Message<'_>, id: u32) -> Seen {
    let part = message.part(id).expect("the part is there");
    let kind = part.content_type().expect("a part has a type");
    assert!(!part.is_encoding_problem);
    let mut seen = Seen {
        kind: format!(
            "{}/{}",
            kind.c_type,
            kind.c_subtype.as_deref().unwrap_or_default()
        ),
        name: kind.attribute("x-name").map(str::to_owned),
        filename: part
            .content_disposition()
            .and_then(|apart| apart.attribute("filename"))
            .map(str::to_owned),
        disposition: part
            .content_disposition()
            .map(|apart| apart.c_type.to_string()),
        id: part.content_id().map(str::to_owned),
        ..Seen::default()
    };
    match &part.body {
        PartType::Text(text) | PartType::Html(text) => {
            seen.bytes = Some(text.as_bytes().to_vec());
            seen.text = Some(text.to_string());
        }
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
            seen.bytes = Some(bytes.to_vec())
        }
        PartType::Message(inner) => seen.parts = vec![seen_by_mail_parser(inner, 0)],
        PartType::Multipart(parts) => {
            seen.parts = parts
                .iter()
                .map(|&id| seen_by_mail_parser(message, id))
                .collect();
        }
    }
    seen
}

fn check_mail_parser(meant: &Meant, bytes: &[u8]) {
    let read = MessageParser::new()
        .with_mime_headers()
        .with_address_headers()
        .with_message_ids()
        .with_date_headers()
        .header_text("Subject")
        .header_text("X-Extra")
        .parse(bytes)
        .expect("mail-parser reads it");
    assert_eq!(
        squeezed(read.subject().unwrap_or_default()),
        squeezed(&meant.subject)
    );
    for (list, people) in [
        (read.from(), std::slice::from_ref(&meant.from)),
        (read.to(), &meant.to),
        (read.cc(), &meant.cc),
        (read.reply_to(), &meant.reply_to),
    ] {
        // It takes a quoted local part for a name or for more.
        if people.iter().any(|person| person.is_quoted()) {
            continue;
        }
        let list: Vec<&Addr<'_>> = list.map(|list| list.iter().collect()).unwrap_or_default();
        assert_eq!(list.len(), people.len());
        for (read, person) in list.into_iter().zip(people) {
            let (name, _, domain) = person.seen();
            assert_eq!(squeezed(read.name.as_deref().unwrap_or_default()), name);
            let address = read.address.as_deref().unwrap_or_default();
            assert!(address.ends_with(&format!("@{domain}")), "{address}");
        }
    }
    assert!(read.bcc().is_none());
    meant.parts().check(&seen_by_mail_parser(&read, 0));
}

/// More cases with `PROPTEST_CASES`.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig {
        cases: cases.and_then(|cases| cases.parse().ok()).unwrap_or(200),
        max_shrink_iters: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn two_readers_read_back_what_was_meant(meant in meant(true)) {
        let message = meant.message();
        let mut options = support::options();
        if meant.eight_bit {
            options.transfer = Transfer::EightBit;
        }
        let bytes = support::bytes_with(&message, &options);
        check_mail_parser(&meant, &bytes);
        check_python(&meant, &bytes);
        let json = serde_json::to_string(&message).unwrap();
        let again = EmailMessage::from_json(&json).unwrap();
        prop_assert!(support::bytes_with(&again, &options) == bytes, "the JSON form is the same message");
    }

    #[test]
    fn what_is_taken_for_an_address_is_one_for_others(to in hostile(), name in hostile()) {
        let message = EmailMessage::new(&name, "x")
            .from((name.as_str(), "from@good.org"))
            .to([to.as_str()])
            .cc([(name.as_str(), "cc@good.org")]);
        let Ok(rendered) = message.render(&support::options()) else { return Ok(()) };
        let bytes = rendered.to_vec().unwrap();
        support::assert_octets(&bytes);
        let Some(read) = python(&bytes) else { return Ok(()) };
        let specs = |field: &str| -> Vec<(String, String)> {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let list = read[field].as_array().cloned().unwrap_or_default();
            list.iter().map(|one| (text(&one[1]), text(&one[2]))).collect()
        };
        let good = |local: &str| vec![(local.to_owned(), "good.org".to_owned())];
        prop_assert_eq!(specs("from"), good("from"));
        prop_assert_eq!(specs("cc"), good("cc"));
        let list = parse_list(&to).unwrap();
        let ours: Vec<_> = list.mailboxes().map(unquoted).collect();
        prop_assert_eq!(specs("to"), ours, "{}", String::from_utf8_lossy(&bytes));
        prop_assert_eq!(squeezed(read["from"][0][0].as_str().unwrap()), squeezed(&name));
        prop_assert_eq!(list.mailboxes().count(), list.to_string().parse::<AddressList>().unwrap().mailboxes().count());
        if let Ok(envelope) = message.envelope(&support::options()) {
            let envelope: Vec<_> = envelope.to.iter().map(unquoted).collect();
            prop_assert_eq!(&envelope[..envelope.len() - 1], &specs("to")[..]);
        }
    }
}

/// What an attacker puts together to be read in two ways.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b@good.org",
        "x@evil.org",
        "<",
        ">",
        "<c@good.org>",
        ",",
        ";",
        ":",
        "\"",
        "\\",
        "(",
        ")",
        "@",
        " ",
        "  ",
        ".",
        "[",
        "]",
        "=?utf-8?q?x?=",
        "=?utf-8?q?=3C?=",
        "=?utf-8?q?=22?=",
        "=?utf-8?q?=2C?=",
        "=?utf-8?b?PGFAYi5jPg==?=",
        "=?",
        "?=",
        "é",
        "ü.org",
        "\"q q\"",
        "\"q\"@good.org",
        "(c)",
        "root",
        "evil.org",
        "%0a",
        "a name that is long enough to need a second line",
    ]);
    prop::collection::vec(piece, 1..9).prop_map(|pieces| pieces.concat())
}

/// The local part without its quotes, and the domain.
fn unquoted(mailbox: &Mailbox) -> (String, String) {
    let local = mailbox.local_part();
    let inner = local
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let mut text = String::new();
    let mut chars = inner.unwrap_or(local).chars();
    while let Some(c) = chars.next() {
        let quoted = c == '\\' && inner.is_some();
        text.extend(if quoted { chars.next() } else { Some(c) });
    }
    (text, mailbox.domain().unwrap_or_default().to_owned())
}
