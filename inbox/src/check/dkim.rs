//! DKIM signatures (RFC 6376, RFC 8463): whether the body is still the one that was signed, and with a key, the headers too.

use std::fmt;

use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};

use super::{Case, Finding, Notes};
use crate::view::decode;
use crate::view::headers::{Field, fields, split};

/// So many signatures of a mail are looked at.
const MOST: usize = 10;

/// A public key by which signatures are verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    /// As PKCS #1 has it.
    Rsa(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Key {
    /// Reads a key from a file's text: the DNS record (`v=DKIM1; k=rsa; p=…`), or PEM.
    ///
    /// # Errors
    ///
    /// When it is neither, or a key of another kind.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let is_pem = text.contains("-----BEGIN PUBLIC KEY-----");
        let base64 = if is_pem {
            let lines = text.lines().filter(|line| !line.starts_with("-----"));
            lines.collect()
        } else {
            // A long record is written as several strings.
            tag(&text.replace(['"', '(', ')'], ""), "p").ok_or(InvalidKey)?
        };
        let der = decode::body(base64.as_bytes(), "base64");
        let is_bare = tag(text, "k").as_deref() == Some("ed25519") && !is_pem;
        let kind = if is_bare && der.len() == 32 {
            Kind::Ed25519(der)
        } else {
            from_spki(&der).ok_or(InvalidKey)?
        };
        Ok(Self(kind))
    }

    fn verifies(&self, algorithm: &str, headers: &[u8], signature: &[u8]) -> bool {
        match (&self.0, algorithm) {
            (Kind::Rsa(key), "rsa-sha256") => {
                let key =
                    UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, key);
                key.verify(headers, signature).is_ok()
            }
            (Kind::Ed25519(key), "ed25519-sha256") => {
                let hash = digest(&SHA256, headers);
                UnparsedPublicKey::new(&ED25519, key)
                    .verify(hash.as_ref(), signature)
                    .is_ok()
            }
            _ => false,
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Rsa(_) => "Key(RSA)",
            Kind::Ed25519(_) => "Key(Ed25519)",
        })
    }
}

/// A text is no key for DKIM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidKey;

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this is no public key for DKIM: neither a record with `p=` nor PEM, of RSA or Ed25519",
        )
    }
}

impl std::error::Error for InvalidKey {}

pub(super) fn check(case: &Case<'_>) -> Option<Finding> {
    let raw = &*case.mail.raw;
    let (block, body) = split(raw);
    let fields: Vec<_> = fields(raw.get(block)?).collect();
    let body = raw.get(body..).unwrap_or_default();
    let signatures = fields.iter().filter(|field| field.is("DKIM-Signature"));
    let mut notes = Notes::new("DKIM");
    let mut count = 0;
    for field in signatures.take(MOST) {
        count += 1;
        let signature = Signature::new(field);
        if let Err(problem) = signature.verify(case, &fields, body, &mut notes) {
            notes.fail(format!("d={}: {problem}", signature.domain()));
        }
    }
    let fine = if case.keys.is_empty() {
        "the body is as it was signed; give a key to verify the headers"
    } else {
        "good by the key given"
    };
    (count > 0).then(|| notes.finding(fine))
}

/// The value of a tag of a list (RFC 6376 section 3.2), without white space.
pub(super) fn tag(list: &str, name: &str) -> Option<String> {
    let pairs = list.split(';').filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(key, _)| key.trim() == name);
    let (_, value) = named.next()?;
    Some(value.split_whitespace().collect())
}

struct Signature<'f> {
    field: &'f Field<'f>,
    tags: String,
}

impl<'f> Signature<'f> {
    fn new(field: &'f Field<'f>) -> Self {
        Self {
            field,
            tags: String::from_utf8_lossy(field.value).into_owned(),
        }
    }

    fn tag(&self, name: &str) -> Option<String> {
        tag(&self.tags, name)
    }

    fn domain(&self) -> String {
        self.tag("d").unwrap_or_default()
    }

    fn verify(
        &self,
        case: &Case<'_>,
        fields: &[Field<'_>],
        body: &[u8],
        notes: &mut Notes,
    ) -> Result<(), String> {
        let needed = |name: &str| self.tag(name).ok_or_else(|| format!("it has no {name}="));
        let (algorithm, signed) = (needed("a")?, needed("h")?.to_ascii_lowercase());
        let (hash, signature) = (needed("bh")?, needed("b")?);
        if !matches!(algorithm.as_str(), "rsa-sha256" | "ed25519-sha256") {
            return Err(format!("{algorithm} is taken by nobody (RFC 8301)"));
        }
        if !signed.split(':').any(|name| name == "from") {
            return Err("From is not signed".to_owned());
        }
        let expiry = self
            .tag("x")
            .and_then(|seconds| seconds.parse::<i64>().ok());
        if expiry.is_some_and(|expiry| expiry < case.mail.received.as_second()) {
            return Err("it has expired".to_owned());
        }
        if digest(&SHA256, &self.body(body, notes)).as_ref()
            != decode::body(hash.as_bytes(), "base64")
        {
            return Err("the body is not the one that was signed".to_owned());
        }
        let headers = self.headers(fields, &signed);
        let signature = decode::body(signature.as_bytes(), "base64");
        let is_good = case
            .keys
            .iter()
            .any(|key| key.verifies(&algorithm, &headers, &signature));
        if !is_good && !case.keys.is_empty() {
            return Err("no key that was given verifies it".to_owned());
        }
        Ok(())
    }

    /// Whether headers and body are signed in their relaxed form.
    fn is_relaxed(&self) -> (bool, bool) {
        let form = self.tag("c").unwrap_or_default();
        let (headers, body) = form.split_once('/').unwrap_or((&form, "simple"));
        (headers == "relaxed", body == "relaxed")
    }

    /// The octets of the body that are signed.
    fn body(&self, body: &[u8], notes: &mut Notes) -> Vec<u8> {
        let mut canonical = if self.is_relaxed().1 {
            relaxed_body(body)
        } else {
            simple_body(body)
        };
        if let Some(length) = self.tag("l").and_then(|length| length.parse().ok()) {
            notes.look(format!(
                "d={}: with l=, anybody can add to the body",
                self.domain()
            ));
            canonical.truncate(length);
        }
        canonical
    }

    /// The headers that are signed, from the last of each name to the first, and the signature without itself.
    fn headers(&self, fields: &[Field<'_>], signed: &str) -> Vec<u8> {
        let is_relaxed = self.is_relaxed().0;
        let mut used = vec![false; fields.len()];
        let mut octets = Vec::new();
        for name in signed.split(':') {
            let place = fields
                .iter()
                .zip(&used)
                .rposition(|(field, used)| !used && field.is(name));
            if let Some((place, field)) = place.and_then(|place| Some((place, fields.get(place)?)))
            {
                if let Some(used) = used.get_mut(place) {
                    *used = true;
                }
                octets.extend(header(field.name, field.value, is_relaxed));
                octets.extend_from_slice(b"\r\n");
            }
        }
        let without = without_signature(self.field.value);
        octets.extend(header(self.field.name, &without, is_relaxed));
        octets
    }
}

fn header(name: &[u8], value: &[u8], is_relaxed: bool) -> Vec<u8> {
    if !is_relaxed {
        return [name, b":", value].concat();
    }
    let name = name.to_ascii_lowercase();
    let words: Vec<_> = value
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .collect();
    [&name, &b":"[..], &words.join(&b" "[..])].concat()
}

/// The value of the field with an empty `b=`.
fn without_signature(value: &[u8]) -> Vec<u8> {
    let tags = value.split(|octet| *octet == b';').map(|pair| {
        let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        let (name, _) = pair.split_at(equals);
        if name.trim_ascii() == b"b" {
            pair.get(..=equals).unwrap_or(pair)
        } else {
            pair
        }
    });
    tags.collect::<Vec<_>>().join(&b";"[..])
}

fn simple_body(body: &[u8]) -> Vec<u8> {
    let mut rest = body;
    while let Some(shorter) = rest.strip_suffix(b"\r\n") {
        rest = shorter;
    }
    [rest, b"\r\n"].concat()
}

fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|octet| *octet == b'\n') {
        let content = line.strip_suffix(b"\r\n").unwrap_or(line);
        let mut gap = false;
        for octet in content {
            if matches!(octet, b' ' | b'\t') {
                gap = true;
            } else {
                if std::mem::take(&mut gap) {
                    canonical.push(b' ');
                }
                canonical.push(*octet);
            }
        }
        canonical.extend_from_slice(b"\r\n");
    }
    while canonical.ends_with(b"\r\n\r\n") {
        canonical.truncate(canonical.len() - 2);
    }
    if canonical == b"\r\n" {
        canonical.clear();
    }
    canonical
}

/// The key in a SubjectPublicKeyInfo (RFC 5280): an algorithm, and a string of bits.
fn from_spki(der: &[u8]) -> Option<Kind> {
    const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
    const ED25519: &[u8] = b"\x2b\x65\x70";
    let (info, _) = element(der, 0x30)?;
    let (algorithm, rest) = element(info, 0x30)?;
    let (kind, _) = element(algorithm, 0x06)?;
    let (bits, _) = element(rest, 0x03)?;
    let key = bits.strip_prefix(b"\0")?.to_vec();
    match kind {
        RSA => Some(Kind::Rsa(key)),
        ED25519 => Some(Kind::Ed25519(key)),
        _ => None,
    }
}

/// The content of the first element, if it is of this kind, and what follows it.
fn element(der: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let [first, length, rest @ ..] = der else {
        return None;
    };
    if *first != kind {
        return None;
    }
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let octets = usize::from(length & 0x7f);
        let (length, rest) = rest.split_at_checked(octets).filter(|_| octets <= 3)?;
        (
            length
                .iter()
                .fold(0, |sum, octet| sum << 8 | usize::from(*octet)),
            rest,
        )
    };
    rest.split_at_checked(length)
}
