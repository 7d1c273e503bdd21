//! The settings file.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::origin::Origin;
use super::table::{self, Setting, TABLE};
use super::value::{Kind, Value};
use super::{MailerSettings, Options, Settings, suggest, unusable};
use crate::error::Error;

/// Far more than any settings need; `/dev/zero` has more.
const LIMIT: u64 = 1 << 20;

/// Reads a settings file that has to be there; `named_by` is the variable that names it.
pub(super) fn read(
    settings: &mut Settings,
    path: &Path,
    named_by: Option<&str>,
) -> Result<(), Error> {
    let bytes = contents(path).map_err(|error| unreadable(path, named_by, error))?;
    SettingsFile { path, text: &bytes }.read_into(settings)
}

/// Reads a settings file, if it is there.
pub(super) fn read_if_there(settings: &mut Settings, path: &Path) -> Result<(), Error> {
    match contents(path) {
        Ok(text) => SettingsFile { path, text: &text }.read_into(settings),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unreadable(path, None, error)),
    }
}

fn contents(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to());
        io::Error::other(format!(
            "line {} is not UTF-8",
            line_after(good.unwrap_or_default())
        ))
    })
}

fn unreadable(path: &Path, named_by: Option<&str>, error: io::Error) -> Error {
    let field = named_by.map_or_else(|| path.display().to_string(), str::to_owned);
    let which = named_by.map_or_else(String::new, |_| format!(" {}", path.display()));
    Error::invalid(
        field,
        format!("cannot read the settings file{which}: {error}"),
    )
    .with_source(error)
}

/// The line that comes after this text, counted from 1.
fn line_after(text: &[u8]) -> usize {
    1 + text.iter().filter(|&&byte| byte == b'\n').count()
}

struct SettingsFile<'a> {
    path: &'a Path,
    text: &'a str,
}

impl SettingsFile<'_> {
    fn read_into(&self, settings: &mut Settings) -> Result<(), Error> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        // The library's own choice is not the first one: an unclosed quote makes nonsense of the next line too.
        let first = errors
            .iter()
            .min_by_key(|error| error.span().map(|span| span.start));
        if let Some(error) = first {
            return Err(self.no_toml(error));
        }
        // Settings come first, so that the error of a doubled default mailer does not depend on the order in the file.
        let (mailers, plain): (Vec<_>, Vec<_>) = in_order(table.get_ref())
            .into_iter()
            .partition(|(key, _)| key.get_ref() == "mailers");
        for (key, value) in plain {
            self.setting(settings, key, value)?;
        }
        mailers
            .into_iter()
            .try_for_each(|(_, value)| self.mailers(settings, value))
    }

    /// The library's own text would show the line, which may hold a password.
    fn no_toml(&self, error: &toml::de::Error) -> Error {
        let place = error.span().map_or(0, |span| span.start);
        let field = self.origin(place).to_string();
        Error::invalid(field, format!("this is no TOML: {}", error.message()))
    }

    fn setting(
        &self,
        settings: &mut Settings,
        key: &Spanned<Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), Error> {
        let origin = self.origin(key.span().start);
        let Some(setting) = table::find(key.get_ref()) else {
            let names = TABLE.iter().map(|setting| setting.name).chain(["mailers"]);
            let hint = suggest::names(key.get_ref(), names);
            return Err(Error::invalid(
                key.get_ref().as_ref(),
                format!("unknown setting ({origin}); {hint}"),
            ));
        };
        match value.get_ref() {
            DeValue::Array(list) if setting.kind == Kind::Addresses => {
                let texts = list
                    .iter()
                    .map(|item| item.get_ref().as_str().map(str::to_owned));
                let Some(texts) = texts.collect::<Option<Vec<_>>>() else {
                    return Err(wrong_type(setting, &origin));
                };
                settings.apply(setting, Value::List(&texts), origin)
            }
            value => match scalar(value).filter(|_| fits(setting.kind, value)) {
                Some(text) => settings.apply(setting, Value::Text(&text), origin),
                None => Err(wrong_type(setting, &origin)),
            },
        }
    }

    fn mailers(&self, settings: &mut Settings, value: &Spanned<DeValue<'_>>) -> Result<(), Error> {
        for (alias, mailer) in in_order(self.table("mailers", value)?) {
            let origin = self.origin(alias.span().start);
            let alias = alias.get_ref();
            let mailer = self.mailer(&format!("mailers.{alias}"), mailer, origin)?;
            settings.add_mailer(alias, mailer)?;
        }
        Ok(())
    }

    fn mailer(
        &self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        origin: Origin,
    ) -> Result<MailerSettings, Error> {
        let mut mailer = MailerSettings::new("smtp");
        mailer.origin = origin;
        for (key, value) in in_order(self.table(name, value)?) {
            let origin = self.origin(key.span().start);
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("backend", DeValue::String(backend)) if !backend.is_empty() => {
                    mailer.backend = backend.to_string()
                }
                ("backend", _) => {
                    let expected = "the name of a backend in quotes, such as \"smtp\"";
                    return Err(unusable(
                        &format!("{name}.backend"),
                        expected,
                        None,
                        &origin,
                    ));
                }
                ("options", _) => {
                    self.options(&mut mailer.options, &format!("{name}.options"), value)?
                }
                (key, _) => {
                    let hint = suggest::names(key, ["backend", "options"]);
                    return Err(Error::invalid(
                        format!("{name}.{key}"),
                        format!("unknown key ({origin}); {hint}"),
                    ));
                }
            }
        }
        Ok(mailer)
    }

    fn options(
        &self,
        options: &mut Options,
        name: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), Error> {
        for (key, value) in in_order(self.table(name, value)?) {
            let origin = self.origin(key.span().start);
            let key = key.get_ref();
            let Some(text) = scalar(value.get_ref()) else {
                let expected = "text in quotes, a number, true or false";
                return Err(unusable(&format!("{name}.{key}"), expected, None, &origin));
            };
            options.set_from_file(key, text, origin);
        }
        Ok(())
    }

    fn table<'v, 'i>(
        &self,
        name: &str,
        value: &'v Spanned<DeValue<'i>>,
    ) -> Result<&'v DeTable<'i>, Error> {
        let origin = self.origin(value.span().start);
        let table = value.get_ref().as_table();
        table.ok_or_else(|| unusable(name, &format!("a table, [{name}]"), None, &origin))
    }

    fn origin(&self, place: usize) -> Origin {
        let before = self.text.as_bytes().get(..place);
        Origin::File {
            path: self.path.to_owned(),
            line: line_after(before.unwrap_or(self.text.as_bytes())),
        }
    }
}

/// The entries in the order of the file, so that the first mistake is the one that is reported.
fn in_order<'v, 'i>(
    table: &'v DeTable<'i>,
) -> Vec<(&'v Spanned<Cow<'i, str>>, &'v Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// The value in the words of an environment variable.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(integer(number)),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// The integer in decimals; one that is too large stays as it is, for the error to show.
fn integer(number: &DeInteger<'_>) -> String {
    let decimal = i128::from_str_radix(number.as_str(), number.radix());
    decimal.map_or_else(|_| number.to_string(), |number| number.to_string())
}

/// Whether a value of this type can be meant for a setting of this kind.
fn fits(kind: Kind, value: &DeValue<'_>) -> bool {
    match value {
        DeValue::String(_) => kind != Kind::Addresses,
        DeValue::Integer(_) => kind == Kind::Flag || is_number(kind),
        DeValue::Float(_) => matches!(kind, Kind::Seconds | Kind::SecondsOrNone),
        DeValue::Boolean(_) => kind == Kind::Flag,
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => false,
    }
}

fn is_number(kind: Kind) -> bool {
    use Kind::{Count, Port, Seconds, SecondsOrNone};
    matches!(kind, Count | Port | Seconds | SecondsOrNone)
}

fn wrong_type(setting: &Setting, origin: &Origin) -> Error {
    let expected = match setting.kind {
        Kind::Addresses => "a list of addresses, each in quotes: [\"a@example.com\"]".to_owned(),
        kind if kind == Kind::Flag || is_number(kind) => kind.as_str().to_owned(),
        kind => format!("{} in quotes", kind.as_str()),
    };
    unusable(setting.name, &expected, None, origin)
}
