//! An e-mail and its RFC 5322 bytes: Django's `EmailMessage` in Rust.
//!
//! An [`EmailMessage`] has public fields and setters of the same names. [`EmailMessage::render`]
//! checks it and writes it; [`EmailMessage::envelope`] tells who it goes to. Nothing here touches
//! the network, a clock or the environment: what differs from one message to the next comes with
//! the [`RenderOptions`], so that the same input always gives the same bytes.
//!
//! ```
//! use posthaste_message::{Date, EmailMessage, RenderOptions};
//!
//! let message = EmailMessage::new("Grüße", "See you on Monday.")
//!     .from("Ann <ann@example.com>")
//!     .to(["bob@example.com"])
//!     .bcc(["archive@example.com"]);
//! let options = RenderOptions::new(Date::from_unix(1_795_435_200, 0), "example.com", 42);
//!
//! let text = String::from_utf8(message.render(&options)?.to_vec()?)?;
//! assert!(text.contains("\r\nSubject: =?utf-8?"));
//! assert!(!text.contains("archive"));
//! assert_eq!(message.envelope(&options)?.to.len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod attachment;
mod charset;
mod content;
mod custom;
mod date;
mod dsn;
mod email;
mod encode;
mod envelope;
mod error;
mod header;
mod headers;
mod json;
mod leaf;
mod media;
mod mime;
mod render;
mod rendered;

pub use address::{Address, AddressList, AddressListItem, Mailbox, parse_list};
pub use attachment::{Content, EmailAlternative, EmailAttachment};
pub use date::Date;
pub use dsn::{Dsn, Notify, RecipientDsn, Return};
pub use email::EmailMessage;
pub use envelope::Envelope;
pub use error::{AddressError, RenderError};
pub use headers::Headers;
pub use render::{RenderOptions, Transfer};
pub use rendered::{Position, Reader, Rendered};
