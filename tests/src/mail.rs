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
