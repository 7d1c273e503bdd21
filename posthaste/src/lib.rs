//! Django's e-mail framework in Rust, and beyond it.
