//! Servers as most of the tests want them.

use posthaste::testing::{Builder, Extension, Rule, Server};

/// A server that neither pipelines nor chunks, so that each command waits for its answer.
pub(crate) fn plain() -> Builder {
    let server = Server::builder().without_extensions();
    server.with(Extension::Size).with(Extension::EightBitMime)
}

/// Such a server with a rule.
pub(crate) fn ruled(rule: Rule) -> Server {
    plain().rule(rule).start()
}

/// All messages that came as a whole, taken or not.
pub(crate) fn texts(server: &Server) -> Vec<String> {
    let messages = server.messages().into_iter();
    let whole = messages.filter(|message| message.is_complete);
    whole.map(|message| message.text()).collect()
}
