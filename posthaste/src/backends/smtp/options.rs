//! The options of the SMTP backend.

use std::time::Duration;

use posthaste_smtp::{Config, Credentials, Hello, Protocol, Security, Session};

use super::faults::{Fault, Faults};

use crate::backend::seed;
use crate::error::{Error, ErrorKind, Phase};
use crate::net::{Files, Place, Proxy, Target, Tls, Unusable};
use crate::pool::PoolLimits;
use crate::settings::Options;

/// The names that a settings file may use.
const KNOWN: &[&str] = &[
    "host",
    "port",
    "username",
    "password",
    "use_tls",
    "use_ssl",
    "timeout",
    "ssl_keyfile",
    "ssl_certfile",
    "ssl_cafile",
    "allow_cleartext_auth",
    "token",
    "send_timeout",
    "bind_address",
    "proxy",
    "lmtp",
    "pipelining",
    "chunking",
    "max_unanswered_replies",
    "max_unanswered_bytes",
    "max_unanswered_messages",
    "chunk_size",
    "max_connections",
    "idle_timeout",
    "max_age",
    "max_messages",
    "fail_silently",
];

/// The server to send to, and how.
pub(super) struct Server {
    /// Where it is.
    pub(super) target: Target,
    /// The time limit that replaces those of the standard.
    pub(super) timeout: Option<Duration>,
    /// How long a send as a whole may take, from waiting for a connection to the last reply.
    #[allow(dead_code)]
    pub(super) send_timeout: Option<Duration>,
    /// How many connections are kept, and for how long.
    #[allow(dead_code)]
    pub(super) pool: PoolLimits,
    /// The name to introduce ourselves by.
    pub(super) hello: Hello,
    /// How to make the connection safe, if it is to be safe.
    pub(super) tls: Option<Tls>,
    /// Whether TLS comes first, and not by STARTTLS.
    is_implicit: bool,
    credentials: Option<Credentials>,
    allow_cleartext_auth: bool,
    /// How much a session says before it waits.
    pace: Pace,
    /// What it has turned out not to do, though it says so.
    pub(super) faults: Faults,
    /// Whether opening a connection in advance may fail without an error.
    pub(super) fail_silently: bool,
}

impl Server {
    /// Reads the options; `domain` is this machine's name.
    ///
    /// # Errors
    ///
    /// When an option is unknown or cannot be used.
    pub(super) fn from_options(options: &Options, domain: &str) -> Result<Self, Error> {
        options.deny_unknown(KNOWN)?;
        let target = target(options)?;
        let host = match &target.place {
            Place::Tcp(host, _) => Some(host.as_str()),
            Place::Unix(_) => None,
        };
        let allowed = options.flag("allow_cleartext_auth")?.unwrap_or(false);
        Ok(Self {
            tls: tls(options, host)?,
            is_implicit: options.flag("use_ssl")?.unwrap_or(false),
            credentials: credentials(options)?,
            allow_cleartext_auth: allowed || host.is_none_or(is_this_machine),
            timeout: limit(options, "timeout")?,
            send_timeout: limit(options, "send_timeout")?,
            pool: pool_limits(options)?,
            pace: Pace::from_options(options)?,
            faults: Faults::default(),
            hello: hello(domain)?,
            fail_silently: options.flag("fail_silently")?.unwrap_or(false),
            target,
        })
    }
}

impl Server {
    /// How a session with this server presents itself.
    pub(super) fn session_config(&self) -> Config {
        let mut config = Config::new(self.hello.clone());
        config.security = match (&self.tls, self.is_implicit) {
            (None, _) => Security::None,
            (Some(_), false) => Security::StartTls,
            (Some(_), true) => Security::Tls(None),
        };
        config.credentials.clone_from(&self.credentials);
        config.allow_cleartext_auth = self.allow_cleartext_auth;
        self.pace.set(&mut config);
        config.pipelining &= !self.faults.has(Fault::Pipelining);
        config.chunking &= !self.faults.has(Fault::Chunking);
        config.nonce = format!("{:016x}{:016x}", seed(), seed());
        config
    }

    /// An error of the opening, with what to do about it where that is known.
    pub(super) fn explained(&self, error: Error, session: &Session) -> Error {
        if error.kind() != ErrorKind::Auth || error.reply().is_some() {
            return error;
        }
        let offered = session.extensions().and_then(|all| all.parameters("AUTH"));
        let hint = match offered {
            None => "the server offers no login at all".to_owned(),
            Some(_) if self.tls.is_none() && !self.allow_cleartext_auth => {
                "passwords are not said in the clear: set EMAIL_USE_TLS or EMAIL_USE_SSL".to_owned()
            }
            Some(offered) => format!("the server offers {offered:?}"),
        };
        let message = format!("{}; {hint}", error.message());
        error.with_message(message)
    }
}

/// How much a session says before it waits for an answer, and in which protocol.
#[derive(Clone, Copy, Debug)]
struct Pace {
    lmtp: bool,
    pipelining: bool,
    chunking: bool,
    replies: usize,
    octets: u64,
    messages: usize,
    chunk: usize,
}

impl Pace {
    fn from_options(options: &Options) -> Result<Self, Error> {
        Ok(Self {
            lmtp: options.flag("lmtp")?.unwrap_or(false),
            pipelining: on(options, "pipelining")?,
            chunking: on(options, "chunking")?,
            replies: count(options, "max_unanswered_replies", 512)?,
            octets: options.count("max_unanswered_bytes")?.unwrap_or(8 << 20),
            messages: count(options, "max_unanswered_messages", 64)?,
            chunk: count(options, "chunk_size", 256 << 10)?,
        })
    }

    fn set(self, config: &mut Config) {
        if self.lmtp {
            config.protocol = Protocol::Lmtp;
        }
        config.pipelining = self.pipelining;
        config.chunking = self.chunking;
        config.window.replies = self.replies;
        config.window.octets = self.octets;
        config.window.messages = self.messages;
        config.window.chunk = self.chunk;
    }
}

/// Where the server is, and which way leads there.
fn target(options: &Options) -> Result<Target, Error> {
    let host = options.string("host").filter(|host| !host.is_empty());
    let place = Place::parse(host.unwrap_or("localhost"), options.port()?);
    let is_socket = matches!(place, Place::Unix(_));
    let mut target = Target::new(place);
    let text = |name| options.string(name).filter(|text| !text.is_empty());
    if let Some(address) = text("bind_address") {
        let address = address.parse().map_err(|_| {
            let message = format!("expected an IP address, not {address:?}");
            Error::invalid(options.field("bind_address"), message)
        })?;
        target.bind = Some(address);
    }
    if let Some(proxy) = text("proxy") {
        let proxy = Proxy::parse(proxy);
        let proxy = proxy.map_err(|error| Error::invalid(options.field("proxy"), error))?;
        target.proxy = Some(proxy);
    }
    let useless = ["bind_address", "proxy"];
    match useless.into_iter().find(|name| text(name).is_some()) {
        Some(name) if is_socket => {
            let message = "has no sense for a Unix socket; leave it out";
            Err(Error::invalid(options.field(name), message))
        }
        _ => Ok(target),
    }
}

/// A time limit, which may be absent but not zero.
fn limit(options: &Options, name: &str) -> Result<Option<Duration>, Error> {
    let limit = options.duration(name)?;
    if limit.is_some_and(|limit| limit.is_zero()) {
        let message = "0 seconds leave no time for anything; leave it out for the usual limits";
        return Err(Error::invalid(options.field(name), message));
    }
    Ok(limit)
}

fn pool_limits(options: &Options) -> Result<PoolLimits, Error> {
    let usual = PoolLimits::default();
    Ok(PoolLimits {
        connections: count(options, "max_connections", usual.connections)?,
        idle: options.duration("idle_timeout")?.unwrap_or(usual.idle),
        age: options.duration("max_age")?.unwrap_or(usual.age),
        messages: options.count("max_messages")?.unwrap_or(usual.messages),
    })
}

/// A number above 0; one that no machine can count to is as good as the largest.
fn count(options: &Options, name: &str, usual: usize) -> Result<usize, Error> {
    let number = options.count(name)?;
    Ok(number.map_or(usual, |number| number.try_into().unwrap_or(usize::MAX)))
}

/// A flag that is set unless somebody takes it away.
fn on(options: &Options, name: &str) -> Result<bool, Error> {
    match options.string(name) {
        None | Some("") => Ok(true),
        Some(_) => Ok(options.flag(name)?.unwrap_or(true)),
    }
}

/// What makes the connection safe, if it is to be safe. There is no host where the server is a Unix socket.
fn tls(options: &Options, host: Option<&str>) -> Result<Option<Tls>, Error> {
    let use_tls = options.flag("use_tls")?.unwrap_or(false);
    let use_ssl = options.flag("use_ssl")?.unwrap_or(false);
    if use_tls && use_ssl {
        let message = "use_tls and use_ssl exclude each other; set only one of them";
        return Err(Error::invalid(options.field("use_tls"), message));
    }
    if !use_tls && !use_ssl {
        return Ok(None);
    }
    let Some(host) = host else {
        let name = if use_tls { "use_tls" } else { "use_ssl" };
        let message =
            "a Unix socket has no host name that a certificate could be for; leave it out";
        return Err(Error::invalid(options.field(name), message));
    };
    let files = Files {
        ca: options.path("ssl_cafile"),
        own: own_certificate(options)?,
    };
    let tls = Tls::new(host, &files);
    tls.map(Some).map_err(|error| unusable(error, options))
}

/// Our certificate and its key. As in Django, one file may hold both.
fn own_certificate(
    options: &Options,
) -> Result<Option<(std::path::PathBuf, std::path::PathBuf)>, Error> {
    match (options.path("ssl_certfile"), options.path("ssl_keyfile")) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (Some(both), None) => Ok(Some((both.clone(), both))),
        (None, Some(_)) => {
            let message = "a key without a certificate; set ssl_certfile, too";
            Err(Error::invalid(options.field("ssl_keyfile"), message))
        }
        (None, None) => Ok(None),
    }
}

/// Which option is to blame for it.
fn unusable(error: Unusable, options: &Options) -> Error {
    let Unusable { file, problem } = error;
    let named = ["ssl_cafile", "ssl_certfile", "ssl_keyfile"]
        .into_iter()
        .find(|name| file.is_some() && options.path(name) == file);
    let message = match &file {
        Some(file) => format!("{} cannot be used: {problem}", file.display()),
        None => problem,
    };
    Error::new(ErrorKind::Tls, message)
        .with_field(options.field(named.unwrap_or("ssl_cafile")))
        .with_phase(Phase::Starttls)
}

/// As in Django, a login is meant only if both name and password are given. A token means one without doubt.
fn credentials(options: &Options) -> Result<Option<Credentials>, Error> {
    let secret = |name| options.secret(name).filter(|secret| !secret.is_empty());
    let user = options.string("username").filter(|user| !user.is_empty());
    let (name, credentials) = match (user, secret("password"), secret("token")) {
        (_, Some(_), Some(_)) => {
            let message = "stands for the password; set only one of them";
            return Err(Error::invalid(options.field("token"), message));
        }
        (None, None, Some(_)) => {
            let message = "a token needs a name to log in with; set username, too";
            return Err(Error::invalid(options.field("token"), message));
        }
        (Some(user), Some(password), None) => {
            ("password", Credentials::password(user, password.expose()))
        }
        (Some(user), None, Some(token)) => ("token", Credentials::token(user, token.expose())),
        (_, _, None) => return Ok(None),
    };
    credentials.map(Some).map_err(|error| {
        let is_user = error.what() == "user name";
        let name = if is_user { "username" } else { name };
        Error::invalid(options.field(name), error.problem())
    })
}

/// Whether nobody can listen on the way.
fn is_this_machine(host: &str) -> bool {
    match host.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// The name to say in EHLO. RFC 5321, 4.1.4, wants an address literal from those who have no usable name.
fn hello(domain: &str) -> Result<Hello, Error> {
    Hello::new(domain)
        .or_else(|_| Hello::new("[127.0.0.1]"))
        .map_err(|error| Error::invalid("host", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::OptionValue;

    fn server<const N: usize>(given: [(&str, &str); N]) -> Result<Server, Error> {
        let mut options = Options::default();
        for (name, value) in given {
            options.set(name, OptionValue::from(value));
        }
        Server::from_options(&options, "client.example")
    }

    fn field<const N: usize>(given: [(&str, &str); N]) -> String {
        let error = server(given).err().expect("refused");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        error.field().expect("a field").to_owned()
    }

    #[test]
    fn absent_or_empty_options_are_as_documented() {
        let empty = [
            ("pipelining", ""),
            ("chunk_size", ""),
            ("max_connections", ""),
            ("idle_timeout", ""),
            ("bind_address", ""),
            ("proxy", ""),
            ("send_timeout", ""),
        ];
        for server in [server([]), server(empty)] {
            let server = server.expect("good");
            assert_eq!(server.target.to_string(), "localhost port 25");
            assert_eq!(server.pool, PoolLimits::default());
            assert!(server.pace.pipelining && server.pace.chunking && !server.pace.lmtp);
            assert_eq!((server.pace.replies, server.pace.messages), (512, 64));
            assert_eq!(
                (server.pace.octets, server.pace.chunk),
                (8_388_608, 262_144)
            );
            assert!(server.send_timeout.is_none() && server.credentials.is_none());
        }
    }

    #[test]
    fn each_option_is_heard() {
        let server = server([
            ("host", "mail.example.com"),
            ("lmtp", "yes"),
            ("pipelining", "no"),
            ("chunking", "0"),
            ("max_unanswered_replies", "1"),
            ("max_unanswered_bytes", "2"),
            ("max_unanswered_messages", "3"),
            ("chunk_size", "4"),
            ("max_connections", "5"),
            ("idle_timeout", "0"),
            ("max_age", "6.5"),
            ("max_messages", "7"),
            ("send_timeout", "8"),
            ("bind_address", "192.0.2.1"),
            ("proxy", "socks5://ann:hunter2@proxy.example:1080"),
            ("username", "ann"),
            ("token", "t0ken"),
        ])
        .expect("good");
        let way = "mail.example.com port 24 through socks5://ann:***@proxy.example:1080";
        assert_eq!(server.target.to_string(), way);
        assert_eq!(server.target.bind, Some([192, 0, 2, 1].into()));
        let pace = server.pace;
        assert!(pace.lmtp && !pace.pipelining && !pace.chunking);
        let sizes = (pace.replies, pace.octets, pace.messages, pace.chunk);
        assert_eq!(sizes, (1, 2, 3, 4));
        let pool = server.pool;
        assert_eq!((pool.connections, pool.messages), (5, 7));
        assert_eq!(
            (pool.idle, pool.age),
            (Duration::ZERO, Duration::from_millis(6500))
        );
        assert_eq!(server.send_timeout, Some(Duration::from_secs(8)));
        assert_eq!(server.credentials, Credentials::token("ann", "t0ken").ok());
    }

    #[test]
    fn a_socket_is_this_machine_and_needs_no_way() {
        let at_socket = server([("host", "unix:/run/lmtp"), ("lmtp", "on")]).expect("good");
        assert_eq!(at_socket.target.to_string(), "the socket /run/lmtp");
        assert!(at_socket.allow_cleartext_auth);
        let socket = ("host", "/run/lmtp");
        assert_eq!(field([socket, ("use_tls", "on")]), "use_tls");
        assert_eq!(field([socket, ("use_ssl", "on")]), "use_ssl");
        assert_eq!(field([socket, ("proxy", "http://h:1")]), "proxy");
        assert_eq!(field([socket, ("bind_address", "::1")]), "bind_address");
    }

    #[test]
    fn what_cannot_be_is_told_of_its_option() {
        for (name, value) in [
            ("max_unanswered_replies", "0"),
            ("max_unanswered_bytes", "-1"),
            ("max_unanswered_messages", "many"),
            ("chunk_size", "1.5"),
            ("max_connections", "0"),
            ("max_messages", "0"),
            ("idle_timeout", "soon"),
            ("max_age", "-1"),
            ("send_timeout", "0"),
            ("pipelining", "maybe"),
            ("lmtp", "maybe"),
            ("bind_address", "localhost"),
            ("proxy", "socks4://ann:hunter2@h:1"),
            ("proxy", "http://ann:hunter2@h"),
        ] {
            assert_eq!(field([(name, value)]), name, "{value}");
        }
        let user = ("username", "ann");
        assert_eq!(field([("token", "hunter2")]), "token");
        assert_eq!(field([user, ("token", "hunter2\n")]), "token");
        assert_eq!(
            field([user, ("password", "hunter2"), ("token", "hunter2")]),
            "token"
        );
    }
}
