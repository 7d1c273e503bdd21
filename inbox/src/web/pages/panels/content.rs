//! The views of what a mail says.

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::{Choice, Choices};
use crate::check::Finding;
use crate::mail::Mail;
use crate::view::{Difference, Part, Side};
use crate::web::pages::frame;
use crate::web::pages::parts;
use crate::web::pages::site::{Site, url_query};

/// So much text is shown on a page.
const TEXT: usize = 1 << 20;
/// So many links and codes are.
const FINDS: usize = 200;

const WIDTHS: [(&str, &str); 4] = [("375", "375"), ("600", "600"), ("768", "768"), ("", "Full")];

const SCHEMES: [(&str, &str, &str); 3] = [
    ("", "As sent", "Its light colours"),
    (
        "author-dark",
        "Author’s dark",
        "The dark colours that its style sheet has, if it has any",
    ),
    (
        "inverted",
        "Inverted",
        "What programs do that make mails dark by force",
    ),
];

/// A piece of a text: a link or not.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Piece<'a> {
    text: &'a str,
    is_link: bool,
}

/// The HTML, in its frame.
pub(super) fn html(site: &Site, mail: &Mail, choices: &Choices) -> Value {
    let view = mail.view();
    let known = |value: &str| SCHEMES.iter().any(|(scheme, ..)| *scheme == value);
    let scheme = Some(choices.scheme.as_str()).filter(|scheme| known(scheme));
    let scheme = scheme.unwrap_or_default();
    let is_wide = |value: &str| WIDTHS.iter().any(|(width, _)| *width == value);
    let width = Some(choices.width.as_str()).filter(|width| is_wide(width));
    let width = width.unwrap_or_default();
    let is_remote = choices.remote == "1";
    let href = |width: &str, scheme: &str, remote: bool| href(site, mail, width, scheme, remote);
    let widths = WIDTHS.map(|(value, label)| Choice {
        label,
        href: href(value, scheme, is_remote),
        current: value == width,
        ..Choice::default()
    });
    let schemes = SCHEMES.map(|(value, label, title)| Choice {
        label,
        title,
        href: href(width, value, is_remote),
        current: value == scheme,
        ..Choice::default()
    });
    context! {
        found => view.html.is_some(),
        widths => Serde(widths),
        schemes => Serde(schemes),
        width => if width.is_empty() { "full".to_owned() } else { format!("w{width}") },
        emulates => emulates(scheme),
        remote => view.remote,
        is_remote,
        remote_href => href(width, scheme, !is_remote),
        cut => view.html.as_ref().is_some_and(|html| html.len() > frame::LENGTH),
        frame => frame_href(site, mail, scheme, is_remote),
    }
}

fn href(site: &Site, mail: &Mail, width: &str, scheme: &str, remote: bool) -> String {
    let some = |value| Some(value).filter(|value: &&str| !value.is_empty());
    let query = url_query(&[
        ("q", some(&site.asked.q)),
        ("box", site.asked.mailbox.as_deref()),
        ("width", some(width)),
        ("scheme", some(scheme)),
        ("remote", remote.then_some("1")),
    ]);
    format!("{}/m/{}/html{query}", site.base, mail.id)
}

fn frame_href(site: &Site, mail: &Mail, scheme: &str, remote: bool) -> String {
    let scheme = if scheme.is_empty() {
        "author-light"
    } else {
        scheme
    };
    let query = url_query(&[
        ("scheme", Some(scheme)),
        ("remote", Some(if remote { "1" } else { "0" })),
    ]);
    format!("{}/m/{}/frame{query}", site.base, mail.id)
}

/// What a view in other colours is worth, in words.
fn emulates(scheme: &str) -> Option<&'static str> {
    match scheme {
        "author-dark" => Some(
            "As a program shows it that prefers dark and obeys the mail’s own style: Apple Mail, Thunderbird. Without dark style it stays as it is.",
        ),
        "inverted" => Some(
            "An emulation: all colours inverted, pictures not. Gmail on iOS and Outlook on Windows do something of the kind, each in its own way.",
        ),
        _ => None,
    }
}

/// The plain text, with its links.
pub(super) fn text(mail: &Mail) -> Value {
    let text = mail.view().text.as_deref();
    let shown = cut(text.unwrap_or_default(), TEXT);
    context! {
        found => !shown.trim().is_empty(),
        is_empty => text.is_some(),
        cut => shown.len() < text.map_or(0, str::len),
        pieces => Serde(pieces(shown)),
    }
}

/// Cuts a text into links and what is between them.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = link_start(rest) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|char: char| char.is_whitespace() || "<>\"".contains(char));
        let link = from.split_at(end.unwrap_or(from.len())).0;
        let link = link.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '\'', '*']);
        pieces.push(Piece {
            text: before,
            is_link: false,
        });
        pieces.push(Piece {
            text: link,
            is_link: true,
        });
        rest = from.split_at(link.len()).1;
    }
    pieces.push(Piece {
        text: rest,
        is_link: false,
    });
    pieces
}

/// Where the first link starts that has something behind its scheme.
fn link_start(text: &str) -> Option<usize> {
    let starts = text.match_indices("http").map(|(at, _)| at);
    let mut starts = starts.filter(|at| {
        let rest = text.get(*at..).unwrap_or_default();
        let host = rest
            .strip_prefix("https://")
            .or_else(|| rest.strip_prefix("http://"));
        host.is_some_and(|host| host.starts_with(char::is_alphanumeric))
    });
    starts.next()
}

/// The start of a text, at most so many octets of it.
fn cut(text: &str, length: usize) -> &str {
    let end = text.floor_char_boundary(length);
    text.get(..end).unwrap_or(text)
}

/// What only one of text and HTML says.
pub(super) fn differ(mail: &Mail, differences: &[Difference]) -> Value {
    let view = mail.view();
    let only = |side: Side| -> Vec<Value> {
        let differences = differences.iter().filter(|one| one.only_in == side);
        differences.map(|one| Value::from(&one.what)).collect()
    };
    context! {
        both => view.text.is_some() && view.html.is_some(),
        has => match (&view.text, &view.html) {
            (Some(_), _) => "text but no HTML",
            (_, Some(_)) => "HTML but no text",
            _ => "neither text nor HTML",
        },
        text => only(Side::Text),
        html => only(Side::Html),
    }
}

/// The tree of parts.
pub(super) fn tree(mail: &Mail) -> Value {
    context! { tree => node(&mail.view().tree) }
}

fn node(part: &Part) -> Value {
    let children: Vec<_> = part.children.iter().map(node).collect();
    context! {
        is_picture => parts::is_picture(&part.content_type),
        ..context! { children, ..Serde(part) }
    }
}

/// The octets, or the HTML, as written.
pub(super) fn source(site: &Site, mail: &Mail, choices: &Choices) -> Value {
    let of_html = choices.of == "html";
    let base = format!("{}/m/{}/source", site.base, mail.id);
    let asked = &site.asked;
    let link = |of: Option<&str>| {
        let q = Some(asked.q.as_str()).filter(|q| !q.is_empty());
        let query = url_query(&[("q", q), ("box", asked.mailbox.as_deref()), ("of", of)]);
        format!("{base}{query}")
    };
    let choices = [
        Choice {
            label: "Mail",
            href: link(None),
            current: !of_html,
            ..Choice::default()
        },
        Choice {
            label: "HTML",
            href: link(Some("html")),
            current: of_html,
            ..Choice::default()
        },
    ];
    let html = mail.view().html.as_deref().unwrap_or_default();
    let octets = if of_html { html.as_bytes() } else { &*mail.raw };
    let shown = octets.get(..TEXT).unwrap_or(octets);
    context! {
        choices => Serde(choices),
        octets => octets.len(),
        cut => shown.len() < octets.len(),
        text => String::from_utf8_lossy(shown),
    }
}

/// What is found in a mail, for below its text: attachments, links, codes.
pub(super) fn finds(mail: &Mail, findings: &[Finding]) -> Value {
    let view = mail.view();
    let attachments: Vec<_> = view
        .attachments
        .iter()
        .map(|part| {
            let is_inline = part.disposition.as_deref() == Some("inline");
            context! { is_inline, ..Serde(part) }
        })
        .collect();
    let links: Vec<_> = view
        .links
        .iter()
        .take(FINDS)
        .map(|link| {
            let is_web = ["http://", "https://"].iter().any(|scheme| {
                let start = link.url.get(..scheme.len());
                start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            });
            context! { is_web, url => &link.url, text => &link.text }
        })
        .collect();
    let unsubscribe = findings
        .iter()
        .find(|finding| finding.check.eq_ignore_ascii_case("list-unsubscribe"));
    context! {
        attachments,
        links,
        codes => view.codes.clone(),
        unsubscribe => unsubscribe.map(|finding| &finding.summary),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_cut_out_of_text() {
        let text = "See https://example.com/a?b=c. Or (http://x.test/), not http:// or httpx";
        let links: Vec<_> = pieces(text)
            .into_iter()
            .filter(|piece| piece.is_link)
            .map(|piece| piece.text)
            .collect();
        assert_eq!(links, ["https://example.com/a?b=c", "http://x.test/"]);
        let all: String = pieces(text).iter().map(|piece| piece.text).collect();
        assert_eq!(all, text);
    }
}
