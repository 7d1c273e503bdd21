//! Makes a test of every block of Rust in the README, so that what it shows is compiled and run.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    let readme = Path::new("../README.md");
    println!("cargo::rerun-if-changed={}", readme.display());
    println!("cargo::rerun-if-changed=build.rs");
    let text = fs::read_to_string(readme).expect("the README can be read");
    let mut code = String::new();
    for (line, block) in blocks(&text) {
        write!(
            code,
            "#[test]\nfn line_{line}() {{\n    run(async {{\n{COMMON}\nlet _ = {{\n{block}\n}};\nOk(())\n}});\n}}\n\n"
        )
        .expect("writing to memory succeeds");
    }
    let out = env::var_os("OUT_DIR").expect("cargo says where to write");
    fs::write(Path::new(&out).join("readme.rs"), code).expect("the tests can be written");
}

/// What the blocks take for granted: the line that the README names, and values for its reader's own.
const COMMON: &str = r#"
use posthaste::*;

let (text, html, sender, to) = ("text", "<p>text", "from@example.com", ["to@example.com"]);
let subject = "Hi\nBcc: all@example.com";
let data = vec![0x89_u8, b'P', b'N', b'G'];
let (png, path) = (data.clone(), concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
let mail = |name: &str| EmailMessage::new(name, "text").to(to);
let (original, email1, email2) = (mail("0"), mail("1"), mail("2"));
fn page(text: &str) -> String { text.to_owned() }
fn redirect(path: &str) -> String { path.to_owned() }
fn carry(_: &EmailMessage) -> Report { Report::sent("<1@example.com>", vec![]) }
"#;

/// The blocks of Rust, each with the number of the line that it begins after.
fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        match &mut open {
            None if line == "```rust" => open = Some((number + 1, String::new())),
            None => {}
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some((_, block)) => {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
    blocks
}
