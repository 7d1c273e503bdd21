//! Text and HTML are to say the same: some readers see the one, some the other.

use super::{Case, Finding, Notes};
use crate::view::{Side, differences};

pub(super) fn check(case: &Case<'_>) -> Option<Finding> {
    let mut notes = Notes::new("Text and HTML");
    case.view.html.as_ref()?;
    if case.view.text.is_none() {
        notes.look("there is no plain text beside the HTML");
        return Some(notes.finding(""));
    }
    for difference in differences(case.view) {
        let side = match difference.only_in {
            Side::Text => "text",
            Side::Html => "HTML",
        };
        notes.look(format!("only in the {side}: {}", difference.what));
    }
    Some(notes.finding("they say the same"))
}
