//! Django's behaviour, test by test: its functions, its backends, its settings. What goes into a message is tested in the
//! message crate. Where Django has a fault, the test asks for the right thing, and says so.

mod common;
mod functions;
mod local;
mod settings;
mod smtp;
#[path = "../backends/support.rs"]
#[allow(dead_code, reason = "each binary uses its share of the server")]
mod support;
