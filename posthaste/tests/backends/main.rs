//! The backends as their users see them.

mod conformance;
mod smtp;
mod support;
mod tls;
