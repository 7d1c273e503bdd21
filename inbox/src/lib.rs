//! The developer's inbox: it catches mail over SMTP, shows it on a web page, and lets tests wait for it.

mod builder;
pub mod check;
pub mod event;
pub mod fault;
mod inbox;
mod limits;
pub mod mail;
pub mod query;
mod relay;
mod smtp;
pub mod store;
pub mod testing;
mod tls;
pub mod transcript;
pub mod view;
mod wait;
mod web;
mod words;

pub use builder::Builder;
pub use event::Event;
pub use inbox::Inbox;
pub use limits::Limits;
pub use mail::Mail;
pub use relay::Relay;
pub use testing::Want;
pub use tls::Tls;
