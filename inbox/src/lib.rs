//! The developer's inbox: it catches mail over SMTP, shows it on a web page, and lets tests wait for it.

mod builder;
pub mod check;
pub mod event;
mod inbox;
pub mod mail;
pub mod query;
mod smtp;
pub mod store;
pub mod transcript;
pub mod view;
mod wait;
mod web;

pub use builder::Builder;
pub use event::Event;
pub use inbox::Inbox;
pub use mail::Mail;
