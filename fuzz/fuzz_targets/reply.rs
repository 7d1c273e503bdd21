//! A reply that parses shows as one harmless line and parses again to the same.
#![no_main]
use libfuzzer_sys::fuzz_target;
use posthaste_smtp::{Extensions, Reply};

fuzz_target!(|text: &str| {
    let Ok(reply) = text.parse::<Reply>() else { return };
    assert!((200..600).contains(&reply.code()));
    for shown in [reply.to_string(), reply.message()] {
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        assert!(shown.chars().count() < 1_100);
    }
    if let Some(enhanced) = reply.enhanced() {
        assert_eq!(u16::from(enhanced.class()), reply.code() / 100);
    }
    let mut lines: Vec<&str> = reply.lines().collect();
    let last = lines.pop().expect("a reply has a line");
    let code = reply.code();
    let mut again: String = lines.iter().map(|line| format!("{code}-{line}\r\n")).collect();
    again.push_str(&format!("{code} {last}"));
    assert_eq!(again.parse::<Reply>().as_ref(), Ok(&reply), "{again:?}");
    let _ = Extensions::from_reply(&reply).size_limit();
});
