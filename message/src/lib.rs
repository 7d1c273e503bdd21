//! An e-mail and its RFC 5322 bytes.

mod address;
mod encode;
mod error;
#[allow(dead_code)] // The renderer is its user.
mod header;

pub use address::{Address, AddressList, AddressListItem, Envelope, Mailbox, parse_list};
pub use error::{AddressError, RenderError};
