//! Django's e-mail framework in Rust, and beyond it. Its parts in this folder are being put together.
