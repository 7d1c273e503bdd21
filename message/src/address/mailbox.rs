//! One address, known to be valid.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use idna::AsciiDenyList;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Parser;
use super::parser::{self, Event, Raw};
use crate::encode::rfc2047;
use crate::error::AddressError;

/// The most octets of `local@domain`: 64 and 255 (RFC 5321, 4.5.3.1).
const LONGEST_SPEC: usize = 320;

/// One valid address, with or without a display name.
///
/// It comes from a text as in a header, [RFC 5322](https://www.rfc-editor.org/rfc/rfc5322)'s
/// `mailbox`: comments are dropped, a quoted local part stays quoted, a domain that is not
/// ASCII becomes its IDNA form, and the domain may be absent (`root`). The header and the
/// envelope are both written from this value.
///
/// ```
/// use posthaste_message::Mailbox;
///
/// let mailbox: Mailbox = "\"Müller, Jörg\" <joerg@bücher.example>".parse()?;
/// assert_eq!(mailbox.name(), Some("Müller, Jörg"));
/// assert_eq!(mailbox.addr_spec(), "joerg@xn--bcher-kva.example");
/// assert!("a@b.c, d@e.f".parse::<Mailbox>().is_err());
/// # Ok::<(), posthaste_message::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mailbox {
    name: Option<String>,
    /// `local@domain`, or the local part alone.
    spec: String,
    /// Where the `@` is that parts the two.
    at: Option<usize>,
}

impl Mailbox {
    /// A mailbox of a display name, which is plain text, and an address without one.
    ///
    /// # Errors
    ///
    /// When the name holds a control character, or `addr_spec` is not one bare address.
    pub fn new(name: Option<&str>, addr_spec: &str) -> Result<Self, AddressError> {
        let name = name.filter(|name| !name.is_empty());
        if let Some(name) = name {
            parser::check(name).map_err(|reason| AddressError::new(name, reason))?;
        }
        let spec = |text| Parser::new(text)?.addr_spec();
        let raw = spec(addr_spec).map_err(|reason| AddressError::new(addr_spec, reason))?;
        let raw = Raw {
            name: name.map(str::to_owned),
            ..raw
        };
        Self::from_raw(raw).map_err(|reason| AddressError::new(addr_spec, reason))
    }

    /// The display name as text, not quoted nor encoded.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The part before the `@` as it is written, with its quotes if it has any.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.spec
            .get(..self.at.unwrap_or(self.spec.len()))
            .unwrap_or_default()
    }

    /// The domain in ASCII, or an address literal in brackets; `None` for a local address.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        self.spec.get(self.at? + 1..)
    }

    /// `local@domain`, without the name.
    #[must_use]
    pub fn addr_spec(&self) -> String {
        self.spec.clone()
    }

    /// Whether the local part is ASCII; if not, the address needs SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.spec.is_ascii()
    }

    /// `local@domain`, borrowed.
    pub(crate) fn spec(&self) -> &str {
        &self.spec
    }

    /// Checks the lengths and converts the domain.
    pub(super) fn from_raw(raw: Raw<'_>) -> Result<Self, &'static str> {
        let mut spec = raw.local.to_owned();
        let at = raw.domain.map(|_| spec.len());
        if let Some(domain) = raw.domain {
            spec.push('@');
            spec.push_str(&ascii_domain(domain)?);
        }
        if rfc2047::looks_encoded(&spec) {
            return Err("it looks like an encoded word, which some would read as another address");
        }
        if spec.len() > LONGEST_SPEC {
            return Err("it is longer than 320 octets");
        }
        Ok(Self {
            name: raw.name,
            spec,
            at,
        })
    }
}

/// The one mailbox that `text` is, or, with `groups`, that it is a group of.
pub(super) fn parse_one(text: &str, groups: bool) -> Result<Mailbox, AddressError> {
    // Most addresses are plain, and a parse would find nothing else in them.
    if parser::is_plain_spec(text.as_bytes()) {
        return Ok(Mailbox {
            name: None,
            spec: text.to_owned(),
            at: memchr::memchr(b'@', text.as_bytes()),
        });
    }
    let parse = || {
        let mut parser = Parser::new(text)?;
        if parser.at_end()? {
            return Err(parser::EMPTY);
        }
        if parser.at_comma() {
            return Err("there is a comma but no address before it");
        }
        let raw = match parser.next()? {
            Some(Event::Mailbox(raw)) => raw,
            Some(Event::GroupStart(_)) if groups => group_of_one(&mut parser)?,
            _ => return Err("a group is no single address"),
        };
        if !parser.at_end()? {
            return Err("there are several addresses where one is expected");
        }
        Mailbox::from_raw(raw)
    };
    parse().map_err(|reason| AddressError::new(text, reason))
}

/// The only member of a group whose start was read.
fn group_of_one<'a>(parser: &mut Parser<'a>) -> Result<Raw<'a>, &'static str> {
    let Some(Event::Mailbox(raw)) = parser.next()? else {
        return Err("the group is empty where one address is expected");
    };
    match parser.next()? {
        Some(Event::GroupEnd) => Ok(raw),
        _ => Err("the group has several addresses where one is expected"),
    }
}

/// The domain in ASCII: as it is if it is ASCII already, else converted as IDNA 2003 would,
/// which is what Django does, with the tables of UTS 46.
fn ascii_domain(domain: &str) -> Result<Cow<'_, str>, &'static str> {
    const BAD: &str = "the domain cannot be written in ASCII (IDNA)";
    if domain.is_ascii() {
        let mut labels = domain.split('.');
        return match labels.all(stands_for_itself) {
            true => Ok(Cow::Borrowed(domain)),
            false => Err("a label of the domain begins with xn-- but is none that IDNA makes"),
        };
    }
    if domain.len() > LONGEST_SPEC * 4 {
        return Err("the domain is too long");
    }
    let mut mapped = String::with_capacity(domain.len() + 8);
    for c in domain.chars() {
        match c {
            'ß' | 'ẞ' => mapped.push_str("ss"),
            'ς' => mapped.push('σ'),
            '\u{200c}' | '\u{200d}' => {}
            _ => mapped.push(c),
        }
    }
    let ascii = idna::domain_to_ascii_cow(mapped.as_bytes(), AsciiDenyList::URL)
        .map_err(|_| BAD)?
        .into_owned();
    let fits = ascii.len() <= 253 && ascii.split('.').all(|label| label.len() <= 63);
    // The mapping may have made a special character out of a look-alike.
    if !fits || !ascii.is_ascii() || !parser::is_dot_atom(&ascii) {
        return Err(BAD);
    }
    Ok(Cow::Owned(ascii))
}

/// Whether a label of ASCII is read as the same by all: some `xn--` labels stand for nothing, and others for plain ASCII, be
/// it an at sign or a comma (RUSTSEC-2024-0421).
fn stands_for_itself(label: &str) -> bool {
    match label.split_at_checked(4) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("xn--") => {
            idna::punycode::decode_to_string(rest).is_some_and(|decoded| !decoded.is_ascii())
        }
        _ => true,
    }
}

/// Whether a name may stand without quotes: atoms with single blanks between them.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.contains("=?")
        && name
            .split(' ')
            .all(|word| !word.is_empty() && word.bytes().all(parser::is_atext))
}

/// Writes a display name, in quotes if it needs them.
pub(crate) fn push_name(name: &str, out: &mut String) {
    if is_plain_name(name) {
        out.push_str(name);
        return;
    }
    out.push('"');
    for c in name.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

impl FromStr for Mailbox {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse_one(text, false)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(name) = &self.name else {
            return f.write_str(&self.spec);
        };
        let mut out = String::with_capacity(name.len() + 2);
        push_name(name, &mut out);
        write!(f, "{out} <{}>", self.spec)
    }
}

impl Serialize for Mailbox {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mailbox {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Mailbox, AddressError> {
        text.parse()
    }

    #[test]
    fn plain_addresses_are_what_the_parser_makes_of_them() {
        for text in ["a@b", "a.b+c@d-e.example", "a@b+c", "A_1@b.c.d", "a-@-b"] {
            assert!(parser::is_plain_spec(text.as_bytes()), "{text}");
            assert_eq!(parse(text).ok(), Mailbox::new(None, text).ok(), "{text}");
        }
        assert!(!parser::is_plain_spec(b"a@xn--0049"));
    }

    #[test]
    fn refuses_what_is_not_one_address() {
        for text in [
            "",
            " ",
            "a@b, c@d",
            "@",
            "to@",
            "@x",
            "a b@c.d",
            "a@@b",
            "a@b..c",
            ".a@b",
            "a.@b",
            "a..b@c",
            "a,b@c",
            "A <a@b.c",
            "a@b.c;",
            "x <a@b> y",
            "a@b.c, ",
            ",a@b.c",
            "<>",
            "Ann <>",
            "g: a@b;",
            "a@b.",
            "a@.b",
            "a @b",
            "a@ b",
            "a(x)@b",
            "a@(x)b",
            "(x",
            "x)",
            "user@good.com(x)evil.com",
            "a@b.c (x) d",
            "\"a",
            "\"a\\\"",
            "a@b <c@d>",
            "<a@b>>",
            "<<a@b>>",
            "<a@b> <c@d>",
            "<@x:a@b>",
            "<a@b,c@d>",
            "\"a\"b@c",
            "a\"b\"@c",
            "a@[",
            "a@[]",
            "a@[1]x",
            "a@[1 2]",
            "a@[a\\b]",
            "a@b\\c",
            "a\u{a0}b@c.d",
            "[a]@b",
            "a@b@c",
            "a:b@c",
            "\"a\".b@c",
            "<a@b",
            "a@b>",
            "<a@b (x)>",
            "=?utf-8?q?a=40b?=@c d",
            "a@xn--0049.com",
            "a@example.XN--com-",
            "a@xn--.com",
        ] {
            assert!(parse(text).is_err(), "{text}");
            assert!(Mailbox::new(None, text).is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_controls_everywhere() {
        for c in (0..0x20)
            .chain(0x7f..0xa0)
            .chain(0x2028..0x202a)
            .filter_map(char::from_u32)
        {
            for text in [
                format!("a{c}@b.c"),
                format!("a@b{c}.c"),
                format!("a@b.c{c}"),
                format!("{c}a@b.c"),
                format!("\"a{c}b\"@c.d"),
                format!("\"a\\{c}b\"@c.d"),
                format!("A{c}B <a@b.c>"),
                format!("\"A{c}B\" <a@b.c>"),
                format!("a@b.c (x{c}y)"),
                format!("a@[1{c}]"),
            ] {
                assert!(parse(&text).is_err(), "{text:?}");
                assert!(super::super::parse_list(&text).is_err(), "{text:?}");
                assert!(Mailbox::new(None, &text).is_err(), "{text:?}");
                assert!(!parse(&text).unwrap_err().to_string().contains(c));
            }
            assert!(Mailbox::new(Some(&format!("A{c}")), "a@b.c").is_err());
        }
    }

    #[test]
    fn takes_what_servers_take() {
        for (text, name, local, domain) in [
            ("root", None, "root", None),
            ("<a@b.c>", None, "a", Some("b.c")),
            ("a@[1.2.3.4]", None, "a", Some("[1.2.3.4]")),
            ("a@[IPv6:::1]", None, "a", Some("[IPv6:::1]")),
            ("\"a b\"@c.d", None, "\"a b\"", Some("c.d")),
            ("\"q@q\"@x", None, "\"q@q\"", Some("x")),
            (
                "\"foo@psres.net> ORCPT=admin@admin.com\"@test.com",
                None,
                "\"foo@psres.net> ORCPT=admin@admin.com\"",
                Some("test.com"),
            ),
            ("a@b.c (x)", None, "a", Some("b.c")),
            ("(x (y\\)) z) a@b.c", None, "a", Some("b.c")),
            ("a@-b.c", None, "a", Some("-b.c")),
            ("a@b_c.d", None, "a", Some("b_c.d")),
            (
                "Ann (boss) Lee < a@b.C >",
                Some("Ann Lee"),
                "a",
                Some("b.C"),
            ),
            ("J. Smith <a@b>", Some("J. Smith"), "a", Some("b")),
            (
                "\"Lee, \\\"Ann\\\"\" <root>",
                Some("Lee, \"Ann\""),
                "root",
                None,
            ),
            ("Jörg <jörg@b.c>", Some("Jörg"), "jörg", Some("b.c")),
            (
                "=?utf-8?q?J=C3=B6rg?= =?iso-8859-1?q?_M=FCller?= X <a@b>",
                Some("Jörg Müller X"),
                "a",
                Some("b"),
            ),
            (
                "=?utf-8?q?J=0Ag?= <a@b>",
                Some("=?utf-8?q?J=0Ag?="),
                "a",
                Some("b"),
            ),
            (
                "\"=?utf-8?q?x?=\" <a@b>",
                Some("=?utf-8?q?x?="),
                "a",
                Some("b"),
            ),
            ("\"\" <a@b>", None, "a", Some("b")),
        ] {
            let mailbox = parse(text).unwrap();
            assert_eq!(mailbox.name(), name, "{text}");
            assert_eq!(
                (mailbox.local_part(), mailbox.domain()),
                (local, domain),
                "{text}"
            );
            assert_eq!(mailbox.is_ascii(), local.is_ascii());
            assert_eq!(parse(&mailbox.to_string()).unwrap(), mailbox, "{text}");
        }
        let json = serde_json::to_string(&parse("A.B <a@b>").unwrap()).unwrap();
        assert_eq!(json, r#""\"A.B\" <a@b>""#);
        assert_eq!(
            serde_json::from_str::<Mailbox>(&json).unwrap().name(),
            Some("A.B")
        );
        assert!(serde_json::from_str::<Mailbox>("\"a@\"").is_err());
    }

    #[test]
    fn domains_become_ascii() {
        for (text, domain) in [
            ("a@bücher.example", "xn--bcher-kva.example"),
            ("a@BÜCHER.Example", "xn--bcher-kva.example"),
            ("a@straße.de", "strasse.de"),
            ("a@STRAẞE.de", "strasse.de"),
            ("a@βόλος.gr", "xn--nxasmq6b.gr"),
            ("a@b\u{200d}.ü.de", "b.xn--tda.de"),
            ("a@例え。テスト", "xn--r8jz45g.xn--zckzah"),
            ("a@xn--Bcher-KVA.ex", "xn--Bcher-KVA.ex"),
            ("a@xn--bcher-kva.ü.de", "xn--bcher-kva.xn--tda.de"),
        ] {
            assert_eq!(parse(text).unwrap().domain(), Some(domain), "{text}");
        }
        let long = format!("a@{}.de", "ü".repeat(80));
        for text in [
            "a@xn--ü.de",
            "a@ü..de",
            "a@.ü",
            "a@ü＠x.de",
            "a@ü，x.de",
            "a@ü\u{3000}x.de",
            "a@ü\u{a0}.de",
            "a@\u{ad}",
            "a@ü[1]",
            "a@xn--0049.ü.de",
            "a@ü％41.de",
            &long,
            "a@ü．．de",
            "a@ü\u{202e}.de",
        ] {
            assert!(parse(text).is_err(), "{text} {:?}", parse(text));
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "it measures")]
    fn lengths_are_capped_and_nothing_is_slow() {
        assert!(parse(&format!("a@{}", "b".repeat(318))).is_ok());
        assert!(parse(&format!("a@{}", "b".repeat(319))).is_err());
        assert!(parse(&format!("{}@b", "ü".repeat(200))).is_err());
        let many = 60 * 1024;
        for text in [
            "(".repeat(many),
            ")".repeat(many),
            "\"".repeat(many),
            "<".repeat(many),
            "a ".repeat(many / 2),
            "a:".repeat(many / 2),
            ",".repeat(many),
            "a@[".repeat(many / 3),
            "=?".repeat(many / 2),
            format!("{}{}", "(".repeat(many / 2), ")".repeat(many / 2)),
            "\\".repeat(many),
            format!("a@{}", "ü.".repeat(many / 3)),
            "(x)".repeat(many / 3),
            "a.".repeat(many / 2),
            format!("{} <a@b>", "a.b ".repeat(many / 4)),
            "x".repeat(70_000),
        ] {
            // Were one of them not read in linear time, this would take minutes.
            let _ = parse(&text);
            let _ = super::super::parse_list(&text);
        }
        assert!(parse(&format!("{} <a@b>", "x".repeat(65_536))).is_err());
    }
}
