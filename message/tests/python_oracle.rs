//! Two independent readers, Python's email package and mail-parser, read back what was meant.
//!
//! Python is started once and gets one mail a line; see `oracle/read_mail.py`, which also tells
//! of the fault of older Pythons that it works around. Without `python3` only mail-parser reads;
//! on CI (`CI=true`) that is a failure.

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use encodify::base64;
use mail_parser::{Addr, MessageParser, MimeHeaders as _, PartType};
use posthaste_message::{
    Address, AddressList, EmailAttachment, EmailMessage, Mailbox, Transfer, parse_list,
};
use proptest::prelude::*;
use serde_json::Value;

/// A mail as it is meant.
#[derive(Clone, Debug)]
struct Meant {
    subject: String,
    from: Person,
    to: Vec<Person>,
    cc: Vec<Person>,
    bcc: Vec<Person>,
    reply_to: Vec<Person>,
    extra: Option<String>,
    charset: &'static str,
    eight_bit: bool,
    body: String,
    html: Option<String>,
    calendar: Option<Vec<u8>>,
    files: Vec<File>,
    inner: Option<Box<Self>>,
}

#[derive(Clone, Debug)]
struct Person {
    name: String,
    /// Without quotes.
    local: String,
    domain: &'static str,
    /// Given as a pair, or as one text.
    pair: bool,
}

#[derive(Clone, Debug)]
struct File {
    name: String,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Bytes(Vec<u8>),
    Text(String),
    TextBytes(Vec<u8>),
    /// Shown by the HTML.
    Inline(Vec<u8>),
    /// Inline, but not referred to.
    Stray(Vec<u8>),
}

/// Words of many scripts, and what is special in headers.
fn words() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9]{1,12}",
        2 => Just(" ".to_owned()),
        1 => "[ -~]{1,30}",
        1 => "\\PC{1,6}",
        1 => prop::sample::select(vec![
            "Grüße ", "Привет мир", "日本語の件名", "مرحبا", "שלום", "🦀🎉", "e\u{301}", "\u{202e}fdp.exe",
            "\"quoted\"", "a, b", "<x@evil.org>", "\\", "(c)", "=?utf-8?q?x=0Ay?=", "=?", "?=", "%0d%0a", ";x=1", "'", ":",
            "a very long text that goes on and on and needs more than one line of a header for certain ",
        ]).prop_map(str::to_owned),
        1 => (30..200_usize).prop_map(|n| "x".repeat(n)),
        1 => (10..90_usize).prop_map(|n| "ж".repeat(n)),
    ];
    prop::collection::vec(piece, 0..6)
        .prop_map(|pieces| pieces.concat().replace(['\u{2028}', '\u{2029}'], ""))
}

fn person() -> impl Strategy<Value = Person> {
    let local = prop_oneof![
        4 => "[a-z0-9+_=-]{1,12}(\\.[a-z]{1,5})?",
        1 => "[!-~]{1,10}",
        1 => "[a-z]{20,60}",
        1 => "[a-zäöü日本]{1,8}",
    ];
    let domain = prop::sample::select(vec![
        "example.com",
        "x.org",
        "Sub.Example.ORG",
        "bücher.example",
        "日本.example",
        "[192.0.2.1]",
        "xn--bcher-kva.example",
        "a-rather-long-domain-name-for-a-test.of-the-folding-of-headers.example.com",
    ]);
    (words(), local, domain, any::<bool>()).prop_map(|(name, local, domain, pair)| Person {
        name,
        local,
        domain,
        pair,
    })
}

/// Texts that the charset holds, with all line ends.
fn body(charset: &'static str) -> impl Strategy<Value = String> {
    let alphabet: &[&str] = match charset {
        "iso-8859-1" => &["äöü ", "ÀÉ¿ÿß"],
        "koi8-r" | "windows-1251" => &["Привет, мир ", "Ж"],
        "iso-2022-jp" | "shift_jis" | "euc-jp" => &["日本語", "かな カナ"],
        "gb18030" | "gbk" => &["中文 文本", "你好"],
        "big5" => &["中文 文本", "你好"],
        "utf-8" => &[
            "Grüße aus Köln",
            "Привет, мир ",
            "日本語",
            "🦀",
            "مرحبا",
            "\u{85}",
            "\u{2028}",
            "\0",
            "\u{b}",
            "\u{c}",
        ],
        _ => &["plain "],
    };
    let piece = prop_oneof![
        3 => "[ -~]{0,40}",
        3 => prop::sample::select(vec!["\n", "\r\n", "\r", "\n\n"]).prop_map(str::to_owned),
        3 => prop::sample::select(alphabet).prop_map(str::to_owned),
        1 => prop::sample::select(vec![
            ".", "\n.\n", "From ", "\nFrom x", "--", "\t", " \n", "\n--===============", "=", "=\n", "=41", "cid:", "\n\r",
        ]).prop_map(str::to_owned),
        1 => (60..1200_usize).prop_map(|n| "x".repeat(n)),
        1 => (prop::sample::select(alphabet), 1..60_usize).prop_map(|(text, n)| text.repeat(n)),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

fn filename() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,10}\\.(pdf|png|zip)",
        words(),
        "[ -~]{1,100}",
        prop::sample::select(vec![
            "a\"; filename=\"evil.exe",
            "naïve.pdf",
            "../../etc/passwd",
            "C:\\x\\y.txt",
            "报告.docx",
            "\u{202e}fdp.exe",
            "a'b''c.pdf",
            "100%25.txt",
            "=?utf-8?q?x?=",
            "a;b=c",
            "trailing ",
            " leading",
            "*0*=x",
        ])
        .prop_map(str::to_owned),
    ]
}

fn file(charset: &'static str) -> impl Strategy<Value = File> {
    let octets = || prop::collection::vec(any::<u8>(), 0..300);
    let content = prop_oneof![
        octets().prop_map(Content::Bytes),
        body(charset).prop_map(Content::Text),
        body("utf-8").prop_map(|text| Content::TextBytes(text.into_bytes())),
        octets().prop_map(Content::TextBytes),
        octets().prop_map(Content::Inline),
        octets().prop_map(Content::Stray),
    ];
    (filename(), content).prop_map(|(name, content)| File { name, content })
}

fn meant(nested: bool) -> BoxedStrategy<Meant> {
    let charset = prop_oneof![
        4 => Just("utf-8"),
        1 => prop::sample::select(vec![
            "us-ascii", "iso-8859-1", "koi8-r", "windows-1251", "iso-2022-jp", "shift_jis", "euc-jp", "gb18030", "gbk", "big5",
        ]),
    ];
    charset
        .prop_flat_map(move |charset| {
            let people = |max| prop::collection::vec(person(), 0..max);
            let html = body(charset).prop_map(|text| text.replace("cid:", ""));
            let inner = if nested {
                prop::option::weighted(0.2, meant(false).prop_map(Box::new)).boxed()
            } else {
                Just(None).boxed()
            };
            let heads = (
                words(),
                person(),
                people(6),
                people(3),
                people(3),
                people(3),
                prop::option::of(words()),
            );
            let rest = (
                any::<bool>(),
                prop_oneof![Just(String::new()), body(charset)],
                prop::option::of(html),
                prop::option::weighted(0.2, prop::collection::vec(any::<u8>(), 0..200)),
                prop::collection::vec(file(charset), 0..4),
                inner,
            );
            (heads, rest).prop_map(
                move |((subject, from, to, cc, bcc, reply_to, extra), rest)| {
                    let (eight_bit, body, html, calendar, files, inner) = rest;
                    Meant {
                        subject,
                        from,
                        to,
                        cc,
                        bcc,
                        reply_to,
                        extra,
                        charset,
                        eight_bit,
                        body,
                        html,
                        calendar,
                        files,
                        inner,
                    }
                },
            )
        })
        .boxed()
}

impl Person {
    /// Whether the local part needs quotes.
    fn is_quoted(&self) -> bool {
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80 || b"+_=-".contains(&byte);
        let word = |word: &str| !word.is_empty() && word.bytes().all(plain);
        !self.local.split('.').all(word)
    }

    fn address(&self) -> Address {
        let quoted =
            |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let local = if self.is_quoted() {
            quoted(&self.local)
        } else {
            self.local.clone()
        };
        let spec = format!("{local}@{}", self.domain);
        if self.pair {
            Address::from((self.name.clone(), spec))
        } else if self.name.is_empty() {
            Address::from(spec)
        } else {
            Address::from(format!("{} <{spec}>", quoted(&self.name)))
        }
    }

    /// What a reader sees; blanks count as one, for Python makes one of several.
    fn seen(&self) -> (String, String, String) {
        let domain = match self.domain {
            "bücher.example" => "xn--bcher-kva.example",
            "日本.example" => "xn--wgv71a.example",
            other => other,
        };
        (squeezed(&self.name), self.local.clone(), domain.to_owned())
    }
}

impl Meant {
    fn message(&self) -> EmailMessage {
        let list = |people: &[Person]| people.iter().map(Person::address).collect::<Vec<_>>();
        let mut message = EmailMessage::new(&self.subject, &self.body)
            .from(self.from.address())
            .to(list(&self.to))
            .cc(list(&self.cc))
            .bcc(list(&self.bcc))
            .reply_to(list(&self.reply_to))
            .charset(self.charset);
        if let Some(extra) = &self.extra {
            message.headers.push("X-Extra", extra);
        }
        if let Some(html) = self.full_html() {
            message = message.html(html);
        }
        if let Some(calendar) = &self.calendar {
            message = message.alternative(calendar.clone(), "application/ics; method=REQUEST");
        }
        for (index, file) in self.files.iter().enumerate() {
            message.push_attachment(file.attachment(index));
        }
        if let Some(inner) = &self.inner {
            message.push_attachment(inner.message());
        }
        message
    }

    /// The HTML with its references to inline parts.
    fn full_html(&self) -> Option<String> {
        let mut html = self.html.clone()?;
        for (index, file) in self.files.iter().enumerate() {
            if matches!(file.content, Content::Inline(_)) {
                html.push_str(&format!("\n<img src=\"cid:part{index}@x.org\">"));
            }
        }
        Some(html)
    }

    /// The parts that a reader must find.
    fn parts(&self) -> Seen {
        let text = |kind: &str, text: &str| Seen::leaf(kind).text(&lines(text));
        let mut forms = Vec::new();
        if !self.body.is_empty() {
            forms.push(text("text/plain", &self.body));
        }
        let file = |(index, file): (usize, &File)| file.seen(index);
        let shown = |file: &File| self.html.is_some() && matches!(file.content, Content::Inline(_));
        let numbered = || self.files.iter().enumerate();
        if let Some(html) = self.full_html() {
            let html = text("text/html", &html);
            let inline: Vec<_> = numbered()
                .filter(|(_, file)| shown(file))
                .map(file)
                .collect();
            forms.push(if inline.is_empty() {
                html
            } else {
                Seen::parent("multipart/related", [vec![html], inline].concat())
            });
        }
        if let Some(calendar) = &self.calendar {
            forms.push(Seen::leaf("application/ics").bytes(calendar));
        }
        if self.html.is_some() || self.calendar.is_some() {
            forms = vec![Seen::parent("multipart/alternative", forms)];
        }
        let apart: Vec<_> = numbered()
            .filter(|(_, file)| !shown(file))
            .map(file)
            .collect();
        if apart.is_empty() && self.inner.is_none() {
            return forms.pop().unwrap_or_else(|| text("text/plain", ""));
        }
        forms.extend(apart);
        if let Some(inner) = &self.inner {
            let message = Seen::parent("message/rfc822", vec![inner.parts()]);
            forms.push(Seen {
                disposition: Some("attachment".to_owned()),
                ..message
            });
        }
        Seen::parent("multipart/mixed", forms)
    }
}

impl File {
    fn attachment(&self, index: usize) -> EmailAttachment {
        let name = self.name.as_str();
        match &self.content {
            Content::Bytes(bytes) => {
                let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
                let mimetype = format!("application/x-data; x-name=\"{quoted}\"");
                (name, bytes.clone(), mimetype).into()
            }
            Content::Text(text) => (name, text.clone(), "text/csv; header=present").into(),
            Content::TextBytes(bytes) => (name, bytes.clone(), "text/x-log").into(),
            Content::Inline(bytes) | Content::Stray(bytes) => {
                EmailAttachment::bytes(name, bytes.clone())
                    .mimetype("image/png")
                    .inline(format!("part{index}@x.org"))
            }
        }
    }

    fn seen(&self, index: usize) -> Seen {
        let leaf = match &self.content {
            Content::Bytes(bytes) => Seen {
                name: Some(self.name.clone()),
                ..Seen::leaf("application/x-data").bytes(bytes)
            },
            Content::Text(text) => Seen {
                exact: true,
                ..Seen::leaf("text/csv").text(text)
            },
            Content::TextBytes(bytes) if std::str::from_utf8(bytes).is_ok() => {
                Seen::leaf("text/x-log").bytes(bytes)
            }
            Content::TextBytes(bytes) => Seen::leaf("application/octet-stream").bytes(bytes),
            Content::Inline(bytes) | Content::Stray(bytes) => {
                let id = Some(format!("part{index}@x.org"));
                Seen {
                    id,
                    disposition: Some("inline".to_owned()),
                    ..Seen::leaf("image/png").bytes(bytes)
                }
            }
        };
        let disposition = leaf
            .disposition
            .clone()
            .or_else(|| Some("attachment".to_owned()));
        Seen {
            filename: Some(self.name.clone()),
            disposition,
            ..leaf
        }
    }
}

/// A part as a reader sees it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    kind: String,
    /// A parameter of the type.
    name: Option<String>,
    filename: Option<String>,
    disposition: Option<String>,
    id: Option<String>,
    text: Option<String>,
    /// Whether the line ends of the text count.
    exact: bool,
    bytes: Option<Vec<u8>>,
    parts: Vec<Self>,
}

impl Seen {
    fn leaf(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            ..Self::default()
        }
    }

    fn parent(kind: &str, parts: Vec<Self>) -> Self {
        Self {
            parts,
            ..Self::leaf(kind)
        }
    }

    fn text(self, text: &str) -> Self {
        Self {
            text: Some(text.to_owned()),
            ..self
        }
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        Self {
            bytes: Some(bytes.to_owned()),
            ..self
        }
    }

    /// Compares what is meant, this one, with what was read.
    fn check(&self, read: &Self) {
        assert_eq!(self.kind, read.kind);
        // An empty name is none, and Python makes one blank of several.
        let shown = |name: &Option<String>| squeezed(name.as_deref().unwrap_or_default());
        assert_eq!(shown(&self.filename), shown(&read.filename));
        assert_eq!(shown(&self.name), shown(&read.name));
        assert_eq!(self.disposition, read.disposition, "{}", self.kind);
        assert_eq!(self.id, read.id);
        if let Some(bytes) = &self.bytes {
            assert_eq!(Some(bytes), read.bytes.as_ref());
        }
        if let Some(text) = &self.text {
            let found = read.text.as_deref().expect("it is a text");
            if self.exact {
                assert_eq!(text, found);
            } else {
                assert_eq!(*text, found.replace("\r\n", "\n"));
            }
        }
        assert_eq!(self.parts.len(), read.parts.len(), "{}", self.kind);
        for (meant, read) in self.parts.iter().zip(&read.parts) {
            meant.check(read);
        }
    }
}

/// The lines of a text, each ended by `\n`.
fn lines(text: &str) -> String {
    let mut text = text.replace("\r\n", "\n").replace('\r', "\n");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// A text with each run of blanks as one, and none at its ends.
fn squeezed(text: &str) -> String {
    let words: Vec<_> = text
        .split([' ', '\t'])
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

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
            .map(|one| (squeezed(&text(&one[0])), text(&one[1]), text(&one[2])))
            .collect();
        let people: Vec<_> = people.iter().map(Person::seen).collect();
        assert_eq!(read, people, "{field}");
    }
    assert_eq!(read["date"].as_f64(), Some(support::NOON as f64));
    meant.parts().check(&seen_by_python(&read["root"]));
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
