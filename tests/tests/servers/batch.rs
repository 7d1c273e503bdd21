//! A batch of messages as unlike each other as can be, with refusals among them.

use posthaste_tests::mail::base64;
use posthaste_tests::server::{LATER, REFUSED, UNWANTED};
use serde_json::{Value, json};

use super::suite::Fate;

/// A message, and what has to become of it.
#[derive(Debug)]
pub(crate) struct Case {
    /// As `posthaste send` reads it.
    pub(crate) message: Value,
    /// Its Message-ID, which it has from us.
    pub(crate) id: String,
    /// Its sender in the envelope.
    pub(crate) sender: String,
    needs_smtputf8: bool,
}

impl Case {
    /// A message from a sender of its own, so that it is noticed if it goes out by the name of another.
    pub(crate) fn new(id: &str, to: &[&str]) -> Self {
        let sender = format!("from-{id}@example.com");
        let id = format!("<{id}@id.example.com>");
        let headers = json!({"Message-ID": id, "Date": "Wed, 25 Nov 2026 10:00:00 +0000"});
        let message = json!({
            "subject": "plain", "body": "text\n", "from_email": sender, "to": to, "headers": headers,
        });
        Self {
            message,
            id,
            sender,
            needs_smtputf8: false,
        }
    }

    /// The same with other fields, too.
    fn with(mut self, fields: Value) -> Self {
        let Value::Object(fields) = fields else {
            panic!("fields: {fields}");
        };
        for (name, value) in fields {
            self.message[name] = value;
        }
        self
    }

    /// The same from another sender.
    pub(crate) fn from(mut self, sender: &str) -> Self {
        sender.clone_into(&mut self.sender);
        self.message["from_email"] = sender.into();
        self
    }

    /// What has to become of it.
    pub(crate) fn fate(&self, smtputf8: bool) -> Fate {
        let fields = ["to", "cc", "bcc"].map(|field| self.message[field].clone());
        let addresses = fields.iter().filter_map(Value::as_array).flatten();
        let addresses: Vec<_> = addresses
            .map(|address| bare(address.as_str().expect("an address")))
            .collect();
        if self.needs_smtputf8 && !smtputf8 {
            return Fate {
                taken: Vec::new(),
                refused: Vec::new(),
            };
        }
        let (taken, refused) = addresses
            .into_iter()
            .partition(|address| self.sender != UNWANTED && is_taken(address));
        Fate { taken, refused }
    }

    /// Whether the server refuses its sender.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.sender == UNWANTED
    }
}

fn bare(address: &str) -> String {
    let inner = address
        .rsplit_once('<')
        .map(|(_, rest)| rest.trim_end_matches('>'));
    inner
        .unwrap_or(address)
        .replace("bücher.example", "xn--bcher-kva.example")
}

fn is_taken(address: &str) -> bool {
    let is_here = ["@example.com", "@xn--bcher-kva.example"]
        .iter()
        .any(|domain| address.ends_with(domain));
    is_here && address != LATER && !REFUSED.contains(&address)
}

/// The batch; `way` is part of all Message-IDs.
pub(crate) fn batch(way: &str) -> Vec<Case> {
    let ann = &["ann@example.com"][..];
    let new = |name: &str, to: &[&str]| Case::new(&format!("{way}.{name}"), to);
    let [refused, gone] = REFUSED;
    let mut cases =
        vec![
        new("refused-first", &[refused]),
        new("plain", ann),
        new("unicode", &["Zoë Łukasz <ann@example.com>"])
            .with(json!({"subject": "Grüße: 请查收 📎", "body": "Ελλάδα 日本 ß 📎\n"})),
        new("long-lines", ann).with(json!({"body": format!("{0}\n{0}{0}\n", "x".repeat(998))})),
        new("long-lines-unicode", ann).with(json!({"body": "é".repeat(5000)})),
        new("dots", ann).with(json!({"body": ".\n..\n.hidden\n...\n\n.\n. \nend.\n."})),
        new("unwanted-1", ann).from(UNWANTED),
        new("after-unwanted", &["bob@example.com"]),
        new("html", ann).with(json!({"html_message": "<p>Zoë\n<p>.\n.\n"})),
        new("all-refused", &[refused, gone, LATER]),
        new("refused-in-the-middle", &["ann@example.com", refused, "bob@example.com"]),
        new("refused-at-first", &[gone, "bob@example.com"]),
        new("refused-at-last", &["bob@example.com", LATER]),
        new("later", &[LATER]),
        new("later-again", &[LATER]),
        new("three", &["a@example.com", "b@example.com", "c@example.com"]),
        new("copies", ann).with(json!({
            "cc": ["Bob <bob@example.com>"], "bcc": ["hidden@example.com", refused],
            "reply_to": ["office@example.com"],
        })),
        new("empty", ann).with(json!({"subject": "", "body": ""})),
        new("no-line-end", ann).with(json!({"body": "no line end"})),
        new("blank-lines", ann).with(json!({"body": "\n\n\n\n"})),
        new("smuggler", ann).with(json!({
            "body": "a\n.\nMAIL FROM:<x@example.com>\n\r.\rRCPT TO:<y@example.com>\r\n.\r\nQUIT\n",
        })),
        new("null-octet", ann).with(json!({"body": "a\0b\0\n"})),
        new("elsewhere", &["someone@elsewhere.example"]),
        new("latin", ann).with(json!({"body": "Grüße\n", "charset": "iso-8859-1"})),
    ];
    cases.extend(more(way));
    cases
}

fn more(way: &str) -> Vec<Case> {
    let ann = &["ann@example.com"][..];
    let new = |name: &str, to: &[&str]| Case::new(&format!("{way}.{name}"), to);
    let octets: Vec<u8> = (0..150_000u32)
        .map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let many: Vec<_> = (0..25)
        .map(|number| format!("r{number}@example.com"))
        .collect();
    let mut many: Vec<_> = many.iter().map(String::as_str).collect();
    many.insert(0, REFUSED[0]);
    many.insert(13, REFUSED[1]);
    let attached = Case::new(&format!("{way}.inner"), ann).message;
    let mut smtputf8 = new("smtputf8", &["jörg@example.com", "ann@example.com"]);
    smtputf8.needs_smtputf8 = true;
    vec![
        new("many", &many),
        new("large", ann).with(json!({"body": "All work and no play makes Jack.\n".repeat(10_000)})),
        new("attachments", ann).with(json!({
            "attachments": [
                {"filename": "Übersicht.bin", "content_base64": base64(&octets), "mimetype": "application/octet-stream"},
                {"filename": "dots.txt", "content": ".\n..\n\r\n.\r\nend", "mimetype": "text/plain"},
                {"filename": "empty.bin", "content_base64": "", "mimetype": "application/octet-stream"},
            ],
        })),
        new("message", ann).with(json!({"attachments": [{"message": attached}]})),
        smtputf8,
        new("idn", &["ann@bücher.example"]),
        new("unwanted-2", &["ann@example.com", "bob@example.com"]).from(UNWANTED),
        new("unwanted-3", &[REFUSED[0]]).from(UNWANTED),
        new("long-subject", ann).with(json!({"subject": "Wörter und Worte ".repeat(60).trim()})),
        new("last", ann),
    ]
}
