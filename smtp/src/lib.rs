//! The SMTP conversation, sans-IO.
