//! Mails as Python's `email` package reads them: an independent reader, and the one that Django's users know.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Reads these files, each one mail; `tests/python/read_mail.py` says what becomes of it.
///
/// # Panics
/// If Python is missing or cannot read one.
#[must_use]
pub fn read(files: &[PathBuf]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/read_mail.py");
    let mut python = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut input = python.stdin.take().expect("it is piped");
    for file in files {
        writeln!(input, "{}", file.display()).expect("Python reads the list");
    }
    drop(input);
    let output = python.wait_with_output().expect("Python ends");
    assert!(output.status.success(), "Python cannot read {files:?}");
    serde_json::from_slice(&output.stdout).expect("JSON from Python")
}

/// Base64 in one line, as the reader tells octets.
#[must_use]
pub fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(octets.len().div_ceil(3) * 4);
    for group in octets.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            if digit <= group.len() {
                let value = (bits >> (18 - 6 * digit)) & 63;
                text.push(char::from(DIGITS[value as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}
