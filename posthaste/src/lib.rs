//! Django's e-mail framework in Rust, and beyond it: compose mail and get it delivered.
//!
//! One call sends a mail, one setting says where it goes, tests look into an outbox.
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), posthaste::Error> {
//! # let outbox = posthaste::Outbox::new();
//! # outbox.mailer().scope(async {
//! use posthaste::send_mail;
//!
//! let report = send_mail(
//!     "Your order",
//!     "It is on its way.",
//!     "shop@example.com",
//!     ["ann@example.com", "bob@example.com"],
//! )
//! .html_message("<p>It is on its way.")
//! .await?;
//! assert_eq!(report.accepted.len(), 2);
//! # Ok(())
//! # }).await
//! # }
//! # #[cfg(not(feature = "tokio"))] fn main() {}
//! ```
//!
//! - [`send_mail`], [`send_mass_mail`], [`mail_admins`], [`mail_managers`] and [`send`](send()) are the short ways.
//! - [`EmailMessage`] is the mail itself, with everything that Django's has.
//! - [`Settings`] are Django's `EMAIL_*` settings: from the environment, from a TOML file, or made by hand.
//! - [`Mailer`] holds settings and backends; [`Connection`] sends many messages over one connection.
//! - [`Backend`] is what sends: SMTP, console, file, memory, nothing, or your own.
//! - [`Report`] says what became of a message, for each recipient.
//! - [`Outbox`] is where the mail of a test lands.
//! - [`blocking`] has all of it without a runtime.
//! - [`trace`] tells what can be watched by `tracing` and `metrics`.

#[cfg(feature = "tokio")]
mod asynchronous;
mod backend;
pub mod backends;
pub mod blocking;
pub mod check;
mod connection;
mod error;
mod mailer;
mod mode;
mod net;
mod outbox;
mod pool;
mod report;
mod scope;
mod sending;
mod settings;
pub mod testing;
mod token;
pub mod trace;

pub use posthaste_message::{
    Address, AddressError, AddressList, AddressListItem, Content, Date, Dsn, EmailAlternative,
    EmailAttachment, EmailMessage, Envelope, Headers, Mailbox, Notify, Position, Reader,
    RecipientDsn, RenderError, RenderOptions, Rendered, Return, Transfer, parse_list,
};
pub use posthaste_smtp::{EnhancedCode, Reply};

#[cfg(feature = "tokio")]
pub use self::asynchronous::{
    get_connection, mail_admins, mail_managers, send, send_mail, send_mass_mail,
};
pub use self::backend::{Backend, BoxFuture, Context, Io, Renderer};
pub use self::connection::{Connection, ConnectionBuilder};
pub use self::error::{Error, ErrorKind, Phase};
pub use self::mailer::Mailer;
pub use self::mode::{Async, Blocking};
pub use self::outbox::{Outbox, OutboxMessage};
pub use self::report::{Receipt, Rejection, Report, Reports, Status};
pub use self::scope::Scoped;
pub use self::sending::{Payload, Sending};
pub use self::settings::{
    Entry, MailerSettings, OptionValue, Options, Origin, Secret, Settings, Sources,
};
pub use self::token::{TokenProvider, TokenRequest};
