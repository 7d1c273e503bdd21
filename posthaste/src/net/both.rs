//! Runs a test with either wire.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Polls once: a blocking wire must be ready then.
pub(super) fn now<T>(work: impl Future<Output = T>) -> T {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a blocking wire has to be ready at the first poll"),
    }
}

/// Runs on a runtime of its own.
#[cfg(feature = "tokio")]
pub(super) fn on_tokio<T>(work: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime");
    runtime.block_on(work)
}

/// Makes one test for each wire of functions that are generic over it.
macro_rules! for_both_wires {
    ($($name:ident),* $(,)?) => {
        mod std_wire {
            $(#[test] fn $name() {
                crate::net::both::now(super::$name::<crate::net::StdWire>());
            })*
        }
        #[cfg(feature = "tokio")]
        mod tokio_wire {
            $(#[test] fn $name() {
                crate::net::both::on_tokio(super::$name::<crate::net::TokioWire>());
            })*
        }
    };
}
pub(super) use for_both_wires;
