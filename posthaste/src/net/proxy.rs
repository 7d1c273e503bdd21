//! A proxy on the way to the server: what it is and where.

mod http;
mod socks;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

use percent_encoding::percent_decode_str;

use super::wire::Wire;
use crate::settings::Secret;

/// What RFC 1929 allows a name and a password to have, in octets; and RFC 1928 a host name.
const LONGEST: usize = 255;

/// A proxy to connect through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// How to talk to it.
    pub(super) protocol: Protocol,
    /// A host name or an IP address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(super) login: Option<Login>,
}

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// SOCKS version 5 (RFC 1928). The proxy looks host names up.
    Socks5,
    /// The method CONNECT of HTTP (RFC 9110, 9.3.6).
    Http,
}

/// Who we are for the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: Secret,
}

impl Proxy {
    /// Reads `socks5://host:port` or `http://host:port`, with `user:password@` before the host if need be.
    ///
    /// # Errors
    ///
    /// When it is not of this form. What is told does not show the login.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let form = "expected socks5://host:port or http://host:port";
        let (scheme, rest) = text.split_once("://").ok_or(form)?;
        let protocol = match scheme.to_ascii_lowercase().as_str() {
            "socks5" | "socks5h" => Protocol::Socks5,
            "http" => Protocol::Http,
            other => return Err(format!("{form}, not {other:?} before the ://")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(Login::parse(login, protocol)?), place),
            None => (None, rest),
        };
        let (host, port) = host_and_port(place)?;
        Ok(Self {
            protocol,
            host: host.to_owned(),
            port,
            login,
        })
    }
}

impl Proxy {
    /// Has the proxy connect to `host` and `port`; from then on `wire` is a connection to that. Not a byte beyond the
    /// proxy's answer is read.
    ///
    /// # Errors
    ///
    /// When the proxy refuses, does not keep to its protocol, or takes longer than until `deadline`.
    pub(super) async fn tunnel<W: Wire>(
        &self,
        wire: &mut W,
        host: &str,
        port: u16,
        deadline: Instant,
    ) -> io::Result<()> {
        let is_address = host.parse::<IpAddr>().is_ok();
        if !is_address && !is_host_name(host) {
            let message = "the server's name cannot be told to a proxy";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let login = self.login.as_ref();
        match self.protocol {
            Protocol::Socks5 => socks::tunnel(wire, login, host, port, deadline).await,
            Protocol::Http => http::tunnel(wire, login, host, port, deadline).await,
        }
    }
}

/// As it was given, without the password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.protocol {
            Protocol::Socks5 => "socks5://",
            Protocol::Http => "http://",
        })?;
        if let Some(login) = &self.login {
            write!(f, "{}:***@", login.user.escape_default())?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Login {
    /// Reads `user:password`, in which whatever would be mistaken stands as `%` and two digits.
    fn parse(text: &str, protocol: Protocol) -> Result<Self, String> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let (user, password) = (plain(user, "user")?, plain(password, "password")?);
        if user.is_empty() {
            return Err("the proxy's user name is empty".to_owned());
        }
        if protocol == Protocol::Http && user.contains(':') {
            return Err("a colon in the user name cannot be told to an HTTP proxy".to_owned());
        }
        if protocol == Protocol::Socks5 && password.is_empty() {
            return Err("a SOCKS proxy wants a password with the user name".to_owned());
        }
        Ok(Self {
            user,
            password: password.into(),
        })
    }
}

/// Undoes the percent-encoding.
fn plain(text: &str, what: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    match decoded {
        Ok(decoded) if decoded.chars().any(char::is_control) => {
            Err(format!("the proxy's {what} has control characters"))
        }
        Ok(decoded) if decoded.len() > LONGEST => Err(format!(
            "the proxy's {what} is longer than {LONGEST} octets"
        )),
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(format!("the proxy's {what} is not UTF-8")),
    }
}

/// Reads `host:port`; an IPv6 address stands in brackets.
fn host_and_port(place: &str) -> Result<(&str, u16), String> {
    let wrong = || "expected host:port of the proxy; an IPv6 address stands in brackets".to_owned();
    let (host, port) = place.rsplit_once(':').ok_or_else(wrong)?;
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port: u16 = match port.parse() {
        Ok(port) if digits && port != 0 => port,
        _ => return Err("the proxy's port is not a number from 1 to 65535".to_owned()),
    };
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_host = match bracketed {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => is_host_name(host),
    };
    match is_host {
        true => Ok((bracketed.unwrap_or(host), port)),
        false => Err(wrong()),
    }
}

/// A proxy that wants a login, or refuses ours. Another try does not help.
#[derive(Debug)]
pub(crate) struct LoginRefused(&'static str);

impl fmt::Display for LoginRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for LoginRefused {}

/// The error of a proxy that does not let us in.
fn login_refused(login: Option<&Login>) -> io::Error {
    let problem = match login {
        Some(_) => "the proxy refused the user name or the password",
        None => "the proxy wants a user name and a password",
    };
    io::Error::new(io::ErrorKind::PermissionDenied, LoginRefused(problem))
}

/// The error of a proxy that does not connect us.
fn refused(why: impl fmt::Display) -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionRefused,
        format!("the proxy did not connect: {why}"),
    )
}

/// The error of something that is no proxy of this kind.
fn nonsense(kind: &str) -> io::Error {
    let message = format!("what answers there is no {kind} proxy");
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// What a proxy that hangs up means by it.
fn hung_up(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => refused("it closed the connection"),
        _ => error,
    }
}

/// Whether it can be a host name or an IPv4 address: nothing that could end a line or a field is in it.
pub(super) fn is_host_name(text: &str) -> bool {
    let of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(of_a_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_kinds() {
        let proxy =
            Proxy::parse("socks5://ann:p%40ss:w%2Ford@proxy.example:1080").expect("a proxy");
        assert_eq!(proxy.protocol, Protocol::Socks5);
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.example", 1080));
        let login = proxy.login.expect("a login");
        assert_eq!(login.user, "ann");
        assert_eq!(login.password.expose(), "p@ss:w/ord");
        let proxy = Proxy::parse("HTTP://[2001:db8::1]:3128/").expect("a proxy");
        assert_eq!(proxy.protocol, Protocol::Http);
        assert_eq!((proxy.host.as_str(), proxy.port), ("2001:db8::1", 3128));
        assert_eq!(proxy.to_string(), "http://[2001:db8::1]:3128");
        assert!(
            Proxy::parse("socks5h://127.0.0.1:9050")
                .expect("a proxy")
                .login
                .is_none()
        );
        assert!(
            Proxy::parse("http://ann@h:1")
                .expect("no password")
                .login
                .is_some()
        );
    }

    #[test]
    fn never_shows_the_password() {
        let proxy = Proxy::parse("http://ann:hunter2@h:1").expect("a proxy");
        let shown = format!("{proxy} {proxy:?}");
        assert!(
            shown.contains("ann") && !shown.contains("hunter2"),
            "{shown}"
        );
        assert_eq!(proxy.to_string(), "http://ann:***@h:1");
        for bad in [
            "http://ann:hunter2@h",
            "http://ann:hunter2@:1",
            "ftp://ann:hunter2@h:1",
            "ann:hunter2@h:1",
            "http://a%0d:hunter2@h:1",
            "http://ann:hunter2@h:port",
        ] {
            let error = Proxy::parse(bad).expect_err(bad);
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        let long = format!("socks5://{}:x@h:1", "a".repeat(256));
        for bad in [
            "",
            "proxy:1080",
            "socks4://h:1",
            "https://h:1",
            "socks5://h",
            "socks5://h:0",
            "socks5://h:65536",
            "socks5://h:+1",
            "socks5://h:1/path",
            "socks5://h:1?x",
            "socks5://a b:1",
            "socks5://h\r\nx:1",
            "socks5://2001:db8::1:1080",
            "socks5://[::1:1080",
            "socks5://[h]:1080",
            "socks5://:secret@h:1",
            "socks5://ann@h:1",
            "socks5://a%ff:x@h:1",
            "http://a%3ab:x@h:1",
            "http://ann:x%0d%0aHost:y@h:1",
            &long,
        ] {
            assert!(Proxy::parse(bad).is_err(), "{bad:?}");
        }
    }
}
