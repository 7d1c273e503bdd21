//! Random mails: as they are given, and as a reader must see them.

use posthaste_message::{Address, EmailAttachment, EmailMessage};
use proptest::prelude::*;

/// A mail as it is meant.
#[derive(Clone, Debug)]
pub(crate) struct Meant {
    pub(crate) subject: String,
    pub(crate) from: Person,
    pub(crate) to: Vec<Person>,
    pub(crate) cc: Vec<Person>,
    pub(crate) bcc: Vec<Person>,
    pub(crate) reply_to: Vec<Person>,
    pub(crate) extra: Option<String>,
    pub(crate) charset: &'static str,
    pub(crate) eight_bit: bool,
    pub(crate) body: String,
    pub(crate) html: Option<String>,
    pub(crate) calendar: Option<Vec<u8>>,
    pub(crate) files: Vec<File>,
    pub(crate) inner: Option<Box<Self>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    /// Without quotes.
    pub(crate) local: String,
    pub(crate) domain: &'static str,
    /// Given as a pair, or as one text.
    pub(crate) pair: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) content: Content,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Bytes(Vec<u8>),
    Text(String),
    TextBytes(Vec<u8>),
    /// Shown by the HTML.
    Inline(Vec<u8>),
    /// Inline, but not referred to.
    Stray(Vec<u8>),
}

/// Words of many scripts, and what is special in headers.
pub(crate) fn words() -> impl Strategy<Value = String> {
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

pub(crate) fn person() -> impl Strategy<Value = Person> {
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
pub(crate) fn body(charset: &'static str) -> impl Strategy<Value = String> {
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

pub(crate) fn filename() -> impl Strategy<Value = String> {
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

pub(crate) fn file(charset: &'static str) -> impl Strategy<Value = File> {
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

pub(crate) fn meant(nested: bool) -> BoxedStrategy<Meant> {
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
    pub(crate) fn is_quoted(&self) -> bool {
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80 || b"+_=-".contains(&byte);
        let word = |word: &str| !word.is_empty() && word.bytes().all(plain);
        !self.local.split('.').all(word)
    }

    pub(crate) fn address(&self) -> Address {
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
    pub(crate) fn seen(&self) -> (String, String, String) {
        let domain = match self.domain {
            "bücher.example" => "xn--bcher-kva.example",
            "日本.example" => "xn--wgv71a.example",
            other => other,
        };
        (squeezed(&self.name), self.local.clone(), domain.to_owned())
    }
}

impl Meant {
    pub(crate) fn message(&self) -> EmailMessage {
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
    pub(crate) fn full_html(&self) -> Option<String> {
        let mut html = self.html.clone()?;
        for (index, file) in self.files.iter().enumerate() {
            if matches!(file.content, Content::Inline(_)) {
                html.push_str(&format!("\n<img src=\"cid:part{index}@x.org\">"));
            }
        }
        Some(html)
    }

    /// The parts that a reader must find.
    pub(crate) fn parts(&self) -> Seen {
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
    pub(crate) fn attachment(&self, index: usize) -> EmailAttachment {
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

    pub(crate) fn seen(&self, index: usize) -> Seen {
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
pub(crate) struct Seen {
    pub(crate) kind: String,
    /// A parameter of the type.
    pub(crate) name: Option<String>,
    pub(crate) filename: Option<String>,
    pub(crate) disposition: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) text: Option<String>,
    /// Whether the line ends of the text count.
    pub(crate) exact: bool,
    pub(crate) bytes: Option<Vec<u8>>,
    pub(crate) parts: Vec<Self>,
}

impl Seen {
    pub(crate) fn leaf(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn parent(kind: &str, parts: Vec<Self>) -> Self {
        Self {
            parts,
            ..Self::leaf(kind)
        }
    }

    pub(crate) fn text(self, text: &str) -> Self {
        Self {
            text: Some(text.to_owned()),
            ..self
        }
    }

    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        Self {
            bytes: Some(bytes.to_owned()),
            ..self
        }
    }

    /// Compares what is meant, this one, with what was read.
    pub(crate) fn check(&self, read: &Self) {
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
pub(crate) fn lines(text: &str) -> String {
    let mut text = text.replace("\r\n", "\n").replace('\r', "\n");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// A text with each run of blanks as one, and none at its ends.
pub(crate) fn squeezed(text: &str) -> String {
    let words: Vec<_> = text
        .split([' ', '\t'])
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}
