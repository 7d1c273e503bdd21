//! Whether everybody can read the HTML: images with texts, a language, tables that are told to be layout, contrast.

use std::collections::HashSet;

use super::{Case, Finding, Notes};
use crate::view::html::{Node, Tag};

/// What WCAG 2.2 asks for of text.
const CONTRAST: f64 = 4.5;

pub(super) fn check(case: &Case<'_>) -> Option<Finding> {
    if !case.has_html() {
        return None;
    }
    let mut notes = Notes::new("Accessibility");
    let language = case
        .tags()
        .find(|tag| tag.name == "html")
        .and_then(|tag| tag.attribute("lang"));
    if language.is_none_or(|language| language.trim().is_empty()) {
        notes.look("no lang on <html>: screen readers guess the language");
    }
    for tag in case.tags() {
        look_at(tag, &mut notes);
    }
    tables(case, &mut notes);
    let targets: HashSet<_> = case
        .tags()
        .filter_map(|tag| tag.attribute("href"))
        .map(str::trim)
        .collect();
    for link in &case.view.links {
        let is_marked = link.url.starts_with(['#', '?']);
        if link.text.is_empty() && !is_marked && targets.contains(link.url.as_str()) {
            notes.look(format!("the link to {} has no text", link.url));
        }
    }
    Some(notes.finding("nothing found"))
}

fn look_at(tag: &Tag, notes: &mut Notes) {
    let line = tag.line;
    if tag.name == "img" && tag.attribute("alt").is_none() {
        notes.look(format!("an image without alt in line {line}"));
    }
    let style = tag.attribute("style").unwrap_or_default();
    let text = value(style, "color").and_then(colour);
    let ground = value(style, "background-color")
        .or_else(|| value(style, "background"))
        .or_else(|| tag.attribute("bgcolor"))
        .and_then(colour);
    if let (Some(text), Some(ground)) = (text, ground) {
        let contrast = contrast(text, ground);
        if contrast < CONTRAST {
            let contrast = (contrast * 10.0).floor() / 10.0;
            notes.look(format!(
                "a contrast of {contrast:.1} in line {line}; {CONTRAST} is the least"
            ));
        }
    }
}

/// A table without headings is layout, and says so to screen readers by its role.
fn tables(case: &Case<'_>, notes: &mut Notes) {
    let mut open: Vec<(usize, bool)> = Vec::new();
    for node in &case.nodes {
        match node {
            Node::Start(tag) if tag.name == "table" => {
                let role = tag.attribute("role").unwrap_or_default();
                open.push((tag.line, matches!(role, "presentation" | "none")));
            }
            Node::Start(tag) if tag.name == "th" || tag.name == "caption" => {
                if let Some((_, is_fine)) = open.last_mut() {
                    *is_fine = true;
                }
            }
            Node::End(name) if name == "table" => {
                if let Some((line, false)) = open.pop() {
                    notes.look(format!(
                        "a table without headings in line {line} has no role=\"presentation\""
                    ));
                }
            }
            _ => {}
        }
    }
}

/// The value of a property in a style attribute.
pub(super) fn value<'s>(style: &'s str, property: &str) -> Option<&'s str> {
    let declarations = style
        .split(';')
        .filter_map(|declaration| declaration.split_once(':'));
    let mut found = declarations.filter(|(name, _)| name.trim().eq_ignore_ascii_case(property));
    let (_, value) = found.next_back()?;
    Some(value.trim().trim_end_matches("!important").trim_end())
}

type Colour = [u8; 3];

/// `#rgb`, `#rrggbb`, `rgb(…)` and the plainest names. Others are not judged.
fn colour(text: &str) -> Option<Colour> {
    let text = text.trim().to_ascii_lowercase();
    if let Some(digits) = text.strip_prefix('#') {
        let digits: Vec<u8> = digits
            .chars()
            .map(|c| c.to_digit(16).map(|digit| digit as u8))
            .collect::<Option<_>>()?;
        return match digits.as_slice() {
            [r, g, b] => Some([r * 17, g * 17, b * 17]),
            [r, s, g, h, b, c] => Some([r * 16 + s, g * 16 + h, b * 16 + c]),
            _ => None,
        };
    }
    if let Some(numbers) = text
        .strip_prefix("rgb(")
        .and_then(|rest| rest.strip_suffix(')'))
    {
        let numbers: Vec<u8> = numbers
            .split([',', ' '])
            .filter(|part| !part.is_empty())
            .map(|part| part.parse().ok())
            .collect::<Option<_>>()?;
        return numbers.try_into().ok();
    }
    match text.as_str() {
        "white" => Some([255; 3]),
        "black" => Some([0; 3]),
        "gray" | "grey" => Some([128; 3]),
        "silver" => Some([192; 3]),
        "red" => Some([255, 0, 0]),
        "yellow" => Some([255, 255, 0]),
        "blue" => Some([0, 0, 255]),
        _ => None,
    }
}

/// The contrast of two colours, as WCAG defines it.
fn contrast(one: Colour, other: Colour) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(colour: Colour) -> f64 {
    let [r, g, b] = colour.map(|value| {
        let value = f64::from(value) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}
