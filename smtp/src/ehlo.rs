//! What a server says it can do, in its answer to EHLO.

use crate::Reply;

/// The extensions that a server announced.
///
/// A line that is not a keyword and its parameters (RFC 5321 section 4.1.1.1) is passed over; of a
/// keyword that comes twice the first counts. After HELO there are none.
///
/// # Example
///
/// ```
/// use posthaste_smtp::{Extensions, Reply};
///
/// let reply: Reply = "250-mx.example\r\n250-SIZE 1000\r\n250 8bitmime".parse()?;
/// let extensions = Extensions::from_reply(&reply);
/// assert_eq!(extensions.size_limit(), Some(1000));
/// assert!(extensions.eight_bit_mime() && !extensions.smtputf8());
/// # Ok::<(), posthaste_smtp::InvalidArgument>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// Keyword in capitals, and its parameters.
    list: Vec<(String, String)>,
}

impl Extensions {
    /// Reads the answer to EHLO; its first line is the server's name and not an extension.
    pub fn from_reply(reply: &Reply) -> Self {
        Self {
            list: reply.lines().skip(1).filter_map(parse_line).collect(),
        }
    }

    /// Whether a keyword was announced, in any case of letters.
    pub fn has(&self, keyword: &str) -> bool {
        self.parameters(keyword).is_some()
    }

    /// What followed a keyword; empty if nothing did.
    pub fn parameters(&self, keyword: &str) -> Option<&str> {
        let found = self
            .list
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(keyword));
        found.map(|(_, parameters)| parameters.as_str())
    }

    /// SIZE (RFC 1870): messages may declare their size.
    pub fn size(&self) -> bool {
        self.has("SIZE")
    }

    /// The largest message the server takes, in octets; `None` if it names no fixed limit.
    pub fn size_limit(&self) -> Option<u64> {
        let digits = self.parameters("SIZE")?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        let limit = digits.parse().ok().filter(|_| is_number)?;
        // RFC 1870 section 4: zero means that there is no fixed limit.
        (limit != 0).then_some(limit)
    }

    /// 8BITMIME (RFC 6152): content may hold octets above 127.
    pub fn eight_bit_mime(&self) -> bool {
        self.has("8BITMIME")
    }

    /// SMTPUTF8 (RFC 6531): addresses and headers may be in UTF-8.
    pub fn smtputf8(&self) -> bool {
        self.has("SMTPUTF8")
    }

    /// PIPELINING (RFC 2920): commands may be sent in groups.
    pub fn pipelining(&self) -> bool {
        self.has("PIPELINING")
    }

    /// CHUNKING (RFC 3030): content may be sent by BDAT.
    pub fn chunking(&self) -> bool {
        self.has("CHUNKING")
    }

    /// ENHANCEDSTATUSCODES (RFC 2034): replies begin with a code such as `5.1.1`. Such codes are read in any case.
    pub fn enhanced_status_codes(&self) -> bool {
        self.has("ENHANCEDSTATUSCODES")
    }

    /// DSN (RFC 3461): notices of delivery may be asked for, or refused.
    pub fn dsn(&self) -> bool {
        self.has("DSN")
    }

    /// REQUIRETLS (RFC 8689): a mail may ask for TLS on its whole way.
    pub fn requiretls(&self) -> bool {
        self.has("REQUIRETLS")
    }

    /// MT-PRIORITY (RFC 6710): a mail may say how urgent it is.
    pub fn mt_priority(&self) -> bool {
        self.has("MT-PRIORITY")
    }
}

fn parse_line(line: &str) -> Option<(String, String)> {
    let (keyword, parameters) = line.split_once(' ').unwrap_or((line, ""));
    let is_keyword = keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
        && keyword
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_keyword.then(|| (keyword.to_ascii_uppercase(), parameters.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extensions(text: &str) -> Extensions {
        Extensions::from_reply(&text.parse().unwrap())
    }

    #[test]
    fn the_first_line_is_no_extension() {
        assert_eq!(extensions("250 SMTPUTF8"), Extensions::default());
    }

    #[test]
    fn keywords_in_any_case_with_parameters() {
        let seen = extensions(
            "250-mx\r\n250-pipelining\r\n250-AUTH PLAIN LOGIN\r\n250-CHUNKING\r\n250 SMTPUTF8",
        );
        assert!(seen.pipelining() && seen.chunking() && seen.smtputf8() && !seen.eight_bit_mime());
        assert_eq!(seen.parameters("auth"), Some("PLAIN LOGIN"));
        let none = [seen.dsn(), seen.requiretls(), seen.mt_priority()];
        assert!(none == [false; 3] && !seen.enhanced_status_codes());
        let seen = extensions(
            "250-mx\r\n250-DSN\r\n250-EnhancedStatusCodes\r\n250-RequireTLS\r\n250 MT-PRIORITY MIXER",
        );
        assert!(seen.dsn() && seen.requiretls() && seen.mt_priority());
        assert!(seen.enhanced_status_codes());
    }

    #[test]
    fn size_limits() {
        for (line, limit) in [
            ("SIZE", None),
            ("SIZE 0", None),
            ("SIZE 10", Some(10)),
            ("SIZE ten", None),
            ("SIZE +10", None),
            ("SIZE 99999999999999999999", None),
        ] {
            let seen = extensions(&format!("250-mx\r\n250 {line}"));
            assert!(seen.size());
            assert_eq!(seen.size_limit(), limit, "{line}");
        }
    }

    #[test]
    fn lines_that_are_no_keyword_are_passed_over() {
        let seen = extensions("250-mx\r\n250-\r\n250-AUTH=LOGIN\r\n250--X\r\n250 8BITMIME");
        assert_eq!(seen.list, [("8BITMIME".to_owned(), String::new())]);
    }
}
