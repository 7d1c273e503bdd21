//! The one gate through which every command line goes, and the values that may stand in one.
//!
//! [`Path`] and [`Hello`] are valid by existence: neither can hold a line end, close its angle
//! bracket early, or add a parameter. The gate checks the finished line once more.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use crate::client::Recipient;
use crate::{EnvelopeId, InvalidArgument, Mechanism, Priority, Ret};

/// The longest command line, with its line end. RFC 5321 section 4.5.3.1.4 gives 512 octets and
/// lets each extension add its own; the longest [`Path`] and all our parameters fit.
const MAX_LINE: usize = 1152;
/// The longest line of an exchange that logs in (RFC 4954 section 4).
const MAX_AUTH_LINE: usize = 12_288;
/// The longest AUTH line: the usual limit, since a server that cannot log us in need not know RFC 4954's.
const MAX_INITIAL: usize = 512;
const MAX_PATH: usize = 512;
const MAX_HELLO: usize = 255;

/// A reverse-path or forward-path, without its angle brackets: `user@example.com`.
///
/// RFC 5321 section 4.1.2: `Local-part [ "@" ( Domain / address-literal ) ]`. A quoted local part
/// keeps its quotes. Dots may stand anywhere in a local part, because such mailboxes exist. A name
/// that is not ASCII is allowed and makes the mail need SMTPUTF8.
///
/// # Example
///
/// ```
/// use posthaste_smtp::Path;
///
/// assert_eq!(Path::new("ann@example.com")?.as_str(), "ann@example.com");
/// assert!(Path::new("ann@example.com>\r\nRCPT TO:<eve@example.com").is_err());
/// assert!(Path::new("ann@example.com> ORCPT=eve@example.com").is_err());
/// # Ok::<(), posthaste_smtp::InvalidArgument>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path(String);

impl Path {
    /// Checks a path.
    ///
    /// # Errors
    ///
    /// When the text is empty or longer than 512 octets; holds a control, or outside of quotes a
    /// blank or one of `<>()[]\,;:"`; has an unfinished quoted local part; or has nothing after
    /// its `@`.
    pub fn new(text: &str) -> Result<Self, InvalidArgument> {
        let bad = |problem| Err(InvalidArgument::new("path", problem));
        if text.is_empty() {
            return bad("it is empty");
        }
        if text.len() > MAX_PATH {
            return bad("it is longer than 512 octets");
        }
        if text.chars().any(is_unsafe) {
            return bad("it holds a control character");
        }
        let Some(local_end) = local_part_end(text) else {
            return bad("its local part is empty, or holds a character that must be quoted");
        };
        match text[local_end..].strip_prefix('@') {
            Some(domain) if !is_domain_text(domain) => bad("its domain is not valid"),
            None if local_end != text.len() => bad("it goes on after its local part"),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The null reverse-path `<>`, the sender of notices that must not be answered.
    pub const fn null() -> Self {
        Self(String::new())
    }

    /// The text, without angle brackets; empty for the null path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the null path.
    pub fn is_null(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the path can be sent without SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        self.0.is_ascii()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Controls, and what a receiver might take for a line end.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Characters that end or split a path, so that outside of quotes they may not be in one.
fn is_special(c: char) -> bool {
    let is_mark = matches!(
        c,
        '<' | '>' | '(' | ')' | '[' | ']' | '\\' | ',' | ';' | ':' | '@' | '"'
    );
    is_mark || c.is_whitespace()
}

/// Where the local part ends; `None` if there is no valid one.
fn local_part_end(text: &str) -> Option<usize> {
    if !text.starts_with('"') {
        let end = text.find(is_special).unwrap_or(text.len());
        return (end > 0).then_some(end);
    }
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// A host name, or an address literal in brackets. What the name means is the server's business;
/// here only the shape counts.
fn is_domain_text(domain: &str) -> bool {
    match domain.strip_prefix('[') {
        Some(literal) => literal.strip_suffix(']').is_some_and(|inside| {
            !inside.is_empty()
                && inside
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b".:-".contains(&b))
        }),
        None => domain
            .split('.')
            .all(|label| !label.is_empty() && label.chars().all(is_label_char)),
    }
}

fn is_label_char(c: char) -> bool {
    // QUIRK: the underscore is in no host name by RFC 952, but in many that exist.
    c.is_ascii_alphanumeric() || c == '-' || c == '_' || (!c.is_ascii() && !c.is_whitespace())
}

/// The name that the client gives itself in EHLO: a domain, or an address literal.
///
/// # Example
///
/// ```
/// use posthaste_smtp::Hello;
///
/// assert_eq!(Hello::new("mail.example.com")?.as_str(), "mail.example.com");
/// assert_eq!(Hello::default().as_str(), "[127.0.0.1]");
/// assert!(Hello::new("x\r\nMAIL FROM:<eve@example.com>").is_err());
/// # Ok::<(), posthaste_smtp::InvalidArgument>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hello(String);

impl Hello {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// When it is longer than 255 octets, or neither a host name in ASCII nor an address in
    /// brackets such as `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
    pub fn new(name: &str) -> Result<Self, InvalidArgument> {
        let valid = name.len() <= MAX_HELLO
            && name.is_ascii()
            && match name
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                Some(address) => is_address(address),
                None => is_domain_text(name) && !name.starts_with('['),
            };
        if valid {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidArgument::new(
                "EHLO name",
                "it is neither a host name nor an address in brackets",
            ))
        }
    }

    /// The name as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Hello {
    /// `[127.0.0.1]`, for a host that does not know its name.
    fn default() -> Self {
        Self("[127.0.0.1]".to_owned())
    }
}

impl From<IpAddr> for Hello {
    fn from(address: IpAddr) -> Self {
        Self(match address {
            IpAddr::V4(v4) => format!("[{v4}]"),
            IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
        })
    }
}

impl fmt::Display for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_address(text: &str) -> bool {
    match text
        .get(..5)
        .filter(|tag| tag.eq_ignore_ascii_case("IPv6:"))
    {
        Some(_) => text[5..].parse::<std::net::Ipv6Addr>().is_ok(),
        None => text.parse::<std::net::Ipv4Addr>().is_ok(),
    }
}

/// What follows the reverse-path in MAIL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MailParameters<'a> {
    pub(crate) size: Option<u64>,
    pub(crate) eight_bit: bool,
    pub(crate) smtputf8: bool,
    pub(crate) ret: Option<Ret>,
    pub(crate) envelope_id: Option<&'a EnvelopeId>,
    pub(crate) require_tls: bool,
    pub(crate) priority: Option<Priority>,
}

impl MailParameters<'_> {
    fn write(&self, line: &mut String) {
        // Writing to a String cannot fail.
        if let Some(size) = self.size {
            let _ = write!(line, " SIZE={size}");
        }
        if self.eight_bit {
            line.push_str(" BODY=8BITMIME");
        }
        if self.smtputf8 {
            line.push_str(" SMTPUTF8");
        }
        if let Some(ret) = self.ret {
            let _ = write!(line, " RET={ret}");
        }
        if let Some(id) = self.envelope_id {
            let _ = write!(line, " ENVID={}", xtext(id.as_str()));
        }
        if self.require_tls {
            line.push_str(" REQUIRETLS");
        }
        if let Some(priority) = self.priority {
            let _ = write!(line, " MT-PRIORITY={priority}");
        }
    }
}

/// What follows the forward-path in RCPT.
fn write_notices(recipient: &Recipient, line: &mut String) {
    if let Some(notify) = recipient.notify {
        let _ = write!(line, " NOTIFY={notify}");
    }
    if let Some(original) = &recipient.original {
        let _ = write!(line, " ORCPT={}", encoded_original(original.as_str()));
    }
}

/// The `xtext` of RFC 3461 section 4: blanks, `+`, `=` and all that is not printable ASCII become `+` and two digits.
pub(crate) fn xtext(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'+' | b'=') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "+{byte:02X}");
        }
    }
    encoded
}

/// The value of ORCPT: the kind of address, and the address as `xtext`, or as the `utf-8-addr-xtext` of RFC 6533.
pub(crate) fn encoded_original(address: &str) -> String {
    if address.is_ascii() {
        return format!("rfc822;{}", xtext(address));
    }
    let mut encoded = "utf-8;".to_owned();
    for c in address.chars() {
        if c.is_ascii_graphic() && !matches!(c, '+' | '=' | '\\') {
            encoded.push(c);
        } else {
            let _ = write!(encoded, "\\x{{{:02X}}}", u32::from(c));
        }
    }
    encoded
}

/// Every command this client knows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command<'a> {
    Ehlo(&'a Hello),
    Helo(&'a Hello),
    Lhlo(&'a Hello),
    Mail(&'a Path, MailParameters<'a>),
    /// The recipient, and whether the server knows DSN.
    Rcpt(&'a Recipient, bool),
    Data,
    /// That many octets follow (RFC 3030); with `last` they end the content.
    Bdat {
        size: u64,
        last: bool,
    },
    Rset,
    Noop,
    Quit,
    StartTls,
    Auth(Mechanism, Option<&'a Hidden>),
    AuthAnswer(&'a Hidden),
}

/// Text with a secret in it, which `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hidden(pub(crate) String);

impl Hidden {
    /// Whether an AUTH line may hold this as its initial response.
    pub(crate) fn fits_initial(&self, mechanism: Mechanism) -> bool {
        "AUTH  \r\n".len() + mechanism.as_str().len() + self.0.len() <= MAX_INITIAL
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Command<'_> {
    /// Appends the line. The only function that writes a command.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), InvalidArgument> {
        let line = self.to_line();
        let bad = |problem| Err(InvalidArgument::new("command line", problem));
        let limit = match self {
            Self::AuthAnswer(_) => MAX_AUTH_LINE,
            _ => MAX_LINE,
        };
        if line.len() + 2 > limit {
            return bad("it is too long");
        }
        if line.bytes().any(|b| b < 0x20 || b == 0x7F) {
            return bad("it holds a control character");
        }
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// The line as it may be seen.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Auth(mechanism, Some(_)) => format!("AUTH {mechanism} ***"),
            Self::AuthAnswer(_) => "***".to_owned(),
            other => other.to_line(),
        }
    }

    fn to_line(self) -> String {
        match self {
            Self::Ehlo(name) => format!("EHLO {name}"),
            Self::Helo(name) => format!("HELO {name}"),
            Self::Lhlo(name) => format!("LHLO {name}"),
            Self::Mail(path, parameters) => {
                let mut line = String::with_capacity(128);
                line.extend(["MAIL FROM:<", path.as_str(), ">"]);
                parameters.write(&mut line);
                line
            }
            Self::Rcpt(recipient, dsn) => {
                let mut line = ["RCPT TO:<", recipient.path.as_str(), ">"].concat();
                if dsn {
                    write_notices(recipient, &mut line);
                }
                line
            }
            Self::Data => "DATA".to_owned(),
            Self::Bdat { size, last: false } => format!("BDAT {size}"),
            Self::Bdat { size, last: true } => format!("BDAT {size} LAST"),
            Self::Rset => "RSET".to_owned(),
            Self::Noop => "NOOP".to_owned(),
            Self::Quit => "QUIT".to_owned(),
            Self::StartTls => "STARTTLS".to_owned(),
            Self::Auth(mechanism, None) => format!("AUTH {mechanism}"),
            // RFC 4954 section 4: an empty initial response is a single "=".
            Self::Auth(mechanism, Some(Hidden(initial))) if initial.is_empty() => {
                format!("AUTH {mechanism} =")
            }
            Self::Auth(mechanism, Some(Hidden(initial))) => format!("AUTH {mechanism} {initial}"),
            Self::AuthAnswer(Hidden(answer)) => answer.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Notify, OriginalRecipient};

    fn line(command: Command<'_>) -> String {
        let mut out = Vec::new();
        command.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn paths_that_are_good() {
        for good in [
            "a@b",
            "root",
            "a..b.@example.com",
            r#""a b"@example.com"#,
            r#""a\"> ORCPT=x"@example.com"#,
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
            "jürgen@example.com",
            "a@straße.example",
            "a+b=c/d@under_score.example",
        ] {
            assert_eq!(Path::new(good).map(|p| p.to_string()).as_deref(), Ok(good));
        }
    }

    #[test]
    fn paths_that_are_bad() {
        let long = format!("{}@b", "a".repeat(511));
        for bad in [
            "",
            "@b",
            "a@",
            "a b@c",
            "a@b c",
            "a>b@c",
            "<a@b>",
            "a@b>",
            "a@b\r\n",
            "a\0@b",
            "a\u{7f}@b",
            "a\u{85}@b",
            "a\u{2028}@b",
            r#""a@b"#,
            r#""a"b@c"#,
            r#""a\"@b"#,
            "\"a\r\nb\"@c",
            "a@b@c",
            "a,b@c",
            "a@[",
            "a@[]",
            "a@[1>2]",
            "a@b..c",
            "a@.b",
            "a@b.",
            "a(c)@b",
            "a@b(c)",
            "a\u{a0}b@c",
            &long,
        ] {
            assert!(Path::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn hellos() {
        for good in [
            "localhost",
            "a.b-c.example",
            "my_pc",
            "[127.0.0.1]",
            "[IPv6:::1]",
            "[ipv6:2001:db8::1]",
        ] {
            assert!(Hello::new(good).is_ok(), "{good:?}");
        }
        for bad in [
            "",
            "a b",
            "a\r\nQUIT",
            "[a]",
            "[::1]",
            "[127.0.0.1",
            "ü.example",
            "a..b",
            "[]",
            "[IPv6:x]",
            ".a",
            "a>b",
        ] {
            assert!(Hello::new(bad).is_err(), "{bad:?}");
        }
        assert!(Hello::new(&"a".repeat(256)).is_err());
        assert_eq!(
            Hello::from(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])).as_str(),
            "[IPv6:::1]"
        );
        assert!(Hello::new(Hello::from(IpAddr::from([1, 2, 3, 4])).as_str()).is_ok());
    }

    #[test]
    fn the_lines() {
        let path = Path::new("a@b").unwrap();
        let id = EnvelopeId::new("a+b= c").unwrap();
        assert_eq!(
            line(Command::Mail(&path, all(&id))),
            "MAIL FROM:<a@b> SIZE=18446744073709551615 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb+3D+20c \
             REQUIRETLS MT-PRIORITY=-9\r\n"
        );
        assert_eq!(
            line(Command::Mail(&Path::null(), MailParameters::default())),
            "MAIL FROM:<>\r\n"
        );
        let hello = Hello::default();
        assert_eq!(line(Command::Ehlo(&hello)), "EHLO [127.0.0.1]\r\n");
        assert_eq!(line(Command::Lhlo(&hello)), "LHLO [127.0.0.1]\r\n");
        let bdat = |size, last| line(Command::Bdat { size, last });
        assert_eq!(bdat(7, false), "BDAT 7\r\n");
        assert_eq!(bdat(0, true), "BDAT 0 LAST\r\n");
    }

    #[test]
    fn what_rcpt_says_of_notices() {
        let mut recipient = Recipient::new(Path::new("a@b").unwrap());
        assert_eq!(line(Command::Rcpt(&recipient, true)), "RCPT TO:<a@b>\r\n");
        recipient.notify = Some(Notify {
            success: true,
            failure: true,
            delay: true,
        });
        recipient.original = OriginalRecipient::new("a+b=c\\ d@e").ok();
        assert_eq!(
            line(Command::Rcpt(&recipient, true)),
            "RCPT TO:<a@b> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a+2Bb+3Dc\\+20d@e\r\n"
        );
        assert_eq!(line(Command::Rcpt(&recipient, false)), "RCPT TO:<a@b>\r\n");
        recipient.notify = Some(Notify::NEVER);
        recipient.original = OriginalRecipient::new("jürgen +=\\@e").ok();
        assert_eq!(
            line(Command::Rcpt(&recipient, true)),
            "RCPT TO:<a@b> NOTIFY=NEVER ORCPT=utf-8;j\\x{FC}rgen\\x{20}\\x{2B}\\x{3D}\\x{5C}@e\r\n"
        );
    }

    #[test]
    fn the_longest_values_fit() {
        let path = Path::new(&"a".repeat(MAX_PATH)).unwrap();
        let id = EnvelopeId::new(&"a".repeat(100)).unwrap();
        let mail = Command::Mail(&path, all(&id));
        assert!(mail.write(&mut Vec::new()).is_ok());
        let mut recipient = Recipient::new(path.clone());
        recipient.notify = Some(Notify {
            success: true,
            failure: true,
            delay: true,
        });
        recipient.original = OriginalRecipient::new(&"a".repeat(493)).ok();
        assert!(recipient.original.is_some());
        assert!(
            Command::Rcpt(&recipient, true)
                .write(&mut Vec::new())
                .is_ok()
        );
    }

    fn all(id: &EnvelopeId) -> MailParameters<'_> {
        MailParameters {
            size: Some(u64::MAX),
            eight_bit: true,
            smtputf8: true,
            ret: Some(Ret::Headers),
            envelope_id: Some(id),
            require_tls: true,
            priority: Priority::new(-9).ok(),
        }
    }

    #[test]
    fn the_gate_refuses_by_itself() {
        // Values that the constructors would never let through.
        for evil in ["a\rb", "a\nb", "a\0b", "a\x7fb", "a\tb"] {
            assert!(
                Command::Rcpt(&Path(evil.to_owned()).into(), true)
                    .write(&mut Vec::new())
                    .is_err()
            );
            assert!(
                Command::Ehlo(&Hello(evil.to_owned()))
                    .write(&mut Vec::new())
                    .is_err()
            );
        }
        assert!(
            Command::Rcpt(&Path("a".repeat(2000)).into(), true)
                .write(&mut Vec::new())
                .is_err()
        );
    }
}
