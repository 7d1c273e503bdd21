//! The web side, asked by requests that are written out.

mod guard;
mod http;
