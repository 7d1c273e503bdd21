//! What the README shows is true: its Rust runs, and so do its commands.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use posthaste::{MailerSettings, Outbox, Settings};

/// Runs a block where all mail lands in an outbox, also that of the mailer `bulk`.
fn run(block: impl Future<Output = Result<(), Box<dyn Error>>>) {
    let mut settings = Settings::default();
    settings.admins = vec!["admin@example.com".to_owned()];
    settings.managers = vec!["manager@example.com".to_owned()];
    let bulk = MailerSettings::new("locmem");
    settings.mailers.insert("bulk".to_owned(), bulk);
    let outbox = Outbox::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    let result = runtime.block_on(outbox.mailer_for(settings).scope(block));
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[allow(
    unused_variables,
    dead_code,
    clippy::print_stdout,
    reason = "the blocks are written to be read"
)]
mod blocks {
    use super::run;

    include!(concat!(env!("OUT_DIR"), "/readme.rs"));
}

#[test]
fn the_readme_has_examples() {
    assert!(readme().matches("\n```rust\n").count() > 10);
}

/// The first command of the page names no program, so there must be one alone to choose from.
#[test]
fn cargo_run_knows_which_program_is_meant() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(cargo)
        .current_dir(root)
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let members = metadata["workspace_default_members"]
        .as_array()
        .expect("members");
    let packages = metadata["packages"].as_array().expect("packages");
    let programs: Vec<&str> = packages
        .iter()
        .filter(|package| members.contains(&package["id"]))
        .flat_map(|package| package["targets"].as_array().into_iter().flatten())
        .filter(|target| target["kind"][0] == "bin")
        .filter_map(|target| target["name"].as_str())
        .collect();
    assert_eq!(programs, ["posthaste"]);
}

/// The commands of the chapter on the program, by the program that was built.
#[test]
fn the_commands_of_the_program() {
    let readme = readme();
    let (_, chapter) = readme
        .split_once("\n## The program\n")
        .expect("the chapter");
    let (_, rest) = chapter.split_once("\n```sh\n").expect("a block");
    let (script, _) = rest.split_once("\n```\n").expect("its end");
    let folder = tempfile::tempdir().expect("a folder");
    let program = posthaste_tests::program();
    let programs = program.parent().expect("a folder");
    let path = std::env::join_paths([programs.to_path_buf()].into_iter().chain(
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()),
    ));
    let output = Command::new("sh")
        .args(["-eu", "-c", script])
        .current_dir(folder.path())
        .env("PATH", path.expect("a path"))
        .output()
        .expect("a shell");
    let shown = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}{errors}");
    for part in [
        "=?utf-8?",
        "\"status\":\"sent\"",
        "Subject: Hi",
        "EMAIL_BACKEND",
    ] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
}

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    std::fs::read_to_string(path).expect("the README")
}

/// `docs/settings.md` is what the table of settings makes. `UPDATE=1` writes it.
#[test]
fn the_reference_of_settings_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/settings.md");
    let text = format!("# Settings\n\n{REFERENCE}\n{}", Settings::reference());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).expect("written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/settings.md is old; run this test with UPDATE=1"
    );
}

const REFERENCE: &str = "\
Made from the table that reads them; `posthaste settings --reference` prints it. Later sources win: the defaults, the settings
file (`--settings FILE`, else `$POSTHASTE_SETTINGS`, else `posthaste.toml` where you are), the environment, `--set NAME=VALUE`.
*Option* is the name in a table `[mailers.NAME.options]` of the settings file.
";
