//! A header's text reaches the message as one header, whatever it holds, or is refused.
#![no_main]
use libfuzzer_sys::fuzz_target;
use posthaste_message::{EmailMessage, RenderOptions};

fuzz_target!(|input: (String, String, String)| {
    let (subject, name, value) = input;
    let plain = EmailMessage::new("", "").from("a@example.com").to(["b@example.com"]);
    let message = plain.clone().subject(subject).header(name, value);
    let Ok(rendered) = message.render(&RenderOptions::default()) else { return };
    let octets = rendered.to_vec().expect("nothing is read from files");
    let one_more = headers(&plain) + 1;
    assert_eq!(count(&octets), one_more);
});

fn headers(message: &EmailMessage) -> usize {
    let rendered = message.render(&RenderOptions::default()).expect("a plain message renders");
    count(&rendered.to_vec().expect("nothing is read from files"))
}

fn count(octets: &[u8]) -> usize {
    let text = std::str::from_utf8(octets).expect("headers are ASCII");
    let (head, _) = text.split_once("\r\n\r\n").expect("a header block ends");
    head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])).count()
}
