//! `--verbose`: tells on standard error what happens, line by line.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::settings::visible;

/// Begins to tell: of messages and connections if `--verbose` is given once, of every line that is said if it is given
/// more often.
pub(crate) fn start(times: u8) {
    let level = match times {
        0 => return,
        1 => Level::DEBUG,
        _ => Level::TRACE,
    };
    // It is the only one, and the first.
    let _ = tracing::subscriber::set_global_default(Teller {
        level,
        start: Instant::now(),
        spans: AtomicU64::new(1),
    });
}

/// Writes a line for each event of the library. Connections are numbered.
struct Teller {
    level: Level,
    start: Instant,
    spans: AtomicU64,
}

impl Teller {
    fn tell(&self, connection: Option<&Id>, style: Style, what: &Words) {
        let seconds = self.start.elapsed().as_secs_f64();
        let (dim, fields) = (Style::new().dimmed(), &what.fields);
        let number = match connection {
            Some(id) => format!("[{}] ", id.into_u64()),
            None => String::new(),
        };
        let text = visible(&what.message);
        let line = format!(
            "{dim}{seconds:8.3} {number}{dim:#}{style}{text}{style:#}{dim}{fields}{dim:#}\n"
        );
        // Nobody is left to be told that standard error is closed.
        let _ = anstream::stderr().write_all(line.as_bytes());
    }
}

impl Subscriber for Teller {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level && metadata.target().starts_with("posthaste::")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(self.level))
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed));
        let mut words = Words::from("connecting");
        span.record(&mut words);
        self.tell(Some(&id), Style::new(), &words);
        id
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut words = Words::from("agreed on");
        values.record(&mut words);
        self.tell(Some(span), Style::new(), &words);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut words = Words::default();
        event.record(&mut words);
        let style = match *event.metadata().level() {
            Level::WARN | Level::ERROR => AnsiColor::Yellow.on_default(),
            Level::TRACE if words.message.starts_with("C:") => AnsiColor::Cyan.on_default(),
            _ => Style::new(),
        };
        self.tell(event.parent(), style, &words);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What an event says, and its fields.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl From<&str> for Words {
    fn from(message: &str) -> Self {
        Self {
            message: message.to_owned(),
            fields: String::new(),
        }
    }
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            // The line has it already.
            "id" | "status" => Ok(()),
            name => write!(self.fields, "  {name}={}", visible(&format!("{value:?}"))),
        };
    }
}
