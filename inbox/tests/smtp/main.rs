//! The inbox's SMTP side: by Posthaste's own client, and by raw sockets where a client would not do such a thing.

mod attempts;
mod exact;
mod faults;
mod intake;
mod limits;
mod login;
mod raw;
mod stop;
mod tls;
mod waiting;
