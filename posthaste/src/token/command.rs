//! A program that prints a token.

use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::{TokenProvider, TokenRequest};
use crate::backend::{BoxFuture, Io};
use crate::error::{Error, ErrorKind, Phase};
use crate::settings::Secret;

/// More than any token: a server takes no more than 12 kB in a line.
const MOST: u64 = 16 << 10;

/// How often is looked whether a program that has printed its token has ended, too.
const GLANCE: Duration = Duration::from_millis(2);

/// Asks a program for a token, and keeps that until it is refused.
pub(crate) struct TokenCommand {
    /// The program and its arguments, never empty.
    words: Arc<[String]>,
    limit: Duration,
    /// The setting that names it.
    field: String,
    kept: Mutex<Option<Secret>>,
}

impl TokenCommand {
    /// Of these words, with a time limit for each run; `field` is what errors name.
    pub(crate) fn new(words: Vec<String>, limit: Duration, field: String) -> Self {
        Self {
            words: words.into(),
            limit,
            field,
            kept: Mutex::new(None),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Option<Secret>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, io: Io) -> Result<Secret, String> {
        let (words, limit) = (Arc::clone(&self.words), self.limit);
        match io {
            Io::Blocking => run(&words, limit),
            #[cfg(feature = "tokio")]
            Io::Tokio => tokio::task::spawn_blocking(move || run(&words, limit))
                .await
                .unwrap_or_else(|error| Err(error.to_string())),
        }
    }
}

impl TokenProvider for TokenCommand {
    fn token<'a>(&'a self, request: TokenRequest<'a>) -> BoxFuture<'a, Result<Secret, Error>> {
        Box::pin(async move {
            if !request.is_refused
                && let Some(token) = self.kept().clone()
            {
                return Ok(token);
            }
            let token = self.run(request.io).await.map_err(|message| {
                Error::new(ErrorKind::Auth, message)
                    .with_field(self.field.as_str())
                    .with_phase(Phase::Auth)
                    .with_temporary(true)
            })?;
            *self.kept() = Some(token.clone());
            Ok(token)
        })
    }
}

/// Runs a program without a shell. What it says on stderr is seen where our own stderr is.
fn run(words: &[String], limit: Duration) -> Result<Secret, String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err("there is no program".to_owned());
    };
    let deadline = Instant::now() + limit;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| format!("{program:?} cannot be run: {error}"))?;
    let token = listen(&mut child, deadline).and_then(|printed| token(&printed));
    // One that is not waited for any longer must not go on. It may have ended by itself; then this does nothing.
    let token = token.inspect_err(|_| drop(child.kill()));
    let status = child.wait();
    let status = status.map_err(|error| format!("{program:?} was lost: {error}"))?;
    match token {
        Ok(token) if status.success() => Ok(token),
        Err(what) if status.success() || status.code().is_none() => {
            Err(format!("{program:?} {what}"))
        }
        _ => Err(format!("{program:?} failed ({status})")),
    }
}

/// All that a program prints, once it has ended.
fn listen(child: &mut Child, deadline: Instant) -> Result<Vec<u8>, String> {
    let late = || "took too long".to_owned();
    let Some(stdout) = child.stdout.take() else {
        return Err("has no output".to_owned());
    };
    // A read of a pipe knows no time limit, so it is made in a thread that is left behind when it is late.
    let (done, printed) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("posthaste-token".to_owned())
        .spawn(move || {
            let mut bytes = Vec::new();
            let read = stdout.take(MOST + 1).read_to_end(&mut bytes);
            // Nobody listens any more when it is late.
            let _ = done.send(read.map(|_| bytes));
        })
        .map_err(|error| format!("cannot be listened to: {error}"))?;
    let left = deadline.saturating_duration_since(Instant::now());
    let printed: io::Result<Vec<u8>> = printed.recv_timeout(left).map_err(|_| late())?;
    let printed = printed.map_err(|error| format!("cannot be listened to: {error}"))?;
    if printed.len() as u64 > MOST {
        return Err("printed more than a token".to_owned());
    }
    while child.try_wait().is_ok_and(|status| status.is_none()) {
        if Instant::now() > deadline {
            return Err(late());
        }
        thread::sleep(GLANCE);
    }
    Ok(printed)
}

/// The one line that was printed.
fn token(printed: &[u8]) -> Result<Secret, String> {
    let text = std::str::from_utf8(printed).map(str::trim);
    match text {
        Ok("") => Err("printed no token".to_owned()),
        Ok(text) if text.chars().any(|c| c.is_control() || c.is_whitespace()) => {
            Err("printed more than a token".to_owned())
        }
        Ok(text) => Ok(text.into()),
        Err(_) => Err("printed something that is no text".to_owned()),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::mode::block_on;

    const AMPLE: Duration = Duration::from_secs(60);

    fn shell(script: &str, limit: Duration) -> Result<String, String> {
        let words = ["sh", "-c", script].map(str::to_owned);
        run(&words, limit).map(|token| token.expose().to_owned())
    }

    #[test]
    fn what_is_printed_is_the_token() {
        assert_eq!(shell("echo t0ken", AMPLE).as_deref(), Ok("t0ken"));
        assert_eq!(
            shell("printf '\\n t0ken\\r\\n\\n'", AMPLE).as_deref(),
            Ok("t0ken")
        );
        // One that closes its output first is waited for.
        let slow = "echo t0ken; exec >&-; sleep 0.05";
        assert_eq!(shell(slow, AMPLE).as_deref(), Ok("t0ken"));
        let late = "echo t0ken; exec >&-; sleep 0.05; exit 3";
        assert!(shell(late, AMPLE).is_err());
    }

    #[test]
    fn what_went_wrong_is_told_and_the_output_is_not() {
        for (script, what) in [
            ("exit 3", "\"sh\" failed (exit status: 3)"),
            ("echo hunter2; exit 3", "\"sh\" failed (exit status: 3)"),
            ("true", "\"sh\" printed no token"),
            ("echo hunter2 x", "\"sh\" printed more than a token"),
            ("printf '\\377'", "\"sh\" printed something that is no text"),
            ("exec yes hunter2", "\"sh\" printed more than a token"),
        ] {
            assert_eq!(shell(script, AMPLE), Err(what.to_owned()), "{script}");
        }
        let limit = Duration::from_millis(20);
        let late = Err("\"sh\" took too long".to_owned());
        assert_eq!(shell("exec sleep 1000", limit), late);
        let nobody = run(&["/nowhere/token".to_owned()], AMPLE).expect_err("no such program");
        assert!(
            nobody.starts_with("\"/nowhere/token\" cannot be run: "),
            "{nobody}"
        );
    }

    #[test]
    fn there_is_no_shell_but_the_one_that_is_asked_for() {
        let words = ["echo", "$HOME;ls"].map(str::to_owned);
        let token = run(&words, AMPLE).expect("a token");
        assert_eq!(token.expose(), "$HOME;ls");
    }

    #[test]
    fn a_token_is_kept_until_it_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let count = folder.path().join("count");
        let script = format!("echo x >> '{0}'; wc -l < '{0}'", count.display());
        let words = ["sh", "-c", &script].map(str::to_owned).to_vec();
        let command = TokenCommand::new(words, AMPLE, "token_command".to_owned());
        let ask = |is_refused| {
            let token = command.token(TokenRequest {
                user: "ann",
                host: "h",
                is_refused,
                io: Io::Blocking,
            });
            block_on(token).expect("a token").expose().to_owned()
        };
        let asked = [ask(false), ask(false), ask(true), ask(false)];
        assert_eq!(asked, ["1", "1", "2", "2"]);
    }
}
