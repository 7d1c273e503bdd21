//! A message read from JSON renders to lawful octets or is refused; reading it never panics.
#![no_main]
use libfuzzer_sys::fuzz_target;
use posthaste_message::{EmailMessage, RenderOptions};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(message) = EmailMessage::from_json(text) else { return };
    let mut options = RenderOptions::default();
    options.allow_files = false;
    let Ok(rendered) = message.render(&options) else { return };
    let length = rendered.len();
    let octets = rendered.to_vec().expect("nothing is read from files");
    assert_eq!(octets.len() as u64, length);
    for line in octets.split(|&octet| octet == b'\n') {
        assert!(line.len() <= 999);
        assert!(line.is_empty() || line.ends_with(b"\r"));
        assert!(!line[..line.len().saturating_sub(1)].contains(&b'\r'));
    }
});
