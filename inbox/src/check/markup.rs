//! Whether the HTML is well formed, and free of what all readers take out.

use std::collections::HashSet;

use super::{Case, Finding, Notes};
use crate::view::html::Node;

pub(super) fn check(case: &Case<'_>) -> Option<Finding> {
    if !case.has_html() {
        return None;
    }
    let mut notes = Notes::new("HTML");
    nesting(case, &mut notes);
    let mut ids = HashSet::new();
    for tag in case.tags() {
        let line = tag.line;
        if matches!(
            tag.name.as_str(),
            "script" | "iframe" | "object" | "embed" | "applet" | "frame" | "base"
        ) {
            notes.look(format!(
                "<{}> in line {line}, which readers take out",
                tag.name
            ));
        }
        for (name, value) in tag.attributes() {
            if name.starts_with("on") {
                notes.look(format!("{name} in line {line}, which readers take out"));
            }
            if name == "id" && !ids.insert(value) {
                notes.look(format!("a second id `{value}` in line {line}"));
            }
        }
    }
    Some(notes.finding("well formed"))
}

/// So many open elements are followed.
const DEEPEST: usize = 500;

/// Elements that are not closed, or not open.
fn nesting(case: &Case<'_>, notes: &mut Notes) {
    let mut open: Vec<(&str, usize)> = Vec::new();
    for node in &case.nodes {
        match node {
            Node::Start(tag) if must_close(&tag.name) && open.len() < DEEPEST => {
                open.push((&tag.name, tag.line));
            }
            Node::End(name) if must_close(name) => {
                let place = open.iter().rposition(|(one, _)| one == name);
                let Some(place) = place else {
                    notes.look(format!("</{name}> closes nothing"));
                    continue;
                };
                for (inner, line) in open.drain(place..).skip(1) {
                    notes.look(format!("<{inner}> in line {line} is not closed"));
                }
            }
            _ => {}
        }
    }
    for (name, line) in open {
        notes.look(format!("<{name}> in line {line} is not closed"));
    }
}

/// Others may be left open, by the standard.
fn must_close(name: &str) -> bool {
    matches!(
        name,
        "a" | "b"
            | "i"
            | "u"
            | "em"
            | "strong"
            | "span"
            | "font"
            | "div"
            | "table"
            | "center"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "ul"
            | "ol"
            | "blockquote"
            | "section"
            | "article"
            | "style"
            | "title"
    )
}
