//! A subscriber that keeps all that it is told.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// One thing that was told, as text: `LEVEL target [connection] message field=value`.
pub(crate) type Told = Vec<String>;

#[derive(Clone)]
struct Capture {
    level: Level,
    told: Arc<Mutex<(u64, Told)>>,
}

/// All that the library tells at this level while `work` runs on this thread.
pub(crate) fn told(level: Level, work: impl FnOnce()) -> Told {
    let told = Arc::default();
    let capture = Capture {
        level,
        told: Arc::clone(&told),
    };
    tracing::subscriber::with_default(capture, work);
    let (_, told) = &*told.lock().expect("no panic");
    told.clone()
}

impl Capture {
    fn note(&self, about: &Metadata<'_>, span: Option<&Id>, what: impl FnOnce(&mut Words)) {
        let mut words = Words(format!("{} {}", about.level(), about.target()));
        if let Some(span) = span {
            write!(words.0, " [{}]", span.into_u64()).expect("written");
        }
        what(&mut words);
        self.told.lock().expect("no panic").1.push(words.0);
    }
}

impl Subscriber for Capture {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        about.target().starts_with("posthaste") && *about.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(self.level))
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = {
            let mut told = self.told.lock().expect("no panic");
            told.0 += 1;
            Id::from_u64(told.0)
        };
        self.note(span.metadata(), Some(&id), |words| {
            words.0.push_str(" span ");
            words.0.push_str(span.metadata().name());
            span.record(words);
        });
        id
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut words = Words(format!("[{}]", span.into_u64()));
        values.record(&mut words);
        self.told.lock().expect("no panic").1.push(words.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.note(event.metadata(), event.parent(), |words| {
            event.record(words)
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Words(String);

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        }
        .expect("written");
    }
}
