//! The progress bar.

use indicatif::{ProgressBar, ProgressStyle};

/// So many messages need no bar.
const FEW: u64 = 20;

/// A bar on a terminal, once there are more than a few messages; else nothing.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The octets of the input, if they are known.
    len: Option<u64>,
    wanted: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar for an input of so many octets.
    pub(super) fn new(len: Option<u64>) -> Self {
        Self {
            len,
            wanted: true,
            bar: None,
        }
    }

    /// Shows how far it is: the number of messages, and the octets of the input that are done with.
    pub(super) fn advance(&mut self, count: u64, position: u64) {
        if count <= FEW || !self.wanted {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| bar(self.len));
        if !bar.is_hidden() {
            bar.set_message(format!("{count} messages"));
            bar.set_position(position);
        }
    }

    /// Does something to the terminal that the bar must not stand in the way of.
    pub(super) fn suspend(&self, work: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// It draws on standard error, and hides itself where that is no terminal.
fn bar(len: Option<u64>) -> ProgressBar {
    let (bar, template) = match len {
        Some(len) => (ProgressBar::new(len), "{bar:40} {percent:>3}%  {msg}"),
        None => (ProgressBar::no_length(), "{spinner} {msg}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
