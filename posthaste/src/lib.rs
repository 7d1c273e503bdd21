//! Django's e-mail framework in Rust, and beyond it.

pub mod backend;
pub mod error;
pub mod report;
