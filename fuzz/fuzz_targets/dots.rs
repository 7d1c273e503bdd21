//! What the dot-stuffer writes ends the data once, holds no bare CR or LF, undoes to the normalised content, and does not
//! depend on where the content was cut.
#![no_main]
use libfuzzer_sys::fuzz_target;
use posthaste_smtp::DotStuffer;

fuzz_target!(|pieces: Vec<&[u8]>| {
    let whole = pieces.concat();
    let at_once = stuffed(&[&whole]);
    assert_eq!(stuffed(&pieces), at_once);
    let body = at_once.strip_suffix(b".\r\n").expect("the end is there");
    assert!(body.is_empty() || body.ends_with(b"\r\n"));
    let mut read = Vec::new();
    for line in lines(body) {
        assert_ne!(line, b".", "the data ends early");
        assert!(!line.contains(&b'\r') && !line.contains(&b'\n'));
        read.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        read.extend_from_slice(b"\r\n");
    }
    assert_eq!(read, normalised(&whole));
});

fn stuffed(pieces: &[&[u8]]) -> Vec<u8> {
    let (mut stuffer, mut out) = (DotStuffer::new(), Vec::new());
    for piece in pieces {
        stuffer.push(piece, &mut out);
    }
    stuffer.finish(&mut out);
    out
}

/// The lines, each of which has to end in CRLF.
fn lines(mut text: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    while !text.is_empty() {
        let end = text.windows(2).position(|two| two == b"\r\n").expect("a line end");
        lines.push(&text[..end]);
        text = &text[end + 2..];
    }
    lines
}

/// The content with CRLF for each CR, LF and CRLF, and one at its end; the obvious way.
fn normalised(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut octets = content.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        if octet == b'\r' {
            octets.next_if_eq(&b'\n');
        }
        match octet {
            b'\r' | b'\n' => out.extend_from_slice(b"\r\n"),
            octet => out.push(octet),
        }
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}
