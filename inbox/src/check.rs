//! Looks for what goes wrong with mails later, at their readers. Nothing is fetched.

use serde::Serialize;

use crate::mail::Mail;

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
pub fn run(_mail: &Mail) -> Vec<Finding> {
    Vec::new()
}
