//! The inbox's pages in a real browser: what they do, and what no mail and no other site may do to them.
//!
//! The tests themselves are in `tests/browser`; here the inbox is started for them. They need Chromium, Node.js and two packages of
//! npm, which `./check` installs where it may.

use std::env;
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use posthaste_inbox::Inbox;

#[test]
fn the_pages_in_a_browser() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let modules = root.join("target/servers/browser");
    let Some(chromium) = program("chromium") else {
        return missing("chromium is not installed");
    };
    let Some(node) = program("node") else {
        return missing("node is not installed");
    };
    if !modules.join("complete").exists() {
        return missing(
            "playwright-core and axe-core are not in target/servers/browser; ./check puts them there",
        );
    }
    let inbox = Inbox::builder()
        .web((Ipv4Addr::LOCALHOST, 0).into())
        .start()
        .unwrap();
    let status = Command::new(node)
        .args(["--test-reporter=spec", "all.mjs"])
        .current_dir(root.join("tests/browser"))
        .env("BROWSER_MODULES", modules)
        .env("CHROMIUM", chromium)
        .env(
            "INBOX_URL",
            format!("http://{}", inbox.web_address().unwrap()),
        )
        .env("INBOX_SMTP", inbox.smtp_address().port().to_string())
        .status()
        .unwrap();
    assert!(status.success(), "see above for what failed");
}

/// Where a program is.
fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut places = env::split_paths(&path).map(|folder| folder.join(name));
    places.find(|file| file.is_file())
}

/// Says on stderr that the test is left out; where everything has to be there, it fails.
fn missing(what: &str) {
    let is_ci = env::var("CI").is_ok_and(|value| value == "true");
    assert!(!is_ci, "needed in CI: {what}");
    // Not `eprintln!`: what that says is hidden when the test passes.
    let _ = writeln!(io::stderr(), "left out: {what}");
}
