//! The settings: Django's names and defaults, from a file, the environment and flags.

mod connection;
mod file;
mod options;
mod origin;
mod secret;
mod sources;
mod suggest;
mod table;
mod url;
mod value;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use self::options::{OptionValue, Options};
pub use self::origin::Origin;
pub use self::secret::Secret;
pub use self::sources::Sources;
use self::table::{Setting, TABLE};
use self::value::Value;
pub(crate) use self::value::words;

use crate::error::Error;

/// The name of the mailer that is used when none is named.
const DEFAULT_ALIAS: &str = "default";

/// How mail is made and sent: Django's settings, with Django's defaults.
///
/// Settings are read from, the later ones winning: a TOML file, environment variables and flags; [`Sources`] says which.
/// Or they are set in code, by the fields. [`reference`](Self::reference) lists them all.
///
/// `EMAIL_URL` stands for all settings of the connection: those of the `EMAIL_*` settings that become options of a
/// backend, and `EMAIL_BACKEND`. The table `[mailers.default]` of the settings file stands for them too. Only one of the three may be
/// given, and that holds across sources: a server from one and a password from the other must not meet by accident.
///
/// # Examples
///
/// ```
/// use posthaste::{Settings, Sources};
///
/// let sources = Sources::default().variable("EMAIL_URL", "smtp://ann:secret@mail.example.com?tls=starttls");
/// let settings = Settings::load(&sources)?;
/// let (backend, options) = settings.mailer("default")?;
/// assert_eq!(backend, "smtp");
/// assert_eq!(options.string("host"), Some("mail.example.com"));
/// assert_eq!(options.port()?, 587);
/// assert!(!format!("{settings:?}").contains("secret"));
/// # Ok::<(), posthaste::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Settings {
    /// `EMAIL_BACKEND`: the name of the backend.
    pub email_backend: String,
    /// `EMAIL_HOST`: the mail server.
    pub email_host: String,
    /// `EMAIL_PORT`: its port; if none, the usual one for the way of TLS.
    pub email_port: Option<u16>,
    /// `EMAIL_HOST_USER`: the name to log in with.
    pub email_host_user: String,
    /// `EMAIL_HOST_PASSWORD`: the password to log in with.
    pub email_host_password: Secret,
    /// `EMAIL_HOST_TOKEN`: an OAuth 2.0 access token to log in with, in place of the password.
    pub email_host_token: Secret,
    /// `EMAIL_TOKEN_COMMAND`: a program, with its arguments, that prints such a token.
    pub email_token_command: Secret,
    /// `EMAIL_USE_TLS`: whether to switch to TLS by STARTTLS.
    pub email_use_tls: bool,
    /// `EMAIL_USE_SSL`: whether to speak TLS from the first byte.
    pub email_use_ssl: bool,
    /// `EMAIL_TIMEOUT`: how long to wait for the server each time; if none, as long as RFC 5321 says.
    pub email_timeout: Option<Duration>,
    /// `EMAIL_SSL_KEYFILE`: the key of our certificate.
    pub email_ssl_keyfile: Option<PathBuf>,
    /// `EMAIL_SSL_CERTFILE`: our certificate.
    pub email_ssl_certfile: Option<PathBuf>,
    /// `EMAIL_SSL_CAFILE`: roots to trust besides the system's.
    pub email_ssl_cafile: Option<PathBuf>,
    /// `EMAIL_ALLOW_CLEARTEXT_AUTH`: whether a password may be said in the clear where there is no TLS.
    pub email_allow_cleartext_auth: bool,
    /// `EMAIL_SEND_TIMEOUT`: how long a message may take as a whole; if none, as long as it takes.
    pub email_send_timeout: Option<Duration>,
    /// `EMAIL_BIND_ADDRESS`: the address of this machine to connect from; if none, the system's choice.
    pub email_bind_address: Option<IpAddr>,
    /// `EMAIL_PROXY`: a proxy to connect through, such as `socks5://proxy.example:1080`; none if empty.
    pub email_proxy: Secret,
    /// `EMAIL_LMTP`: whether the server speaks LMTP.
    pub email_lmtp: bool,
    /// `EMAIL_PIPELINING`: whether to send commands without waiting for each answer, where the server lets us.
    pub email_pipelining: bool,
    /// `EMAIL_CHUNKING`: whether to send contents by BDAT, where the server lets us.
    pub email_chunking: bool,
    /// `EMAIL_MAX_UNANSWERED_REPLIES`: how many commands may wait for their answer.
    pub email_max_unanswered_replies: u64,
    /// `EMAIL_MAX_UNANSWERED_BYTES`: how many octets sent by BDAT may wait for their answer.
    pub email_max_unanswered_bytes: u64,
    /// `EMAIL_MAX_UNANSWERED_MESSAGES`: how many messages that were sent to their end may wait for their answer.
    pub email_max_unanswered_messages: u64,
    /// `EMAIL_CHUNK_SIZE`: how many octets to send by one BDAT.
    pub email_chunk_size: u64,
    /// `EMAIL_MAX_CONNECTIONS`: how many connections a mailer may have.
    pub email_max_connections: u64,
    /// `EMAIL_IDLE_TIMEOUT`: how long an unused connection is kept.
    pub email_idle_timeout: Duration,
    /// `EMAIL_MAX_AGE`: how long a connection is used.
    pub email_max_age: Duration,
    /// `EMAIL_MAX_MESSAGES`: how many messages go over a connection.
    pub email_max_messages: u64,
    /// `EMAIL_FILE_PATH`: the folder of the file backend.
    pub email_file_path: Option<PathBuf>,
    /// `EMAIL_SUBJECT_PREFIX`: what the subjects of mail to admins and managers begin with.
    pub email_subject_prefix: String,
    /// `EMAIL_USE_LOCALTIME`: whether the Date header is in local time.
    pub email_use_localtime: bool,
    /// `DEFAULT_FROM_EMAIL`: the sender of messages that name none.
    pub default_from_email: String,
    /// `SERVER_EMAIL`: the sender of mail to admins and managers.
    pub server_email: String,
    /// `ADMINS`: who gets `mail_admins`.
    pub admins: Vec<String>,
    /// `MANAGERS`: who gets `mail_managers`.
    pub managers: Vec<String>,
    /// `DEFAULT_CHARSET`: the charset of messages that name none.
    pub default_charset: String,
    /// The named mailers. One named `default` takes the place of what the `EMAIL_*` settings say.
    pub mailers: BTreeMap<String, MailerSettings>,
    /// `EMAIL_URL`, masked; what it says is in the other fields.
    email_url: String,
    origins: BTreeMap<&'static str, Origin>,
}

/// A named mailer: one table `[mailers.NAME]` of the settings file.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct MailerSettings {
    /// The name of the backend.
    pub backend: String,
    /// Its options.
    pub options: Options,
    origin: Origin,
}

impl MailerSettings {
    /// A mailer with this backend and no options.
    #[must_use]
    pub fn new(backend: impl Into<String>) -> Self {
        Self {
            backend: backend.into(),
            options: Options::default(),
            origin: Origin::Default,
        }
    }
}

/// One setting, as it may be shown.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name: `EMAIL_HOST` or `mailers.bulk.options.host`.
    pub name: String,
    /// Its value; a secret is `***`.
    pub value: String,
    /// Where the value came from.
    pub origin: Origin,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            email_backend: "smtp".to_owned(),
            email_host: "localhost".to_owned(),
            email_port: None,
            email_host_user: String::new(),
            email_host_password: Secret::default(),
            email_host_token: Secret::default(),
            email_token_command: Secret::default(),
            email_use_tls: false,
            email_use_ssl: false,
            email_timeout: None,
            email_ssl_keyfile: None,
            email_ssl_certfile: None,
            email_ssl_cafile: None,
            email_allow_cleartext_auth: false,
            email_send_timeout: None,
            email_bind_address: None,
            email_proxy: Secret::default(),
            email_lmtp: false,
            email_pipelining: true,
            email_chunking: true,
            email_max_unanswered_replies: 512,
            email_max_unanswered_bytes: 8 << 20,
            email_max_unanswered_messages: 64,
            email_chunk_size: 256 << 10,
            email_max_connections: 10,
            email_idle_timeout: Duration::from_secs(60),
            email_max_age: Duration::from_secs(600),
            email_max_messages: 1000,
            email_file_path: None,
            email_subject_prefix: "[Django] ".to_owned(),
            email_use_localtime: false,
            default_from_email: "webmaster@localhost".to_owned(),
            server_email: "root@localhost".to_owned(),
            admins: Vec::new(),
            managers: Vec::new(),
            default_charset: "utf-8".to_owned(),
            mailers: BTreeMap::new(),
            email_url: String::new(),
            origins: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Reads the environment of this process and the settings file that it names, or else `posthaste.toml`.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn from_env() -> Result<Self, Error> {
        Self::load(&Sources::from_env())
    }

    /// Reads the sources.
    ///
    /// # Errors
    ///
    /// When the settings file cannot be read or is no TOML, a setting in it is unknown, a value is not what the setting
    /// takes, or two of the settings exclude each other. The error names the setting, where it was given and what was expected.
    pub fn load(sources: &Sources) -> Result<Self, Error> {
        let mut settings = Self::default();
        sources.read(&mut settings)?;
        Ok(settings)
    }

    /// Sets a setting by its name, from text as in an environment variable.
    ///
    /// # Errors
    ///
    /// When there is no such setting, the text is not what it takes, or one that excludes it was set before; nothing is
    /// changed then.
    pub fn set(&mut self, name: &str, value: &str, origin: Origin) -> Result<(), Error> {
        let Some(setting) = table::find(name) else {
            let hint = suggest::names(name, TABLE.iter().map(|setting| setting.name));
            return Err(Error::invalid(
                name,
                format!("unknown setting{}; {hint}", given(&origin)),
            ));
        };
        self.apply(setting, Value::Text(value), origin)
    }

    /// Where the value of a setting came from; none if there is no such setting.
    #[must_use]
    pub fn origin(&self, name: &str) -> Option<&Origin> {
        table::find(name).map(|setting| self.origin_of(setting))
    }

    /// All settings, those of named mailers too, with secrets masked.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let plain = TABLE.iter().map(|setting| Entry {
            name: setting.name.to_owned(),
            value: (setting.show)(self),
            origin: self.origin_of(setting).clone(),
        });
        let mailers = self.mailers.iter();
        plain.chain(mailers.flat_map(|(alias, mailer)| mailer.entries(alias)))
    }

    /// The reference of all settings, as a table in Markdown.
    #[must_use]
    pub fn reference() -> String {
        let mut text = String::from(
            "| Setting | Option | Takes | Default | Meaning |\n| --- | --- | --- | --- | --- |\n",
        );
        for setting in TABLE {
            let code = |text: &str| {
                if text.is_empty() {
                    String::new()
                } else {
                    format!("`{text}`")
                }
            };
            let option = code(setting.option.unwrap_or_default());
            let (kind, default) = (setting.kind.as_str(), code(setting.default));
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| `{}` | {option} | {kind} | {default} | {} |",
                setting.name, setting.doc
            );
        }
        text
    }

    /// The names of all mailers.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        let implied = (!self.mailers.contains_key(DEFAULT_ALIAS)).then_some(DEFAULT_ALIAS);
        implied
            .into_iter()
            .chain(self.mailers.keys().map(String::as_str))
    }

    /// The name of a mailer's backend and its options. Django's dotted paths come out as the short names.
    ///
    /// # Errors
    ///
    /// When there is no mailer of this name; the error lists those that are there.
    pub fn mailer(&self, alias: &str) -> Result<(String, Options), Error> {
        match self.mailers.get(alias) {
            Some(mailer) => Ok((
                table::resolve(&mailer.backend).to_owned(),
                mailer.options.of_mailer(alias),
            )),
            None if alias == DEFAULT_ALIAS => Ok(self.options_of(&self.email_backend)),
            None => {
                let hint = suggest::names(alias, self.aliases());
                Err(Error::invalid(
                    "using",
                    format!("the mailer {alias:?} is not configured; {hint}"),
                ))
            }
        }
    }

    /// The short name of a backend, and the options that the `EMAIL_*` settings make for it.
    pub(crate) fn options_of(&self, backend: &str) -> (String, Options) {
        let mut options = Options::of_settings();
        for (name, value) in self.connection_options() {
            let setting = table::find_option(name);
            let origin = setting.map(|setting| self.origin_of(setting).clone());
            options.set_from_setting(name, value, origin.unwrap_or_default());
        }
        (table::resolve(backend).to_owned(), options)
    }

    /// The same settings with another backend for every mailer; the options of the old ones are gone.
    pub(crate) fn with_every_backend(mut self, backend: &str) -> Self {
        backend.clone_into(&mut self.email_backend);
        for mailer in self.mailers.values_mut() {
            *mailer = MailerSettings::new(backend);
        }
        self
    }

    /// Takes a value of the setting.
    fn apply(
        &mut self,
        setting: &'static Setting,
        value: Value<'_>,
        origin: Origin,
    ) -> Result<(), Error> {
        // Templates of environments set variables to nothing; that is no URL then.
        if setting.name == table::URL && matches!(value, Value::Text("")) {
            return Ok(());
        }
        self.refuse_second_connection(setting, &origin)?;
        (setting.parse)(self, value).map_err(|expected| {
            let shown = match value {
                Value::Text(text) if setting.kind.may_be_shown() => Some(text),
                _ => None,
            };
            unusable(setting.name, &expected, shown, &origin)
        })?;
        self.origins.insert(setting.name, origin);
        Ok(())
    }

    fn add_mailer(&mut self, alias: &str, mailer: MailerSettings) -> Result<(), Error> {
        if alias == DEFAULT_ALIAS
            && let Some((name, origin)) = self.given_connection(|_| true)
        {
            return Err(both("mailers.default", &mailer.origin, name, origin));
        }
        self.mailers.insert(alias.to_owned(), mailer);
        Ok(())
    }

    fn origin_of(&self, setting: &Setting) -> &Origin {
        static DEFAULT: Origin = Origin::Default;
        let url = self
            .origins
            .get(table::URL)
            .filter(|_| setting.is_connection());
        self.origins.get(setting.name).or(url).unwrap_or(&DEFAULT)
    }
}

impl MailerSettings {
    fn entries(&self, alias: &str) -> impl Iterator<Item = Entry> {
        let entry = |name: String, value: String, origin: &Origin| Entry {
            name,
            value,
            origin: origin.clone(),
        };
        let backend = entry(
            format!("mailers.{alias}.backend"),
            self.backend.clone(),
            &self.origin,
        );
        let option = move |(name, value, origin): (&str, String, &Origin)| {
            entry(format!("mailers.{alias}.options.{name}"), value, origin)
        };
        let options: Vec<_> = self.options.shown().map(option).collect();
        std::iter::once(backend).chain(options)
    }
}

/// The origin in brackets, to end a phrase with; nothing for values that were set in code.
fn given(origin: &Origin) -> String {
    match origin {
        Origin::Default => String::new(),
        origin => format!(" ({origin})"),
    }
}

fn unusable(name: &str, expected: &str, shown: Option<&str>, origin: &Origin) -> Error {
    let shown = shown
        .map(|text| format!(", not {text:?}"))
        .unwrap_or_default();
    Error::invalid(name, format!("expected {expected}{shown}{}", given(origin)))
}

fn both(name: &str, origin: &Origin, other: &str, other_origin: &Origin) -> Error {
    let (origin, other_origin) = (given(origin), given(other_origin));
    let message =
        format!("cannot be given{origin} together with {other}{other_origin}; remove one of them");
    Error::invalid(name, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Result<Settings, Error> {
        let sources = variables
            .iter()
            .fold(Sources::default(), |sources, (name, value)| {
                sources.variable(*name, *value)
            });
        Settings::load(&sources)
    }

    fn load_file(text: &str, variables: &[(&str, &str)]) -> Result<Settings, Error> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("posthaste.toml"), text).expect("written");
        let sources = Sources::default().folder(folder.path());
        let sources = variables.iter().fold(sources, |sources, (name, value)| {
            sources.variable(*name, *value)
        });
        Settings::load(&sources)
    }

    fn message(result: Result<Settings, Error>) -> String {
        let text = result.expect_err("refused").to_string();
        assert!(!text.contains("hunter2") && !text.contains('\n'), "{text}");
        text
    }

    #[test]
    fn later_sources_win() {
        let file = "EMAIL_HOST = \"file\"\nEMAIL_PORT = 1\nEMAIL_TIMEOUT = 2.5\n";
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("posthaste.toml"), file).expect("written");
        let sources = Sources::default()
            .folder(folder.path())
            .variable("EMAIL_PORT", "2")
            .variable("EMAIL_HOST", "env")
            .flag("EMAIL_HOST", "flag");
        let settings = Settings::load(&sources).expect("good");
        assert_eq!(
            (settings.email_host.as_str(), settings.email_port),
            ("flag", Some(2))
        );
        assert_eq!(settings.email_timeout, Some(Duration::from_millis(2500)));
        assert_eq!(settings.origin("EMAIL_HOST"), Some(&Origin::Flag));
        assert_eq!(settings.origin("EMAIL_PORT"), Some(&Origin::Environment));
        assert!(matches!(
            settings.origin("EMAIL_TIMEOUT"),
            Some(Origin::File { line: 3, .. })
        ));
        assert_eq!(settings.origin("SERVER_EMAIL"), Some(&Origin::Default));
        assert_eq!(settings.origin("NOTHING"), None);
    }

    #[test]
    fn bad_values_name_setting_origin_and_expectation() {
        let port = message(load(&[("EMAIL_PORT", "99999")]));
        assert_eq!(
            port,
            "EMAIL_PORT: expected a number from 1 to 65535, not \"99999\" (environment)"
        );
        assert!(message(load(&[("EMAIL_USE_TLS", "maybe")])).contains("expected true or false"));
        let file = message(load_file("\n\nEMAIL_PORT = \"x\"", &[]));
        assert!(
            file.starts_with("EMAIL_PORT: expected a number")
                && file.ends_with("posthaste.toml, line 3)"),
            "{file}"
        );
        let unknown = message(load_file("EMAIL_HOTS = 1", &[]));
        assert!(
            unknown.contains("did you mean EMAIL_HOST?") && unknown.contains("line 1"),
            "{unknown}"
        );
        let broken = message(load_file("EMAIL_HOST_PASSWORD = \"hunter2\nx", &[]));
        assert!(broken.contains("line 1: this is no TOML"), "{broken}");
        assert!(
            message(load_file("EMAIL_HOST_PASSWORD = [\"hunter2\"]", &[]))
                .contains("text in quotes")
        );
        assert!(message(load_file("ADMINS = \"a@x.org\"", &[])).contains("a list of addresses"));
    }

    #[cfg(unix)]
    #[test]
    fn other_bytes_than_utf8_are_refused() {
        use std::os::unix::ffi::OsStringExt;
        let value = std::ffi::OsString::from_vec(vec![b'h', 0xff]);
        let text = message(Settings::load(
            &Sources::default().variable("EMAIL_HOST", value),
        ));
        assert_eq!(text, "EMAIL_HOST: expected text in UTF-8 (environment)");
    }

    #[test]
    fn addresses_keep_commas_in_names() {
        let settings = load(&[("ADMINS", "\"Doe, Ann\" <a@x.org>, b@x.org")]).expect("good");
        assert_eq!(settings.admins.len(), 2);
        assert!(settings.admins[0].contains("Doe, Ann"));
        let settings = load_file("MANAGERS = [\"Ann <a@x.org>\"]", &[]).expect("good");
        assert_eq!(settings.managers, ["Ann <a@x.org>"]);
    }

    #[test]
    fn url_stands_for_the_connection() {
        let url = "smtp://an%40n:hunter2%2F@[::1]:2525?tls=starttls&timeout=3";
        let settings = load(&[("EMAIL_URL", url)]).expect("good");
        assert_eq!(settings.email_host, "::1");
        assert_eq!(settings.email_host_user, "an@n");
        assert_eq!(settings.email_host_password.expose(), "hunter2/");
        assert!(settings.email_use_tls && settings.email_port == Some(2525));
        assert_eq!(settings.origin("EMAIL_HOST"), Some(&Origin::Environment));
        let shown = format!(
            "{settings:?} {:?} {:?}",
            settings.entries().collect::<Vec<_>>(),
            settings.mailer("default")
        );
        assert!(
            !shown.contains("hunter2") && !shown.contains("an%40n"),
            "{shown}"
        );
        let settings = load(&[("EMAIL_URL", "smtps://h")]).expect("good");
        assert!(settings.email_use_ssl && settings.port() == 465);
        let settings = load(&[("EMAIL_URL", "file:///tmp/a%20b")]).expect("good");
        assert_eq!(settings.email_file_path, Some("/tmp/a b".into()));
        assert_eq!(
            load(&[("EMAIL_URL", "console:")])
                .expect("good")
                .email_backend,
            "console"
        );
    }

    #[test]
    fn bad_urls_give_nothing_away() {
        for url in [
            "x",
            "http://h",
            "smtp://",
            "smtp://u:1/hunter2@h",
            "smtp://u:1?hunter2@h",
            "smtp://u:1#hunter2@h",
            "smtp://u:hunter2@h:99999",
            "smtp://h?tls=hunter2",
            "smtps://h?tls=none",
            "console:hunter2",
            "file:",
            "smtp://h?timeout=hunter2",
        ] {
            assert!(
                message(load(&[("EMAIL_URL", url)])).starts_with("EMAIL_URL: expected "),
                "{url}"
            );
        }
    }

    #[test]
    fn two_connections_are_refused() {
        let text = message(load(&[("EMAIL_URL", "console:"), ("EMAIL_HOST", "h")]));
        assert!(
            text.contains("EMAIL_URL") && text.contains("EMAIL_HOST"),
            "{text}"
        );
        let text = message(load_file(
            "EMAIL_HOST = \"h\"",
            &[("EMAIL_URL", "console:")],
        ));
        assert!(
            text.contains("EMAIL_HOST") && text.contains("line 1"),
            "{text}"
        );
        let text = message(load_file(
            "[mailers.default]\nbackend = \"console\"",
            &[("EMAIL_HOST", "h")],
        ));
        assert!(
            text.contains("mailers.default") && text.contains("EMAIL_HOST"),
            "{text}"
        );
        assert!(load(&[("EMAIL_URL", ""), ("EMAIL_HOST", "h")]).is_ok());
    }

    #[test]
    fn named_mailers_have_their_own_options() {
        let file = "[mailers.bulk]\nbackend = \"django.core.mail.backends.smtp.EmailBackend\"\n[mailers.bulk.options]\nport = 99999\nhots = \"h\"\npassword = \"hunter2\"";
        let settings = load_file(file, &[("EMAIL_USE_SSL", "on")]).expect("good");
        let (backend, options) = settings.mailer("bulk").expect("there");
        assert_eq!(
            (backend.as_str(), options.secret("password")),
            ("smtp", Some("hunter2".into()))
        );
        assert!(!format!("{settings:?}{options:?}").contains("hunter2"));
        let port = options.port().expect_err("refused").to_string();
        assert!(
            port.starts_with("mailers.bulk.options.port: expected") && port.contains("line 4"),
            "{port}"
        );
        let unknown = options
            .deny_unknown(&["host", "port", "password"])
            .expect_err("refused")
            .to_string();
        assert!(
            unknown.starts_with("mailers.bulk.options.hots: unknown option")
                && unknown.contains("did you mean host?"),
            "{unknown}"
        );
        let (_, mut options) = settings.mailer("default").expect("there");
        assert_eq!(options.port().expect("a port"), 465);
        assert!(options.deny_unknown(&[]).is_ok());
        options.set("username", "ann");
        assert!(options.deny_unknown(&[]).is_ok());
        options.set("colour", "red");
        assert!(options.deny_unknown(&[]).is_err());
        assert_eq!(options.field("file_path"), "EMAIL_FILE_PATH");
        let missing = settings.mailer("x").expect_err("none").to_string();
        assert!(missing.contains("default, bulk"), "{missing}");
        assert!(
            message(load_file("[mailers.a]\nbackends = \"x\"", &[]))
                .contains("did you mean backend?")
        );
    }

    #[test]
    fn every_setting_is_in_the_reference_and_its_default_reads_back() {
        let reference = Settings::reference();
        for (setting, entry) in TABLE.iter().zip(Settings::default().entries()) {
            assert!(reference.contains(&format!("| `{}` |", setting.name)));
            assert!(
                Settings::default()
                    .set(setting.name, &entry.value, Origin::Flag)
                    .is_ok(),
                "{}",
                setting.name
            );
            assert!(
                setting.name == "EMAIL_PORT" || setting.default == entry.value,
                "{}",
                setting.name
            );
        }
    }

    #[test]
    fn a_url_has_the_options_as_parameters() {
        let url = "smtp://h?pipelining=no&max_connections=3&idle_timeout=0&bind_address=::1&send_timeout=9\
                   &proxy=socks5://u:hunter2%40@p:1&token_command=tell%20--key=hunter2";
        let settings = load(&[("EMAIL_URL", url)]).expect("good");
        assert!(!settings.email_pipelining && settings.email_chunking);
        assert_eq!(settings.email_max_connections, 3);
        assert_eq!(settings.email_idle_timeout, Duration::ZERO);
        assert_eq!(settings.email_proxy.expose(), "socks5://u:hunter2@@p:1");
        assert_eq!(settings.email_token_command.expose(), "tell --key=hunter2");
        let entries: Vec<_> = settings.entries().collect();
        assert!(!format!("{entries:?}").contains("hunter2"), "{entries:?}");
        let lmtp = load(&[("EMAIL_URL", "lmtp:///run/dovecot/lmtp")]).expect("good");
        assert_eq!(lmtp.email_host, "/run/dovecot/lmtp");
        let lmtp = load(&[("EMAIL_URL", "lmtp://h")]).expect("good");
        assert!(lmtp.email_lmtp && lmtp.port() == 24);
        for bad in [
            "smtp://h?host=x",
            "smtp://h?password=hunter2",
            "smtp://h?chunk_size=0",
            "smtp://h?proxy=hunter2",
            "lmtp:",
        ] {
            let text = message(load(&[("EMAIL_URL", bad)]));
            assert!(text.starts_with("EMAIL_URL: expected "), "{text}");
        }
    }

    #[test]
    fn secrets_of_the_way_are_not_shown() {
        for (name, value) in [
            ("EMAIL_HOST_TOKEN", "hunter2"),
            ("EMAIL_PROXY", "http://u:hunter2@p:1"),
            ("EMAIL_TOKEN_COMMAND", "tell hunter2"),
        ] {
            let settings = load(&[(name, value)]).expect("good");
            let entries: Vec<_> = settings.entries().collect();
            let options = settings.mailer("default").expect("there");
            let shown = format!("{entries:?}{options:?}{settings:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        for (name, value) in [
            ("EMAIL_PROXY", "ftp://u:hunter2@p:1"),
            ("EMAIL_TOKEN_COMMAND", "tell 'hunter2"),
        ] {
            assert!(message(load(&[(name, value)])).starts_with(name));
        }
    }
}
