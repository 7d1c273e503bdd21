//! The client's side of an SMTP conversation (RFC 5321) as a state machine without input and
//! output, clock or threads: bytes go in, bytes and facts come out.
//!
//! [`Session`] is the centre. Tell it what happened ([`received`](Session::received),
//! [`sent`](Session::sent)), and ask it what to do next ([`poll`](Session::poll)); each [`Step`]
//! is one thing to do. `posthaste` has the loop that does them over a socket.
//!
//! ```text
//!          greeting        EHLO (or HELO after 5xx)          submit()
//!  new() ───────────► 220 ──────────────────────────► ready ─────────► MAIL ──► RCPT(0) … RCPT(n)
//!                                                      ▲  ▲              │ refused    │ one or more accepted
//!                      quit(), no mail left: QUIT ◄────┤  │              ▼            ▼
//!                                                      │  └── RSET ◄── failed ◄───── DATA ──► 354
//!                                                      │               ▲                       │
//!                                                      │      refused  │                       ▼
//!                                                      └────────────── the dot ◄──── content, content_end()
//!
//!  any state: 421 ► Closed, after the outcome of the mail under way
//!  any state: a reply that breaks the rules ► Violation; end of file, time-out ► lost()
//! ```
//!
//! RSET is only sent before a next mail. The writer's cursor and the queue of expected replies
//! are apart: with PIPELINING commands run ahead of their answers inside the [`Window`], without it each waits.
//!
//! # Example: a whole session
//!
//! ```
//! use posthaste_smtp::{Config, Hello, Mail, Path, Session, Step};
//!
//! let mut session = Session::new(Config::new(Hello::new("client.example")?));
//! let to = [Path::new("bob@example.com")?, Path::new("nobody@example.com")?];
//! let mut mail = Mail::new(Path::new("ann@example.com")?, to);
//! mail.size = 14;
//! let ticket = session.submit(mail);
//! session.quit();
//!
//! // What the server says, in turn, and what it hears.
//! let mut replies = [
//!     "220 mx.example\r\n",
//!     "250-mx.example\r\n250 SIZE 1000000\r\n",
//!     "250 ok\r\n",
//!     "250 ok\r\n",
//!     "550 5.1.1 no such user\r\n",
//!     "354 go\r\n",
//!     "250 queued\r\n",
//!     "221 bye\r\n",
//! ]
//! .into_iter();
//! let mut heard = Vec::new();
//! let mut outcome = None;
//!
//! loop {
//!     match session.poll()? {
//!         Step::Send(bytes) => {
//!             heard.extend_from_slice(bytes);
//!             let n = bytes.len();
//!             session.sent(n);
//!         }
//!         Step::Receive(_) => session.received(replies.next().unwrap().as_bytes()),
//!         Step::Content(_) => {
//!             session.content(b"Subject: x\n\n.\n");
//!             session.content_end();
//!         }
//!         Step::Done(done, what) => {
//!             assert_eq!(done, ticket);
//!             outcome = Some(what);
//!         }
//!         Step::Closed(_) => break,
//!         Step::StartTls | Step::Idle => unreachable!("no TLS was asked for, and quit() was called"),
//!     }
//! }
//!
//! let outcome = outcome.unwrap();
//! assert_eq!(outcome.accepted, [0]);
//! assert_eq!(outcome.rejected[0].1.code(), 550);
//! assert_eq!(outcome.failure, None);
//! assert_eq!(
//!     String::from_utf8(heard)?,
//!     "EHLO client.example\r\n\
//!      MAIL FROM:<ann@example.com> SIZE=14\r\n\
//!      RCPT TO:<bob@example.com>\r\n\
//!      RCPT TO:<nobody@example.com>\r\n\
//!      DATA\r\n\
//!      Subject: x\r\n\r\n..\r\n.\r\n\
//!      QUIT\r\n"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod auth;
mod client;
mod command;
mod data;
mod ehlo;
mod error;
mod parameters;
mod reply;
pub mod server;

pub use auth::{Credentials, Mechanism};
pub use client::{
    Config, Failure, FailureKind, Line, Mail, Outcome, Phase, Protocol, Recipient, Security,
    Session, Step, Ticket, Trust, Unfinished, Window,
};
pub use command::{Hello, Path};
pub use data::DotStuffer;
pub use ehlo::Extensions;
pub use error::{InvalidArgument, Violation, ViolationKind};
pub use parameters::{EnvelopeId, Notify, OriginalRecipient, Priority, Ret};
pub use reply::{EnhancedCode, Reply, ReplyLimits};
