//! Whatever stands in the fields of a message reaches it as one header each, or is refused; in no part of it is a header more.
#![no_main]
use libfuzzer_sys::fuzz_target;
use posthaste_message::{EmailAttachment, EmailMessage, RenderOptions};

#[derive(Debug, arbitrary::Arbitrary)]
struct Fields {
    subject: String,
    header: (String, String),
    name: String,
    filename: String,
    mimetype: Option<String>,
    content_id: Option<String>,
    part_header: Option<(String, String)>,
}

fuzz_target!(|fields: Fields| {
    let optional = [fields.content_id.is_some(), fields.part_header.is_some()];
    let optional = optional.iter().filter(|is| **is).count();
    let (name, value) = fields.header;
    let mut part = EmailAttachment::bytes(fields.filename, b"\0".to_vec());
    part.mimetype = fields.mimetype;
    part.content_id = fields.content_id;
    if let Some((name, value)) = fields.part_header {
        part = part.header(name, value);
    }
    let message = EmailMessage::new(fields.subject, "text")
        .from("a@example.com")
        .to([(fields.name, "b@example.com")])
        .header(name, value)
        .attach(part);
    let Ok(rendered) = message.render(&RenderOptions::default()) else { return };
    let octets = rendered.to_vec().expect("nothing is read from files");
    let text = std::str::from_utf8(&octets).expect("headers are ASCII or UTF-8");
    assert!(!text.bytes().any(|b| b < 0x20 && !b"\r\n\t".contains(&b)), "a control came through");
    let counts: Vec<usize> = blocks(text).map(count).collect();
    // Seven of our own and the one given. From, To and their like stand in for one of ours, and a To without an address
    // takes it away. The text has two, the part three and those given.
    assert!(matches!(counts[0], 6..=8), "{counts:?}");
    assert_eq!(counts[1..], [2, 3 + optional], "{text}");
});

/// The header blocks of the message and of its parts.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let (head, body) = text.split_once("\r\n\r\n").expect("a header block ends");
    let parts = body.split("--===============").filter(|part| part.contains("\r\n\r\n"));
    let parts = parts.filter_map(|part| part.split_once("\r\n")?.1.split_once("\r\n\r\n"));
    std::iter::once(head).chain(parts.map(|(head, _)| head))
}

fn count(head: &str) -> usize {
    head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])).count()
}
