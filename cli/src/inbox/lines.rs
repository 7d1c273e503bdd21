//! What is said of mails on a terminal.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::units;

/// So wide are sender and recipient, so that subjects stand below each other.
const COLUMN: usize = 40;
/// So many characters of a subject are shown.
const SUBJECT: usize = 60;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const RED: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));
pub(super) const GREEN: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
pub(super) const BLUE: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Cyan)));

/// A mail in one line, from what the API tells in a row or in a summary.
pub(super) fn line(mail: &Value) -> String {
    let time = time(mail["received"].as_str().unwrap_or_default());
    let to = recipients(mail);
    let from = clean(&sender(mail));
    let first = clean(to.first().map_or("nobody", |to| to));
    let more = match mail["recipients"].as_u64().unwrap_or(to.len() as u64) {
        0 | 1 => String::new(),
        count => format!(" +{}", count - 1),
    };
    let width = [&from, &first, &more].map(|text| text.chars().count());
    let blanks = " ".repeat(COLUMN.saturating_sub(width.iter().sum()));
    let mut line = format!(
        "{DIM}{time}{DIM:#}  {from} {DIM}→{DIM:#} {first}{DIM}{more}{DIM:#}{blanks}  {BOLD}{}{BOLD:#}",
        subject(mail)
    );
    if let Some(size) = mail["size"].as_u64() {
        let _ = write!(line, "  {DIM}{}{DIM:#}", units::shown(size));
    }
    let attachments = mail["attachments"].as_array().map(Vec::len);
    let attachments = attachments.map_or_else(|| mail["attachments"].as_u64(), |n| Some(n as u64));
    match attachments {
        Some(0) | None => {}
        Some(1) => line += "  1 attachment",
        Some(n) => {
            let _ = write!(line, "  {n} attachments");
        }
    }
    let code = mail["code"].as_str().or(mail["codes"][0].as_str());
    if let Some(code) = code {
        let _ = write!(line, "  {BLUE}code {}{BLUE:#}", clean(code));
    }
    let refused = mail["refused"].as_u64().unwrap_or_default();
    match mail["taken"].as_bool() {
        Some(false) => {
            let _ = write!(line, "  {RED}refused{RED:#}");
        }
        _ if refused > 0 => {
            let _ = write!(line, "  {RED}{refused} refused{RED:#}");
        }
        _ => {}
    }
    line
}

/// The same with tabs, for programs.
pub(super) fn fields(mail: &Value) -> String {
    let fields = [
        mail["id"].to_string(),
        mail["received"].as_str().unwrap_or_default().to_owned(),
        sender(mail),
        recipients(mail).join(","),
        mail["subject"].as_str().unwrap_or_default().to_owned(),
    ];
    fields.map(|field| clean(&field)).join("\t")
}

/// The address that it is from: in a row, or else in a summary.
fn sender(mail: &Value) -> String {
    let from = mail["from"]
        .as_str()
        .or(mail["from"][0]["address"].as_str());
    let from = from.or(mail["envelope"]["mail_from"].as_str());
    from.filter(|from| !from.is_empty())
        .unwrap_or("<>")
        .to_owned()
}

fn recipients(mail: &Value) -> Vec<String> {
    let envelope = mail["envelope"]["rcpt_to"].as_array();
    let all = envelope
        .or(mail["to"].as_array())
        .map_or(&[][..], Vec::as_slice);
    all.iter()
        .filter_map(|to| to.as_str().or(to["address"].as_str()))
        .map(str::to_owned)
        .collect()
}

fn subject(mail: &Value) -> String {
    let subject = mail["subject"].as_str().unwrap_or_default();
    match subject.trim() {
        "" => "(no subject)".to_owned(),
        subject if subject.chars().count() > SUBJECT => {
            let cut: String = subject.chars().take(SUBJECT - 1).collect();
            clean(&cut) + "…"
        }
        subject => clean(subject),
    }
}

/// The time of day, here.
fn time(received: &str) -> String {
    let Ok(time) = received.parse::<Timestamp>() else {
        return "??:??:??".to_owned();
    };
    let here = time.to_zoned_datetime(TimeZone::system());
    here.strftime("%H:%M:%S").to_string()
}

/// Without what would make a terminal do things, or turn a line around.
pub(super) fn clean(text: &str) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    text.chars()
        .map(|c| if is_odd(c) { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_mail_is_one_line_that_does_nothing_to_the_terminal() {
        let mail = json!({
            "id": 3, "received": "2026-11-25T12:00:00Z", "from": "shop@example.com",
            "to": ["ann@example.com"], "recipients": 3, "subject": "Hi\u{1b}[2J\nthere\u{202e}",
            "size": 14_250, "attachments": 2, "code": "482913", "taken": false,
        });
        let line = anstream::adapter::strip_str(&line(&mail)).to_string();
        assert!(line.ends_with(
            "shop@example.com → ann@example.com +2        Hi?[2J?there?  14.2 kB  2 attachments  code 482913  refused"
        ), "{line}");
        assert_eq!(
            fields(&mail),
            "3\t2026-11-25T12:00:00Z\tshop@example.com\tann@example.com\tHi?[2J?there?"
        );
    }

    #[test]
    fn what_is_missing_is_said() {
        let mail = json!({"from": [], "to": [], "envelope": {"mail_from": "", "rcpt_to": []}, "subject": " "});
        let line = anstream::adapter::strip_str(&line(&mail)).to_string();
        assert_eq!(
            line,
            format!("??:??:??  <> → nobody{}  (no subject)", " ".repeat(32))
        );
    }
}
