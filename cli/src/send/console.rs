//! The console backend as the program has it: beside JSON on standard output, messages go to standard error.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use posthaste::Mailer;
use posthaste::backends::ConsoleBackend;

/// What is known of the console backend.
#[derive(Clone, Debug, Default)]
pub(crate) struct Console {
    json: bool,
    used: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
}

impl Console {
    /// A console for a run that writes JSON or not.
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            ..Self::default()
        }
    }

    /// Puts it in the place of the library's own.
    pub(crate) fn install(&self, mailer: Mailer) -> Mailer {
        let console = self.clone();
        mailer.register("console", move |ctx| {
            ctx.options.deny_unknown(&["fail_silently"])?;
            console.used.store(true, Ordering::Relaxed);
            let backend = match console.json {
                true => ConsoleBackend::new(ctx.renderer(), io::stderr()),
                false => ConsoleBackend::new(ctx.renderer(), Watched(Arc::clone(&console.closed))),
            };
            Ok(Box::new(backend))
        })
    }

    /// Whether messages are printed.
    pub(crate) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether nobody reads what is printed any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// Standard output that notes when its reader is gone.
struct Watched(Arc<AtomicBool>);

impl Watched {
    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|error| {
            if error.kind() == io::ErrorKind::BrokenPipe {
                self.0.store(true, Ordering::Relaxed);
            }
        })
    }
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.note(io::stdout().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.note(io::stdout().flush())
    }
}
