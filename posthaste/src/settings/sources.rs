//! Where settings are read from.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use super::origin::Origin;
use super::table::TABLE;
use super::{Settings, file};
use crate::error::Error;

/// The environment variable that names the settings file.
const FILE_VARIABLE: &str = "POSTHASTE_SETTINGS";
/// The settings file that is read if it is there.
const USUAL_FILE: &str = "posthaste.toml";

/// Where [`Settings::load`] reads: a file, then environment variables, then flags; the later ones win.
///
/// The file is the one given to [`file`](Self::file), or else the one that the variable `POSTHASTE_SETTINGS` names, or else
/// `posthaste.toml` in the given [`folder`](Self::folder) if it is there. `Sources::default()` has nothing;
/// [`from_env`](Self::from_env) has this process's environment and the working directory.
///
/// # Examples
///
/// ```
/// use posthaste::{Settings, Sources};
///
/// let sources = Sources::default().variable("EMAIL_PORT", "2525").flag("EMAIL_HOST", "mail.example.com");
/// let settings = Settings::load(&sources)?;
/// assert_eq!(settings.email_port, Some(2525));
/// assert_eq!(settings.email_host, "mail.example.com");
/// # Ok::<(), posthaste::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Sources {
    file: Option<PathBuf>,
    folder: Option<PathBuf>,
    variables: BTreeMap<String, OsString>,
    flags: Vec<(String, String)>,
}

impl Sources {
    /// The environment of this process and its working directory.
    #[must_use]
    pub fn from_env() -> Self {
        let names = TABLE.iter().map(|setting| setting.name);
        let variables = names.chain([FILE_VARIABLE]);
        let given = variables.filter_map(|name| Some((name.to_owned(), env::var_os(name)?)));
        Self {
            variables: given.collect(),
            folder: Some(PathBuf::new()),
            ..Self::default()
        }
    }

    /// Reads this settings file, and no other.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Reads `posthaste.toml` in this folder, if it is there and no other settings file is named.
    #[must_use]
    pub fn folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.folder = Some(path.into());
        self
    }

    /// Adds an environment variable; those that are no settings change nothing.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Adds a setting that a flag gives.
    #[must_use]
    pub fn flag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.flags.push((name.into(), value.into()));
        self
    }

    /// Reads everything into `settings`.
    pub(super) fn read(&self, settings: &mut Settings) -> Result<(), Error> {
        self.read_file(settings)?;
        for setting in TABLE {
            if let Some(value) = self.variables.get(setting.name) {
                settings.set(
                    setting.name,
                    utf8(setting.name, value)?,
                    Origin::Environment,
                )?;
            }
        }
        self.flags
            .iter()
            .try_for_each(|(name, value)| settings.set(name, value, Origin::Flag))
    }

    fn read_file(&self, settings: &mut Settings) -> Result<(), Error> {
        if let Some(path) = &self.file {
            return file::read(settings, path, None);
        }
        let named = self
            .variables
            .get(FILE_VARIABLE)
            .filter(|path| !path.is_empty());
        if let Some(path) = named {
            return file::read(settings, path.as_ref(), Some(FILE_VARIABLE));
        }
        match &self.folder {
            Some(folder) => file::read_if_there(settings, &folder.join(USUAL_FILE)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secrets.
        f.debug_struct("Sources")
            .field("file", &self.file)
            .field("folder", &self.folder)
            .field("variables", &self.variables.keys())
            .field(
                "flags",
                &self.flags.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            )
            .finish()
    }
}

fn utf8<'a>(name: &str, value: &'a OsStr) -> Result<&'a str, Error> {
    let message = "expected text in UTF-8 (environment)";
    value.to_str().ok_or_else(|| Error::invalid(name, message))
}
