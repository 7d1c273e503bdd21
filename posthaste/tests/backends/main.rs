//! The backends as their users see them.

mod conformance;
mod security;
mod smtp;
mod support;
mod tls;
