//! Django's e-mail framework in Rust, and beyond it. Its parts in this folder are being put together.
#![allow(dead_code, rustdoc::broken_intra_doc_links)]

mod error;
mod report;
mod settings;

pub use self::error::{Error, ErrorKind, Phase};
pub use self::report::{Rejection, Report, Reports, Status};
pub use self::settings::{
    Entry, MailerSettings, OptionValue, Options, Origin, Secret, Settings, Sources,
};
