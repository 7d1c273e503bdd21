//! Tests of the program from outside, and what they need.

pub mod mail;
pub mod postfix;
