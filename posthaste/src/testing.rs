//! For tests: a scripted SMTP server ([`Server`]), and what every backend has to do ([`conformance`](conformance())).

mod conformance;
mod server;

pub use self::conformance::{Subject, conformance, conformance_blocking};
pub use self::server::{At, Builder, Certificate, Conversation, Received, Recipient, Rule, Server};
pub use posthaste_smtp::Mechanism;
pub use posthaste_smtp::server::Extension;
