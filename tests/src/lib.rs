//! The program `posthaste` as a shell sees it: a folder of its own for each test, arguments, input, and what comes out.

pub mod aiosmtpd;
pub mod dovecot;
pub mod exim;
pub mod mail;
pub mod opensmtpd;
pub mod postfix;
mod room;
pub mod server;

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

/// A folder that the program runs in.
#[derive(Clone)]
pub struct Place(Arc<TempDir>);

impl Place {
    /// An empty folder.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(tempfile::tempdir().expect("a temporary folder")))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// The path of a file in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Writes a file into it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a file is written");
        path
    }

    /// The text of the only file in a folder in it.
    #[must_use]
    pub fn only_file_of(&self, folder: &str) -> String {
        let entries = fs::read_dir(self.path(folder)).expect("a folder");
        let files: Vec<_> = entries
            .map(|entry| entry.expect("an entry").path())
            .collect();
        let [file] = files.as_slice() else {
            panic!("expected one file: {files:?}");
        };
        fs::read_to_string(file).expect("text")
    }

    /// The program with these arguments, in this folder and with an empty environment.
    pub fn posthaste<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        self.run(program(), args)
    }

    /// The program with these arguments, started by a shell after it ran `before`.
    pub fn posthaste_after<A: AsRef<OsStr>>(
        &self,
        before: &str,
        args: impl IntoIterator<Item = A>,
    ) -> Run {
        let mut run = self.run("sh", ["-c", &format!("{before}\nexec \"$0\" \"$@\"")]);
        run.command.arg(program()).args(args);
        run
    }

    /// The program with these arguments, which hold no blanks, on a terminal: all that it writes is standard output.
    pub fn posthaste_on_a_terminal(&self, args: &[&str]) -> Run {
        let command = format!("{} {}", program().display(), args.join(" "));
        self.run(
            "script",
            ["--quiet", "--return", "--command", &command, "/dev/null"],
        )
    }

    fn run<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = A>,
    ) -> Run {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command
            .args(args)
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", path);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Run {
            command,
            input: Vec::new(),
            place: self.clone(),
        }
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

/// A program that is about to run.
pub struct Run {
    command: Command,
    input: Vec<u8>,
    /// Keeps the folder until the program has ended.
    place: Place,
}

impl Run {
    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets what it reads from standard input.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Sets where its standard output goes.
    #[must_use]
    pub fn output_to(mut self, output: impl Into<Stdio>) -> Self {
        self.command.stdout(output);
        self
    }

    /// Starts it; its input and output are the caller's.
    #[must_use]
    pub fn start(mut self) -> Child {
        self.command.spawn().expect("the program starts")
    }

    /// Runs it to its end.
    #[must_use]
    pub fn end(mut self) -> Ended {
        let mut child = self.command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = self.input;
        // It may end without reading all.
        let writer = thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("the program ends");
        writer.join().expect("no panic");
        drop(self.place);
        Ended {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).expect("standard error is text"),
        }
    }
}

/// A program that ended.
#[derive(Debug)]
pub struct Ended {
    code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Ended {
    /// Standard output as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("standard output is text")
    }

    /// Standard output as one JSON value a line.
    #[must_use]
    pub fn json(&self) -> Vec<Value> {
        let lines = self.text().lines();
        lines
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            })
            .collect()
    }

    /// The field `status` of each line of JSON.
    #[must_use]
    pub fn statuses(&self) -> Vec<String> {
        let text = |line: &Value| line["status"].as_str().expect("a status").to_owned();
        self.json().iter().map(text).collect()
    }

    /// The exit code; -1 if a signal ended it.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.code.unwrap_or(-1)
    }

    /// Checks the exit code.
    #[track_caller]
    #[must_use]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        self
    }

    /// Checks that nothing was done and one line says why, with all of these texts in it.
    #[track_caller]
    pub fn refuses(self, texts: &[&str]) {
        let ended = self.exits(2);
        assert!(ended.stdout.is_empty(), "{ended:?}");
        ended.complains(texts);
    }

    /// Checks that all of standard error is one line of error, with all of these texts in it.
    #[track_caller]
    pub fn complains(&self, texts: &[&str]) {
        let line = self
            .stderr
            .strip_suffix('\n')
            .unwrap_or_else(|| panic!("no line: {self:?}"));
        assert!(
            line.starts_with("error: ") && !line.contains(char::is_control),
            "{line:?}"
        );
        for text in texts {
            assert!(line.contains(text), "no {text:?} in {line:?}");
        }
    }
}

/// The program, built once.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args([
            "build",
            "--quiet",
            "--locked",
            "--package",
            "posthaste-cli",
            "--message-format",
            "json",
        ]);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        let output = cargo
            .current_dir(root)
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "the program cannot be built");
        let lines = output.stdout.split(|&byte| byte == b'\n');
        let built = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        let mut paths =
            built.filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?)));
        paths.next_back().expect("cargo names the program")
    })
}
