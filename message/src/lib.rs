//! An e-mail and its RFC 5322 bytes.
