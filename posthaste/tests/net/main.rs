//! Connections: how they are kept, how long a send takes, and the ways to a server.

/// Makes one test for each driver.
macro_rules! for_both {
    ($($name:ident),* $(,)?) => {
        mod std_driver {
            $(#[test] fn $name() { super::$name::<crate::common::Std>(); })*
        }
        #[cfg(feature = "tokio")]
        mod tokio_driver {
            $(#[test] fn $name() { super::$name::<crate::common::Tokio>(); })*
        }
    };
}

mod common;
mod counting;
mod pool;
mod time;
mod tls;
mod ways;
