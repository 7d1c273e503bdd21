//! Gmail shows the first 102 kB of an HTML, and a link to the rest.

use super::{Case, Finding, Notes, kilobytes};

/// The exact rule is not published; it was measured on the decoded HTML.
const CLIPPED: usize = 102 * 1024;
const NEAR: usize = 90 * 1024;

pub(super) fn check(case: &Case<'_>) -> Option<Finding> {
    let html = case.view.html.as_ref()?;
    let size = kilobytes(html.len());
    let mut notes = Notes::new("Gmail clipping");
    if html.len() >= CLIPPED {
        notes.fail("the end of the HTML is behind a link, and with it what is last: mostly the unsubscribe link");
    } else if html.len() >= NEAR {
        notes.look("near the mark; what relays add may take it over");
    }
    Some(notes.summed_up(format!("{size} of 102 kB")))
}
