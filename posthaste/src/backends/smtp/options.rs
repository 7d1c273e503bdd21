//! The options of the SMTP backend.

use std::time::Duration;

use posthaste_smtp::Hello;

use crate::error::{Error, ErrorKind, Phase};
use crate::net::Target;
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
    "fail_silently",
];

/// The server to send to, and how.
pub(super) struct Server {
    /// Where it is.
    pub(super) target: Target,
    /// The time limit that replaces those of the standard.
    pub(super) timeout: Option<Duration>,
    /// The name to introduce ourselves by.
    pub(super) hello: Hello,
    /// Whether opening a connection in advance may fail without an error.
    pub(super) fail_silently: bool,
}

impl Server {
    /// Reads the options; `domain` is this machine's name.
    ///
    /// # Errors
    ///
    /// When an option is unknown or cannot be used, and when TLS or a login is asked for, which this version cannot do.
    pub(super) fn from_options(options: &Options, domain: &str) -> Result<Self, Error> {
        options.deny_unknown(KNOWN)?;
        refuse_tls(options)?;
        refuse_login(options)?;
        let timeout = options.duration("timeout")?;
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            let message = "0 seconds leave no time for anything; leave it out for the usual limits";
            return Err(Error::invalid(options.field("timeout"), message));
        }
        let host = options.string("host").filter(|host| !host.is_empty());
        Ok(Self {
            target: Target {
                host: host.unwrap_or("localhost").to_owned(),
                port: options.port()?,
            },
            timeout,
            hello: hello(domain)?,
            fail_silently: options.flag("fail_silently")?.unwrap_or(false),
        })
    }
}

/// Mail is never sent in plain where TLS was asked for.
fn refuse_tls(options: &Options) -> Result<(), Error> {
    let use_tls = options.flag("use_tls")?.unwrap_or(false);
    let use_ssl = options.flag("use_ssl")?.unwrap_or(false);
    if use_tls && use_ssl {
        let message = "use_tls and use_ssl exclude each other; set only one of them";
        return Err(Error::invalid(options.field("use_tls"), message));
    }
    if use_tls || use_ssl {
        let message = "TLS is not supported yet by this version; nothing was sent in plain instead";
        let field = options.field(if use_tls { "use_tls" } else { "use_ssl" });
        let error = Error::new(ErrorKind::Tls, message).with_field(field);
        return Err(error.with_phase(Phase::Starttls));
    }
    Ok(())
}

/// As in Django, a login is meant only if both name and password are given.
fn refuse_login(options: &Options) -> Result<(), Error> {
    let is_set = |name| options.string(name).is_some_and(|value| !value.is_empty());
    let password = options.secret("password");
    if is_set("username") && password.is_some_and(|password| !password.expose().is_empty()) {
        let message =
            "logging in is not supported yet by this version; nothing was sent without it";
        let error = Error::new(ErrorKind::Auth, message).with_field(options.field("username"));
        return Err(error.with_phase(Phase::Auth));
    }
    Ok(())
}

/// The name to say in EHLO. RFC 5321, 4.1.4, wants an address literal from those who have no usable name.
fn hello(domain: &str) -> Result<Hello, Error> {
    Hello::new(domain)
        .or_else(|_| Hello::new("[127.0.0.1]"))
        .map_err(|error| Error::invalid("host", error.to_string()))
}
