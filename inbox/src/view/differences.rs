//! What only the text of a mail says, or only its HTML.

use std::collections::HashSet;

use serde::Serialize;

use super::View;
use super::html;
use crate::words::{fold, start, words};

/// Something that only one of the two says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which one says it.
    pub only_in: Side,
    /// A sentence, a link or a number.
    pub what: String,
}

/// The plain text of a mail, or its HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The plain text.
    Text,
    /// The HTML.
    Html,
}

/// What only the text says, or only the HTML: sentences, links, and numbers in sentences that both have otherwise.
/// Nothing, if one of them is missing.
pub fn differences(view: &View) -> Vec<Difference> {
    let (Some(text), Some(html)) = (&view.text, &view.html) else {
        return Vec::new();
    };
    let (text, html) = (start(text, COMPARED), html::read(start(html, COMPARED)));
    let linked = html.links.iter().map(|link| link.url.as_str());
    let text = Content::new(text, html::urls(text).collect());
    // A button says what the text says by its URL.
    let labels = html
        .links
        .iter()
        .filter(|link| text.links.iter().any(|url| is_same(url, &link.url)));
    let labels: HashSet<_> = labels.map(|link| fold(&link.text)).collect();
    let html = Content::new(&html.text, linked.chain(html::urls(&html.text)).collect());
    let mut found = html.without(&text, Side::Html);
    found.retain(|difference| !labels.contains(&fold(&difference.what)));
    found.extend(text.without(&html, Side::Text));
    found
}

/// So many octets of each, and so many sentences, are compared.
const COMPARED: usize = 256 * 1024;
const SENTENCES: usize = 1_000;

/// What one of the two says.
struct Content<'c> {
    sentences: Vec<&'c str>,
    links: Vec<&'c str>,
    /// All its words, for sentences that are broken into lines otherwise.
    folded: String,
    words: HashSet<String>,
}

impl<'c> Content<'c> {
    fn new(text: &'c str, links: Vec<&'c str>) -> Self {
        let folded = fold(&without_links(text));
        Self {
            sentences: sentences(text),
            links,
            words: words(&folded).map(str::to_owned).collect(),
            folded,
        }
    }

    fn without(&self, other: &Self, side: Side) -> Vec<Difference> {
        let sentences = self
            .sentences
            .iter()
            .filter(|sentence| !other.says(sentence));
        let mut links: Vec<&str> = Vec::new();
        for link in &self.links {
            let is_shared = other.links.iter().any(|one| is_same(one, link));
            if !is_shared && html::urls(link).next().is_some() && !links.contains(link) {
                links.push(link);
            }
        }
        sentences
            .chain(&links)
            .map(|what| Difference {
                only_in: side,
                what: (*what).to_owned(),
            })
            .collect()
    }

    /// Whether it has the sentence: all of its numbers, and its words one after the other or nearly all of them.
    fn says(&self, sentence: &str) -> bool {
        let folded = fold(&without_links(sentence));
        if self.folded.contains(&folded) {
            return true;
        }
        // What links say in place of their URL.
        let known = |word: &&str| self.words.contains(*word) || matches!(*word, "here" | "click");
        let is_number = |word: &&str| word.contains(|c: char| c.is_ascii_digit());
        let count = words(&folded).count();
        words(&folded).filter(is_number).all(|word| known(&word))
            && words(&folded).filter(known).count() * 10 >= count * 9
    }
}

/// The sentences and lines of a text that have a word in them, each once.
fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for line in text.lines() {
        let mut rest = line;
        while !rest.is_empty() {
            let (sentence, after) = rest.split_at(sentence_end(rest));
            rest = after;
            let folded = fold(&without_links(sentence));
            if found.len() < SENTENCES && words(&folded).next().is_some() && seen.insert(folded) {
                found.push(sentence.trim());
            }
        }
    }
    found
}

/// Where the first sentence of a line ends.
fn sentence_end(line: &str) -> usize {
    let mut signs = line.char_indices().peekable();
    while let Some((at, sign)) = signs.next() {
        let is_last = signs.peek().is_none_or(|(_, next)| next.is_whitespace());
        if matches!(sign, '。' | '！' | '？') || matches!(sign, '.' | '!' | '?') && is_last {
            return at + sign.len_utf8();
        }
    }
    line.len()
}

/// Links are compared by themselves, and the signs of plain text around them are nothing.
fn without_links(text: &str) -> String {
    let is_link = |word: &&str| html::urls(word).next().is_some();
    let words = text.split_whitespace().filter(|word| !is_link(word));
    words.collect::<Vec<_>>().join(" ")
}

fn is_same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/')
        .eq_ignore_ascii_case(other.trim_end_matches('/'))
}
