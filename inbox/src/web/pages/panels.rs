//! The views of a mail.

mod content;
mod protocol;

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::{Deserialize, Serialize};

use super::site::Site;
use crate::check::{self, Finding, Verdict};
use crate::mail::Mail;
use crate::view::{self, Difference};

/// A view of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Html,
    Text,
    Differ,
    Headers,
    Tree,
    Source,
    Transcript,
    Checks,
}

/// What may be chosen within a view, by the query of its URL.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Choices {
    /// How wide the HTML is shown.
    #[serde(default)]
    width: String,
    /// In which colours it is shown.
    #[serde(default)]
    scheme: String,
    /// Whether its remote images are shown.
    #[serde(default)]
    remote: String,
    /// Of what the source is shown.
    #[serde(default)]
    of: String,
}

/// A link to a view, or to a choice within one.
#[derive(Debug, Default, Serialize)]
struct Choice {
    key: &'static str,
    label: &'static str,
    title: &'static str,
    href: String,
    count: usize,
    current: bool,
}

/// What the template of a mail needs for its views.
pub(super) fn values(site: &Site, mail: &Mail, tab: Tab, choices: &Choices) -> Value {
    let findings = check::run(mail);
    let differences = view::differences(mail.view());
    let panel = match tab {
        Tab::Html => content::html(site, mail, choices),
        Tab::Text => content::text(mail),
        Tab::Differ => content::differ(mail, &differences),
        Tab::Headers => protocol::headers(mail),
        Tab::Tree => content::tree(mail),
        Tab::Source => content::source(site, mail, choices),
        Tab::Transcript => protocol::transcript(mail),
        Tab::Checks => checks(&findings),
    };
    context! {
        tab => tab.key(),
        tabs => Serde(tabs(tab, &findings, &differences)),
        panel,
        finds => content::finds(mail, &findings),
    }
}

impl Tab {
    const ALL: [(Self, &'static str, &'static str); 8] = [
        (Self::Html, "html", "HTML"),
        (Self::Text, "text", "Text"),
        (Self::Differ, "differ", "Differ"),
        (Self::Headers, "headers", "Headers"),
        (Self::Tree, "tree", "Tree"),
        (Self::Source, "source", "Source"),
        (Self::Transcript, "transcript", "Transcript"),
        (Self::Checks, "checks", "Checks"),
    ];

    /// The view of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find_map(|(tab, key, _)| (key == name).then_some(tab))
    }

    fn key(self) -> &'static str {
        let mut all = Self::ALL.into_iter();
        all.find_map(|(tab, key, _)| (tab == self).then_some(key))
            .unwrap_or("html")
    }
}

fn tabs(current: Tab, findings: &[Finding], differences: &[Difference]) -> Vec<Choice> {
    let all = Tab::ALL.into_iter();
    all.map(|(tab, key, label)| Choice {
        key,
        label,
        count: match tab {
            Tab::Differ => differences.len(),
            Tab::Checks => findings.iter().filter(|one| !is_ok(one)).count(),
            _ => 0,
        },
        current: tab == current,
        ..Choice::default()
    })
    .collect()
}

fn is_ok(finding: &Finding) -> bool {
    finding.verdict == Verdict::Ok
}

fn checks(findings: &[Finding]) -> Value {
    let mut findings: Vec<_> = findings.iter().collect();
    // The worst first.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
    let checks: Vec<_> = findings
        .into_iter()
        .map(|finding| {
            context! {
                word => match finding.verdict {
                    Verdict::Ok => "ok",
                    Verdict::Look => "look",
                    Verdict::Fail => "fail",
                },
                name => finding.check,
                summary => &finding.summary,
                details => finding.details.clone(),
            }
        })
        .collect();
    context! { checks }
}
