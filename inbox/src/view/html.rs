//! What a reader sees of HTML, and what it points to.

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{HtmlString, StartTag, Token, Tokenizer};

use super::Link;
use crate::words::start as start_of;

/// So many octets of HTML are read.
const MOST: usize = 5 << 20;

/// So many links are listed.
pub(super) const LINKS: usize = 5_000;

/// What HTML says.
#[derive(Debug, Default)]
pub(crate) struct Html {
    /// The text that is seen; blocks end lines.
    pub(crate) text: String,
    pub(crate) links: Vec<Link>,
    /// References that a reader has to fetch.
    pub(crate) remote: usize,
}

/// A piece of HTML.
#[derive(Debug)]
pub(crate) enum Node {
    Start(Tag),
    End(String),
    Text(String),
}

/// A start tag.
#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    /// The line that it begins on, from 1.
    pub(crate) line: usize,
}

impl Tag {
    /// The value of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.attributes.iter();
        all.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether nothing can be in it.
    pub(crate) fn is_void(&self) -> bool {
        matches!(
            self.name.as_str(),
            "area"
                | "base"
                | "br"
                | "col"
                | "embed"
                | "hr"
                | "img"
                | "input"
                | "link"
                | "meta"
                | "source"
                | "track"
                | "wbr"
        )
    }

    /// What of it a reader has to fetch.
    fn remote(&self) -> usize {
        let fetched = self.attributes().filter(|(name, value)| match *name {
            "src" | "background" | "poster" => is_remote(value),
            "data" => self.name == "object" && is_remote(value),
            "href" => (self.name == "link" || self.name == "image") && is_remote(value),
            "xlink:href" => is_remote(value),
            _ => false,
        });
        let sets = self.attribute("srcset").unwrap_or_default().split(',');
        let styles = self.attribute("style").unwrap_or_default();
        fetched.count() + sets.filter(|set| is_remote(set)).count() + remote_in_css(styles)
    }

    fn is_hidden(&self) -> bool {
        let style = self.attribute("style").unwrap_or_default();
        let style: String = style.split_whitespace().collect();
        self.attribute("hidden").is_some() || style.to_ascii_lowercase().contains("display:none")
    }
}

/// The pieces of HTML, as far as it is read.
pub(crate) fn nodes(html: &str) -> impl Iterator<Item = Node> {
    let html = start_of(html, MOST);
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    emitter.naively_switch_states(true);
    let mut lines = Lines {
        html,
        at: 0,
        line: 1,
    };
    let tokens = Tokenizer::new_with_emitter(html, emitter);
    // Reading from memory does not fail.
    tokens.flatten().filter_map(move |token| match token {
        Token::StartTag(tag) => {
            let line = lines.of(tag.span.start);
            Some(Node::Start(start(tag, line)))
        }
        Token::EndTag(tag) => Some(Node::End(string(&tag.name))),
        Token::String(text) => Some(Node::Text(string(&text.value))),
        _ => None,
    })
}

fn start(tag: StartTag<usize>, line: usize) -> Tag {
    let attributes = tag.attributes.iter();
    Tag {
        name: string(&tag.name),
        attributes: attributes
            .map(|(name, value)| (string(name), string(&value.value)))
            .collect(),
        line,
    }
}

fn string(text: &HtmlString) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// Counts lines on the way.
struct Lines<'h> {
    html: &'h str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, offset: usize) -> usize {
        if let Some(passed) = self.html.as_bytes().get(self.at..offset) {
            self.line += memchr::memchr_iter(b'\n', passed).count();
            self.at = offset;
        }
        self.line
    }
}

/// Reads HTML.
pub(crate) fn read(html: &str) -> Html {
    let mut reader = Reader::default();
    for node in nodes(html) {
        match node {
            Node::Start(tag) => reader.start(&tag),
            Node::End(name) => reader.end(&name),
            Node::Text(text) => reader.text(&text),
        }
    }
    reader.close_link();
    reader.html.text = reader.html.text.trim().to_owned();
    reader.html
}

#[derive(Default)]
struct Reader {
    html: Html,
    /// The element whose content is not seen, and how many of its name are open.
    unseen: Option<(String, usize)>,
    /// The link that is open.
    link: Option<Link>,
}

impl Reader {
    fn start(&mut self, tag: &Tag) {
        self.html.remote += tag.remote();
        if let Some((name, open)) = &mut self.unseen {
            *open += usize::from(*name == tag.name);
            return;
        }
        let is_unseen = matches!(
            tag.name.as_str(),
            "head" | "style" | "script" | "title" | "template" | "noscript" | "select"
        );
        if (is_unseen || tag.is_hidden()) && !tag.is_void() {
            self.unseen = Some((tag.name.clone(), 1));
            return;
        }
        if ends_line(&tag.name) {
            self.end_line();
        }
        match tag.name.as_str() {
            "a" | "area" => self.open_link(tag),
            "img" => self.image(tag.attribute("alt").unwrap_or_default()),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        // An unclosed head is closed by the body that follows it.
        let mut is_over = false;
        if let Some((unseen, open)) = &mut self.unseen {
            *open -= usize::from(unseen == name);
            is_over = *open == 0;
        }
        if is_over {
            self.unseen = None;
        } else if name == "a" {
            self.close_link();
        } else if ends_line(name) {
            self.end_line();
        }
    }

    fn text(&mut self, text: &str) {
        match &self.unseen {
            None => self.seen(text),
            Some((name, _)) if name == "style" || name == "head" => {
                self.html.remote += remote_in_css(text);
            }
            Some(_) => {}
        }
    }

    fn seen(&mut self, text: &str) {
        spaced(&mut self.html.text, text);
        if let Some(link) = &mut self.link {
            spaced(&mut link.text, text);
        }
    }

    /// A link is told by its image. Elsewhere, what an image says is no part of the text.
    fn image(&mut self, alt: &str) {
        if let Some(link) = &mut self.link {
            spaced(&mut link.text, alt);
        }
    }

    fn end_line(&mut self) {
        let text = &mut self.html.text;
        while text.ends_with(' ') {
            text.pop();
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
    }

    fn open_link(&mut self, tag: &Tag) {
        self.close_link();
        let url = tag.attribute("href").map(str::trim);
        self.link = url.filter(|url| !url.is_empty()).map(|url| Link {
            url: url.to_owned(),
            text: tag.attribute("alt").unwrap_or_default().to_owned(),
        });
    }

    fn close_link(&mut self) {
        if let Some(mut link) = self.link.take() {
            link.text = link.text.trim().to_owned();
            if self.html.links.len() < LINKS && !self.html.links.contains(&link) {
                self.html.links.push(link);
            }
        }
    }
}

/// Adds text, with one space for many.
fn spaced(to: &mut String, text: &str) {
    for c in text.chars() {
        // Padding of preview texts that nobody sees.
        if matches!(
            c,
            '\u{200b}'..='\u{200f}' | '\u{34f}' | '\u{ad}' | '\u{feff}' | '\u{2060}'
        ) {
            continue;
        }
        if !c.is_whitespace() {
            to.push(c);
        } else if !to.is_empty() && !to.ends_with([' ', '\n']) {
            to.push(' ');
        }
    }
}

fn ends_line(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "body"
            | "br"
            | "center"
            | "dd"
            | "div"
            | "dl"
            | "dt"
            | "figure"
            | "footer"
            | "form"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "header"
            | "hr"
            | "li"
            | "main"
            | "nav"
            | "ol"
            | "p"
            | "pre"
            | "section"
            | "table"
            | "td"
            | "th"
            | "tr"
            | "ul"
    )
}

/// Whether a browser would ask another machine for it.
pub(crate) fn is_remote(url: &str) -> bool {
    let url = url.trim_start();
    let starts = |scheme: &str| {
        let start = url.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    starts("http:") || starts("https:") || starts("//") || starts("ftp:")
}

/// How many URLs a style sheet fetches: `url(…)` and `@import "…"`.
fn remote_in_css(css: &str) -> usize {
    let urls = css
        .match_indices("url(")
        .map(|(at, found)| at + found.len());
    let imports = css
        .match_indices("@import")
        .map(|(at, found)| at + found.len());
    urls.chain(imports)
        .filter_map(|at| css.get(at..))
        .filter(|rest| is_remote(rest.trim_start().trim_start_matches(['"', '\''])))
        .count()
}

/// The URLs in plain text.
pub(crate) fn urls(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"'));
    words.filter_map(|word| {
        let start = ["https://", "http://", "mailto:"]
            .into_iter()
            .filter_map(|scheme| word.find(scheme))
            .min()?;
        let url = word
            .get(start..)?
            .trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', ']', '*']);
        // A bracket that closes what opened before the URL.
        let url = if url.contains('(') {
            url
        } else {
            url.trim_end_matches(')')
        };
        (url.len() > "https://".len()).then_some(url)
    })
}

#[cfg(test)]
mod tests {
    use super::{read, urls};

    #[test]
    fn hidden_text_is_not_read() {
        let html = "<head><title>T</title><style>p{}</style></head><div style='DISPLAY : none'>pre\
            <div>x</div></div><p>Hello&nbsp;<b>Ann</b>,</p><p>bye<script>no()</script><br>now &lt;3";
        assert_eq!(read(html).text, "Hello Ann,\nbye\nnow <3");
    }

    #[test]
    fn links_have_the_text_that_is_seen() {
        let html = "<a href=' https://a.example/?x=1&amp;y=2 '>One <i>two</i></a><a name=x>no</a>\
            <a href='#b'><img alt='Logo' src=cid:1></a>";
        let links = read(html).links;
        let seen: Vec<_> = links
            .iter()
            .map(|link| (link.url.as_str(), link.text.as_str()))
            .collect();
        assert_eq!(
            seen,
            [("https://a.example/?x=1&y=2", "One two"), ("#b", "Logo")]
        );
    }

    #[test]
    fn what_is_fetched_is_counted() {
        let html = "<style>@import 'https://a/b.css'; p{background:url(\"//a/c.png\")}</style>\
            <link rel=stylesheet href=https://a/d><img src=HTTP://a/e srcset='https://a/f 2x, https://a/g 3x'>\
            <img src=cid:1><img src=data:,><td background=https://a/h><p style='background:url(https://a/i)'>\
            <a href=https://a/j>x</a>";
        assert_eq!(read(html).remote, 8);
    }

    #[test]
    fn urls_end_where_the_sentence_goes_on() {
        let text = "See (https://a.example/x), <http://b.example/y?z=1> or https://c.example/d_(e). mailto:ann@example.com!";
        let found: Vec<_> = urls(text).collect();
        assert_eq!(
            found,
            [
                "https://a.example/x",
                "http://b.example/y?z=1",
                "https://c.example/d_(e)",
                "mailto:ann@example.com"
            ]
        );
    }
}
