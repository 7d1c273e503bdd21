//! Logging in, from the server's side (RFC 4954).

use std::fmt;

use crate::Mechanism;
use crate::auth::{BASE64, hmac_md5};

/// Who wants to log in, and what was said to prove it. `Debug` does not show the secret.
///
/// # Example
///
/// ```
/// use posthaste_smtp::Mechanism;
/// use posthaste_smtp::server::{Config, Request, Server, Step};
///
/// let mut config = Config::new("mx.example");
/// config.mechanisms = vec![Mechanism::Plain];
/// config.cleartext_auth = true;
/// let mut server = Server::new(config);
/// // ann and hunter2.
/// server.received(b"EHLO x\r\nAUTH PLAIN AGFubgBodW50ZXIy\r\n");
/// let login = loop {
///     match server.poll() {
///         Step::Decide(Request::Login(login)) => break login,
///         Step::Decide(_) => {}
///         other => panic!("{other:?}"),
///     }
/// };
/// assert_eq!(login.user(), "ann");
/// assert!(login.is_proved_by("hunter2") && !login.is_proved_by("hunter3"));
/// assert!(!format!("{login:?}").contains("hunter2"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    mechanism: Mechanism,
    user: String,
    proof: Proof,
}

#[derive(Clone, PartialEq, Eq)]
enum Proof {
    Secret(String),
    CramMd5 { challenge: String, digest: String },
}

impl Login {
    /// The way that was chosen.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Who it is.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password or the token, where the way says it as it is.
    pub fn secret(&self) -> Option<&str> {
        match &self.proof {
            Proof::Secret(secret) => Some(secret),
            Proof::CramMd5 { .. } => None,
        }
    }

    /// Whether the client knows this password, or has this token.
    pub fn is_proved_by(&self, secret: &str) -> bool {
        match &self.proof {
            Proof::Secret(said) => said == secret,
            Proof::CramMd5 { challenge, digest } => {
                hmac_md5(secret, challenge.as_bytes()).eq_ignore_ascii_case(digest)
            }
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("mechanism", &self.mechanism)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// What a server does next in an attempt to log in.
#[derive(Debug)]
pub(super) enum Move {
    /// It asks this, as it stands on the wire.
    Ask(String),
    Done(Login),
    /// What the client said makes no sense.
    Malformed,
}

/// An attempt to log in that is under way.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Exchange {
    pub(super) mechanism: Mechanism,
    /// The user name of LOGIN, once it is said.
    user: Option<String>,
    challenge: String,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({})", self.mechanism)
    }
}

impl Exchange {
    /// `nonce` and `host` make the challenge of CRAM-MD5.
    pub(super) fn new(mechanism: Mechanism, nonce: &str, host: &str) -> Self {
        Self {
            mechanism,
            user: None,
            challenge: format!("<{nonce}@{host}>"),
        }
    }

    /// What follows AUTH, with its initial response if there is one, as it stands on the wire.
    pub(super) fn begin(&mut self, initial: Option<&str>) -> Move {
        match (initial, self.mechanism) {
            // The server speaks first there (RFC 2195).
            (Some(_), Mechanism::CramMd5) => Move::Malformed,
            (Some("="), _) => self.said(Vec::new()),
            (Some(initial), _) => self.answered(initial),
            (None, Mechanism::Login) => Move::Ask(BASE64.encode(b"Username:")),
            (None, Mechanism::CramMd5) => Move::Ask(BASE64.encode(self.challenge.as_bytes())),
            (None, _) => Move::Ask(String::new()),
        }
    }

    /// What follows the client's answer, as it stands on the wire.
    pub(super) fn answered(&mut self, answer: &str) -> Move {
        BASE64
            .decode(answer)
            .map_or(Move::Malformed, |said| self.said(said))
    }

    fn said(&mut self, said: Vec<u8>) -> Move {
        let Ok(said) = String::from_utf8(said) else {
            return Move::Malformed;
        };
        let pair = match self.mechanism {
            Mechanism::Login => match self.user.take() {
                Some(user) => Some((user, Proof::Secret(said))),
                None => {
                    self.user = Some(said);
                    return Move::Ask(BASE64.encode(b"Password:"));
                }
            },
            Mechanism::Plain => plain(&said),
            Mechanism::Xoauth2 => xoauth2(&said),
            Mechanism::OauthBearer => oauthbearer(&said),
            Mechanism::CramMd5 => said.rsplit_once(' ').map(|(user, digest)| {
                let (challenge, digest) = (self.challenge.clone(), digest.to_owned());
                (user.to_owned(), Proof::CramMd5 { challenge, digest })
            }),
            _ => None,
        };
        pair.map_or(Move::Malformed, |(user, proof)| {
            Move::Done(Login {
                mechanism: self.mechanism,
                user,
                proof,
            })
        })
    }
}

/// `[authzid] NUL authcid NUL password` (RFC 4616).
fn plain(said: &str) -> Option<(String, Proof)> {
    let mut fields = said.split('\0');
    let (_, user, password) = (fields.next()?, fields.next()?, fields.next()?);
    let over = fields.next().is_none();
    over.then(|| (user.to_owned(), Proof::Secret(password.to_owned())))
}

/// `user=… ^A auth=Bearer … ^A ^A`.
fn xoauth2(said: &str) -> Option<(String, Proof)> {
    let (user, rest) = said.strip_prefix("user=")?.split_once('\u{1}')?;
    Some((user.to_owned(), Proof::Secret(bearer(rest)?)))
}

/// `n,a=…,^A … ^A auth=Bearer … ^A ^A` (RFC 7628).
fn oauthbearer(said: &str) -> Option<(String, Proof)> {
    let (header, rest) = said.split_once('\u{1}')?;
    let user = header.strip_prefix("n,a=")?.strip_suffix(',')?;
    let user = user.replace("=2C", ",").replace("=3D", "=");
    Some((user, Proof::Secret(bearer(rest)?)))
}

fn bearer(pairs: &str) -> Option<String> {
    let mut pairs = pairs.split('\u{1}');
    pairs.find_map(|pair| {
        let token = pair.strip_prefix("auth=")?;
        let scheme = token.get(..7)?;
        scheme
            .eq_ignore_ascii_case("Bearer ")
            .then(|| token[7..].to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(mechanism: Mechanism, said: &[&str]) -> Option<Login> {
        let mut exchange = Exchange::new(mechanism, "nonce", "mx.example");
        let (first, rest) = said.split_first()?;
        let mut next = exchange.begin(Some(&BASE64.encode(first.as_bytes())));
        for said in rest {
            assert!(matches!(next, Move::Ask(_)));
            next = exchange.answered(&BASE64.encode(said.as_bytes()));
        }
        match next {
            Move::Done(login) => Some(login),
            _ => None,
        }
    }

    #[test]
    fn each_way_tells_who_it_is() {
        for (mechanism, said) in [
            (Mechanism::Plain, &["\0ann\0hunter2"][..]),
            (Mechanism::Plain, &["other\0ann\0hunter2"]),
            (Mechanism::Login, &["ann", "hunter2"]),
            (
                Mechanism::Xoauth2,
                &["user=ann\u{1}auth=Bearer hunter2\u{1}\u{1}"],
            ),
            (
                Mechanism::OauthBearer,
                &["n,a=ann,\u{1}host=x\u{1}auth=bearer hunter2\u{1}\u{1}"],
            ),
        ] {
            let login = login(mechanism, said).expect("a login");
            assert_eq!(
                (login.user(), login.secret()),
                ("ann", Some("hunter2")),
                "{mechanism}"
            );
        }
    }

    #[test]
    fn cram_md5_is_rfc_2195s() {
        let mut exchange = Exchange::new(
            Mechanism::CramMd5,
            "1896.697170952",
            "postoffice.reston.mci.net",
        );
        let Move::Ask(asked) = exchange.begin(None) else {
            panic!("the server speaks first")
        };
        assert_eq!(
            asked,
            "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"
        );
        let Move::Done(login) =
            exchange.answered("dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw")
        else {
            panic!("no login")
        };
        assert_eq!((login.user(), login.secret()), ("tim", None));
        assert!(login.is_proved_by("tanstaaftanstaaf") && !login.is_proved_by("x"));
    }

    #[test]
    fn what_makes_no_sense_is_no_login() {
        for (mechanism, said) in [
            (Mechanism::Plain, "ann"),
            (Mechanism::Plain, "\0ann\0a\0b"),
            (Mechanism::Xoauth2, "ann"),
            (Mechanism::Xoauth2, "user=ann\u{1}auth=é\u{1}"),
            (Mechanism::OauthBearer, "y,,\u{1}auth=Bearer x\u{1}"),
            (Mechanism::ScramSha1, "n,,n=ann,r=x"),
        ] {
            assert_eq!(login(mechanism, &[said]), None, "{said:?}");
        }
        let mut exchange = Exchange::new(Mechanism::Plain, "", "");
        for bad in ["?", "/w==", "YQ", "Y Q=="] {
            assert!(
                matches!(exchange.begin(Some(bad)), Move::Malformed),
                "{bad:?}"
            );
        }
    }
}
