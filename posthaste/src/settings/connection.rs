//! The settings that say how mail leaves, as a whole.

use std::path::PathBuf;

use super::options::{OptionValue, usual_port};
use super::origin::Origin;
use super::table::{self, Setting, TABLE};
use super::{DEFAULT_ALIAS, Settings, both};
use crate::error::Error;

impl Settings {
    /// The port of the mail server.
    pub(super) fn port(&self) -> u16 {
        let usual = usual_port(self.email_use_tls, self.email_use_ssl, self.email_lmtp);
        self.email_port.unwrap_or(usual)
    }

    /// The options of a backend that they make.
    pub(super) fn connection_options(&self) -> impl Iterator<Item = (&'static str, OptionValue)> {
        let options = [
            ("host", text(&self.email_host)),
            ("port", self.email_port.map(Into::into)),
            ("username", text(&self.email_host_user)),
            ("password", text(self.email_host_password.expose())),
            ("token", text(self.email_host_token.expose())),
            ("token_command", text(self.email_token_command.expose())),
            ("use_tls", Some(self.email_use_tls.into())),
            ("use_ssl", Some(self.email_use_ssl.into())),
            ("timeout", self.email_timeout.map(Into::into)),
            ("ssl_keyfile", path(self.email_ssl_keyfile.as_ref())),
            ("ssl_certfile", path(self.email_ssl_certfile.as_ref())),
            ("ssl_cafile", path(self.email_ssl_cafile.as_ref())),
            (
                "allow_cleartext_auth",
                Some(self.email_allow_cleartext_auth.into()),
            ),
            ("file_path", path(self.email_file_path.as_ref())),
        ];
        options
            .into_iter()
            .chain(self.way_options())
            .chain(self.pace_options())
            .filter_map(|(name, value)| Some((name, value?)))
    }

    /// Which way to the server.
    fn way_options(&self) -> [(&'static str, Option<OptionValue>); 4] {
        let bind = self.email_bind_address.map(|address| address.to_string());
        [
            ("send_timeout", self.email_send_timeout.map(Into::into)),
            ("bind_address", bind.map(Into::into)),
            ("proxy", text(self.email_proxy.expose())),
            ("lmtp", Some(self.email_lmtp.into())),
        ]
    }

    /// How much at once.
    fn pace_options(&self) -> [(&'static str, Option<OptionValue>); 10] {
        [
            ("pipelining", self.email_pipelining.into()),
            ("chunking", self.email_chunking.into()),
            (
                "max_unanswered_replies",
                self.email_max_unanswered_replies.into(),
            ),
            (
                "max_unanswered_bytes",
                self.email_max_unanswered_bytes.into(),
            ),
            (
                "max_unanswered_messages",
                self.email_max_unanswered_messages.into(),
            ),
            ("chunk_size", self.email_chunk_size.into()),
            ("max_connections", self.email_max_connections.into()),
            ("idle_timeout", self.email_idle_timeout.into()),
            ("max_age", self.email_max_age.into()),
            ("max_messages", self.email_max_messages.into()),
        ]
        .map(|(name, value): (_, OptionValue)| (name, Some(value)))
    }

    /// Forgets all that says how mail leaves.
    pub(super) fn reset_connection(&mut self) {
        let usual = Self::default();
        *self = Self {
            email_subject_prefix: std::mem::take(&mut self.email_subject_prefix),
            email_use_localtime: self.email_use_localtime,
            default_from_email: std::mem::take(&mut self.default_from_email),
            server_email: std::mem::take(&mut self.server_email),
            admins: std::mem::take(&mut self.admins),
            managers: std::mem::take(&mut self.managers),
            default_charset: std::mem::take(&mut self.default_charset),
            mailers: std::mem::take(&mut self.mailers),
            origins: std::mem::take(&mut self.origins),
            ..usual
        };
    }

    /// Only one of `EMAIL_URL`, the settings that it stands for and the default mailer may be given.
    pub(super) fn refuse_second_connection(
        &self,
        setting: &Setting,
        origin: &Origin,
    ) -> Result<(), Error> {
        let is_url = setting.name == table::URL;
        if !is_url && !setting.is_connection() {
            return Ok(());
        }
        if let Some(mailer) = self.mailers.get(DEFAULT_ALIAS) {
            return Err(both(
                setting.name,
                origin,
                "mailers.default",
                &mailer.origin,
            ));
        }
        match self.given_connection(|other| (other == table::URL) != is_url) {
            Some((other, other_origin)) => Err(both(setting.name, origin, other, other_origin)),
            None => Ok(()),
        }
    }

    /// The first of the given settings that say how mail leaves.
    pub(super) fn given_connection(
        &self,
        is_meant: impl Fn(&str) -> bool,
    ) -> Option<(&'static str, &Origin)> {
        TABLE
            .iter()
            .filter(|setting| setting.is_connection() || setting.name == table::URL)
            .filter(|setting| is_meant(setting.name))
            .find_map(|setting| Some((setting.name, self.origins.get(setting.name)?)))
    }
}

fn text(text: &str) -> Option<OptionValue> {
    (!text.is_empty()).then(|| text.into())
}

fn path(path: Option<&PathBuf>) -> Option<OptionValue> {
    path.map(|path| path.as_path().into())
}
