//! Settings and mailer, from the files, the environment and the global flags.

use posthaste::{Mailer, Settings, Sources};

use crate::args::Globals;
use crate::exit::Failure;

impl Globals {
    /// The settings that are in force.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let mut sources = Sources::from_env();
        if let Some(path) = &self.settings {
            sources = sources.file(path);
        }
        for assignment in &self.set {
            // The text is not shown: it may hold a password.
            let parts = assignment.to_str().and_then(|text| text.split_once('='));
            let Some((name, value)) = parts else {
                return Err(Failure::usage("--set", "expected NAME=VALUE, in UTF-8"));
            };
            sources = sources.flag(name.trim(), value);
        }
        Ok(Settings::load(&sources)?)
    }

    /// A mailer with these settings.
    pub(crate) fn mailer(&self) -> Result<Mailer, Failure> {
        Ok(Mailer::new(self.settings()?).allow_files(!self.no_files))
    }
}
