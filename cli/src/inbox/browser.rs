//! Opening a page in the browser that the user has chosen.

use std::process::{Command, Stdio};

use crate::exit::tell;

/// What opens an address: the program, and its arguments before the address.
#[cfg(target_os = "macos")]
const OPENER: (&str, &[&str]) = ("open", &[]);
#[cfg(windows)]
const OPENER: (&str, &[&str]) = ("rundll32", &["url.dll,FileProtocolHandler"]);
#[cfg(not(any(target_os = "macos", windows)))]
const OPENER: (&str, &[&str]) = ("xdg-open", &[]);

/// Opens it. That there is no browser is no reason to end.
pub(super) fn open(url: &str) {
    let (program, args) = OPENER;
    let started = Command::new(program)
        .args(args)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = started {
        tell(format_args!(
            "cannot open a browser ({program}: {error}); the page is at {url}"
        ));
    }
}
