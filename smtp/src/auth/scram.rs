//! SCRAM (RFC 5802, RFC 7677): the password is proven and not said, and the server has to prove
//! that it knows it, too.

use std::borrow::Cow;
use std::num::NonZeroU32;

use ring::{digest, hmac, pbkdf2};

use super::BASE64;
use crate::error::ViolationKind;

/// Fewer than RFC 7677 allows would make guessing cheap.
const FEWEST_ITERATIONS: u32 = 4096;

/// More would let a server keep us busy; a million takes about half a second.
const MOST_ITERATIONS: u32 = 1_000_000;

/// The hash function of a mechanism.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hash {
    Sha1,
    Sha256,
}

/// Our side of one exchange.
pub(super) struct Scram {
    hash: Hash,
    /// `n,,` or `p=tls-exporter,,`, and the data behind it.
    binding: Vec<u8>,
    header: &'static str,
    /// The first message without the header.
    bare: String,
    nonce: String,
    state: State,
}

enum State {
    Begin,
    SaidFirst,
    /// The proof was said; the server has to show this signature.
    SaidProof(Vec<u8>),
    Verified,
}

impl Scram {
    pub(super) fn new(hash: Hash, user: &str, nonce: &str, binding: Option<&[u8]>) -> Self {
        let header = match binding {
            Some(_) => "p=tls-exporter,,",
            None => "n,,",
        };
        let mut bound = header.as_bytes().to_vec();
        bound.extend_from_slice(binding.unwrap_or_default());
        Self {
            hash,
            binding: bound,
            header,
            bare: format!("n={},r={nonce}", escape(&prepared(user))),
            nonce: nonce.to_owned(),
            state: State::Begin,
        }
    }

    /// The first message.
    pub(super) fn first(&mut self) -> String {
        self.state = State::SaidFirst;
        format!("{}{}", self.header, self.bare)
    }

    pub(super) fn rewind(&mut self) {
        self.state = State::Begin;
    }

    pub(super) fn is_verified(&self) -> bool {
        matches!(self.state, State::Verified)
    }

    pub(super) fn answer(
        &mut self,
        challenge: &[u8],
        password: &str,
    ) -> Result<Vec<u8>, ViolationKind> {
        let text = std::str::from_utf8(challenge).map_err(|_| ViolationKind::Challenge)?;
        match &self.state {
            State::Begin => Ok(self.first().into_bytes()),
            State::SaidFirst => self.prove(text, password),
            State::SaidProof(signature) => {
                let shown = text.strip_prefix("v=").and_then(|v| BASE64.decode(v).ok());
                // Both are of the server's making, so comparing them in constant time gains nothing.
                if shown.as_ref() != Some(signature) {
                    return Err(ViolationKind::ServerUnproven);
                }
                self.state = State::Verified;
                Ok(Vec::new())
            }
            State::Verified => Err(ViolationKind::Challenge),
        }
    }

    /// The final message: the proof that we know the password.
    fn prove(&mut self, challenge: &str, password: &str) -> Result<Vec<u8>, ViolationKind> {
        let challenge = Challenge::read(challenge, &self.nonce).ok_or(ViolationKind::Challenge)?;
        let hash = self.hash;
        let password = prepared(password);
        let salted = hash.salted(password.as_bytes(), &challenge.salt, challenge.iterations);
        let without_proof = format!("c={},r={}", BASE64.encode(&self.binding), challenge.nonce);
        let said = format!("{},{},{without_proof}", self.bare, challenge.text);
        let key = hash.hmac(&salted, b"Client Key");
        let signature = hash.hmac(&hash.digest(&key), said.as_bytes());
        let proof: Vec<u8> = key.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        let server_key = hash.hmac(&salted, b"Server Key");
        self.state = State::SaidProof(hash.hmac(&server_key, said.as_bytes()));
        Ok(format!("{without_proof},p={}", BASE64.encode(proof)).into_bytes())
    }
}

/// What the server says first.
struct Challenge<'a> {
    text: &'a str,
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: NonZeroU32,
}

impl<'a> Challenge<'a> {
    fn read(text: &'a str, ours: &str) -> Option<Self> {
        // A mandatory extension, `m=`, would stand first; then none of this fits, as it should.
        let mut fields = text.split(',');
        let nonce = fields.next()?.strip_prefix("r=")?;
        let salt = BASE64.decode(fields.next()?.strip_prefix("s=")?).ok()?;
        let iterations: NonZeroU32 = fields.next()?.strip_prefix("i=")?.parse().ok()?;
        let fits = nonce.len() > ours.len()
            && nonce.starts_with(ours)
            && !salt.is_empty()
            && (FEWEST_ITERATIONS..=MOST_ITERATIONS).contains(&iterations.get());
        fits.then_some(Self {
            text,
            nonce,
            salt,
            iterations,
        })
    }
}

impl Hash {
    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    fn hmac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
        };
        let key = hmac::Key::new(algorithm, key);
        hmac::sign(&key, message).as_ref().to_vec()
    }

    /// `Hi` of RFC 5802: PBKDF2 of one block.
    fn salted(self, password: &[u8], salt: &[u8], iterations: NonZeroU32) -> Vec<u8> {
        let (algorithm, length) = match self {
            Self::Sha1 => (pbkdf2::PBKDF2_HMAC_SHA1, digest::SHA1_OUTPUT_LEN),
            Self::Sha256 => (pbkdf2::PBKDF2_HMAC_SHA256, digest::SHA256_OUTPUT_LEN),
        };
        let mut salted = vec![0; length];
        pbkdf2::derive(algorithm, iterations, salt, password, &mut salted);
        salted
    }
}

/// The name as SCRAM and OAUTHBEARER write it.
pub(super) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// SASLprep (RFC 4013); text that it has no form for stays as it is, which the server then judges.
fn prepared(text: &str) -> Cow<'_, str> {
    stringprep::saslprep(text).unwrap_or(Cow::Borrowed(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays an exchange of an RFC to its end.
    fn play(hash: Hash, nonce: &str, challenge: &str, proof: &str, signature: &str) {
        let mut scram = Scram::new(hash, "user", nonce, None);
        assert_eq!(scram.first(), format!("n,,n=user,r={nonce}"));
        let answer = scram.answer(challenge.as_bytes(), "pencil").unwrap();
        assert_eq!(String::from_utf8(answer).unwrap(), proof);
        assert!(!scram.is_verified());
        assert_eq!(scram.answer(signature.as_bytes(), "pencil").unwrap(), b"");
        assert!(scram.is_verified());
    }

    /// RFC 5802, section 5.
    #[test]
    fn the_example_of_sha_1() {
        play(
            Hash::Sha1,
            "fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        );
    }

    /// RFC 7677, section 3.
    #[test]
    fn the_example_of_sha_256() {
        play(
            Hash::Sha256,
            "rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        );
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_not_believed() {
        let mut scram = Scram::new(Hash::Sha256, "user", "abc", None);
        scram.first();
        let challenge = b"r=abcdef,s=c2FsdA==,i=4096";
        scram.answer(challenge, "pencil").unwrap();
        let forged = format!("v={}", BASE64.encode([7; 32]));
        let answer = scram.answer(forged.as_bytes(), "pencil");
        assert_eq!(answer, Err(ViolationKind::ServerUnproven));
        assert!(!scram.is_verified());
    }

    #[test]
    fn challenges_that_do_not_fit_are_refused() {
        for bad in [
            "",
            "r=abc,s=c2FsdA==,i=4096",
            "r=xyzabc,s=c2FsdA==,i=4096",
            "r=abcdef,s=,i=4096",
            "r=abcdef,s=!,i=4096",
            "r=abcdef,s=c2FsdA==,i=1",
            "r=abcdef,s=c2FsdA==,i=4294967295",
            "r=abcdef,s=c2FsdA==,i=99999999999",
            "m=x,r=abcdef,s=c2FsdA==,i=4096",
            "e=unknown-user",
        ] {
            let mut scram = Scram::new(Hash::Sha1, "user", "abc", None);
            scram.first();
            let answer = scram.answer(bad.as_bytes(), "pencil");
            assert_eq!(answer, Err(ViolationKind::Challenge), "{bad}");
        }
    }

    #[test]
    fn what_is_bound_is_sent_and_counts() {
        let mut bound = Scram::new(Hash::Sha256, "a=b,c", "abc", Some(b"exported"));
        assert_eq!(bound.first(), "p=tls-exporter,,n=a=3Db=2Cc,r=abc");
        let answer = bound
            .answer(b"r=abcdef,s=c2FsdA==,i=4096", "pencil")
            .unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let bound = BASE64.encode(b"p=tls-exporter,,exported");
        assert!(
            answer.starts_with(&format!("c={bound},r=abcdef,p=")),
            "{answer}"
        );
    }
}
