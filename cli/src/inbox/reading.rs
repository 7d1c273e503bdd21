//! `posthaste inbox ls`, `show`, `wait` and `export`.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use posthaste::{Error, ErrorKind};
use serde_json::Value;

use super::args::{Export, Ls, Show, ViewArgs, Wait};
use super::client::{Client, Query};
use super::lines::{self, BOLD, DIM, GREEN, RED, clean};
use crate::exit::{Exit, Failure, complain, tell};

/// So many mails are asked for at once.
const PAGE: usize = 500;

/// Lists mails.
pub(super) fn ls(args: &Ls) -> Result<Exit, Failure> {
    let client = Client::of(&args.which)?;
    let mut left = args.limit;
    let mut before = None;
    while left > 0 {
        let query = Query::default()
            .with_words(&args.query)
            .with("limit", left.min(PAGE))
            .with_some("before", before);
        let page = client.json("/api/v1/messages", &query)?;
        let mails = page["messages"].as_array().map_or(&[][..], Vec::as_slice);
        print(
            &mails
                .iter()
                .map(|mail| listed(mail, args.json))
                .collect::<String>(),
        )?;
        left = left.saturating_sub(mails.len().max(1));
        before = page["before"].as_u64();
        if before.is_none() {
            break;
        }
    }
    Ok(Exit::Done)
}

fn listed(mail: &Value, json: bool) -> String {
    let line = match () {
        () if json => mail.to_string(),
        () if io::stdout().is_terminal() => {
            format!("{BOLD}{:>5}{BOLD:#}  {}", mail["id"], lines::line(mail))
        }
        () => lines::fields(mail),
    };
    line + "\n"
}

/// Prints a mail.
pub(super) fn show(args: &Show) -> Result<Exit, Failure> {
    let client = Client::of(&args.which)?;
    let path = format!("/api/v1/messages/{}", path_segment(&args.id)?);
    let ViewArgs {
        raw,
        html,
        headers,
        transcript,
        checks,
        json,
    } = args.view;
    let none = Query::default();
    let patience = Duration::from_secs(60);
    match () {
        () if raw || html => {
            let path = format!("{path}/{}", if raw { "raw" } else { "html" });
            let answer = client.get(&path, &none, patience)?.or_error()?;
            print_bytes(&answer.body)?;
        }
        () if headers => {
            let all = client.json(&format!("{path}/headers"), &none)?;
            print(&each(&all, |header| {
                format!(
                    "{BOLD}{}:{BOLD:#} {}\n",
                    text(&header["name"]),
                    text(&header["value"])
                )
            }))?;
        }
        () if transcript => {
            let all = client.json(&format!("{path}/transcript"), &none)?;
            print(&each(&all, spoken))?;
        }
        () if checks => {
            let all = client.json(&format!("{path}/checks"), &none)?;
            print(&each(&all, finding))?;
        }
        () if json => print(&(client.json(&path, &none)?.to_string() + "\n"))?,
        () => print(&whole(&client.json(&path, &none)?))?,
    }
    Ok(Exit::Done)
}

/// The number of a mail, or `latest`: nothing else may stand in a path.
fn path_segment(id: &str) -> Result<&str, Failure> {
    if id == "latest" || id.parse::<u64>().is_ok() {
        return Ok(id);
    }
    Err(Failure::usage(
        "ID",
        "expected the number of a mail, or latest",
    ))
}

fn each(all: &Value, line: impl FnMut(&Value) -> String) -> String {
    let all = all.as_array().map_or(&[][..], Vec::as_slice);
    all.iter().map(line).collect()
}

/// A text that a terminal may show.
fn text(value: &Value) -> String {
    clean(value.as_str().unwrap_or_default())
}

fn spoken(line: &Value) -> String {
    let millis = line["at_us"].as_u64().unwrap_or_default() / 1000;
    let (who, style) = match line["speaker"].as_str() {
        Some("client") => ("C", BOLD),
        Some("server") => ("S", anstyle::Style::new()),
        _ => ("*", DIM),
    };
    // What a client writes in one piece is worth to be seen; a server's answers have many lines anyway.
    let is_joined = line["joined"] == true && line["speaker"] == "client";
    let joined = if is_joined { "+" } else { " " };
    format!(
        "{DIM}{millis:>7} ms{DIM:#} {joined}{who} {style}{}{style:#}\n",
        text(&line["text"])
    )
}

fn finding(finding: &Value) -> String {
    let (word, style) = match finding["verdict"].as_str() {
        Some("fail") => ("fail", RED),
        Some("look") => ("look", BOLD),
        _ => ("ok  ", GREEN),
    };
    let mut lines = format!(
        "{style}{word}{style:#}  {}: {}\n",
        text(&finding["check"]),
        text(&finding["summary"])
    );
    lines += &each(&finding["details"], |detail| {
        format!("      {}\n", text(detail))
    });
    lines
}

/// A mail for people: what matters of the headers, then its text.
fn whole(mail: &Value) -> String {
    let addresses = |list: &Value| {
        let list = list.as_array().map_or(&[][..], Vec::as_slice);
        let list = list.iter().map(|one| match one["name"].as_str() {
            Some(name) => format!("{name} <{}>", text(&one["address"])),
            None => text(&one["address"]),
        });
        clean(&list.collect::<Vec<_>>().join(", "))
    };
    let bcc = mail["bcc"].as_array().map_or(&[][..], Vec::as_slice);
    let bcc: Vec<_> = bcc.iter().map(text).collect();
    let fields = [
        ("Subject", text(&mail["subject"])),
        ("From", addresses(&mail["from"])),
        ("To", addresses(&mail["to"])),
        ("Cc", addresses(&mail["cc"])),
        ("Bcc", bcc.join(", ")),
        ("Date", text(&mail["date"])),
    ];
    let fields = fields.iter().filter(|(_, value)| !value.is_empty());
    let mut shown: String = fields
        .map(|(name, value)| format!("{BOLD}{name}:{BOLD:#} {value}\n"))
        .collect();
    shown += &each(&mail["attachments"], |part| {
        let name = part["file_name"].as_str().unwrap_or("(no name)");
        format!(
            "{BOLD}Attachment:{BOLD:#} {} ({})\n",
            clean(name),
            text(&part["content_type"])
        )
    });
    let refused = mail["envelope"]["rcpt_to"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    for to in refused.iter().filter(|to| to["accepted"] == false) {
        shown += &format!(
            "{RED}Refused:{RED:#} {} {} {}\n",
            text(&to["address"]),
            to["code"],
            text(&to["message"])
        );
    }
    let body = mail["text"]
        .as_str()
        .or(mail["html"].as_str())
        .unwrap_or("(empty)");
    let body: Vec<_> = body.lines().map(clean).collect();
    format!("{shown}\n{}\n", body.join("\n"))
}

/// Waits for mail.
pub(super) fn wait(args: &Wait) -> Result<Exit, Failure> {
    let client = Client::of(&args.which)?;
    let after = match args.new {
        true => client.json("/api/v1/info", &Query::default())?["last"].as_u64(),
        false => args.after,
    };
    let mut words = args.query.clone();
    words.extend(args.code.then(|| "has:code".to_owned()));
    words.extend(args.link.then(|| "has:link".to_owned()));
    let query = Query::default()
        .with_some("to", args.to.as_ref())
        .with_some("from", args.from.as_ref())
        .with_some("subject", args.subject.as_ref())
        .with_words(&words)
        .with_some("after", after)
        .with("count", args.count)
        .with("timeout_ms", args.timeout.as_millis());
    let patience = args.timeout + Duration::from_secs(30);
    let answer = client.get("/api/v1/wait", &query, patience)?;
    if answer.status == 408 {
        return late(&answer.json()?);
    }
    let answer = answer.or_error()?.json()?;
    print(&each(&answer["messages"], |mail| waited(mail, args)))?;
    Ok(Exit::Done)
}

fn waited(mail: &Value, args: &Wait) -> String {
    let one = |value: &Value| {
        value
            .as_str()
            .map_or(String::new(), |text| clean(text) + "\n")
    };
    match () {
        () if args.code => one(&mail["codes"][0]),
        () if args.link => one(&mail["links"][0]["url"]),
        () => listed(mail, args.json),
    }
}

/// Says what came instead.
fn late(answer: &Value) -> Result<Exit, Failure> {
    complain(clean(answer["error"].as_str().unwrap_or("no mail came")));
    let others = answer["others"].as_array().map_or(&[][..], Vec::as_slice);
    if others.is_empty() {
        tell("no other mail came either");
    } else {
        tell("what came instead:");
        for mail in others {
            tell(format_args!("  {}", lines::line(mail)));
        }
    }
    Ok(Exit::Failed)
}

/// Writes mails into a folder.
pub(super) fn export(args: &Export) -> Result<Exit, Failure> {
    let client = Client::of(&args.which)?;
    let unwritable = |error: &io::Error| {
        let error = Error::new(ErrorKind::Io, format!("cannot write to it: {error}"));
        Failure::from(error.with_field(args.folder.display().to_string()))
    };
    fs::create_dir_all(&args.folder).map_err(|error| unwritable(&error))?;
    let mut before = None;
    let mut count = 0;
    loop {
        let query = Query::default()
            .with_words(&args.query)
            .with("limit", PAGE)
            .with_some("before", before);
        let page = client.json("/api/v1/messages", &query)?;
        let mails = page["messages"].as_array().map_or(&[][..], Vec::as_slice);
        // Numbers only: no name out of a mail becomes a path.
        for id in mails.iter().filter_map(|mail| mail["id"].as_u64()) {
            let path = format!("/api/v1/messages/{id}/raw");
            let raw = client
                .get(&path, &Query::default(), Duration::from_secs(60))?
                .or_error()?;
            let file = args.folder.join(format!("{id}.eml"));
            write_anew(&file, &raw.body).map_err(|error| unwritable(&error))?;
            count += 1;
        }
        before = page["before"].as_u64();
        if before.is_none() {
            break;
        }
    }
    tell(format_args!(
        "{count} mails are in {}",
        args.folder.display()
    ));
    Ok(Exit::Done)
}

/// Writes a file. One that is there already is left as it was if writing fails.
fn write_anew(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = path.with_extension("eml.part");
    fs::write(&part, bytes)?;
    fs::rename(part, path)
}

fn print(text: &str) -> Result<(), Failure> {
    let written = anstream::stdout().write_all(text.as_bytes());
    written.map_err(|error| Failure::output(&error))
}

/// As they are: a mail is no text of ours.
fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    written.map_err(|error| Failure::output(&error))
}
