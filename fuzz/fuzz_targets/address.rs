//! What parses as a mailbox is written so that it parses to the same mailbox, on one line.
#![no_main]
use libfuzzer_sys::fuzz_target;
use posthaste_message::Mailbox;

fuzz_target!(|text: &str| {
    let Ok(mailbox) = text.parse::<Mailbox>() else { return };
    let written = mailbox.to_string();
    assert!(!written.chars().any(char::is_control), "a control character came through: {written:?}");
    assert_eq!(written.parse::<Mailbox>().as_ref(), Ok(&mailbox), "{written:?}");
});
