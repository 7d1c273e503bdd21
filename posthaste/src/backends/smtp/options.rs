//! The options of the SMTP backend.

use std::time::Duration;

use posthaste_smtp::{Config, Credentials, Hello, Protocol, Security, Session, Window};

use super::faults::{Fault, Faults};
use super::login::Login;
use crate::backend::{Context, seed};
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
    "token_command",
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
    pub(super) send_timeout: Option<Duration>,
    /// How many connections are kept, and for how long.
    pub(super) pool: PoolLimits,
    /// The name to introduce ourselves by.
    pub(super) hello: Hello,
    /// How to make the connection safe, if it is to be safe.
    pub(super) tls: Option<Tls>,
    /// Whether TLS comes first, and not by STARTTLS.
    is_implicit: bool,
    /// Who logs in; nobody if none.
    pub(super) login: Option<Login>,
    allow_cleartext_auth: bool,
    /// How much a session says before it waits.
    pace: Pace,
    /// What it has turned out not to do, though it says so.
    pub(super) faults: Faults,
    /// Whether opening a connection in advance may fail without an error.
    pub(super) fail_silently: bool,
}

impl Server {
    /// Reads the options of the mailer; `domain` is this machine's name.
    ///
    /// # Errors
    ///
    /// When an option is unknown or cannot be used.
    pub(super) fn new(ctx: &Context<'_>, domain: &str) -> Result<Self, Error> {
        let options = ctx.options;
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
            login: Login::new(ctx)?,
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
    /// How a session with this server presents itself, and who logs in.
    pub(super) fn session_config(&self, credentials: Option<Credentials>) -> Config {
        let mut config = Config::new(self.hello.clone());
        config.security = match (&self.tls, self.is_implicit) {
            (None, _) => Security::None,
            (Some(_), false) => Security::StartTls,
            (Some(_), true) => Security::Tls(None),
        };
        config.credentials = credentials;
        config.allow_cleartext_auth = self.allow_cleartext_auth;
        config.protocol = self.pace.protocol;
        config.pipelining = self.pace.pipelining && !self.faults.has(Fault::Pipelining);
        config.chunking = self.pace.chunking && !self.faults.has(Fault::Chunking);
        config.window = self.pace.window;
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
            Some(offered) if self.login.as_ref().is_some_and(Login::is_by_token) => {
                format!("the server offers {offered:?}, and a token takes OAUTHBEARER or XOAUTH2")
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
    protocol: Protocol,
    pipelining: bool,
    chunking: bool,
    window: Window,
}

impl Pace {
    fn from_options(options: &Options) -> Result<Self, Error> {
        let mut window = Window::default();
        window.replies = count(options, "max_unanswered_replies", window.replies)?;
        let octets = options.count("max_unanswered_bytes")?;
        window.octets = octets.unwrap_or(window.octets);
        window.messages = count(options, "max_unanswered_messages", window.messages)?;
        window.chunk = count(options, "chunk_size", window.chunk)?;
        let lmtp = options.flag("lmtp")?.unwrap_or(false);
        Ok(Self {
            protocol: if lmtp { Protocol::Lmtp } else { Protocol::Smtp },
            pipelining: on(options, "pipelining")?,
            chunking: on(options, "chunking")?,
            window,
        })
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
    use crate::backend::Io;
    use crate::outbox::Outbox;
    use crate::settings::{OptionValue, Settings};

    fn server<const N: usize>(given: [(&str, &str); N]) -> Result<Server, Error> {
        let mut options = Options::default();
        for (name, value) in given {
            options.set(name, OptionValue::from(value));
        }
        let (settings, outbox) = (Settings::default(), Outbox::new());
        let ctx = Context {
            settings: &settings,
            alias: "default",
            options: &options,
            outbox: &outbox,
            io: Io::Blocking,
            allow_files: true,
            tokens: None,
            pools: &crate::pool::Pools::default(),
            is_pooled: false,
        };
        Server::new(&ctx, "client.example")
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
            let config = server.session_config(None);
            assert!(config.pipelining && config.chunking);
            assert_eq!(
                (config.protocol, config.window),
                (Protocol::Smtp, Window::default())
            );
            assert!(server.send_timeout.is_none() && server.login.is_none());
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
        let config = server.session_config(None);
        assert!(!config.pipelining && !config.chunking);
        assert_eq!(config.protocol, Protocol::Lmtp);
        let window = config.window;
        let sizes = (window.replies, window.octets, window.messages, window.chunk);
        assert_eq!(sizes, (1, 2, 3, 4));
        let pool = server.pool;
        assert_eq!((pool.connections, pool.messages), (5, 7));
        assert_eq!(
            (pool.idle, pool.age),
            (Duration::ZERO, Duration::from_millis(6500))
        );
        assert_eq!(server.send_timeout, Some(Duration::from_secs(8)));
        let Some(Login::Fixed(login)) = server.login else {
            panic!("a token is a login");
        };
        assert_eq!(Some(login), Credentials::token("ann", "t0ken").ok());
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
