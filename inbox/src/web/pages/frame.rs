//! The HTML of a mail, as a document of its own. It has no origin, no script and no network, whatever it says; so nothing in it has to
//! be taken out, and who wrote the mail sees what he wrote.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query as UrlQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use encodify::base64;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::parts;
use crate::inbox::Shared;
use crate::mail::Mail;
use crate::view::Part;

/// So many octets of HTML are shown.
pub(super) const LENGTH: usize = 5 << 20;
/// So many octets of pictures are put in.
const PICTURES: usize = 10 << 20;

/// In which colours a mail is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Scheme {
    #[default]
    AuthorLight,
    AuthorDark,
    Inverted,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Options {
    scheme: Scheme,
    remote: u8,
}

/// The document.
pub(super) async fn show(
    Path(id): Path<String>,
    UrlQuery(options): UrlQuery<Options>,
    State(shared): State<Arc<Shared>>,
) -> Response {
    let document = parts::find(&shared, &id).await;
    let document = document.and_then(|mail| document_of(&mail, options.scheme));
    let Some(document) = document else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy(options.remote == 1)),
        (header::X_DNS_PREFETCH_CONTROL, "off".to_owned()),
    ];
    (headers, document).into_response()
}

/// What the document may do. The words of `sandbox` are those of the frame too; here they keep a direct visit harmless.
fn policy(remote: bool) -> String {
    let pictures = if remote {
        "data: http: https:"
    } else {
        "data:"
    };
    format!(
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src {pictures}; \
         style-src 'unsafe-inline'; font-src data:; media-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
}

fn document_of(mail: &Mail, scheme: Scheme) -> Option<String> {
    let view = mail.view();
    let html = view.html.as_deref()?;
    let html = unconnected(html.get(..html.floor_char_boundary(LENGTH))?);
    let (doctype, rest) = html.split_at(doctype_end(&html));
    let mut document = String::with_capacity(html.len() + 512);
    document.push_str(doctype);
    document.push_str(r#"<base target="_blank">"#);
    document.push_str(scheme.style(&html));
    Rewriter::new(mail, scheme).rewrite(rest, &mut document);
    Some(document)
}

/// Elements that make a browser connect to other servers, or prefetch from them, although the policy forbids what they are for.
const CONNECTING: [(&str, &str); 3] = [
    ("<link", "<meta"),
    ("<iframe", "<xframe"),
    ("<frame", "<xframe"),
];

/// The same, without elements that connect. Wherever their names are written they are changed, also where they are no tags: so it does
/// not matter who reads HTML in which way.
fn unconnected(html: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let mut without = String::with_capacity(html.len());
    let mut at = 0;
    for (start, _) in lower.match_indices('<') {
        let rest = lower.get(start..).unwrap_or_default();
        let connecting = CONNECTING.iter().find(|(name, _)| rest.starts_with(name));
        if let Some((name, instead)) = connecting {
            push(&mut without, html, at, start);
            without.push_str(instead);
            at = start + name.len();
        }
    }
    push(&mut without, html, at, html.len());
    without
}

/// Where `<!doctype …>` ends, if there is one: what is put before it would change how the mail is laid out.
fn doctype_end(html: &str) -> usize {
    let start = html.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let is_doctype = start
        .get(..9)
        .is_some_and(|start| start.eq_ignore_ascii_case("<!doctype"));
    match start.find('>') {
        Some(end) if is_doctype => html.len() - start.len() + end + 1,
        _ => 0,
    }
}

impl Scheme {
    /// What makes the frame light or dark. A frame without origin is not told what the page around it prefers.
    fn style(self, html: &str) -> &'static str {
        match self {
            Self::AuthorDark if html.contains("color-scheme") => {
                "<style>:root{color-scheme:dark}</style>"
            }
            Self::AuthorLight | Self::AuthorDark => "<style>:root{color-scheme:light}</style>",
            Self::Inverted => concat!(
                "<style>:root{color-scheme:light;background:#fff;filter:invert(1) hue-rotate(180deg)}",
                "img,picture,video,svg,[background]{filter:invert(1) hue-rotate(180deg)}</style>"
            ),
        }
    }

    /// A media feature that is always there, or never: the mail's question, answered.
    fn answer(self, wanted: &str) -> &'static str {
        let is_dark = self == Self::AuthorDark;
        let is_so = match wanted.trim() {
            "dark" => is_dark,
            "light" => !is_dark,
            _ => true,
        };
        if is_so {
            "(min-width:0)"
        } else {
            "(min-width:9999999px)"
        }
    }
}

/// Goes through tags and style sheets: puts pictures of the mail itself in the place of their `cid:` names, and answers what the mail
/// asks about colours. All else stays.
struct Rewriter<'a> {
    mail: &'a Mail,
    scheme: Scheme,
    pictures: HashMap<&'a str, &'a Part>,
    /// How much more may be put in.
    left: usize,
}

impl<'a> Rewriter<'a> {
    fn new(mail: &'a Mail, scheme: Scheme) -> Self {
        let mut pictures = HashMap::new();
        collect(&mail.view().tree, &mut pictures);
        Self {
            mail,
            scheme,
            pictures,
            left: PICTURES,
        }
    }

    fn rewrite(&mut self, html: &str, into: &mut String) {
        let lower = html.to_ascii_lowercase();
        let mut at = 0;
        while let Some((start, end)) = next_tag(&lower, at) {
            push(into, html, at, start);
            // What is in a style element belongs to its tag.
            let end = match lower.get(start..end) {
                Some(tag) if is_style(tag) => find(&lower, "</style", end).unwrap_or(lower.len()),
                _ => end,
            };
            self.rewrite_piece(
                html.get(start..end).unwrap_or_default(),
                lower.get(start..end).unwrap_or_default(),
                into,
            );
            at = end;
        }
        push(into, html, at, html.len());
    }

    /// A tag, or a style sheet.
    fn rewrite_piece(&mut self, piece: &str, lower: &str, into: &mut String) {
        let mut at = 0;
        while let Some(found) = next_name(lower, at) {
            let replaced = match found {
                Name::Cid(start) => self.picture(piece, start),
                Name::Scheme(start) => self.question(lower, start, at),
            };
            let next = match &replaced {
                Some((start, end, text)) => {
                    push(into, piece, at, *start);
                    into.push_str(text);
                    *end
                }
                None => {
                    let end = found.start() + found.length();
                    push(into, piece, at, end);
                    end
                }
            };
            at = next;
        }
        push(into, piece, at, piece.len());
    }

    /// `cid:NAME` from `start` on, and the picture for it.
    fn picture(&mut self, piece: &str, start: usize) -> Option<(usize, usize, String)> {
        let before = piece.get(..start)?.chars().next_back()?;
        if !"\"'(=,; \t\r\n".contains(before) {
            return None;
        }
        let rest = piece.get(start + 4..)?;
        let ends = |char: char| char.is_whitespace() || "\"'<>),".contains(char);
        let name = rest.split(ends).next()?;
        let decoded = percent_decode_str(name).decode_utf8().ok()?;
        let part = *self.pictures.get(&*decoded.replace("&amp;", "&"))?;
        let octets = self.mail.part_bytes(&part.path)?;
        let url = format!(
            "data:{};base64,{}",
            part.content_type,
            base64::STANDARD.encode(octets)
        );
        self.left = self.left.checked_sub(url.len())?;
        Some((start, start + 4 + name.len(), url))
    }

    /// `(prefers-color-scheme: dark)` around `start`, and the answer to it.
    fn question(&self, lower: &str, start: usize, from: usize) -> Option<(usize, usize, String)> {
        let before = lower.get(from..start)?.trim_end();
        let open = before.strip_suffix('(')?.len() + from;
        let end = start + lower.get(start..)?.find(')')?;
        let asked = lower.get(start + SCHEME.len()..end)?.trim_start();
        let wanted = asked.strip_prefix(':').unwrap_or(asked);
        Some((open, end + 1, self.scheme.answer(wanted).to_owned()))
    }
}

const SCHEME: &str = "prefers-color-scheme";

/// What is replaced in tags and style sheets.
#[derive(Clone, Copy)]
enum Name {
    Cid(usize),
    Scheme(usize),
}

impl Name {
    fn start(self) -> usize {
        match self {
            Self::Cid(start) | Self::Scheme(start) => start,
        }
    }

    fn length(self) -> usize {
        match self {
            Self::Cid(_) => "cid:".len(),
            Self::Scheme(_) => SCHEME.len(),
        }
    }
}

fn next_name(lower: &str, at: usize) -> Option<Name> {
    let cid = find(lower, "cid:", at).map(Name::Cid);
    let scheme = find(lower, SCHEME, at).map(Name::Scheme);
    let names = cid.into_iter().chain(scheme);
    names.min_by_key(|name| name.start())
}

/// Start and end of the next tag. Comments are stepped over.
fn next_tag(lower: &str, mut at: usize) -> Option<(usize, usize)> {
    loop {
        let start = find(lower, "<", at)?;
        let rest = lower.get(start..)?;
        if rest.starts_with("<!--") {
            at = find(lower, "-->", start + 4)?;
            continue;
        }
        let name = rest.strip_prefix('<').unwrap_or_default();
        if name.starts_with(|char: char| char.is_ascii_alphabetic()) {
            return Some((start, start + tag_length(rest)));
        }
        at = start + 1;
    }
}

/// The length of a tag, quotes minded.
fn tag_length(tag: &str) -> usize {
    let mut quote = None;
    for (at, octet) in tag.bytes().enumerate() {
        match (quote, octet) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(octet),
            (Some(open), octet) if open == octet => quote = None,
            _ => {}
        }
    }
    tag.len()
}

fn is_style(tag: &str) -> bool {
    tag.strip_prefix("<style")
        .is_some_and(|rest| !rest.starts_with(|char: char| char.is_ascii_alphanumeric()))
}

fn find(text: &str, what: &str, from: usize) -> Option<usize> {
    text.get(from..)?.find(what).map(|at| at + from)
}

fn push(into: &mut String, text: &str, from: usize, to: usize) {
    into.push_str(text.get(from..to).unwrap_or_default());
}

/// The parts that a `cid:` URL may mean, by their names.
fn collect<'a>(part: &'a Part, pictures: &mut HashMap<&'a str, &'a Part>) {
    let is_picture = part.content_type.starts_with("image/");
    if let Some(name) = part.content_id.as_deref().filter(|_| is_picture) {
        pictures.entry(name).or_insert(part);
    }
    for child in &part.children {
        collect(child, pictures);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(html: &str, scheme: Scheme) -> String {
        let mail = Mail::new(1, jiff::Timestamp::UNIX_EPOCH, arrival());
        let mut into = String::new();
        Rewriter::new(&mail, scheme).rewrite(html, &mut into);
        into
    }

    /// A mail with a picture of one octet.
    fn arrival() -> crate::mail::Arrival {
        let raw = "MIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-ID: <a@b>\r\n\r\nx";
        crate::mail::Arrival {
            mailbox: String::new(),
            envelope: Default::default(),
            session: Default::default(),
            reply: None,
            raw: raw.into(),
            transcript: Default::default(),
        }
    }

    #[test]
    fn what_is_no_name_of_a_picture_stays() {
        let html = "<p title='cid:none'>cid:a@b</p><!-- <img src=cid:a@b> --><a href=xcid:a@b>é<";
        assert_eq!(rewritten(html, Scheme::AuthorLight), html);
    }

    #[test]
    fn pictures_of_the_mail_are_put_in() {
        let html = "<IMG SRC=cid:a@b><b style=\"background:url(CID:a%40b)\"><style>i{background:url('cid:a@b')}";
        let url = "data:image/png;base64,eA==";
        let shown = format!(
            "<IMG SRC={url}><b style=\"background:url({url})\"><style>i{{background:url('{url}')}}"
        );
        assert_eq!(rewritten(html, Scheme::AuthorLight), shown);
    }

    #[test]
    fn questions_about_colours_are_answered() {
        let html = "<style>@media ( prefers-color-scheme : dark ) {}</style><p>(prefers-color-scheme:dark)";
        assert!(rewritten(html, Scheme::AuthorDark).starts_with("<style>@media (min-width:0) {}"));
        let never = rewritten(html, Scheme::AuthorLight);
        assert!(never.starts_with("<style>@media (min-width:9999999px) {}"));
        assert!(never.ends_with("<p>(prefers-color-scheme:dark)"));
    }

    #[test]
    fn nothing_connects() {
        let html =
            "<!--><LiNK rel=preconnect href=//x><p a=b'><link/rel=prefetch>'<IFRAME src=//x>";
        assert_eq!(
            unconnected(html),
            "<!--><meta rel=preconnect href=//x><p a=b'><meta/rel=prefetch>'<xframe src=//x>"
        );
    }

    #[test]
    fn the_doctype_stays_in_front() {
        assert_eq!(doctype_end("\u{feff} <!DOCTYPE html><p>"), 19);
        assert_eq!(doctype_end("<p>"), 0);
        assert_eq!(doctype_end("<!doctype"), 0);
    }
}
