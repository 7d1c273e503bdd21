//! The options that a backend is made from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::origin::Origin;
use super::secret::Secret;
use super::value::{self, Kind, Value};
use super::{given, suggest, table};
use crate::error::Error;

/// The options of one mailer by name: those of its `[mailers.NAME.options]`, or those that the `EMAIL_*` settings make.
///
/// What an option means is up to the backend: it asks for text, a number and so on, and gets an error that names the
/// option in full and where it was given if the value is no such thing. An empty value counts as absent, except that it
/// is a `false` flag.
///
/// # Examples
///
/// ```
/// use posthaste::Options;
///
/// let mut options = Options::default();
/// options.set("host", "mail.example.com").set("port", 2525).set("use_tls", true);
/// assert_eq!(options.string("host"), Some("mail.example.com"));
/// assert_eq!(options.number("port")?, Some(2525));
/// assert_eq!(options.flag("use_tls")?, Some(true));
/// assert!(options.number("host").is_err());
/// # Ok::<(), posthaste::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Options {
    scope: Scope,
    entries: BTreeMap<String, Entry>,
}

/// Whose options these are.
#[derive(Clone, Default)]
enum Scope {
    /// Nobody's yet.
    #[default]
    None,
    /// The mailer's that the `EMAIL_*` settings make.
    Email,
    /// A named mailer's.
    Mailer(String),
}

#[derive(Clone)]
struct Entry {
    value: OptionValue,
    giver: Giver,
    origin: Origin,
}

/// Who gave an option.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Giver {
    /// The program's code.
    Code,
    /// An `EMAIL_*` setting.
    Setting,
    /// The table of a named mailer.
    Mailer,
}

impl Options {
    /// Sets an option.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<OptionValue>) -> &mut Self {
        self.insert(name.into(), value.into(), Giver::Code, Origin::Default)
    }

    /// The text of an option.
    #[must_use]
    pub fn string(&self, name: &str) -> Option<&str> {
        self.entries.get(name)?.value.0.to_str()
    }

    /// An option that is a boolean, in the words that settings use.
    ///
    /// # Errors
    ///
    /// When the value is none of those words.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Error> {
        let Some(text) = self.string(name) else {
            return Ok(None);
        };
        let flag = value::flag(Value::Text(text));
        flag.map(Some)
            .map_err(|expected| self.unusable(name, &expected))
    }

    /// An option that is a whole number.
    ///
    /// # Errors
    ///
    /// When the value is no such number.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Error> {
        self.read(name, "a whole number", |text| {
            value::digits(text)?.parse().ok()
        })
    }

    /// An option that is a whole number above 0.
    ///
    /// # Errors
    ///
    /// When the value is no such number.
    pub fn count(&self, name: &str) -> Result<Option<u64>, Error> {
        self.read(name, Kind::Count.as_str(), value::count)
    }

    /// An option that is a number of seconds, with decimals if need be.
    ///
    /// # Errors
    ///
    /// When the value is no such number.
    pub fn duration(&self, name: &str) -> Result<Option<Duration>, Error> {
        self.read(name, "a number of seconds", value::duration)
    }

    /// An option that is a path.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let value = &self.entries.get(name)?.value.0;
        (!value.is_empty()).then(|| PathBuf::from(value))
    }

    /// An option that must not be seen.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<Secret> {
        self.string(name).map(Secret::from)
    }

    /// The port of a mail server: the option `port`, or what is usual for `use_tls`, `use_ssl` and `lmtp`.
    ///
    /// # Errors
    ///
    /// When one of the four cannot be used.
    pub fn port(&self) -> Result<u16, Error> {
        let text = self.string("port").unwrap_or_default();
        let port = value::port(Value::Text(text));
        let port = port.map_err(|expected| self.unusable("port", &expected))?;
        let use_tls = self.flag("use_tls")?.unwrap_or(false);
        let use_ssl = self.flag("use_ssl")?.unwrap_or(false);
        let lmtp = self.flag("lmtp")?.unwrap_or(false);
        Ok(port.unwrap_or(usual_port(use_tls, use_ssl, lmtp)))
    }

    /// The full name of an option, for errors: `mailers.bulk.options.port`, or `EMAIL_PORT`.
    #[must_use]
    pub fn field(&self, name: &str) -> String {
        let giver = self.entries.get(name).map(|entry| entry.giver);
        match (&self.scope, giver) {
            (_, Some(Giver::Code)) | (Scope::None, _) => name.to_owned(),
            (Scope::Mailer(alias), _) => format!("mailers.{alias}.options.{name}"),
            (Scope::Email, _) => {
                let setting = table::find_option(name);
                setting.map_or(name, |setting| setting.name).to_owned()
            }
        }
    }

    /// Refuses options that the backend does not know.
    ///
    /// What the `EMAIL_*` settings say of other backends' connections is not refused, nor is what code sets of it:
    /// a login makes no difference to a backend that has none.
    ///
    /// # Errors
    ///
    /// When there is such an option; the error lists the known ones.
    pub fn deny_unknown(&self, known: &[&str]) -> Result<(), Error> {
        let is_unknown = |name: &str, giver: Giver| {
            let is_refusable = match giver {
                Giver::Code => table::find_option(name).is_none(),
                Giver::Setting => false,
                Giver::Mailer => true,
            };
            is_refusable && !known.contains(&name)
        };
        let mut entries = self.entries.iter();
        match entries.find(|(name, entry)| is_unknown(name, entry.giver)) {
            None => Ok(()),
            Some((name, entry)) => {
                let hint = suggest::names(name, known.iter().copied());
                let message = format!("unknown option{}; {hint}", given(&entry.origin));
                Err(Error::invalid(self.field(name), message))
            }
        }
    }

    /// Whether these are the same options with the same values, whoever gave them.
    pub(crate) fn has_same(&self, other: &Self) -> bool {
        let pairs = self.entries.iter().zip(&other.entries);
        self.entries.len() == other.entries.len()
            && pairs
                .into_iter()
                .all(|((name, entry), (other_name, other))| {
                    name == other_name && entry.value.0 == other.value.0
                })
    }

    /// Empty options of the mailer that the `EMAIL_*` settings make.
    pub(super) fn of_settings() -> Self {
        Self {
            scope: Scope::Email,
            ..Self::default()
        }
    }

    /// The same options as those of a named mailer.
    pub(super) fn of_mailer(&self, alias: &str) -> Self {
        let mut options = self.clone();
        options.scope = Scope::Mailer(alias.to_owned());
        for entry in options.entries.values_mut() {
            entry.giver = Giver::Mailer;
        }
        options
    }

    /// Sets an option that a setting made.
    pub(super) fn set_from_setting(&mut self, name: &str, value: OptionValue, origin: Origin) {
        self.insert(name.to_owned(), value, Giver::Setting, origin);
    }

    /// Sets an option of a named mailer.
    pub(super) fn set_from_file(&mut self, name: &str, value: String, origin: Origin) {
        self.insert(name.to_owned(), value.into(), Giver::Mailer, origin);
    }

    /// Name, value as it may be shown, and origin of each.
    pub(super) fn shown(&self) -> impl Iterator<Item = (&str, String, &Origin)> {
        let shown = |name: &str, entry: &Entry| match may_be_shown(name) {
            true => entry.value.0.to_string_lossy().into_owned(),
            false => "***".to_owned(),
        };
        let entries = self.entries.iter();
        entries.map(move |(name, entry)| (name.as_str(), shown(name, entry), &entry.origin))
    }

    fn insert(
        &mut self,
        name: String,
        value: OptionValue,
        giver: Giver,
        origin: Origin,
    ) -> &mut Self {
        self.entries.insert(
            name,
            Entry {
                value,
                giver,
                origin,
            },
        );
        self
    }

    fn read<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        match self.string(name) {
            None | Some("") => Ok(None),
            Some(text) => read(text)
                .map(Some)
                .ok_or_else(|| self.unusable(name, expected)),
        }
    }

    fn unusable(&self, name: &str, expected: &str) -> Error {
        let entry = self.entries.get(name);
        let shown = self.string(name).filter(|_| may_be_shown(name));
        let shown = shown
            .map(|text| format!(", not {text:?}"))
            .unwrap_or_default();
        let origin = entry.map(|entry| given(&entry.origin)).unwrap_or_default();
        Error::invalid(
            self.field(name),
            format!("expected {expected}{shown}{origin}"),
        )
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.shown().map(|(name, value, _)| (name, value)))
            .finish()
    }
}

/// The value of an option: text, a number, a boolean, a time limit, a path or a secret.
#[derive(Clone)]
pub struct OptionValue(OsString);

impl fmt::Debug for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may be a secret.
        f.write_str("***")
    }
}

macro_rules! option_value {
    ($($type:ty: $text:expr;)*) => {
        $(impl From<$type> for OptionValue {
            fn from(value: $type) -> Self {
                let text: fn($type) -> OsString = $text;
                Self(text(value))
            }
        })*
    };
}

option_value! {
    &str: |value| value.into();
    String: |value| value.into();
    &String: |value| value.into();
    &Path: |value| value.into();
    PathBuf: |value| value.into();
    Secret: |value| value.expose().into();
    bool: |value| value.to_string().into();
    u16: |value| value.to_string().into();
    u32: |value| value.to_string().into();
    u64: |value| value.to_string().into();
    i32: |value| value.to_string().into();
    f64: |value| value.to_string().into();
    Duration: |value| value.as_secs_f64().to_string().into();
}

/// The port that goes with the protocol and the way of TLS.
pub(super) fn usual_port(use_tls: bool, use_ssl: bool, lmtp: bool) -> u16 {
    match (lmtp, use_ssl, use_tls) {
        // RFC 2033 section 5 forbids 25; 24 is for private mail systems.
        (true, _, _) => 24,
        (false, true, _) => 465,
        (false, false, true) => 587,
        (false, false, false) => 25,
    }
}

/// Whether it is known that the option is no secret: a backend of one's own may have any.
fn may_be_shown(name: &str) -> bool {
    name == "fail_silently"
        || table::find_option(name).is_some_and(|setting| setting.kind.may_be_shown())
}
