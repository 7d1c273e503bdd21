//! An e-mail and its RFC 5322 bytes.

mod error;

pub use error::{AddressError, RenderError};
