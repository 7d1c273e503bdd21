//! Eight-bit octets and charsets.

use encoding_rs::Encoding;

use super::{Case, Finding, Notes};
use crate::view::Part;

pub(super) fn check(case: &Case<'_>) -> Option<Finding> {
    let raw = &*case.mail.raw;
    let mut notes = Notes::new("Charset");
    let body = case.mail.envelope.body.as_deref().unwrap_or_default();
    if !raw.is_ascii()
        && !body.eq_ignore_ascii_case("8BITMIME")
        && !body.eq_ignore_ascii_case("BINARYMIME")
    {
        notes.fail("there are 8-bit octets, and BODY=8BITMIME was not said");
    }
    for part in case.view.tree.all() {
        let is_leaf = part.children.is_empty() && !part.content_type.starts_with("message/");
        if is_leaf && part.encoding == "7bit" && !part.encoded(raw).is_ascii() {
            notes.fail(format!(
                "part {} has 8-bit octets, and says 7bit",
                part.path
            ));
        }
        if is_leaf && part.content_type.starts_with("text/") {
            text(part, raw, &mut notes);
        }
    }
    let declared = case
        .tags()
        .filter(|tag| tag.name == "meta")
        .find_map(|tag| tag.attribute("charset"));
    let html = case
        .view
        .tree
        .all()
        .into_iter()
        .find(|part| part.content_type == "text/html");
    let named = html.and_then(|part| part.charset.as_deref());
    if let (Some(declared), Some(named)) = (declared, named)
        && encoding(declared) != encoding(named)
    {
        notes.look(format!("the HTML says {declared}, its header {named}"));
    }
    Some(notes.finding("as declared"))
}

fn text(part: &Part, raw: &[u8], notes: &mut Notes) {
    let bytes = part.bytes(raw);
    let path = &part.path;
    let Some(charset) = part.charset.as_deref() else {
        if !bytes.is_ascii() {
            notes.fail(format!("part {path} names no charset, and is not ASCII"));
        }
        return;
    };
    match encoding(charset) {
        None => notes.fail(format!("part {path} names {charset}, which nobody knows")),
        Some(_) if charset.eq_ignore_ascii_case("us-ascii") && !bytes.is_ascii() => {
            notes.fail(format!("part {path} says us-ascii, and has more in it"));
        }
        Some(encoding) if encoding.decode_without_bom_handling(&bytes).1 => {
            notes.fail(format!("part {path} is not all {charset}"));
        }
        Some(_) => {}
    }
}

fn encoding(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label(label.trim().as_bytes())
}
