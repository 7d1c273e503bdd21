//! The one table of all settings: it drives reading, errors, origins, the list of values and the reference.

use std::time::Duration;

use super::Settings;
use super::url;
use super::value::{self, Expected, Kind, Value};
use crate::net::Proxy;

/// All that there is to know about one setting.
pub(super) struct Setting {
    /// Django's name.
    pub(super) name: &'static str,
    /// What it is for.
    pub(super) doc: &'static str,
    /// What it holds.
    pub(super) kind: Kind,
    /// Its default, for the reference.
    pub(super) default: &'static str,
    /// The backend option that it is made into, if it says how to reach a backend.
    pub(super) option: Option<&'static str>,
    /// Takes a value.
    pub(super) parse: fn(&mut Settings, Value<'_>) -> Result<(), Expected>,
    /// Shows the value, secrets masked.
    pub(super) show: fn(&Settings) -> String,
}

/// The name of the setting that names the backend.
pub(super) const BACKEND: &str = "EMAIL_BACKEND";
/// The name of the setting that stands for all that say how to reach a backend.
pub(super) const URL: &str = "EMAIL_URL";

impl Setting {
    /// Whether it says how mail leaves, so that `EMAIL_URL` and `[mailers.default]` stand for it.
    pub(super) fn is_connection(&self) -> bool {
        self.option.is_some() || self.name == BACKEND
    }
}

/// The setting of this name.
pub(super) fn find(name: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|setting| setting.name == name)
}

/// The setting that this backend option is made from.
pub(super) fn find_option(option: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|setting| setting.option == Some(option))
}

/// Writes a static row; `$target = $parse` is how the value is read, `$show` how it is shown.
macro_rules! setting {
    ($name:literal, $kind:ident, $default:literal, $option:expr, $field:ident = $parse:path, $show:expr, $doc:literal) => {
        Setting {
            name: $name,
            doc: $doc,
            kind: Kind::$kind,
            default: $default,
            option: $option,
            parse: |settings, value| {
                settings.$field = $parse(value)?.into();
                Ok(())
            },
            show: $show,
        }
    };
}

pub(super) static TABLE: &[Setting] = &[
    setting!(
        "EMAIL_BACKEND",
        Text,
        "smtp",
        None,
        email_backend = backend,
        |s| s.email_backend.clone(),
        "Where mail goes: `smtp`, `console`, `file`, `locmem`, `dummy` or the name of a backend of your own; Django's dotted paths of the five serve too."
    ),
    setting!(
        "EMAIL_HOST",
        Text,
        "localhost",
        Some("host"),
        email_host = value::text,
        |s| s.email_host.clone(),
        "The mail server: a name, an IP address, or a Unix socket as `/path` or `unix:/path`."
    ),
    setting!(
        "EMAIL_PORT",
        Port,
        "25, 587 with EMAIL_USE_TLS, 465 with EMAIL_USE_SSL, 24 with EMAIL_LMTP",
        Some("port"),
        email_port = value::port,
        |s| s.port().to_string(),
        "The mail server's port; 0 or empty is the default."
    ),
    setting!(
        "EMAIL_HOST_USER",
        Text,
        "",
        Some("username"),
        email_host_user = value::text,
        |s| s.email_host_user.clone(),
        "The name to log in with; without name or password nobody logs in."
    ),
    setting!(
        "EMAIL_HOST_PASSWORD",
        Secret,
        "",
        Some("password"),
        email_host_password = value::any_text,
        |s| masked(&s.email_host_password),
        "The password to log in with; it is never shown."
    ),
    setting!(
        "EMAIL_HOST_TOKEN",
        Secret,
        "",
        Some("token"),
        email_host_token = value::any_text,
        |s| masked(&s.email_host_token),
        "An OAuth 2.0 access token to log in with, in place of the password; it is never shown."
    ),
    setting!(
        "EMAIL_TOKEN_COMMAND",
        Command,
        "",
        Some("token_command"),
        email_token_command = value::command,
        |s| shown_command(&s.email_token_command),
        "A program that prints an OAuth 2.0 access token to log in with. It is run without a shell, and run again once when the server refuses the token."
    ),
    setting!(
        "EMAIL_USE_TLS",
        Flag,
        "false",
        Some("use_tls"),
        email_use_tls = value::flag,
        |s| s.email_use_tls.to_string(),
        "Whether to switch to TLS by STARTTLS; mail is never sent without it then."
    ),
    setting!(
        "EMAIL_USE_SSL",
        Flag,
        "false",
        Some("use_ssl"),
        email_use_ssl = value::flag,
        |s| s.email_use_ssl.to_string(),
        "Whether to speak TLS from the first byte; excludes EMAIL_USE_TLS."
    ),
    setting!(
        "EMAIL_TIMEOUT",
        Seconds,
        "",
        Some("timeout"),
        email_timeout = value::seconds,
        |s| s.email_timeout.map(shown_seconds).unwrap_or_default(),
        "How many seconds to wait for the server each time; empty leaves the limits of RFC 5321."
    ),
    setting!(
        "EMAIL_SSL_KEYFILE",
        Path,
        "",
        Some("ssl_keyfile"),
        email_ssl_keyfile = value::path,
        |s| shown_path(s.email_ssl_keyfile.as_ref()),
        "The key of the certificate that we show the server, in PEM."
    ),
    setting!(
        "EMAIL_SSL_CERTFILE",
        Path,
        "",
        Some("ssl_certfile"),
        email_ssl_certfile = value::path,
        |s| shown_path(s.email_ssl_certfile.as_ref()),
        "The certificate that we show the server, in PEM."
    ),
    setting!(
        "EMAIL_SSL_CAFILE",
        Path,
        "",
        Some("ssl_cafile"),
        email_ssl_cafile = value::path,
        |s| shown_path(s.email_ssl_cafile.as_ref()),
        "Root certificates to trust besides the system's, in PEM."
    ),
    setting!(
        "EMAIL_ALLOW_CLEARTEXT_AUTH",
        Flag,
        "false",
        Some("allow_cleartext_auth"),
        email_allow_cleartext_auth = value::flag,
        |s| s.email_allow_cleartext_auth.to_string(),
        "Whether to say the password where there is no TLS; on the way to this machine itself that is always allowed."
    ),
    setting!(
        "EMAIL_SEND_TIMEOUT",
        Seconds,
        "",
        Some("send_timeout"),
        email_send_timeout = value::seconds,
        |s| s.email_send_timeout.map(shown_seconds).unwrap_or_default(),
        "How many seconds a message may take as a whole, from waiting for a connection to the last reply; empty is no limit."
    ),
    setting!(
        "EMAIL_BIND_ADDRESS",
        IpAddress,
        "",
        Some("bind_address"),
        email_bind_address = value::ip_address,
        |s| s
            .email_bind_address
            .map(|address| address.to_string())
            .unwrap_or_default(),
        "The address of this machine to connect from; empty leaves it to the system."
    ),
    setting!(
        "EMAIL_PROXY",
        Proxy,
        "",
        Some("proxy"),
        email_proxy = value::proxy,
        |s| shown_proxy(&s.email_proxy),
        "A proxy to connect through: `socks5://user:password@host:1080`, or `http://user:password@host:3128` by CONNECT. The password is never shown."
    ),
    setting!(
        "EMAIL_LMTP",
        Flag,
        "false",
        Some("lmtp"),
        email_lmtp = value::flag,
        |s| s.email_lmtp.to_string(),
        "Whether the server speaks LMTP, which answers for each recipient; the usual port is 24 then."
    ),
    setting!(
        "EMAIL_PIPELINING",
        Flag,
        "true",
        Some("pipelining"),
        email_pipelining = value::flag_or_true,
        |s| s.email_pipelining.to_string(),
        "Whether to send commands without waiting for each answer, where the server offers PIPELINING."
    ),
    setting!(
        "EMAIL_CHUNKING",
        Flag,
        "true",
        Some("chunking"),
        email_chunking = value::flag_or_true,
        |s| s.email_chunking.to_string(),
        "Whether to send contents by BDAT, where the server offers CHUNKING."
    ),
    setting!(
        "EMAIL_MAX_UNANSWERED_REPLIES",
        Count,
        "512",
        Some("max_unanswered_replies"),
        email_max_unanswered_replies = value::count_or::<512>,
        |s| s.email_max_unanswered_replies.to_string(),
        "How many commands may wait for their answer at the same time."
    ),
    setting!(
        "EMAIL_MAX_UNANSWERED_BYTES",
        Count,
        "8388608",
        Some("max_unanswered_bytes"),
        email_max_unanswered_bytes = value::count_or::<8388608>,
        |s| s.email_max_unanswered_bytes.to_string(),
        "How many octets of contents sent by BDAT may wait for their answer."
    ),
    setting!(
        "EMAIL_MAX_UNANSWERED_MESSAGES",
        Count,
        "64",
        Some("max_unanswered_messages"),
        email_max_unanswered_messages = value::count_or::<64>,
        |s| s.email_max_unanswered_messages.to_string(),
        "How many messages that were sent to their end may wait for their answer; of so many it is unknown what became of them if the connection breaks."
    ),
    setting!(
        "EMAIL_CHUNK_SIZE",
        Count,
        "262144",
        Some("chunk_size"),
        email_chunk_size = value::count_or::<262144>,
        |s| s.email_chunk_size.to_string(),
        "How many octets to send by one BDAT."
    ),
    setting!(
        "EMAIL_MAX_CONNECTIONS",
        Count,
        "10",
        Some("max_connections"),
        email_max_connections = value::count_or::<10>,
        |s| s.email_max_connections.to_string(),
        "How many connections a mailer may have at the same time."
    ),
    setting!(
        "EMAIL_IDLE_TIMEOUT",
        SecondsOrNone,
        "60",
        Some("idle_timeout"),
        email_idle_timeout = value::seconds_or::<60>,
        |s| shown_seconds(s.email_idle_timeout),
        "How many seconds an unused connection is kept."
    ),
    setting!(
        "EMAIL_MAX_AGE",
        SecondsOrNone,
        "600",
        Some("max_age"),
        email_max_age = value::seconds_or::<600>,
        |s| shown_seconds(s.email_max_age),
        "How many seconds a connection is used before a new one takes its place."
    ),
    setting!(
        "EMAIL_MAX_MESSAGES",
        Count,
        "1000",
        Some("max_messages"),
        email_max_messages = value::count_or::<1000>,
        |s| s.email_max_messages.to_string(),
        "How many messages go over a connection before a new one takes its place."
    ),
    setting!(
        "EMAIL_FILE_PATH",
        Path,
        "",
        Some("file_path"),
        email_file_path = value::path,
        |s| shown_path(s.email_file_path.as_ref()),
        "The folder that the backend `file` writes to."
    ),
    Setting {
        name: URL,
        doc: "Stands for all settings above, which cannot be given beside it: `smtp://user:password@host:587?tls=starttls` (`tls` is `none`, `starttls` or `implicit`; further parameters are the options above but for the host, the login and the folder, and `token_command`), `smtps://…`, `lmtp://…`, `lmtp:///socket`, `console:`, `file:///folder`, `locmem:`, `dummy:`.",
        kind: Kind::Url,
        default: "",
        option: None,
        parse: url::parse,
        show: |s| s.email_url.clone(),
    },
    setting!(
        "EMAIL_SUBJECT_PREFIX",
        Text,
        "[Django] ",
        None,
        email_subject_prefix = value::text,
        |s| s.email_subject_prefix.clone(),
        "What the subjects of mail to ADMINS and MANAGERS begin with; no blank is added."
    ),
    setting!(
        "EMAIL_USE_LOCALTIME",
        Flag,
        "false",
        None,
        email_use_localtime = value::flag,
        |s| s.email_use_localtime.to_string(),
        "Whether the Date header is in local time rather than in UTC."
    ),
    setting!(
        "DEFAULT_FROM_EMAIL",
        Address,
        "webmaster@localhost",
        None,
        default_from_email = value::address,
        |s| s.default_from_email.clone(),
        "The sender of messages that name none."
    ),
    setting!(
        "SERVER_EMAIL",
        Address,
        "root@localhost",
        None,
        server_email = value::address,
        |s| s.server_email.clone(),
        "The sender of mail to ADMINS and MANAGERS."
    ),
    setting!(
        "ADMINS",
        Addresses,
        "",
        None,
        admins = value::addresses,
        |s| s.admins.join(", "),
        "Who gets `mail_admins`: addresses with commas between them; in the file a list of strings."
    ),
    setting!(
        "MANAGERS",
        Addresses,
        "",
        None,
        managers = value::addresses,
        |s| s.managers.join(", "),
        "Who gets `mail_managers`, written like ADMINS."
    ),
    setting!(
        "DEFAULT_CHARSET",
        Text,
        "utf-8",
        None,
        default_charset = value::charset,
        |s| s.default_charset.clone(),
        "The charset of messages that name none."
    ),
];

/// The short name of a backend, from that or from Django's dotted path.
pub(super) fn backend(value: Value<'_>) -> Result<String, Expected> {
    match value::text(value)? {
        name if name.is_empty() => Err("the name of a backend, such as smtp or console".to_owned()),
        name => Ok(name),
    }
}

/// The short name of a backend for Django's dotted path; other names stay.
pub(super) fn resolve(backend: &str) -> &str {
    backend
        .strip_prefix("django.core.mail.backends.")
        .and_then(|rest| rest.strip_suffix(".EmailBackend"))
        .filter(|name| ["smtp", "console", "filebased", "locmem", "dummy"].contains(name))
        .map_or(
            backend,
            |name| if name == "filebased" { "file" } else { name },
        )
}

fn masked(secret: &super::Secret) -> String {
    if secret.is_empty() {
        String::new()
    } else {
        secret.to_string()
    }
}

fn shown_seconds(time: Duration) -> String {
    time.as_secs_f64().to_string()
}

/// Its password is masked.
fn shown_proxy(proxy: &super::Secret) -> String {
    let proxy = Proxy::parse(proxy.expose());
    proxy.map_or_else(|_| String::new(), |proxy| proxy.to_string())
}

/// The program alone: its arguments may be anything.
fn shown_command(command: &super::Secret) -> String {
    match value::words(command.expose()).as_deref() {
        Some([program]) => program.clone(),
        Some([program, ..]) => format!("{program} …"),
        _ => String::new(),
    }
}

fn shown_path(path: Option<&std::path::PathBuf>) -> String {
    path.map(|path| path.display().to_string())
        .unwrap_or_default()
}
