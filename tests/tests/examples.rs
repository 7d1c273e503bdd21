//! Every example runs to its end, by a backend that prints.

use std::path::Path;
use std::process::Command;

#[test]
fn the_examples_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let entries = std::fs::read_dir(root.join("posthaste/examples")).expect("the examples");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().expect("a name").to_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 6);
    for name in names {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["run", "--quiet", "--locked", "-p", "posthaste", "--example"])
            .arg(&name)
            .current_dir(&root)
            .env("EMAIL_BACKEND", "console")
            .output()
            .expect("cargo runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name:?}: {errors}");
    }
}
