//! `posthaste settings`.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};

use anstyle::Style;
use posthaste::{Entry, Settings as All};
use serde::Serialize;

use crate::args::{Globals, Settings};
use crate::exit::{Exit, Failure};

/// Prints the settings that are in force, or those that there are.
pub(crate) fn run(args: &Settings, globals: &Globals) -> Result<Exit, Failure> {
    let text = if args.reference {
        All::reference()
    } else {
        let rows: Vec<Row> = globals.settings()?.entries().map(Row::from).collect();
        if args.json {
            lines_of_json(&rows)
        } else if io::stdout().is_terminal() {
            table(&rows)
        } else {
            lines(&rows)
        }
    };
    let written = anstream::stdout().write_all(text.as_bytes());
    written.map_err(|error| Failure::output(&error))?;
    Ok(Exit::Done)
}

/// A setting as it is printed.
#[derive(Serialize)]
struct Row {
    name: String,
    value: String,
    origin: String,
}

impl From<Entry> for Row {
    fn from(entry: Entry) -> Self {
        Self {
            name: entry.name,
            value: entry.value,
            origin: entry.origin.to_string(),
        }
    }
}

fn lines_of_json(rows: &[Row]) -> String {
    // Text alone can always be written.
    let lines = rows
        .iter()
        .filter_map(|row| serde_json::to_string(row).ok());
    lines.map(|line| line + "\n").collect()
}

fn lines(rows: &[Row]) -> String {
    let lines = rows.iter();
    lines
        .map(|row| {
            format!(
                "{}\t{}\t{}\n",
                row.name,
                visible(&row.value),
                visible(&row.origin)
            )
        })
        .collect()
}

/// The rows under each other, for a terminal.
fn table(rows: &[Row]) -> String {
    let width = |of: fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or_default();
    let name_width = width(|row| row.name.chars().count());
    let value_width = width(|row| visible(&row.value).chars().count()).min(50);
    let bold = Style::new().bold();
    let mut text = String::new();
    for row in rows {
        let Row {
            name,
            value,
            origin,
        } = row;
        let (value, origin) = (visible(value), visible(origin));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{bold}{name:name_width$}{bold:#}  {value:value_width$}  {origin}"
        );
    }
    text
}

/// A text that stays on its line and does not steer the terminal.
pub(crate) fn visible(text: &str) -> String {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}
