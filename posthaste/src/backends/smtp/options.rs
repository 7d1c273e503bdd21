//! The options of the SMTP backend.

use std::time::Duration;

use posthaste_smtp::{Config, Credentials, Hello, Security, Session};

use crate::backend::seed;
use crate::error::{Error, ErrorKind, Phase};
use crate::net::{Files, Place, Target, Tls, Unusable};
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
        let timeout = options.duration("timeout")?;
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            let message = "0 seconds leave no time for anything; leave it out for the usual limits";
            return Err(Error::invalid(options.field("timeout"), message));
        }
        let host = options.string("host").filter(|host| !host.is_empty());
        let host = host.unwrap_or("localhost").to_owned();
        let allowed = options.flag("allow_cleartext_auth")?.unwrap_or(false);
        Ok(Self {
            tls: tls(options, &host)?,
            is_implicit: options.flag("use_ssl")?.unwrap_or(false),
            credentials: credentials(options)?,
            allow_cleartext_auth: allowed || is_this_machine(&host),
            target: Target::new(Place::parse(&host, options.port()?)),
            timeout,
            send_timeout: None,
            pool: PoolLimits::default(),
            hello: hello(domain)?,
            fail_silently: options.flag("fail_silently")?.unwrap_or(false),
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

/// What makes the connection safe, if it is to be safe.
fn tls(options: &Options, host: &str) -> Result<Option<Tls>, Error> {
    let use_tls = options.flag("use_tls")?.unwrap_or(false);
    let use_ssl = options.flag("use_ssl")?.unwrap_or(false);
    if use_tls && use_ssl {
        let message = "use_tls and use_ssl exclude each other; set only one of them";
        return Err(Error::invalid(options.field("use_tls"), message));
    }
    if !use_tls && !use_ssl {
        return Ok(None);
    }
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

/// As in Django, a login is meant only if both name and password are given.
fn credentials(options: &Options) -> Result<Option<Credentials>, Error> {
    let user = options.string("username").filter(|user| !user.is_empty());
    let password = options.secret("password");
    let password = password.filter(|password| !password.expose().is_empty());
    let (Some(user), Some(password)) = (user, password) else {
        return Ok(None);
    };
    let credentials = Credentials::password(user, password.expose());
    credentials.map(Some).map_err(|error| {
        let name = if error.what() == "user name" {
            "username"
        } else {
            "password"
        };
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
