//! `posthaste check`: looks at the mail server, and says what is wrong and what to change.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};

use anstyle::{AnsiColor, Style};
use posthaste::check::{Certificate, Diagnosis, LoginResult};

use crate::args::{Check, Globals};
use crate::exit::{Exit, Failure};
use crate::settings::visible;

/// Looks, and prints what was found.
pub(crate) fn run(args: &Check, globals: &Globals) -> Result<Exit, Failure> {
    let mailer = globals.mailer()?;
    let mailer = match &args.using.using {
        Some(alias) => mailer.using(alias),
        None => mailer,
    };
    let found = mailer.blocking().check()?;
    let text = if args.json {
        // Text, numbers and lists of them can always be written.
        serde_json::to_string(&found).unwrap_or_default() + "\n"
    } else if io::stdout().is_terminal() {
        table(&found)
    } else {
        lines(&found)
    };
    let written = anstream::stdout().write_all(text.as_bytes());
    written.map_err(|error| Failure::output(&error))?;
    Ok(match found.is_fine() {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

/// A line of what was found.
struct Row {
    name: &'static str,
    text: String,
}

fn rows(found: &Diagnosis) -> Vec<Row> {
    let tls = found.tls_version.as_ref().map(|version| {
        let cipher = found.tls_cipher.as_deref().unwrap_or_default();
        format!("{version}, {cipher}")
    });
    let greeting = found.greeting.as_ref().map(ToString::to_string);
    let offers = |lines: &[String]| (!lines.is_empty()).then(|| lines.join(", "));
    let time = found
        .round_trip
        .map(|time| format!("{:.1} ms", time.as_secs_f64() * 1000.0));
    let mut rows = Vec::new();
    let mut row = |name, text: Option<String>| rows.extend(text.map(|text| Row { name, text }));
    row("server", Some(found.server.clone()));
    row("greeting", greeting);
    row("offers", offers(&found.offered));
    row("TLS", tls);
    if let Some(certificate) = &found.certificate {
        for (name, text) in about(certificate) {
            row(name, Some(text));
        }
    }
    row("offers under TLS", offers(&found.offered_under_tls));
    row("login", found.login.as_ref().map(login));
    row("round trip", time);
    for problem in &found.problems {
        row("problem", Some(problem.what.clone()));
        row("what to do", Some(problem.advice.clone()));
    }
    let result = match found.is_fine() {
        true => "mail can be sent this way",
        false => "mail cannot be sent this way",
    };
    row("result", Some(result.to_owned()));
    rows
}

fn about(certificate: &Certificate) -> [(&'static str, String); 3] {
    let Certificate {
        not_before,
        not_after,
        ..
    } = certificate;
    let names = match certificate.names.as_slice() {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    };
    [
        ("certificate for", names),
        ("vouched for by", certificate.issuer.clone()),
        ("good", format!("from {not_before} to {not_after}")),
    ]
}

fn login(login: &LoginResult) -> String {
    let mechanism = login.mechanism.as_deref().unwrap_or("none");
    let verdict = if login.is_accepted {
        "accepted"
    } else {
        "refused"
    };
    let reply = login.reply.as_ref().map(|reply| format!(" ({reply})"));
    format!("{mechanism}, {verdict}{}", reply.unwrap_or_default())
}

/// For a pipe: name and text with a tab between them.
fn lines(found: &Diagnosis) -> String {
    let line = |row: Row| format!("{}\t{}\n", row.name, visible(&row.text));
    rows(found).into_iter().map(line).collect()
}

fn table(found: &Diagnosis) -> String {
    let rows = rows(found);
    let width = rows
        .iter()
        .map(|row| row.name.len())
        .max()
        .unwrap_or_default();
    let bold = Style::new().bold();
    let colour = |name| match (name, found.is_fine()) {
        ("problem", false) => bold.fg_color(Some(AnsiColor::Red.into())),
        ("problem", true) => bold.fg_color(Some(AnsiColor::Yellow.into())),
        _ => bold,
    };
    let mut text = String::new();
    for Row { name, text: what } in rows {
        let style = colour(name);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{style}{name:width$}{style:#}  {}", visible(&what));
    }
    text
}
