//! Logging in: which mechanism, and what it says (RFC 4954).
//!
//! Nothing in here shows a secret by `Debug` or `Display`, and everything that is sent goes through
//! the gate of `command.rs`.

mod scram;

use std::fmt;

use encodify::base64::{self, Base64};

use crate::error::ViolationKind;
use crate::{Extensions, InvalidArgument};

use scram::{Hash, Scram};

/// The code of RFC 4648 section 4, without line ends.
pub(crate) const BASE64: Base64 = base64::STANDARD;

/// Who logs in, and with what secret. Neither `Debug` nor anything else shows the secret.
///
/// # Example
///
/// ```
/// use posthaste_smtp::Credentials;
///
/// let login = Credentials::password("ann", "secret")?;
/// assert!(!format!("{login:?}").contains("secret"));
/// assert!(Credentials::password("ann\0eve", "secret").is_err());
/// # Ok::<(), posthaste_smtp::InvalidArgument>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    secret: Secret,
}

#[derive(Clone, PartialEq, Eq)]
enum Secret {
    Password(String),
    Token(String),
}

impl Credentials {
    /// A name and a password.
    ///
    /// # Errors
    ///
    /// When either holds a NUL, which would shift the fields of PLAIN, or another control.
    pub fn password(user: &str, password: &str) -> Result<Self, InvalidArgument> {
        Self::new(user, password, Secret::Password)
    }

    /// A name and an OAuth 2.0 access token, for OAUTHBEARER (RFC 7628) and XOAUTH2.
    ///
    /// # Errors
    ///
    /// When either holds a control.
    pub fn token(user: &str, token: &str) -> Result<Self, InvalidArgument> {
        Self::new(user, token, Secret::Token)
    }

    /// Whether the secret is a token.
    pub fn is_token(&self) -> bool {
        matches!(self.secret, Secret::Token(_))
    }

    fn new(user: &str, secret: &str, kind: fn(String) -> Secret) -> Result<Self, InvalidArgument> {
        for (what, text) in [("user name", user), ("password or token", secret)] {
            if text.chars().any(char::is_control) {
                return Err(InvalidArgument::new(what, "it holds a control character"));
            }
        }
        Ok(Self {
            user: user.to_owned(),
            secret: kind(secret.to_owned()),
        })
    }

    /// The secret in all forms that a server may repeat it in. Short ones are left out: to mask each `a` of a reply would
    /// tell more than it hides.
    pub(crate) fn telling(&self) -> impl Iterator<Item = String> {
        let (user, secret) = (&self.user, self.secret());
        let said = [
            format!("\0{user}\0{secret}"),
            format!("n,a={user},\u{1}auth=Bearer {secret}\u{1}\u{1}"),
            format!("user={user}\u{1}auth=Bearer {secret}\u{1}\u{1}"),
            secret.to_owned(),
        ];
        let coded = said.map(|said| {
            BASE64
                .encode(said.as_bytes())
                .trim_end_matches('=')
                .to_owned()
        });
        let all = coded.into_iter().chain([secret.to_owned()]);
        all.filter(|text| text.len() >= 6)
    }

    fn secret(&self) -> &str {
        match &self.secret {
            Secret::Password(secret) | Secret::Token(secret) => secret,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// A way to log in. The strongest come first.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mechanism {
    /// SCRAM-SHA-256-PLUS (RFC 7677): bound to the TLS connection.
    ScramSha256Plus,
    /// SCRAM-SHA-256 (RFC 7677).
    ScramSha256,
    /// SCRAM-SHA-1 (RFC 5802).
    ScramSha1,
    /// OAUTHBEARER (RFC 7628).
    OauthBearer,
    /// XOAUTH2, which came before OAUTHBEARER.
    Xoauth2,
    /// PLAIN (RFC 4616).
    Plain,
    /// LOGIN, which was never a standard.
    Login,
    /// CRAM-MD5 (RFC 2195): a server can guess the password from it.
    CramMd5,
}

impl Mechanism {
    /// All of them, the strongest first.
    pub const ALL: [Self; 8] = [
        Self::ScramSha256Plus,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::OauthBearer,
        Self::Xoauth2,
        Self::Plain,
        Self::Login,
        Self::CramMd5,
    ];

    /// The name in AUTH.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::OauthBearer => "OAUTHBEARER",
            Self::Xoauth2 => "XOAUTH2",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::CramMd5 => "CRAM-MD5",
        }
    }

    /// Whether whoever listens learns the secret.
    pub fn is_cleartext(self) -> bool {
        matches!(
            self,
            Self::OauthBearer | Self::Xoauth2 | Self::Plain | Self::Login
        )
    }

    fn takes_token(self) -> bool {
        matches!(self, Self::OauthBearer | Self::Xoauth2)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a choice of mechanism depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    /// Whether secrets may be said as they are: under TLS, or where the user wants it.
    pub(crate) cleartext: bool,
    /// Whether there is something to bind to.
    pub(crate) bindable: bool,
}

/// The strongest mechanism that the server offers, the credentials fit, and that was not `tried`.
pub(crate) fn choose(
    offered: &Extensions,
    credentials: &Credentials,
    circumstances: Circumstances,
    tried: &[Mechanism],
) -> Option<Mechanism> {
    let offered: Vec<&str> = offered
        .parameters("AUTH")?
        .split_ascii_whitespace()
        .collect();
    Mechanism::ALL.into_iter().find(|mechanism| {
        mechanism.takes_token() == credentials.is_token()
            && (circumstances.cleartext || !mechanism.is_cleartext())
            && (circumstances.bindable || *mechanism != Mechanism::ScramSha256Plus)
            && !tried.contains(mechanism)
            && offered
                .iter()
                .any(|name| name.eq_ignore_ascii_case(mechanism.as_str()))
    })
}

/// One attempt to log in, from our side.
pub(crate) struct Exchange {
    credentials: Credentials,
    state: State,
    challenges: usize,
}

/// More challenges than any mechanism needs.
const MOST_CHALLENGES: usize = 8;

enum State {
    Scram(Scram),
    /// What to say first; then nothing but the end of a failure.
    Once {
        first: Vec<u8>,
        after: &'static [u8],
        said: bool,
    },
    LoginUser,
    LoginPassword,
    LoginDone,
    CramMd5,
    CramMd5Done,
}

impl Exchange {
    /// Begins. `nonce` is random text for this attempt alone; `binding` the data of the TLS channel.
    pub(crate) fn new(
        mechanism: Mechanism,
        credentials: &Credentials,
        nonce: &str,
        binding: Option<&[u8]>,
    ) -> Self {
        let (user, secret) = (&credentials.user, credentials.secret());
        let once = |first: String, after| State::Once {
            first: first.into_bytes(),
            after,
            said: false,
        };
        let scram = |hash, binding| State::Scram(Scram::new(hash, user, nonce, binding));
        let state = match mechanism {
            Mechanism::ScramSha256Plus => scram(Hash::Sha256, binding),
            Mechanism::ScramSha256 => scram(Hash::Sha256, None),
            Mechanism::ScramSha1 => scram(Hash::Sha1, None),
            Mechanism::Plain => once(format!("\0{user}\0{secret}"), b""),
            // A failure is told by a challenge that has to be answered (RFC 7628 section 3.2.3).
            Mechanism::OauthBearer => once(
                format!(
                    "n,a={},\x01auth=Bearer {secret}\x01\x01",
                    scram::escape(user)
                ),
                b"\x01",
            ),
            Mechanism::Xoauth2 => once(format!("user={user}\x01auth=Bearer {secret}\x01\x01"), b""),
            Mechanism::Login => State::LoginUser,
            Mechanism::CramMd5 => State::CramMd5,
        };
        Self {
            credentials: credentials.clone(),
            state,
            challenges: 0,
        }
    }

    /// What may stand in the AUTH line itself; none if the server has to speak first.
    pub(crate) fn initial(&mut self) -> Option<String> {
        match &mut self.state {
            State::Scram(scram) => Some(encode(scram.first().as_bytes())),
            State::Once { first, said, .. } => {
                *said = true;
                Some(encode(first))
            }
            _ => None,
        }
    }

    /// Takes back that the initial response was said, so that it answers an empty challenge.
    pub(crate) fn withhold_initial(&mut self) {
        match &mut self.state {
            State::Scram(scram) => scram.rewind(),
            State::Once { said, .. } => *said = false,
            _ => {}
        }
    }

    /// The answer to a challenge, both as they stand on the wire.
    pub(crate) fn answer(&mut self, challenge: &str) -> Result<String, ViolationKind> {
        self.challenges += 1;
        if self.challenges > MOST_CHALLENGES {
            return Err(ViolationKind::Challenge);
        }
        let challenge = BASE64
            .decode(challenge.trim())
            .map_err(|_| ViolationKind::Challenge);
        let (user, secret) = (&self.credentials.user, self.credentials.secret());
        let (answer, next) = match &mut self.state {
            State::Scram(scram) => return Ok(encode(&scram.answer(&challenge?, secret)?)),
            State::Once { first, after, said } => {
                let answer = if *said { encode(after) } else { encode(first) };
                *said = true;
                return Ok(answer);
            }
            // What servers ask here is no more than a label, in any words.
            State::LoginUser => (encode(user.as_bytes()), State::LoginPassword),
            State::LoginPassword => (encode(secret.as_bytes()), State::LoginDone),
            State::CramMd5 => {
                let challenge = challenge?;
                if challenge.is_empty() {
                    return Err(ViolationKind::Challenge);
                }
                let answer = format!("{user} {}", hmac_md5(secret, &challenge));
                (encode(answer.as_bytes()), State::CramMd5Done)
            }
            State::LoginDone | State::CramMd5Done => return Err(ViolationKind::Challenge),
        };
        self.state = next;
        Ok(answer)
    }

    /// Whether the server's word of success may be believed.
    pub(crate) fn finish(&self) -> Result<(), ViolationKind> {
        match &self.state {
            State::Scram(scram) if !scram.is_verified() => Err(ViolationKind::ServerUnproven),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// HMAC (RFC 2104) over MD5, in hexadecimal.
pub(crate) fn hmac_md5(key: &str, message: &[u8]) -> String {
    const BLOCK: usize = 64;
    let mut block = [0; BLOCK];
    let hashed = md5::compute(key);
    let key = if key.len() > BLOCK {
        &hashed.0
    } else {
        key.as_bytes()
    };
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let inner = [&block.map(|byte| byte ^ 0x36), message].concat();
    let outer = [&block.map(|byte| byte ^ 0x5c), &md5::compute(inner).0[..]].concat();
    format!("{:x}", md5::compute(outer))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Circumstances = Circumstances {
        cleartext: true,
        bindable: true,
    };

    fn offering(mechanisms: &str) -> Extensions {
        let reply = format!("250-mx\r\n250 AUTH {mechanisms}");
        Extensions::from_reply(&reply.parse().unwrap())
    }

    fn ann() -> Credentials {
        Credentials::password("ann", "secret").unwrap()
    }

    fn decoded(text: &str) -> String {
        String::from_utf8(BASE64.decode(text).unwrap()).unwrap()
    }

    #[test]
    fn the_strongest_offered_is_chosen() {
        let all = "CRAM-MD5 LOGIN plain SCRAM-SHA-1 scram-sha-256 SCRAM-SHA-256-PLUS XOAUTH2";
        let chosen = |circumstances, tried: &[Mechanism]| {
            choose(&offering(all), &ann(), circumstances, tried)
        };
        assert_eq!(chosen(OPEN, &[]), Some(Mechanism::ScramSha256Plus));
        let bound = Circumstances {
            bindable: false,
            ..OPEN
        };
        assert_eq!(chosen(bound, &[]), Some(Mechanism::ScramSha256));
        let tried = [Mechanism::ScramSha256, Mechanism::ScramSha1];
        assert_eq!(chosen(bound, &tried), Some(Mechanism::Plain));
        let shy = Circumstances {
            cleartext: false,
            bindable: false,
        };
        assert_eq!(chosen(shy, &tried), Some(Mechanism::CramMd5));
    }

    #[test]
    fn a_token_goes_to_oauth_and_to_nothing_else() {
        let token = Credentials::token("ann", "t0ken").unwrap();
        let choice = |offer| choose(&offering(offer), &token, OPEN, &[]);
        assert_eq!(choice("PLAIN LOGIN"), None);
        assert_eq!(choice("XOAUTH2 PLAIN"), Some(Mechanism::Xoauth2));
        assert_eq!(choice("XOAUTH2 OAUTHBEARER"), Some(Mechanism::OauthBearer));
        assert_eq!(choose(&offering("XOAUTH2"), &ann(), OPEN, &[]), None);
        assert_eq!(choose(&Extensions::default(), &ann(), OPEN, &[]), None);
    }

    #[test]
    fn plain_says_all_at_once() {
        let mut exchange = Exchange::new(Mechanism::Plain, &ann(), "", None);
        assert_eq!(decoded(&exchange.initial().unwrap()), "\0ann\0secret");
        let mut exchange = Exchange::new(Mechanism::Plain, &ann(), "", None);
        exchange.initial();
        exchange.withhold_initial();
        assert_eq!(decoded(&exchange.answer("").unwrap()), "\0ann\0secret");
    }

    #[test]
    fn login_says_name_then_password() {
        let mut exchange = Exchange::new(Mechanism::Login, &ann(), "", None);
        assert_eq!(exchange.initial(), None);
        assert_eq!(decoded(&exchange.answer("VXNlcm5hbWU6").unwrap()), "ann");
        assert_eq!(
            decoded(&exchange.answer("whatever it likes").unwrap()),
            "secret"
        );
        assert_eq!(exchange.answer("bW9yZQ=="), Err(ViolationKind::Challenge));
    }

    /// The example of RFC 2195, section 2.
    #[test]
    fn cram_md5() {
        let tim = Credentials::password("tim", "tanstaaftanstaaf").unwrap();
        let mut exchange = Exchange::new(Mechanism::CramMd5, &tim, "", None);
        let challenge = encode(b"<1896.697170952@postoffice.reston.mci.net>");
        let answer = decoded(&exchange.answer(&challenge).unwrap());
        assert_eq!(answer, "tim b913a602c7eda7a495b4e6e7334d3890");
        // A key longer than a block is hashed first (RFC 2104 section 2).
        let long = "\u{aa}".repeat(80);
        assert_ne!(hmac_md5(&long, b"x"), hmac_md5(&long[..64], b"x"));
        let mut exchange = Exchange::new(Mechanism::CramMd5, &tim, "", None);
        assert_eq!(exchange.answer(""), Err(ViolationKind::Challenge));
        assert_eq!(exchange.answer("!!"), Err(ViolationKind::Challenge));
    }

    #[test]
    fn oauth_answers_the_challenge_of_a_failure() {
        let token = Credentials::token("a=b,c", "t0ken").unwrap();
        let mut bearer = Exchange::new(Mechanism::OauthBearer, &token, "", None);
        let first = decoded(&bearer.initial().unwrap());
        assert_eq!(first, "n,a=a=3Db=2Cc,\x01auth=Bearer t0ken\x01\x01");
        assert_eq!(bearer.answer("eyJ9").unwrap(), "AQ==");
        let mut old = Exchange::new(Mechanism::Xoauth2, &token, "", None);
        assert!(decoded(&old.initial().unwrap()).starts_with("user=a=b,c\x01auth=Bearer"));
        assert_eq!(old.answer("eyJ9").unwrap(), "");
    }

    #[test]
    fn challenges_come_to_an_end() {
        let mut exchange = Exchange::new(Mechanism::Plain, &ann(), "", None);
        let refused = (0..20).find_map(|_| exchange.answer("").err());
        assert_eq!(refused, Some(ViolationKind::Challenge));
    }

    #[test]
    fn nothing_shows_the_secret() {
        let exchange = Exchange::new(Mechanism::ScramSha256, &ann(), "n", None);
        assert!(!format!("{:?} {exchange:?}", ann()).contains("secret"));
        for bad in ["a\0b", "a\r\nb"] {
            assert!(Credentials::password(bad, "x").is_err());
            assert!(Credentials::token("x", bad).is_err());
        }
    }
}
