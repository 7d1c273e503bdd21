//! What an inbox puts up with.

use std::time::Duration;

use posthaste_smtp::server;

/// How much clients may say. What goes beyond is refused, and the conversation stays in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a message: 50 MiB. It is announced by SIZE. Beyond it: 552.
    pub message: u64,
    /// Octets of the messages that are on their way on all connections together: 512 MiB. Beyond it: 452.
    pub under_way: u64,
    /// Recipients of a message: 1,000. Beyond it: 452.
    pub recipients: usize,
    /// Connections at a time: 200. The next is told 421.
    pub connections: usize,
    /// Octets of a command line, with its line end: 2,048. Beyond it: 500.
    pub line: usize,
    /// Octets of a line that logs in: 12,288. Beyond it: 500.
    pub auth_line: usize,
    /// Command lines that make no sense, on one connection: 20. The next is told 421.
    pub errors: usize,
    /// How long a client may say nothing: 5 minutes. Then: 421.
    pub idle: Duration,
    /// Octets of the transcript of one mail: 256 KiB. Of what is more only a mark is kept.
    pub transcript: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let server = server::Limits::default();
        Self {
            message: server.size,
            under_way: 512 << 20,
            recipients: server.recipients,
            connections: 200,
            line: server.line,
            auth_line: server.auth_line,
            errors: server.errors,
            idle: Duration::from_secs(300),
            transcript: 256 << 10,
        }
    }
}
