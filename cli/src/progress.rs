//! Progress on stderr, where that is a terminal.

use std::cell::Cell;
use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lockproof_conformance::report::{CaseReport, Verdict};

/// A bar that counts cases and names the latest failure.
pub(crate) struct Progress {
    bar: ProgressBar,
    failed: Cell<usize>,
}

impl Progress {
    pub(crate) fn new(total: usize) -> Self {
        let visible = std::io::stderr().is_terminal();
        let target =
            if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total as u64), target);
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} checks, {elapsed} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, failed: Cell::new(0) }
    }

    pub(crate) fn tell(&self, case: &CaseReport) {
        self.bar.inc(1);
        if case.verdict == Verdict::Fail {
            self.failed.set(self.failed.get() + 1);
            self.bar.set_message(format!("({} failed, last {})", self.failed.get(), case.id));
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
