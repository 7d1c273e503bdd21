//! Where to connect to, and which way.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use super::proxy::Proxy;

/// Where to connect to, and which way.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The server.
    pub(crate) place: Place,
    /// Our own address, if it is not the system's choice.
    pub(crate) bind: Option<IpAddr>,
    /// What stands between; it does for a Unix socket, too, but is of no use there.
    pub(crate) proxy: Option<Proxy>,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A host name or an IP address, and a TCP port.
    Tcp(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Target {
    /// A server at `place`, reached directly.
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            bind: None,
            proxy: None,
        }
    }
}

impl Place {
    /// Reads what a setting calls a host: a host name, an IP address, `unix:/path` or `/path`.
    pub(crate) fn parse(host: &str, port: u16) -> Self {
        match host.strip_prefix("unix:") {
            Some(path) => Self::Unix(path.into()),
            None if host.starts_with('/') => Self::Unix(host.into()),
            None => Self::Tcp(host.to_owned(), port),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) => write!(f, "{host} port {port}"),
            Self::Unix(path) => write!(f, "the socket {}", path.display()),
        }
    }
}

/// The server, and the proxy if there is one.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.proxy {
            Some(proxy) => write!(f, "{} through {proxy}", self.place),
            None => write!(f, "{}", self.place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_be_a_socket() {
        let unix = Place::Unix("/run/mail.sock".into());
        assert_eq!(Place::parse("/run/mail.sock", 25), unix);
        assert_eq!(Place::parse("unix:/run/mail.sock", 25), unix);
        assert_eq!(unix.to_string(), "the socket /run/mail.sock");
        let tcp = Place::parse("mail.example.com", 25);
        assert_eq!(tcp.to_string(), "mail.example.com port 25");
        let mut target = Target::new(tcp);
        target.proxy = Some(Proxy::parse("socks5://a:b@p:1").expect("a proxy"));
        let shown = "mail.example.com port 25 through socks5://a:***@p:1";
        assert_eq!(target.to_string(), shown);
    }
}
