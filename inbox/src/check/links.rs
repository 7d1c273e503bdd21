//! Links, by what they look like.

use super::{Case, Finding, Notes, many};
use crate::view::Link;

pub(super) fn check(case: &Case<'_>) -> Option<Finding> {
    let links = &case.view.links;
    if links.is_empty() {
        return None;
    }
    let mut notes = Notes::new("Links");
    for link in links {
        look_at(link, &mut notes);
    }
    Some(notes.finding(&many(links.len(), "link")))
}

fn look_at(link: &Link, notes: &mut Notes) {
    let url = link.url.as_str();
    let lower = url.to_ascii_lowercase();
    let (scheme, rest) = lower.split_once(':').unwrap_or(("", &lower));
    match scheme {
        _ if ["{{", "%7b%7b", "{%", "<%", "[[", "*|"]
            .iter()
            .any(|mark| lower.contains(mark)) =>
        {
            notes.fail(format!("{url} has a place in it that was not filled in"));
        }
        "" if lower.starts_with('#') => {}
        "" => notes.fail(format!(
            "{url} is relative; a mail has no address that it could be relative to"
        )),
        "javascript" | "vbscript" | "data" | "file" => {
            notes.fail(format!("{url} is opened by no reader"))
        }
        "http" => notes.look(format!("{url} is not encrypted")),
        _ => {}
    }
    let Some(host) = host(rest) else {
        return;
    };
    if is_local(host) {
        notes.look(format!("{url} leads to a machine that only you can reach"));
    }
    if let Some(shown) = shown_host(&link.text).filter(|shown| !is_same_site(shown, host)) {
        notes.fail(format!(
            "{url} is shown as {shown}, which readers take for fraud"
        ));
    }
}

/// The host of what follows a scheme, without user and port.
fn host(rest: &str) -> Option<&str> {
    let authority = rest.strip_prefix("//")?.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.strip_prefix('[') {
        Some(literal) => literal.split(']').next()?,
        None => host.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

fn is_local(host: &str) -> bool {
    let is_name = host == "localhost" || !host.contains(['.', ':']);
    let ends = [".localhost", ".local", ".test", ".internal", ".invalid"];
    let address: Option<std::net::IpAddr> = host.parse().ok();
    let is_private = match address {
        Some(std::net::IpAddr::V4(address)) => address.is_private() || address.is_loopback(),
        Some(std::net::IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        None => false,
    };
    is_name || is_private || ends.iter().any(|end| host.ends_with(end))
}

/// The host that a text seems to name: `www.example.com/x`.
fn shown_host(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let bare = text
        .split_once("://")
        .map_or(text.as_str(), |(_, rest)| rest);
    let host = bare.split(['/', '?', '#', ':']).next()?;
    let (_, end) = host.rsplit_once('.')?;
    let is_end = end.len() >= 2 && end.chars().all(char::is_alphabetic);
    // `Read more...` and `file.pdf` are no hosts; with a scheme or `www` there is no doubt.
    let is_sure = text.contains("://") || host.starts_with("www.");
    let is_host =
        !bare.contains(char::is_whitespace) && host.split('.').all(|label| !label.is_empty());
    (is_host && is_end && !text.contains('@') && (is_sure || is_well_known(end)))
        .then(|| host.to_owned())
}

fn is_well_known(end: &str) -> bool {
    matches!(
        end,
        "com" | "org" | "net" | "io" | "de" | "co" | "eu" | "uk" | "fr" | "app" | "dev"
    )
}

/// Whether one is the other, or below it.
fn is_same_site(one: &str, other: &str) -> bool {
    let plain = |host: &str| host.strip_prefix("www.").unwrap_or(host).to_owned();
    let (one, other) = (plain(one), plain(other));
    one == other || one.ends_with(&format!(".{other}")) || other.ends_with(&format!(".{one}"))
}
