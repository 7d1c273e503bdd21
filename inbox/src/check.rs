//! Looks for what goes wrong with mails later, at their readers. Nothing is fetched.

mod access;
mod alignment;
mod charset;
mod clip;
mod compat;
mod differences;
mod dkim;
mod headers;
mod lines;
mod links;
mod markup;
mod size;
mod structure;
mod unsubscribe;

use serde::Serialize;

use crate::mail::Mail;
use crate::view::View;
use crate::view::html::{Node, Tag, nodes};

pub use dkim::Key;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check it was.
    pub check: &'static str,
    /// What to do about it.
    pub verdict: Verdict,
    /// In a line.
    pub summary: String,
    /// Each case.
    pub details: Vec<String>,
}

/// What to do about a [`Finding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing.
    Ok,
    /// Have a look at it.
    Look,
    /// Mend it.
    Fail,
}

/// Does all checks that make sense for a mail.
pub fn run(mail: &Mail) -> Vec<Finding> {
    run_with(mail, &[])
}

/// The same, with keys by which DKIM signatures are verified.
pub fn run_with(mail: &Mail, keys: &[Key]) -> Vec<Finding> {
    let view = mail.view();
    let case = Case {
        mail,
        view,
        nodes: view
            .html
            .as_deref()
            .map(|html| nodes(html).collect())
            .unwrap_or_default(),
        keys,
    };
    CHECKS.iter().filter_map(|check| check(&case)).collect()
}

const CHECKS: [fn(&Case<'_>) -> Option<Finding>; 14] = [
    structure::check,
    headers::check,
    lines::check,
    charset::check,
    size::check,
    clip::check,
    differences::check,
    links::check,
    unsubscribe::check,
    dkim::check,
    alignment::check,
    access::check,
    markup::check,
    compat::check,
];

/// A mail to be checked.
struct Case<'m> {
    mail: &'m Mail,
    view: &'m View,
    /// The pieces of its HTML.
    nodes: Vec<Node>,
    keys: &'m [Key],
}

impl Case<'_> {
    fn has_html(&self) -> bool {
        self.view.html.is_some()
    }

    fn tags(&self) -> impl Iterator<Item = &Tag> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Start(tag) => Some(tag),
            _ => None,
        })
    }

    /// What the first header of this name says.
    fn header(&self, name: &str) -> Option<&str> {
        self.view.header(name).map(|header| header.value.as_str())
    }
}

/// What was found so far.
struct Notes {
    check: &'static str,
    verdict: Verdict,
    details: Vec<String>,
}

impl Notes {
    /// So many cases are told.
    const MOST: usize = 50;
    /// So many are counted.
    const KEPT: usize = 1_000;

    fn new(check: &'static str) -> Self {
        Self {
            check,
            verdict: Verdict::Ok,
            details: Vec::new(),
        }
    }

    fn look(&mut self, detail: impl Into<String>) {
        self.note(Verdict::Look, detail.into());
    }

    fn fail(&mut self, detail: impl Into<String>) {
        self.note(Verdict::Fail, detail.into());
    }

    fn note(&mut self, verdict: Verdict, detail: String) {
        self.verdict = self.verdict.max(verdict);
        if self.details.len() < Self::KEPT && !self.details.contains(&detail) {
            self.details.push(detail);
        }
    }

    /// A finding that tells the only case, or how many there are; `fine` if there are none.
    fn finding(self, fine: &str) -> Finding {
        let summary = match self.details.as_slice() {
            [] => fine.to_owned(),
            [only] => only.clone(),
            all => format!("{} things", all.len()),
        };
        self.summed_up(summary)
    }

    fn summed_up(mut self, summary: String) -> Finding {
        let more = self.details.len().saturating_sub(Self::MOST);
        self.details.truncate(Self::MOST);
        if more > 0 {
            self.details.push(format!("and {more} more"));
        }
        Finding {
            check: self.check,
            verdict: self.verdict,
            summary,
            details: self.details,
        }
    }
}

/// A size as it is said: `38.1 kB`, of 1,024 octets each.
fn kilobytes(octets: usize) -> String {
    let tenths = octets * 10 / 1024;
    format!("{}.{} kB", tenths / 10, tenths % 10)
}

/// `image` or `images`.
fn many(count: usize, one: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {one}{s}")
}
