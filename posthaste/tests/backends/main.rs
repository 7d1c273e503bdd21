//! The backends as their users see them.

/// Makes one test for each driver.
macro_rules! for_both {
    ($($name:ident),* $(,)?) => {
        mod std_driver {
            $(#[test] fn $name() { super::$name(super::Driver::Std); })*
        }
        #[cfg(feature = "tokio")]
        mod tokio_driver {
            $(#[test] fn $name() { super::$name(super::Driver::Tokio); })*
        }
    };
}

mod conformance;
mod limits;
mod lmtp;
mod smtp;
mod support;
mod tls;
