//! Sockets: what moves the bytes of an SMTP conversation, blocking or on tokio.

mod drive;
mod std;
#[cfg(feature = "tokio")]
mod tokio;
mod wire;

pub(crate) use self::drive::{Body, Event, Fault, Link, connect_limit, drive};
pub(crate) use self::std::StdWire;
#[cfg(feature = "tokio")]
pub(crate) use self::tokio::TokioWire;
pub(crate) use self::wire::{Target, Wire};
