//! Reads from a certificate (RFC 5280) what people ask for. Whether it is good is for rustls to say; what cannot be read
//! here is left out.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Certificate;

/// The most names that are shown.
const MOST_NAMES: usize = 100;
/// The most characters of a text that are shown.
const LONGEST: usize = 200;

const SEQUENCE: u8 = 0x30;
const OID: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, the version; `[3]`, the extensions.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// `[2]` and `[7]` of a GeneralName.
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

/// Reads a certificate in DER.
pub(crate) fn read(der: &[u8]) -> Option<Certificate> {
    let mut outer = Der(Der(der).expect(SEQUENCE)?);
    let mut body = Der(outer.expect(SEQUENCE)?);
    let (tag, _) = body.next()?;
    if tag == VERSION {
        body.next()?;
    }
    body.next()?;
    let issuer = name(body.next()?.1);
    let mut validity = Der(body.expect(SEQUENCE)?);
    let mut moment = || validity.next().and_then(|(tag, text)| time(tag, text));
    let (not_before, not_after) = (moment()?, moment()?);
    let subject = name(body.next()?.1);
    let mut extensions = std::iter::from_fn(|| body.next());
    let extensions = extensions.find(|(tag, _)| *tag == EXTENSIONS);
    Some(Certificate {
        names: extensions.map_or_else(Vec::new, |(_, all)| names(all).unwrap_or_default()),
        subject,
        issuer,
        not_before,
        not_after,
    })
}

/// Values one after the other: each a tag, a length and the content.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, length], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match length {
            0..=0x7f => (usize::from(length), rest),
            // More than 65,535 octets are in no certificate.
            0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
            0x82 => {
                let (length, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The next one, if it is of this kind.
    fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.next()
            .filter(|(tag, _)| *tag == wanted)
            .map(|(_, content)| content)
    }
}

/// A distinguished name: its common name, and its organization if it has one.
fn name(sets: &[u8]) -> String {
    let (mut common, mut organization) = (None, None);
    let mut sets = Der(sets);
    while let Some((_, set)) = sets.next() {
        let mut attributes = Der(set);
        while let Some((_, attribute)) = attributes.next() {
            let mut attribute = Der(attribute);
            let (Some(kind), Some((_, value))) = (attribute.expect(OID), attribute.next()) else {
                continue;
            };
            if kind == COMMON_NAME {
                common = Some(text(value));
            } else if kind == ORGANIZATION {
                organization = Some(text(value));
            }
        }
    }
    match (common, organization) {
        (Some(common), Some(organization)) => format!("{common} ({organization})"),
        (one, other) => one.or(other).unwrap_or_default(),
    }
}

/// The alternative names of the subject.
fn names(extensions: &[u8]) -> Option<Vec<String>> {
    let mut all = Der(Der(extensions).expect(SEQUENCE)?);
    let value = loop {
        let mut extension = Der(all.expect(SEQUENCE)?);
        if extension.expect(OID)? != SUBJECT_ALT_NAME {
            continue;
        }
        break match extension.next()? {
            (BOOLEAN, _) => extension.next()?.1,
            (_, value) => value,
        };
    };
    let mut general = Der(Der(value).expect(SEQUENCE)?);
    let general = std::iter::from_fn(|| general.next());
    let shown = general.filter_map(|(tag, value)| match (tag, value.len()) {
        (DNS_NAME, _) => Some(text(value)),
        (IP_ADDRESS, 4) => Some(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?).to_string()),
        (IP_ADDRESS, 16) => Some(Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?).to_string()),
        _ => None,
    });
    Some(shown.take(MOST_NAMES).collect())
}

/// Text from a stranger, so that it can be shown.
fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let visible = |c: char| if c.is_control() { '?' } else { c };
    text.chars().map(visible).take(LONGEST).collect()
}

/// A time as `2026-01-31T12:00:00Z`.
fn time(tag: u8, text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let text = match tag {
        GENERALIZED_TIME => text.to_owned(),
        // RFC 5280 section 4.1.2.5.1: two digits from 50 on are of the last century.
        _ if text >= "50" => format!("19{text}"),
        _ => format!("20{text}"),
    };
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    Some(format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0..4),
        part(4..6),
        part(6..8),
        part(8..10),
        part(10..12),
        part(12..14)
    ))
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

    use super::*;

    fn der() -> Vec<u8> {
        let mut root = CertificateParams::new(Vec::new()).expect("good");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.distinguished_name = rcgen::DistinguishedName::new();
        root.distinguished_name
            .push(DnType::CommonName, "Root\u{1b} 1");
        root.distinguished_name
            .push(DnType::OrganizationName, "Example Trust");
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate().expect("a key"));
        let names = [
            "mail.example.com",
            "*.example.org",
            "192.0.2.1",
            "2001:db8::1",
        ];
        let mut leaf = CertificateParams::new(names.map(str::to_owned)).expect("good");
        leaf.distinguished_name.push(DnType::CommonName, "mail");
        leaf.not_before = rcgen::date_time_ymd(1999, 1, 2);
        leaf.not_after = rcgen::date_time_ymd(2060, 12, 31);
        let key = KeyPair::generate().expect("a key");
        let leaf = leaf
            .signed_by(&key, &root.expect("a root"))
            .expect("a leaf");
        leaf.der().to_vec()
    }

    #[test]
    fn reads_what_people_ask_for() {
        let certificate = read(&der()).expect("a certificate");
        let names = [
            "mail.example.com",
            "*.example.org",
            "192.0.2.1",
            "2001:db8::1",
        ];
        assert_eq!(certificate.names, names);
        assert_eq!(certificate.subject, "mail");
        assert_eq!(certificate.issuer, "Root? 1 (Example Trust)");
        assert_eq!(certificate.not_before, "1999-01-02T00:00:00Z");
        assert_eq!(certificate.not_after, "2060-12-31T00:00:00Z");
    }

    #[test]
    fn no_bytes_can_harm_it() {
        let der = der();
        for end in 0..der.len() {
            let _ = read(&der[..end]);
        }
        for at in 0..der.len() {
            for value in [0, 1, 0x30, 0x7f, 0x80, 0x81, 0x82, 0xff] {
                let mut bad = der.clone();
                bad[at] = value;
                let _ = read(&bad);
            }
        }
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
