//! What happens on Ctrl-C: a message that is on its way is finished, so that nothing is half-written.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::exit::tell;

/// The exit code that shells give to a program ended by Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Held while a message is on its way.
static BUSY: Mutex<()> = Mutex::new(());

/// Whether the program is to end.
static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on the program ends between two messages; when asked twice, at once.
pub(crate) fn finish_the_message() {
    // Who started the program may have had it ignore such signals, as nohup does; then it is not for us to heed them.
    let _ = ctrlc::try_set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            end();
        }
        // This thread stays free for the second time.
        thread::spawn(|| {
            if BUSY.try_lock().is_err() {
                tell("finishing the message that is on its way; interrupt again to end at once");
            }
            let _busy = begin();
            end();
        });
    });
}

/// From now on the program does this on Ctrl-C, to end by itself; when asked twice, it ends at once.
pub(crate) fn at_once_when_asked_twice(mut first: impl FnMut() + Send + 'static) {
    let _ = ctrlc::try_set_handler(move || {
        if ASKED.swap(true, Ordering::SeqCst) {
            end();
        }
        first();
    });
}

/// Keeps the program from being ended until the guard is dropped.
pub(crate) fn begin() -> MutexGuard<'static, ()> {
    BUSY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the program is to end before the next message.
pub(crate) fn is_asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// Ends the program.
#[expect(
    clippy::exit,
    reason = "the main thread may be waiting for input that never comes"
)]
pub(crate) fn end() -> ! {
    process::exit(INTERRUPTED)
}
