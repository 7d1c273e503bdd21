//! Where settings come from, and `posthaste settings`.

use posthaste_tests::{Ended, Place};
use serde_json::Value;

/// A setting as `settings --json` shows it: its value and its origin.
fn shown(ended: &Ended, name: &str) -> (String, String) {
    let rows = ended.json();
    let row = rows
        .iter()
        .find(|row| row["name"] == name)
        .unwrap_or_else(|| panic!("no {name}: {rows:?}"));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    (text(&row["value"]), text(&row["origin"]))
}

fn settings(place: &Place, variables: &[(&str, &str)], args: &[&str]) -> Ended {
    let mut run = place.posthaste(["settings", "--json"].iter().chain(args));
    for (name, value) in variables {
        run = run.env(name, value);
    }
    run.end()
}

/// The value of a setting after these variables.
fn value(variables: &[(&str, &str)], name: &str) -> String {
    shown(&settings(&Place::new(), variables, &[]).exits(0), name).0
}

#[track_caller]
fn refused(variables: &[(&str, &str)], texts: &[&str]) {
    let ended = settings(&Place::new(), variables, &[]);
    assert!(!ended.stderr.contains("hunter2"), "{ended:?}");
    ended.refuses(texts);
}

#[test]
fn the_defaults_are_those_of_django() {
    let ended = settings(&Place::new(), &[], &[]).exits(0);
    for (name, value) in [
        ("EMAIL_BACKEND", "smtp"),
        ("EMAIL_HOST", "localhost"),
        ("EMAIL_PORT", "25"),
        ("EMAIL_HOST_USER", ""),
        ("EMAIL_SUBJECT_PREFIX", "[Django] "),
        ("DEFAULT_FROM_EMAIL", "webmaster@localhost"),
        ("SERVER_EMAIL", "root@localhost"),
        ("DEFAULT_CHARSET", "utf-8"),
    ] {
        assert_eq!(
            shown(&ended, name),
            (value.to_owned(), "default".to_owned()),
            "{name}"
        );
    }
}

#[test]
fn later_sources_win() {
    let place = Place::new();
    place.write("posthaste.toml", "EMAIL_HOST = \"here\"\n");
    let file = place
        .write("named.toml", "\nEMAIL_HOST = \"named\"\n")
        .display()
        .to_string();
    let flag_file = place
        .write("flag.toml", "EMAIL_HOST = \"flag-file\"\n")
        .display()
        .to_string();
    let host = |variables: &[(&str, &str)], args: &[&str]| {
        shown(&settings(&place, variables, args).exits(0), "EMAIL_HOST")
    };

    let (value, origin) = host(&[], &[]);
    assert_eq!(value, "here");
    assert!(
        origin.contains("posthaste.toml") && origin.contains('1'),
        "{origin}"
    );
    let named = ("POSTHASTE_SETTINGS", file.as_str());
    let (value, origin) = host(&[named], &[]);
    assert_eq!(value, "named");
    assert!(
        origin.contains("named.toml") && origin.contains('2'),
        "{origin}"
    );
    assert_eq!(host(&[named], &["--settings", &flag_file]).0, "flag-file");
    let variable = ("EMAIL_HOST", "variable");
    let (value, origin) = host(&[named, variable], &["--settings", &flag_file]);
    assert_eq!(
        (value.as_str(), origin.as_str()),
        ("variable", "environment")
    );
    let (value, origin) = host(&[variable], &["--set", "EMAIL_HOST=flag"]);
    assert_eq!((value.as_str(), origin.as_str()), ("flag", "flag"));
}

#[test]
fn flags_count_before_the_command_and_after_it() {
    let place = Place::new();
    let args = [
        "--set",
        "EMAIL_HOST=a",
        "--set",
        "EMAIL_PORT=1",
        "settings",
        "--json",
        "--set",
        "EMAIL_PORT=2",
    ];
    let ended = place.posthaste(args).end().exits(0);
    assert_eq!(shown(&ended, "EMAIL_HOST").0, "a");
    assert_eq!(shown(&ended, "EMAIL_PORT").0, "2");
}

#[test]
fn a_named_file_must_be_there() {
    let place = Place::new();
    place
        .posthaste(["settings", "--settings", "gone.toml"])
        .end()
        .refuses(&["gone.toml"]);
    refused(&[("POSTHASTE_SETTINGS", "gone.toml")], &["gone.toml"]);
    place.write("bad.toml", "EMAIL_HOST = \n");
    place
        .posthaste(["settings", "--settings", "bad.toml"])
        .end()
        .refuses(&["bad.toml"]);
    place.write("unknown.toml", "EMAIL_HOTS = \"x\"\n");
    let ended = place
        .posthaste(["settings", "--settings", "unknown.toml"])
        .end();
    ended.refuses(&["EMAIL_HOTS", "unknown.toml", "EMAIL_HOST"]);
}

#[test]
fn the_port_follows_the_way_of_tls() {
    assert_eq!(value(&[("EMAIL_USE_TLS", "yes")], "EMAIL_PORT"), "587");
    assert_eq!(value(&[("EMAIL_USE_SSL", "on")], "EMAIL_PORT"), "465");
    assert_eq!(
        value(
            &[("EMAIL_USE_SSL", "on"), ("EMAIL_PORT", "26")],
            "EMAIL_PORT"
        ),
        "26"
    );
}

#[test]
fn booleans_are_the_usual_words() {
    for (words, shown) in [
        (["true", "True", "1", "yes", "on", "on"], "true"),
        (["false", "False", "0", "no", "off", ""], "false"),
    ] {
        for word in words {
            let value = value(&[("EMAIL_USE_LOCALTIME", word)], "EMAIL_USE_LOCALTIME");
            assert_eq!(value.to_lowercase(), shown, "{word:?}");
        }
    }
    for word in ["maybe", "2", "TRUE ", "tru"] {
        refused(
            &[("EMAIL_USE_LOCALTIME", word)],
            &["EMAIL_USE_LOCALTIME", "environment", "expected", "true"],
        );
    }
}

#[test]
fn an_error_names_the_setting_its_origin_and_what_was_expected() {
    refused(
        &[("EMAIL_PORT", "99999")],
        &["EMAIL_PORT", "environment", "expected", "65535", "99999"],
    );
    refused(
        &[("EMAIL_TIMEOUT", "soon")],
        &["EMAIL_TIMEOUT", "environment", "expected"],
    );
    let place = Place::new();
    let ended = place.posthaste(["settings", "--set", "EMAIL_PORT=x"]).end();
    ended.refuses(&["EMAIL_PORT", "flag", "expected"]);
    let ended = place.posthaste(["settings", "--set", "EMAIL_PRT=1"]).end();
    ended.refuses(&["EMAIL_PRT", "flag", "EMAIL_PORT"]);
    place.write("posthaste.toml", "\n\nEMAIL_PORT = \"x\"\n");
    place
        .posthaste(["settings"])
        .end()
        .refuses(&["EMAIL_PORT", "posthaste.toml", "3", "expected"]);
}

#[test]
fn the_password_is_never_shown() {
    let place = Place::new();
    for args in [&["settings"][..], &["settings", "--json"]] {
        for (name, value) in [
            ("EMAIL_HOST_PASSWORD", "hunter2"),
            ("EMAIL_URL", "smtp://me:hunter2@mail.example.com"),
        ] {
            let ended = place.posthaste(args).env(name, value).end().exits(0);
            assert!(
                !ended.text().contains("hunter2") && ended.text().contains("***"),
                "{ended:?}"
            );
        }
    }
    refused(&[("EMAIL_URL", "smtp://me:hunter2@:bad")], &["EMAIL_URL"]);
    refused(&[("EMAIL_URL", "hunter2")], &["EMAIL_URL"]);
    for arg in ["EMAIL_HOST_PASSWORD:hunter2", "EMAIL_HOST_PASSWORD"] {
        let ended = place.posthaste(["settings", "--set", arg]).end();
        assert!(!ended.stderr.contains("hunter2"), "{ended:?}");
        ended.refuses(&["--set", "NAME=VALUE"]);
    }
    let run = place
        .posthaste(["send", "--to", "a@x.org"])
        .env("EMAIL_HOST_PASSWORD", "hunter2");
    let ended = run
        .env("EMAIL_HOST_USER", "me")
        .env("EMAIL_HOST", "127.0.0.1")
        .env("EMAIL_PORT", "1")
        .end();
    assert!(
        !ended.stderr.contains("hunter2") && ended.stdout.is_empty(),
        "{ended:?}"
    );
}

#[test]
fn one_url_stands_for_the_connection() {
    let url = |url: &str, name: &str| value(&[("EMAIL_URL", url)], name);
    let address = "smtp://me:secret@mail.example.com:2525?tls=starttls";
    assert_eq!(url(address, "EMAIL_HOST"), "mail.example.com");
    assert_eq!(url(address, "EMAIL_PORT"), "2525");
    assert_eq!(url(address, "EMAIL_HOST_USER"), "me");
    assert_eq!(url(address, "EMAIL_USE_TLS").to_lowercase(), "true");
    assert_eq!(url("smtps://mail.example.com", "EMAIL_PORT"), "465");
    assert_eq!(url("file:///var/mails", "EMAIL_FILE_PATH"), "/var/mails");
    for backend in ["console", "file", "locmem", "dummy"] {
        let address = if backend == "file" {
            "file:///tmp".to_owned()
        } else {
            format!("{backend}:")
        };
        assert_eq!(url(&address, "EMAIL_BACKEND"), backend);
    }
    refused(
        &[("EMAIL_URL", address), ("EMAIL_HOST", "x")],
        &["EMAIL_URL", "EMAIL_HOST"],
    );
    refused(&[("EMAIL_URL", "gopher://x")], &["EMAIL_URL", "smtp"]);
}

#[test]
fn people_are_separated_by_commas() {
    let admins = value(&[("ADMINS", "a@x.org, Ann <b@x.org>")], "ADMINS");
    assert!(
        admins.contains("a@x.org") && admins.contains("Ann <b@x.org>"),
        "{admins}"
    );
}

#[test]
fn in_a_pipe_it_is_one_setting_a_line() {
    let ended = Place::new()
        .posthaste(["settings"])
        .env("EMAIL_HOST", "mail\u{1b}[2J.x")
        .end();
    if ended.stderr.is_empty() {
        assert!(!ended.text().contains('\u{1b}'), "{ended:?}");
    }
    let ended = Place::new()
        .posthaste(["settings"])
        .env("EMAIL_HOST", "mail.x.org")
        .end()
        .exits(0);
    assert!(
        ended
            .text()
            .contains("\nEMAIL_HOST\tmail.x.org\tenvironment\n"),
        "{ended:?}"
    );
    assert!(
        ended
            .text()
            .lines()
            .all(|line| line.split('\t').count() == 3),
        "{ended:?}"
    );
}

#[test]
fn the_reference_names_every_setting() {
    let ended = Place::new()
        .posthaste(["settings", "--reference"])
        .end()
        .exits(0);
    for name in [
        "EMAIL_BACKEND",
        "EMAIL_HOST",
        "EMAIL_PORT",
        "EMAIL_HOST_USER",
        "EMAIL_HOST_PASSWORD",
        "EMAIL_USE_TLS",
        "EMAIL_USE_SSL",
        "EMAIL_TIMEOUT",
        "EMAIL_SSL_KEYFILE",
        "EMAIL_SSL_CERTFILE",
        "EMAIL_FILE_PATH",
        "EMAIL_SUBJECT_PREFIX",
        "EMAIL_USE_LOCALTIME",
        "DEFAULT_FROM_EMAIL",
        "SERVER_EMAIL",
        "ADMINS",
        "MANAGERS",
        "DEFAULT_CHARSET",
        "EMAIL_SSL_CAFILE",
        "EMAIL_URL",
    ] {
        assert!(ended.text().contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn the_shell_gets_completions_and_a_manual() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = place.posthaste(["completions", shell]).end().exits(0);
        assert!(ended.text().contains("sendtestemail"), "{shell}");
    }
    place
        .posthaste(["completions", "tcsh"])
        .end()
        .refuses(&["tcsh"]);
    let ended = place.posthaste(["man"]).end().exits(0);
    assert!(ended.text().contains(".TH posthaste 1"));
    let ended = place.posthaste(["man", "send"]).end().exits(0);
    assert!(ended.text().contains("fail\\-silently"));
    place
        .posthaste(["man", "sned"])
        .end()
        .refuses(&["COMMAND", "sendtestemail"]);
}

#[test]
fn help_and_version_are_no_errors() {
    let place = Place::new();
    for args in [&["--help"][..], &["send", "--help"], &["help", "render"]] {
        let ended = place.posthaste(args).end().exits(0);
        assert!(
            ended.text().contains("Examples:") && ended.stderr.is_empty(),
            "{ended:?}"
        );
    }
    assert!(
        place
            .posthaste(["--version"])
            .end()
            .exits(0)
            .text()
            .starts_with("posthaste ")
    );
    place
        .posthaste::<&str>([])
        .end()
        .refuses(&["command", "sendtestemail"]);
    place.posthaste(["sned"]).end().refuses(&["sned"]);
    place.posthaste(["send", "--jsn"]).end().refuses(&["--jsn"]);
}
