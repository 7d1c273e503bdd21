//! What a client sent is what is kept, octet by octet, however it was cut.

use std::sync::LazyLock;

use posthaste_inbox::{Inbox, Want};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::raw::Client;

/// Contents in which line ends and dots are frequent.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b"\r\n".to_vec()),
        4 => Just(b".".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b"\n".to_vec()),
        1 => Just(b"\r\n.\r\n".to_vec()),
        1 => Just(b"\0".to_vec()),
        4 => vec(any::<u8>(), 0..50),
        1 => vec(any::<u8>(), 0..5000),
    ];
    vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

/// The content of DATA on the wire, as RFC 5321 section 4.5.2 has it; written apart from what is tested.
fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut at_start = true;
    for (at, octet) in content.iter().enumerate() {
        if at_start && *octet == b'.' {
            wire.push(b'.');
        }
        wire.push(*octet);
        at_start = *octet == b'\n' && at > 0 && content[at - 1] == b'\r';
    }
    wire.extend_from_slice(if at_start { b".\r\n" } else { b"\r\n.\r\n" });
    wire
}

/// The content that DATA brings: its last line has an end.
fn with_end(content: &[u8]) -> Vec<u8> {
    let is_whole = content.is_empty() || content.ends_with(b"\r\n");
    [content, if is_whole { b"" } else { b"\r\n" }].concat()
}

/// Says this in pieces that end at these places, each a write of its own.
fn say_cut(client: &mut Client, bytes: &[u8], cuts: &[prop::sample::Index]) {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    for pair in cuts.windows(2) {
        client.say(&bytes[pair[0]..pair[1]]);
    }
}

const ENVELOPE: &[u8] = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n";

/// One for all cases of a test.
static BY_DATA: LazyLock<Inbox> = LazyLock::new(|| Inbox::builder().start().expect("a free port"));
static BY_BDAT: LazyLock<Inbox> = LazyLock::new(|| Inbox::builder().start().expect("a free port"));

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn by_data(contents in vec(content(), 1..4), cuts in vec(any::<prop::sample::Index>(), 0..20)) {
        let inbox = &*BY_DATA;
        let mut client = Client::new(inbox);
        for content in &contents {
            say_cut(&mut client, ENVELOPE, &cuts);
            client.say("DATA\r\n");
            prop_assert_eq!([client.code(), client.code(), client.code()], [250, 250, 354]);
            say_cut(&mut client, &stuffed(content), &cuts);
            prop_assert_eq!(client.code(), 250);
        }
        for content in &contents {
            let mail = inbox.wait_blocking(Want::any()).expect("the mail");
            prop_assert_eq!(&*mail.raw, with_end(content));
        }
    }

    #[test]
    fn by_bdat(
        contents in vec(vec(content(), 1..4), 1..4),
        cuts in vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let inbox = &*BY_BDAT;
        let mut client = Client::new(inbox);
        // All mails are under way at once, cut anywhere.
        let mut wire = Vec::new();
        for chunks in &contents {
            wire.extend_from_slice(ENVELOPE);
            for (at, chunk) in chunks.iter().enumerate() {
                let last = if at + 1 == chunks.len() { " LAST" } else { "" };
                wire.extend_from_slice(format!("BDAT {}{last}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
            }
        }
        say_cut(&mut client, &wire, &cuts);
        for chunks in &contents {
            for _ in 0..chunks.len() + 2 {
                prop_assert_eq!(client.code(), 250);
            }
            let mail = inbox.wait_blocking(Want::any()).expect("the mail");
            prop_assert_eq!(&*mail.raw, chunks.concat());
            prop_assert_eq!(mail.session.chunks as usize, chunks.len());
        }
    }
}

#[test]
fn posthastes_own_client_sends_what_is_kept() {
    use posthaste::{EmailMessage, blocking::Mailer};
    for (chunking, pipelining) in [(true, true), (false, true), (false, false)] {
        let inbox = Inbox::builder().start().expect("a free port");
        let mut settings = inbox.settings();
        (settings.email_chunking, settings.email_pipelining) = (chunking, pipelining);
        let message = EmailMessage::new(
            "Dots",
            ".\n..\n.a\n\nÄ long line: ".to_owned() + &"x".repeat(2000),
        )
        .from("a@example.com")
        .to(["b@example.com"])
        .header("Message-ID", "<1@example.com>")
        .header("Date", "Wed, 25 Nov 2026 12:00:00 +0000");
        let mailer = Mailer::new(settings.clone());
        assert_eq!(mailer.send(&message).count(), 1);
        let mail = inbox.wait_blocking(Want::any()).expect("the mail");
        let renderer = posthaste::Mailer::new(settings).renderer();
        let rendered = message
            .render(&renderer.options())
            .and_then(posthaste::Rendered::into_vec);
        let rendered = rendered.expect("it was sent");
        // By BODY=8BITMIME the text may go as it is; each way is compared with itself by its text.
        mail.assert_text_contains("Ä long line");
        if mail.envelope.body.is_none() {
            assert_eq!(
                String::from_utf8_lossy(&mail.raw),
                String::from_utf8_lossy(&rendered)
            );
        }
    }
}
