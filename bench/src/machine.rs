//! What a figure was measured on and with.

use std::fs;
use std::io::{self, Write};
use std::process::Command;

const LOCK: &str = include_str!("../../Cargo.lock");

/// Prints the machine, the versions and the command line.
pub(crate) fn describe(out: &mut impl Write) -> io::Result<()> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    writeln!(
        out,
        "machine: {cores} cores, {}, Linux {}",
        cpu(),
        kernel.trim()
    )?;
    writeln!(out, "rustc:   {}", rustc())?;
    let crates = ["lettre", "mail-builder", "posthaste-message"];
    let crates = crates.map(|name| format!("{name} {}", version(name)));
    writeln!(out, "crates:  {}", crates.join(", "))?;
    let command: Vec<String> = std::env::args().collect();
    writeln!(out, "command: {}\n", command.join(" "))
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map(|model| model.trim_start_matches(['\t', ' ', ':']));
    model.unwrap_or("an unknown processor").to_owned()
}

fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let version = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    version.unwrap_or_else(|_| "unknown".to_owned())
}

/// The version that the lock file has for a crate.
fn version(name: &str) -> &'static str {
    let entry = format!("name = \"{name}\"\nversion = \"");
    let rest = LOCK.split_once(&entry).map(|(_, rest)| rest);
    let version = rest.and_then(|rest| rest.split('"').next());
    version.unwrap_or("unknown")
}
