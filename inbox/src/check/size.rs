//! How large a mail is, and what of it.

use super::{Case, Finding, Notes, kilobytes};

/// What many providers take at most, and what is slow to fetch on the way.
const REFUSED: usize = 25 << 20;
const LARGE: usize = 10 << 20;

pub(super) fn check(case: &Case<'_>) -> Option<Finding> {
    let all = case.mail.raw.len();
    let mut notes = Notes::new("Size");
    if all > REFUSED {
        notes.fail("more than 25 MB, which most providers refuse");
    } else if all > LARGE {
        notes.look("more than 10 MB, which some providers refuse");
    }
    let shares = [("images", "image/"), ("other files", "")].map(|(name, kind)| {
        let parts = case.view.attachments.iter();
        let parts =
            parts.filter(|part| part.content_type.starts_with("image/") == (kind == "image/"));
        let octets: usize = parts.map(|part| part.encoded(&case.mail.raw).len()).sum();
        (name, octets * 100 / all.max(1))
    });
    let shares = shares.into_iter().filter(|(_, share)| *share > 0);
    let shares: String = shares
        .map(|(name, share)| format!(", {name} {share} %"))
        .collect();
    Some(notes.summed_up(format!("{}{shares}", kilobytes(all))))
}
