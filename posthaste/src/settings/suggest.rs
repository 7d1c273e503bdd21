//! Which name was meant.

/// Says which of the known names is close to this one, and lists them all.
pub(super) fn names<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.into_iter().collect();
    let list = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    match closest(name, &known) {
        Some(close) => format!("did you mean {close}? Known: {list}"),
        None => format!("known: {list}"),
    }
}

/// The known name that is fewest edits away, if those are few.
fn closest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    // Nobody makes such a name by a slip, and the comparison takes the product of the lengths.
    if name.len() > 64 {
        return None;
    }
    let name = name.to_lowercase();
    let edits = |known: &str| distance(&name, &known.to_lowercase());
    let (edits, known) = known.iter().map(|&known| (edits(known), known)).min()?;
    (edits <= 1 + name.len() / 4).then_some(known)
}

/// The Levenshtein distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((right, &above), &diagonal) in b.chars().zip(row.iter().skip(1)).zip(&row) {
            let before = next.last().copied().unwrap_or_default();
            let replaced = diagonal + usize::from(left != right);
            next.push(replaced.min(above + 1).min(before + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("é", "e"), 1);
    }

    #[test]
    fn suggests_only_what_is_close() {
        let known = ["EMAIL_HOST", "EMAIL_PORT"];
        assert!(
            names("email_host", known)
                .starts_with("did you mean EMAIL_HOST? Known: EMAIL_HOST, EMAIL_PORT")
        );
        assert!(names("EMAIL_PROT", known).starts_with("did you mean EMAIL_PORT?"));
        assert_eq!(names("COLOUR", known), "known: EMAIL_HOST, EMAIL_PORT");
        assert_eq!(names("x", []), "known: none");
    }
}
