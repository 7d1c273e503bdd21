//! Measures composing beside its peers.
fn main() {}
