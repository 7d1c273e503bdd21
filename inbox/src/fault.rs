//! Faults on order: which answers an inbox gives late, refuses, or does not give at all.
//!
//! A [`Rule`] says where in a conversation something happens, under which conditions, how often, and what. Rules are looked
//! through in their order; the first that fits and whose turn it is acts, and no other. As JSON they are what is said here:
//!
//! ```
//! use posthaste_inbox::fault::{Rule, Step};
//!
//! let rules: Vec<Rule> = serde_json::from_str(r#"[
//!     {"at": "rcpt", "rcpt": "*@slow.example", "delay_ms": 3000},
//!     {"at": "rcpt", "rcpt": "gone@*", "reply": "550 5.1.1 no such user"},
//!     {"at": "end", "subject": "*invoice*", "reply": "451 4.7.1 try again", "times": 2},
//!     {"at": "mail", "rate": "10/s", "reply": "421 4.7.0 too fast", "close": true},
//!     {"at": "data", "after_bytes": 65536, "reset": true},
//!     {"at": "end", "after_store": true, "drop": true},
//!     {"at": "ehlo", "hide": ["PIPELINING", "CHUNKING"]},
//!     {"at": "starttls", "certificate": "expired"},
//!     {"at": "auth", "user": "deny*", "reply": "535 5.7.8 bad credentials"},
//!     {"at": "any", "prob": 0.02, "seed": 7, "throttle_bps": 8000}
//! ]"#)?;
//! assert_eq!(rules[0], Rule::rcpt("*@slow.example").delay_ms(3000));
//! assert_eq!(rules[5], Rule::at(Step::End).after_store().drop_connection());
//! for rule in &rules {
//!     rule.check()?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without any rule, addresses of the domain `fault.test` say what is to happen to them, as recipient or as sender:
//! `550-5.1.1@fault.test`, `delay-3s@fault.test`, `once-451-4.7.1@fault.test`, `drop@fault.test`, `reset@fault.test`; and with
//! `end-` before it, after the content: `end-554@fault.test`. What follows a `+` only keeps counts apart.

mod address;
mod check;
mod list;
mod pattern;
mod profile;
mod rate;
mod rule;

pub use check::InvalidRule;
pub use list::{Hit, Listed};
pub use profile::Profile;
pub use rate::Rate;
pub use rule::{Certificate, Rule, Step};

pub(crate) use check::{Act, Ending, MECHANISMS};
pub(crate) use list::{Here, Rules};
pub(crate) use pattern::Pattern;
