//! What of HTML and CSS is not shown by all mail clients, by the data of caniemail.com that is packed in `caniemail.txt`.

use std::collections::BTreeMap;

use super::{Case, Finding, Notes, many};
use crate::view::html::{Node, Tag};

/// Made by `tools/caniemail.py`: a line of words on its origin, one of the clients, and one for each feature.
const TABLE: &str = include_str!("caniemail.txt");
/// So many clients are named for a feature.
const NAMED: usize = 6;

pub(super) fn check(case: &Case<'_>) -> Option<Finding> {
    if !case.has_html() {
        return None;
    }
    let used = Used::of(case);
    let mut lines = TABLE.lines();
    let origin = lines
        .next()
        .and_then(|line| line.split(';').next())
        .unwrap_or_default();
    let clients: Vec<_> = lines.next().unwrap_or_default().split('\t').collect();
    let mut gaps: Vec<_> = lines
        .filter_map(|line| gap(line, &used, &clients))
        .collect();
    gaps.sort_by_key(|(missing, _)| std::cmp::Reverse(*missing));
    let count = gaps.len();
    let mut notes = Notes::new("Compatibility");
    for (_, detail) in gaps {
        notes.look(detail);
    }
    let gaps = match count {
        0 => "shown by all clients that are known".to_owned(),
        _ => format!("{} that some clients do not show", many(count, "feature")),
    };
    let origin = origin.replacen("Data", "data", 1);
    Some(notes.summed_up(format!("{gaps} ({origin})")))
}

/// How many clients miss a feature that is used, and which.
fn gap(line: &str, used: &Used, clients: &[&str]) -> Option<(usize, String)> {
    let mut columns = line.split('\t');
    let (keys, title, letters) = (columns.next()?, columns.next()?, columns.next()?);
    let line = keys.split(' ').filter_map(|key| used.keys.get(key)).min()?;
    let missing: Vec<_> = clients
        .iter()
        .zip(letters.bytes())
        .filter(|(_, letter)| *letter == b'n')
        .map(|(client, _)| *client)
        .collect();
    if missing.is_empty() {
        return None;
    }
    let named = missing.get(..NAMED).unwrap_or(&missing).join(", ");
    let more = match missing.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some((
        missing.len(),
        format!("{title} (line {line}): not in {named}{more}"),
    ))
}

/// What a mail uses, as the table names it, and the first line that does.
#[derive(Default)]
struct Used {
    keys: BTreeMap<String, usize>,
    line: usize,
}

impl Used {
    fn of(case: &Case<'_>) -> Self {
        let mut used = Self::default();
        let mut is_style = false;
        for node in &case.nodes {
            match node {
                Node::Start(tag) => {
                    is_style = tag.name == "style";
                    used.tag(tag);
                }
                Node::Text(css) if is_style => used.sheet(css),
                Node::End(_) => is_style = false,
                Node::Text(_) => {}
            }
        }
        used
    }

    fn add(&mut self, kind: char, name: &str) {
        let key = format!("{kind}:{}", name.to_ascii_lowercase());
        self.keys.entry(key).or_insert(self.line);
    }

    fn tag(&mut self, tag: &Tag) {
        self.line = tag.line;
        self.add('e', &tag.name);
        for (name, value) in tag.attributes() {
            self.add('a', name);
            match name {
                "style" => value
                    .split(';')
                    .for_each(|declaration| self.declaration(declaration)),
                "type" => self.add('t', &format!("{}:{value}", tag.name)),
                "src" if tag.name == "img" => self.image(value),
                _ => {}
            }
        }
    }

    fn image(&mut self, url: &str) {
        if url.starts_with("data:") {
            return self.add('i', "data");
        }
        let path = url.split(['?', '#']).next().unwrap_or_default();
        if let Some((_, end)) = path.rsplit_once('.') {
            self.add('i', end);
        }
    }

    fn sheet(&mut self, css: &str) {
        let mut rest = css;
        while let Some(end) = rest.find(['{', '}', ';']) {
            let (piece, after) = rest.split_at(end);
            let piece = piece.trim();
            if piece.contains('@') {
                self.at_rule(piece);
            } else if after.starts_with('{') {
                self.selector(piece);
            } else {
                self.declaration(piece);
            }
            rest = after.get(1..).unwrap_or_default();
        }
        self.declaration(rest);
    }

    /// `@media (prefers-color-scheme: dark)`: the rule, and what it asks.
    fn at_rule(&mut self, rule: &str) {
        let (_, rule) = rule.split_once('@').unwrap_or(("", rule));
        self.add('@', identifier(rule));
        for question in rule.split('(').skip(1) {
            self.add('@', identifier(question));
        }
    }

    fn selector(&mut self, selector: &str) {
        for part in selector.split(':').skip(1) {
            self.add('s', identifier(part));
        }
    }

    fn declaration(&mut self, declaration: &str) {
        let Some((name, value)) = declaration.split_once(':') else {
            return;
        };
        let (name, value) = (name.trim(), value.trim());
        self.add('p', name);
        let plain = value.trim_end_matches("!important").trim_end();
        self.add('v', &format!("{name}:{plain}"));
        if value.contains("url(") {
            return;
        }
        for (at, _) in value.match_indices('(') {
            let before = value.get(..at).unwrap_or_default();
            let start = before
                .rfind(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                .map_or(0, |at| at + 1);
            self.add('f', before.get(start..).unwrap_or_default());
        }
        let is_between = |c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '#';
        for number in value
            .split(is_between)
            .filter(|word| word.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
        {
            let unit = number.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            self.add('u', unit);
        }
    }
}

/// The name that a text begins with.
fn identifier(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}
