//! An inbox made from the arguments.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::{env, fs};

use posthaste::{Error, ErrorKind, Settings};
use posthaste_inbox::fault::Rule;
use posthaste_inbox::store::Retention;
use posthaste_inbox::{Builder, Inbox, Limits, Relay};
use serde_json::Deserializer;

use super::args::{Start, Tls};
use crate::exit::Failure;
use crate::message::unreadable;

/// Ports that nothing else is known to use; other programs of this kind have them, and so have many projects' settings.
pub(super) const USUAL: (u16, u16) = (1025, 8025);
/// Any that are free.
pub(super) const FREE: (u16, u16) = (0, 0);

impl Start {
    /// Starts it. `ports` are those for mail and page, where no argument says otherwise.
    pub(super) fn start(&self, ports: (u16, u16)) -> Result<Inbox, Failure> {
        let (smtp, web) = self.addresses(ports)?;
        let mut builder = Inbox::builder()
            .smtp(smtp)
            .web(web)
            .allow_remote(self.listen.is_some())
            .retention(self.retention())
            .seed(self.seed)
            .limits(Limits {
                message: self.max_size,
                ..Limits::default()
            });
        if let Some(port) = self.smtps {
            builder = builder.smtps((smtp.ip(), port).into());
        }
        for name in &self.host {
            builder = builder.host(name);
        }
        builder = self.secure(builder);
        if let Some(file) = &self.db {
            builder = builder.db(file);
        }
        if let Some(file) = &self.faults {
            builder = builder.faults(rules(file)?);
        }
        if let Some(url) = &self.relay {
            builder = builder.relay(Relay::new(url, &self.relay_to)?);
        }
        if let Some(profile) = self.profile {
            builder = builder.profile(profile);
        }
        builder.start().map_err(|error| {
            let message = format!("cannot start the inbox: {error}");
            Error::new(ErrorKind::Io, message).into()
        })
    }

    /// Where it takes mail, and where its page is.
    fn addresses(&self, ports: (u16, u16)) -> Result<(SocketAddr, SocketAddr), Failure> {
        let ip = self.listen.unwrap_or(Ipv4Addr::LOCALHOST.into());
        let smtp = self.smtp.unwrap_or((ip, ports.0).into());
        let web = self.web.unwrap_or((ip, ports.1).into());
        for (name, address) in [("--smtp", smtp), ("--web", web)] {
            if self.listen.is_none() && !address.ip().is_loopback() {
                let message = format!(
                    "other machines may reach {}; if that is meant, say --listen {0}",
                    address.ip()
                );
                return Err(Failure::usage(name, message));
            }
        }
        Ok((smtp, web))
    }

    fn retention(&self) -> Retention {
        Retention {
            mails: self.keep,
            octets: self.keep_bytes,
            age: self.max_age,
        }
    }

    fn secure(&self, builder: Builder) -> Builder {
        let builder = match self.tls {
            Tls::Off => builder.tls(posthaste_inbox::Tls::Off),
            Tls::On => builder.tls(posthaste_inbox::Tls::Offered),
            Tls::Required => builder.tls(posthaste_inbox::Tls::Required),
        };
        let wants_tls = self.tls != Tls::Off || self.smtps.is_some();
        match state_folder().filter(|_| wants_tls) {
            Some(folder) => builder.authority(folder),
            None => builder,
        }
    }
}

/// Where programs of this user keep what they need again.
fn state_folder() -> Option<PathBuf> {
    let folder = |name: &str| {
        env::var_os(name)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    };
    let state = folder("XDG_STATE_HOME")
        .or_else(|| folder("LOCALAPPDATA"))
        .or_else(|| folder("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("posthaste"))
}

/// The rules of a file: an array, or one after the other.
fn rules(file: &Path) -> Result<Vec<Rule>, Failure> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).map_err(|error| unreadable(&name, &error))?;
    let parsed: Result<Vec<Rule>, _> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(&text),
        false => Deserializer::from_str(&text).into_iter().collect(),
    };
    parsed.map_err(|error| Failure::usage(&name, error.to_string()))
}

/// The settings that lead to an inbox, as variables of the environment.
pub(super) fn variables(inbox: &Inbox) -> Vec<(&'static str, String)> {
    let Settings {
        email_host,
        email_use_tls,
        email_ssl_cafile,
        ..
    } = inbox.settings();
    let mut variables = vec![
        ("EMAIL_HOST", reachable(&email_host)),
        ("EMAIL_PORT", inbox.smtp_address().port().to_string()),
        ("EMAIL_HOST_USER", String::new()),
        ("EMAIL_USE_TLS", email_use_tls.to_string()),
    ];
    if let Some(file) = email_ssl_cafile {
        variables.push(("EMAIL_SSL_CAFILE", file.display().to_string()));
    }
    variables
}

/// The page, as this machine reaches it.
pub(super) fn url(inbox: &Inbox) -> String {
    let url = inbox.web_url().unwrap_or_default();
    url.replace("//0.0.0.0:", "//127.0.0.1:")
        .replace("//[::]:", "//[::1]:")
}

/// An address to which one can connect, also if it stands for all of a machine.
fn reachable(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        _ => host.to_owned(),
    }
}
