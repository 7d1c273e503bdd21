//! Queries as SQL.

use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::{Shared, integer, natural, reader};
use crate::mail::{Id, Mail};
use crate::query::{Column, Query, Term, What};
use crate::store::{Found, Page, StoreError};

/// A page of what a query finds.
pub(super) fn list(
    connection: &Connection,
    shared: &Shared,
    query: &Query,
    page: Page,
) -> Result<Found, StoreError> {
    let condition = Condition::new(query);
    if condition.is_open {
        return list_by_reading(connection, shared, query, page);
    }
    let total = if query.is_simple() && query.ids.is_empty() {
        shared.counts().total(query)
    } else {
        let sql = format!("SELECT count(*) FROM mails WHERE {}", condition.sql);
        let mut statement = connection.prepare(&sql)?;
        natural(statement.query_row(params_from_iter(&condition.values), |row| row.get(0))?)
    };
    let mut wanted = condition;
    if let Some(before) = page.before {
        wanted.and("id < ?", [Value::Integer(integer(before))]);
    }
    if let Some(after) = page.after {
        wanted.and("id > ?", [Value::Integer(integer(after))]);
    }
    let rows = wanted.rows(connection, page.limit.saturating_add(1))?;
    let mut found = Found {
        more: rows.len() > page.limit,
        total,
        ..Found::default()
    };
    for (id, is_read) in rows.into_iter().take(page.limit) {
        // None: it was deleted after this read began.
        if let Some(mail) = reader::mail(connection, shared, id)? {
            found.mails.push((mail, is_read));
        }
    }
    Ok(found)
}

/// Headers are in no table: what else the query says is looked up, and each mail is read.
fn list_by_reading(
    connection: &Connection,
    shared: &Shared,
    query: &Query,
    page: Page,
) -> Result<Found, StoreError> {
    let mut found = Found::default();
    each_by_reading(connection, query, |mail, is_read| {
        found.total += 1;
        if !page.has(mail.id) {
            return;
        }
        if found.mails.len() < page.limit {
            let mail = Arc::new(mail);
            shared.recent().keep(&mail);
            found.mails.push((mail, is_read));
        } else {
            found.more = true;
        }
    })?;
    Ok(found)
}

/// The numbers of all that a query finds.
pub(super) fn ids(connection: &Connection, query: &Query) -> Result<Vec<Id>, StoreError> {
    let condition = Condition::new(query);
    let mut ids = Vec::new();
    if condition.is_open {
        each_by_reading(connection, query, |mail, _| ids.push(mail.id))?;
    } else {
        let rows = condition.rows(connection, usize::MAX)?;
        ids.extend(rows.into_iter().map(|(id, _)| id));
    }
    ids.reverse();
    Ok(ids)
}

fn each_by_reading(
    connection: &Connection,
    query: &Query,
    mut each: impl FnMut(Mail, bool),
) -> Result<(), StoreError> {
    for (id, is_read) in Condition::new(query).rows(connection, usize::MAX)? {
        if let Some(mail) = reader::load(connection, id)?
            && query.matches(&mail, is_read)
        {
            each(mail, is_read);
        }
    }
    Ok(())
}

/// What has to hold of a row.
struct Condition {
    sql: String,
    values: Vec<Value>,
    /// Whether the query asks for more than the tables know.
    is_open: bool,
}

impl Condition {
    fn new(query: &Query) -> Self {
        let mut condition = Self {
            sql: "true".to_owned(),
            values: Vec::new(),
            is_open: false,
        };
        if !query.ids.is_empty() {
            let ids: Vec<_> = query
                .ids
                .iter()
                .map(|id| integer(*id).to_string())
                .collect();
            condition.and(&format!("id IN ({})", ids.join(", ")), []);
        }
        if let Some(mailbox) = &query.mailbox {
            condition.and("mailbox = ?", [mailbox.clone().into()]);
        }
        if let Some(taken) = query.taken {
            condition.and("taken = ?", [taken.into()]);
        }
        for term in query.terms() {
            condition.term(term);
        }
        condition
    }

    fn and<const N: usize>(&mut self, sql: &str, values: [Value; N]) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.values.extend(values);
    }

    fn term(&mut self, term: &Term) {
        let Some((sql, value)) = row_has(&term.what) else {
            self.is_open = true;
            return;
        };
        let not = if term.is_excluded { "NOT " } else { "" };
        self.and(&format!("{not}coalesce({sql}, false)"), [value]);
    }

    /// The rows, newest first: their numbers, and whether each was read.
    fn rows(&self, connection: &Connection, limit: usize) -> Result<Vec<(Id, bool)>, StoreError> {
        let sql = format!(
            "SELECT id, read FROM mails WHERE {} ORDER BY id DESC LIMIT ?",
            self.sql
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let limit = Value::Integer(integer(limit));
        let values = self.values.iter().chain([&limit]);
        let rows = statement.query_map(params_from_iter(values), |row| {
            Ok((natural(row.get(0)?), row.get(1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// What has to hold of a row, with one value; none where the tables do not know.
fn row_has(what: &What) -> Option<(&'static str, Value)> {
    Some(match what {
        What::Read(is_read) => ("read = ?", (*is_read).into()),
        What::Taken(is_taken) => ("taken = ?", (*is_taken).into()),
        What::Before(time) => ("received < ?", microseconds(*time)),
        What::NotBefore(time) => ("received >= ?", microseconds(*time)),
        What::Larger(size) => ("octets > ?", integer(*size).into()),
        What::Smaller(size) => ("octets < ?", integer(*size).into()),
        What::Mailbox(name) => ("mailbox = ?", name.clone().into()),
        What::User(name) => ("user = ?", name.clone().into()),
        What::Code(code) if code.contains('.') => {
            ("instr(codes, ?) > 0", format!(" {code} ").into())
        }
        // `5` finds `5.1.1`, too: the reply that has it has such a code.
        What::Code(code) => ("instr(codes, ?) > 0", format!(" {code}").into()),
        What::Has(one) => ("traits & ? > 0", (1_i64 << *one as i64).into()),
        What::Tag(tag) => ("instr(tags, ?) > 0", format!("\n{tag}\n").into()),
        What::Header(..) => return None,
        What::Words(columns, words) => (
            "id IN (SELECT rowid FROM words WHERE words MATCH ?)",
            matching(columns, words).into(),
        ),
    })
}

/// `{subject body} : "hello wor" *`: the last word may be the start of one.
fn matching(columns: &[Column], words: &str) -> String {
    let names: Vec<_> = columns.iter().map(|column| name(*column)).collect();
    format!("{{{}}} : \"{}\" *", names.join(" "), words.trim_start())
}

fn name(column: Column) -> &'static str {
    match column {
        Column::Subject => "subject",
        Column::From => "sender",
        Column::To => "addressee",
        Column::Cc => "cc",
        Column::Bcc => "bcc",
        Column::Rcpt => "rcpt",
        Column::Body => "body",
        Column::File => "file",
    }
}

fn microseconds(time: jiff::Timestamp) -> Value {
    time.as_microsecond().into()
}
