//! Command lines, read strictly.

use super::request::Parameters;
use crate::{Mechanism, Path};

/// A command line that is well formed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Hello(Verb, &'a str),
    StartTls,
    Auth(Option<Mechanism>, Option<&'a str>),
    Mail(Path, Parameters),
    Rcpt(Path, Parameters),
    Data,
    Bdat { size: u64, last: bool },
    Reset,
    Noop,
    Verify,
    Help,
    Quit,
}

/// The three ways to say hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Ehlo,
    Helo,
    Lhlo,
}

/// Why a command is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) enhanced: &'static str,
    pub(super) text: &'static str,
    /// So many octets follow that are no command.
    pub(super) swallow: u64,
    /// What follows cannot be understood either.
    pub(super) fatal: bool,
}

impl Refusal {
    pub(super) const fn new(code: u16, enhanced: &'static str, text: &'static str) -> Self {
        Self {
            code,
            enhanced,
            text,
            swallow: 0,
            fatal: false,
        }
    }

    pub(super) const fn swallowing(self, octets: u64) -> Self {
        Self {
            swallow: octets,
            ..self
        }
    }
}

const UNKNOWN: Refusal = Refusal::new(500, "5.5.1", "There is no such command");
const ARGUMENTS: Refusal = Refusal::new(501, "5.5.4", "The arguments do not fit the command");
const PATH: Refusal = Refusal::new(501, "5.1.7", "That is no path in angle brackets");

/// Reads a line without its line end.
pub(super) fn command(line: &[u8]) -> Result<Command<'_>, Refusal> {
    if line.iter().any(|octet| *octet < 0x20 || *octet == 0x7f) {
        return Err(Refusal::new(
            500,
            "5.5.2",
            "A control character in a command",
        ));
    }
    let Ok(line) = std::str::from_utf8(line) else {
        return Err(Refusal::new(500, "5.5.2", "A command that is not UTF-8"));
    };
    let (verb, arguments) = line.split_once(' ').unwrap_or((line, ""));
    let arguments = arguments.trim_matches(' ');
    match verb.to_ascii_uppercase().as_str() {
        "EHLO" => hello(Verb::Ehlo, arguments),
        "HELO" => hello(Verb::Helo, arguments),
        "LHLO" => hello(Verb::Lhlo, arguments),
        "MAIL" => mail(arguments),
        "RCPT" => rcpt(arguments),
        "BDAT" => bdat(arguments),
        "AUTH" => auth(arguments),
        "DATA" => alone(Command::Data, arguments),
        "RSET" => alone(Command::Reset, arguments),
        "STARTTLS" => alone(Command::StartTls, arguments),
        "QUIT" => alone(Command::Quit, arguments),
        "NOOP" => Ok(Command::Noop),
        "HELP" => Ok(Command::Help),
        "VRFY" if !arguments.is_empty() => Ok(Command::Verify),
        "VRFY" => Err(ARGUMENTS),
        "EXPN" => Err(Refusal::new(502, "5.5.1", "Not implemented")),
        _ => Err(UNKNOWN),
    }
}

fn alone<'a>(command: Command<'a>, arguments: &str) -> Result<Command<'a>, Refusal> {
    if arguments.is_empty() {
        Ok(command)
    } else {
        Err(ARGUMENTS)
    }
}

fn hello(verb: Verb, name: &str) -> Result<Command<'_>, Refusal> {
    if name.is_empty() {
        return Err(ARGUMENTS);
    }
    Ok(Command::Hello(verb, name))
}

fn auth(arguments: &str) -> Result<Command<'_>, Refusal> {
    let (name, initial) = arguments.split_once(' ').unwrap_or((arguments, ""));
    if name.is_empty() || initial.contains(' ') {
        return Err(ARGUMENTS);
    }
    let mut all = Mechanism::ALL.into_iter();
    let mechanism = all.find(|mechanism| mechanism.as_str().eq_ignore_ascii_case(name));
    Ok(Command::Auth(
        mechanism,
        Some(initial).filter(|initial| !initial.is_empty()),
    ))
}

fn bdat(arguments: &str) -> Result<Command<'_>, Refusal> {
    let (digits, rest) = arguments.split_once(' ').unwrap_or((arguments, ""));
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let Some(size) = digits.parse().ok().filter(|_| is_number) else {
        // Octets follow, and nobody knows how many.
        return Err(Refusal {
            fatal: true,
            ..ARGUMENTS
        });
    };
    match rest.trim_matches(' ') {
        "" => Ok(Command::Bdat { size, last: false }),
        rest if rest.eq_ignore_ascii_case("LAST") => Ok(Command::Bdat { size, last: true }),
        _ => Err(ARGUMENTS.swallowing(size)),
    }
}

fn mail(arguments: &str) -> Result<Command<'_>, Refusal> {
    let (path, rest) = path_after(arguments, "FROM:")?;
    let path = if path.is_empty() {
        Ok(Path::null())
    } else {
        Path::new(path)
    };
    let path = path.map_err(|_| PATH)?;
    Ok(Command::Mail(path, parameters(rest)?))
}

fn rcpt(arguments: &str) -> Result<Command<'_>, Refusal> {
    let (path, rest) = path_after(arguments, "TO:")?;
    let path = Path::new(without_route(path)).map_err(|_| Refusal {
        enhanced: "5.1.3",
        ..PATH
    })?;
    Ok(Command::Rcpt(path, parameters(rest)?))
}

/// What stands in the angle brackets behind `FROM:` or `TO:`, and what comes after them.
fn path_after<'a>(arguments: &'a str, label: &str) -> Result<(&'a str, &'a str), Refusal> {
    let (start, rest) = arguments.split_at_checked(label.len()).ok_or(ARGUMENTS)?;
    if !start.eq_ignore_ascii_case(label) {
        return Err(ARGUMENTS);
    }
    // QUIRK: many programs write a blank here, which RFC 5321 section 3.3 forbids; it means nothing.
    let inside = rest.trim_start_matches(' ').strip_prefix('<').ok_or(PATH)?;
    let end = closing_bracket(inside).ok_or(PATH)?;
    let (path, rest) = inside.split_at(end);
    let rest = rest.strip_prefix('>').unwrap_or(rest);
    if rest.is_empty() || rest.starts_with(' ') {
        Ok((path, rest))
    } else {
        Err(PATH)
    }
}

/// Where the first `>` outside of quotes is.
fn closing_bracket(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.bytes().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        byte == b'>' && !quoted
    })
}

/// The path without the hosts to go by, which RFC 5321 section 4.1.1.3 has a server pass over.
fn without_route(path: &str) -> &str {
    let Some((route, rest)) = path.split_once(':').filter(|_| path.starts_with('@')) else {
        return path;
    };
    let is_host = |host: &str| {
        host.strip_prefix('@')
            .is_some_and(|name| Path::new(&format!("x@{name}")).is_ok())
    };
    if route.split(',').all(is_host) {
        rest
    } else {
        path
    }
}

fn parameters(text: &str) -> Result<Parameters, Refusal> {
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    for parameter in text.split(' ').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (parameter, None),
        };
        let is_keyword = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_value = value.is_none_or(|value| !value.is_empty() && !value.contains('='));
        let name = name.to_ascii_uppercase();
        if !is_keyword || !is_value || found.iter().any(|(other, _)| *other == name) {
            return Err(ARGUMENTS);
        }
        found.push((name, value.map(str::to_owned)));
    }
    Ok(Parameters(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(line: &str) -> u16 {
        command(line.as_bytes()).map_or_else(|refusal| refusal.code, |_| 250)
    }

    fn path(line: &str) -> String {
        match command(line.as_bytes()) {
            Ok(Command::Mail(path, _) | Command::Rcpt(path, _)) => path.to_string(),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn paths() {
        assert_eq!(path("MAIL FROM:<>"), "");
        assert_eq!(path("mail from:<a@b>"), "a@b");
        assert_eq!(path("MAIL FROM: <a@b> SIZE=1"), "a@b");
        assert_eq!(path(r#"RCPT TO:<"a> ORCPT=x"@b>"#), r#""a> ORCPT=x"@b"#);
        assert_eq!(path(r#"RCPT TO:<"a\">"@b>"#), r#""a\">"@b"#);
        assert_eq!(path("RCPT TO:<postmaster>"), "postmaster");
        assert_eq!(path("RCPT TO:<@x.example,@y.example:a@b>"), "a@b");
        assert_eq!(path("RCPT TO:<jürgen@b>"), "jürgen@b");
        for bad in [
            "MAIL",
            "MAIL FROM",
            "MAIL FROM:",
            "MAIL FROM:a@b",
            "MAIL FROM:<a@b",
            "MAIL FROM:<a@b>x",
            "MAIL TO:<a@b>",
            "RCPT TO:<>",
            "RCPT TO:<a b@c>",
            "RCPT TO:<<a@b>>",
            "RCPT TO:<@x:>",
            "RCPT TO:<@:a@b>",
            "RCPT TO:<@x,y:a@b>",
            "RCPT TO:<a@b> =",
            "RCPT TO:<a@b> X=",
            "RCPT TO:<a@b> X=1=2",
            "RCPT TO:<a@b> X Y=1 x=3",
            "MAIL FRÖM:<a@b>",
        ] {
            assert_eq!(code(bad), 501, "{bad}");
        }
    }

    #[test]
    fn parameters_are_in_capitals_and_in_order() {
        let Ok(Command::Mail(_, parameters)) =
            command(b"MAIL FROM:<> size=7  Body=8bitmime SMTPUTF8")
        else {
            panic!("no MAIL")
        };
        assert_eq!(parameters.to_string(), "SIZE=7 BODY=8bitmime SMTPUTF8");
        assert!(parameters.is_eight_bit() && parameters.is_smtputf8() && !parameters.has("RET"));
    }

    #[test]
    fn bdat() {
        assert_eq!(
            command(b"BDAT 5"),
            Ok(Command::Bdat {
                size: 5,
                last: false
            })
        );
        assert_eq!(
            command(b"bdat 0 last"),
            Ok(Command::Bdat {
                size: 0,
                last: true
            })
        );
        let refusal = command(b"BDAT 5 LATER").unwrap_err();
        assert_eq!(
            (refusal.code, refusal.swallow, refusal.fatal),
            (501, 5, false)
        );
        for unknown in [
            "BDAT",
            "BDAT x",
            "BDAT -1",
            "BDAT +1",
            "BDAT LAST",
            "BDAT 99999999999999999999 LAST",
        ] {
            assert!(command(unknown.as_bytes()).unwrap_err().fatal, "{unknown}");
        }
    }

    #[test]
    fn everything_else() {
        for good in [
            "EHLO x",
            "HELO [127.0.0.1]",
            "LHLO x",
            "DATA",
            "data ",
            "NOOP x",
            "RSET",
            "QUIT",
            "HELP",
            "VRFY a",
            "STARTTLS",
        ] {
            assert_eq!(code(good), 250, "{good}");
        }
        for (bad, expected) in [
            ("", 500),
            ("EHLO", 501),
            ("DATA x", 501),
            ("QUIT now", 501),
            ("VRFY", 501),
            ("EXPN x", 502),
            ("HTTP/1.1", 500),
            ("NOOP\0", 500),
            ("NOOP\tx", 500),
            ("MAIL\tFROM:<a@b>", 500),
            ("AUTH", 501),
            ("AUTH PLAIN a b", 501),
        ] {
            assert_eq!(code(bad), expected, "{bad:?}");
        }
        assert_eq!(command(b"NOOP \xff").unwrap_err().code, 500);
        assert_eq!(
            command(b"AUTH plain ="),
            Ok(Command::Auth(Some(Mechanism::Plain), Some("=")))
        );
        assert_eq!(command(b"AUTH NTLM"), Ok(Command::Auth(None, None)));
    }
}
