//! What the README shows is true: its Rust runs, its commands too, its settings are read, and it all fits on the page.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use posthaste::{EmailMessage, MailerSettings, Outbox, Settings, Sources};

/// Runs a block where all mail lands in an outbox, also that of the mailer `bulk`.
fn run(block: impl Future<Output = Result<(), Box<dyn Error>>>) {
    let mut settings = Settings::default();
    settings.admins = vec!["admin@example.com".to_owned()];
    settings.managers = vec!["manager@example.com".to_owned()];
    let bulk = MailerSettings::new("locmem");
    settings.mailers.insert("bulk".to_owned(), bulk);
    let outbox = Outbox::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let result = runtime.block_on(outbox.mailer_for(settings).scope(block));
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[allow(
    unused_variables,
    unused_imports,
    dead_code,
    clippy::let_unit_value,
    clippy::print_stdout,
    reason = "the blocks are written to be read"
)]
mod blocks {
    use super::run;

    include!(concat!(env!("OUT_DIR"), "/readme.rs"));
}

#[test]
fn the_readme_has_examples() {
    assert!(blocks_of(&readme(), "rust").len() >= 9);
}

/// Beside each other is only of use where both can be seen: GitHub's page takes 85 columns and scrolls what is wider.
#[test]
fn django_and_posthaste_stand_beside_each_other() {
    let readme = readme();
    let tables: Vec<&str> = readme
        .split("<table>")
        .skip(1)
        .filter_map(|rest| rest.split("</table>").next())
        .collect();
    assert!(tables.len() > 8);
    for table in tables {
        let cells = ["python", "rust", "toml"].map(|language| blocks_of(table, language));
        let width: usize = cells.iter().map(|blocks| columns(blocks)).sum();
        assert!(width <= 85, "{width} columns in {table}");
    }
}

/// The characters of the longest line.
fn columns(blocks: &[&str]) -> usize {
    let lines = blocks.iter().flat_map(|block| block.lines());
    lines.map(|line| line.chars().count()).max().unwrap_or(0)
}

/// Django is not there to run it, but it has to be Python.
#[test]
fn djangos_side_is_python() {
    let readme = readme();
    let blocks = blocks_of(&readme, "python");
    assert!(blocks.len() > 8);
    for block in blocks {
        let output = Command::new("python3")
            .args(["-c", "import ast, sys; ast.parse(sys.argv[1])", block])
            .output()
            .expect("Python runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}{block}");
    }
}

#[test]
fn the_settings_file_is_read() {
    let readme = readme();
    let blocks = blocks_of(&readme, "toml");
    assert_eq!(blocks.len(), 1);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("posthaste.toml");
    std::fs::write(&path, blocks[0]).expect("written");
    let settings = Settings::load(&Sources::default().file(&path)).expect("settings");
    assert_eq!(settings.default_from_email, "shop@example.com");
    let (backend, options) = settings.mailer("default").expect("the default mailer");
    assert_eq!(
        (&*backend, options.string("host")),
        ("smtp", Some("mail.example.com"))
    );
    let (backend, options) = settings.mailer("bulk").expect("the other mailer");
    assert_eq!(backend, "file");
    assert_eq!(
        options.path("file_path").as_deref(),
        Some(Path::new("/tmp/bulk"))
    );
}

#[test]
fn both_names_of_each_backend_are_understood() {
    let readme = readme();
    let rows = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `django."));
    let mut count = 0;
    for row in rows {
        let mut names = row.split('`');
        let (path, name) = (names.next().expect("a path"), names.nth(1).expect("a name"));
        let mut settings = Settings::default();
        settings.email_backend = format!("django.{path}");
        assert_eq!(settings.mailer("default").expect("a mailer").0, name);
        count += 1;
    }
    assert_eq!(count, 5);
}

/// The page quotes what a visitor reads who tries to inject a header.
#[test]
fn the_refusal_is_quoted_as_it_is() {
    let message = EmailMessage::new("Hi\nBcc: all@example.com", "").to(["office@example.com"]);
    let report = Outbox::new().mailer().blocking().send(&message);
    let refusal = format!("*Please mend: {}*", report.error.expect("a refusal"));
    assert!(readme().contains(&refusal), "{refusal}");
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

/// Every command of the page, by the program that was built; only `./check` is left out, which runs this test.
#[test]
fn the_commands() {
    let readme = readme();
    let script = blocks_of(&readme, "sh").concat();
    assert!(script.contains("\n./check\n"));
    let script = script
        .replace("cargo run --release -- ", "posthaste ")
        // It would show its mails until somebody presses Ctrl-C.
        .replace("inbox --demo\n", "inbox --demo -- posthaste inbox ls\n")
        .replace("\n./check\n", "\n");
    let shown = shell(&script);
    for part in [
        "Test email from",
        "=?utf-8?",
        "\"status\":\"sent\"",
        "Subject: Hi",
        "EMAIL_BACKEND",
    ] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
}

/// What a script prints that finds the program on its path; it has to succeed.
fn shell(script: &str) -> String {
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
    shown.into_owned()
}

/// What stands between fences of this language, each with a line end.
fn blocks_of<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("\n```{language}\n");
    let after = text.split(&*fence).skip(1);
    after
        .filter_map(|rest| rest.find("\n```\n").and_then(|end| rest.get(..=end)))
        .collect()
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
