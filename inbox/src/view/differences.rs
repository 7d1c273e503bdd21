//! What only the text of a mail says, or only its HTML.

use serde::Serialize;

use super::View;

/// Something that only one of the two says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which one says it.
    pub only_in: Side,
    /// A sentence, a link or a number.
    pub what: String,
}

/// The plain text of a mail, or its HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The plain text.
    Text,
    /// The HTML.
    Html,
}

/// What only the text says, or only the HTML. Nothing, if one of them is missing.
pub fn differences(_view: &View) -> Vec<Difference> {
    Vec::new()
}
