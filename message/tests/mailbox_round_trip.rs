//! Mailboxes and lists of them survive being written and read.

use posthaste_message::{Address, Mailbox, parse_list};
use proptest::prelude::*;

/// Text as people and attackers write it: words of several scripts and all special characters.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z]{1,6}",
        "[ -~]{1,4}",
        Just("é ß".to_owned()),
        Just("=?utf-8?q?x=0A?=".to_owned()),
        Just("\"<>,;:@()\\".to_owned()),
        Just("🦀".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn spec() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9!#$%&'*+/=^_`{|}~-]{1,8}(\\.[a-z]{1,5})?(@[a-zA-Z0-9_-]{1,8}(\\.[a-z]{1,5})?)?",
        "\"([ !#->@-Z^-~]|\\\\[ -~]){0,8}\"@[a-z]{1,5}\\.org",
        "[a-zéü日]{1,6}@[a-z]{1,6}(\\.bücher)?\\.example",
        "[a-z]{1,3}@\\[1\\.2\\.3\\.4\\]",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_mailbox_is_read_back(name in text(), spec in spec()) {
        let made = Mailbox::new(Some(&name), &spec);
        if name.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
            prop_assert!(made.is_err());
        } else {
            let made = made.unwrap();
            prop_assert_eq!(made.name().unwrap_or_default(), &name);
            prop_assert_eq!(&made.to_string().parse::<Mailbox>().unwrap(), &made);
            prop_assert_eq!(&Address::from((name, spec)).mailbox().unwrap(), &made);
            prop_assert_eq!(&Address::from(&made).as_text().parse::<Mailbox>().unwrap(), &made);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(given in text(), spec in spec()) {
        for text in [given.clone(), spec.clone(), format!("{given}{spec}"), format!("{spec}{given}"),
            format!("{given} <{spec}>"), format!("<{spec}>{given}"), format!("a: {spec}, {given};")] {
            if let Ok(list) = parse_list(&text) {
                prop_assert_eq!(&parse_list(&list.to_string()).unwrap(), &list);
                for mailbox in list.mailboxes() {
                    prop_assert!(!mailbox.addr_spec().chars().any(char::is_control));
                    prop_assert!(mailbox.domain().unwrap_or_default().is_ascii());
                }
            }
            if let Ok(one) = text.parse::<Mailbox>() {
                let list = parse_list(&text).unwrap();
                prop_assert_eq!(list.mailboxes().collect::<Vec<_>>(), vec![&one]);
            }
        }
    }
}
