//! All that came, as one file.

use std::fmt::Write;
use std::sync::Arc;

use super::want::line;
use crate::fault::Listed;
use crate::mail::Mail;
use crate::transcript::{Line, Speaker};

/// The page's head. It allows no script and no request, whatever a mail holds.
const HEAD: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Posthaste inbox</title>\
<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">\
<style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.875rem}</style><h1>Posthaste inbox</h1>";

/// A page with all mails and rules.
pub(super) fn page(mails: &[Arc<Mail>], faults: &[Listed]) -> String {
    let mut page = HEAD.to_owned();
    // Writing into a string does not fail.
    let _ = write!(page, "<p>{} mails</p>", mails.len());
    for fault in faults {
        let rule = escaped(&fault.rule.to_string());
        let _ = write!(
            page,
            "<p>Fault rule, {} hits: <code>{rule}</code></p>",
            fault.hits
        );
    }
    for mail in mails {
        section(&mut page, mail);
    }
    page
}

fn section(page: &mut String, mail: &Mail) {
    let text = mail.view().text.clone().unwrap_or_default();
    let transcript: String = mail.transcript.iter().map(shown).collect();
    let raw = String::from_utf8_lossy(&mail.raw);
    let _ = write!(page, "<h2>{}</h2>", escaped(&line(mail)));
    for (name, content, open) in [
        ("Text", text.as_str(), " open"),
        ("Transcript", &transcript, ""),
        ("Source", &raw, ""),
    ] {
        let content = escaped(content);
        let _ = write!(
            page,
            "<details{open}><summary>{name}</summary><pre>{content}</pre></details>"
        );
    }
}

fn shown(line: &Line) -> String {
    let speaker = match line.speaker {
        Speaker::Client => 'C',
        Speaker::Server => 'S',
        Speaker::Event => '*',
    };
    let joined = if line.joined { '|' } else { ' ' };
    format!(
        "{:9.3} {speaker} {joined} {}\n",
        line.at.as_secs_f64() * 1000.0,
        line.text
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
