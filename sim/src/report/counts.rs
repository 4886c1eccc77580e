//! How many runs came to what, and what that amounts to.

use std::fmt::Write;
use std::iter::Sum;

use crate::sweep::Sweep;

/// Above this part of wasted seeds, the rest proves too little.
const WASTED_PERCENT_MAX: u64 = 20;

/// Exit code of a violation.
const VIOLATED: u8 = 1;

/// Exit code of runs that prove too little.
pub const INCONCLUSIVE: u8 = 4;

/// How many runs came to what.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Without a violation, and every fault bit.
    pub ok: u64,
    /// Without a violation, and a fault changed nothing.
    pub wasted: u64,
    /// With a violation.
    pub failed: u64,
    /// Whether a place of the server that they should all reach was reached by none.
    pub missed_a_mark: bool,
}

impl Counts {
    /// All of them.
    pub fn runs(self) -> u64 {
        self.ok + self.wasted + self.failed
    }

    /// In a word.
    pub fn outcome(self) -> &'static str {
        if self.failed > 0 {
            "violated"
        } else if self.missed_a_mark
            || self.runs() == 0
            || self.wasted * 100 > self.runs() * WASTED_PERCENT_MAX
        {
            "inconclusive"
        } else {
            "holds"
        }
    }

    /// The exit code of a program that found this.
    pub fn code(self) -> u8 {
        match self.outcome() {
            "holds" => 0,
            "violated" => VIOLATED,
            _ => INCONCLUSIVE,
        }
    }

    /// A row of the table of scenarios.
    pub(super) fn show(self, text: &mut String, name: &str, width: usize) {
        let Self { ok, wasted, failed, .. } = self;
        let _ = write!(text, "  {name:<width$}  {ok:>5} ok");
        if wasted > 0 {
            let _ = write!(text, "  {wasted:>5} wasted");
        }
        if failed > 0 {
            let _ = write!(text, "  {failed:>5} failed");
        }
        text.push('\n');
    }
}

impl From<&Sweep> for Counts {
    fn from(sweep: &Sweep) -> Self {
        let (ok, wasted, failed) = (sweep.ok, sweep.wasted, sweep.failed.len() as u64);
        Self { ok, wasted, failed, missed_a_mark: false }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            ok: sum.ok + one.ok,
            wasted: sum.wasted + one.wasted,
            failed: sum.failed + one.failed,
            missed_a_mark: sum.missed_a_mark || one.missed_a_mark,
        })
    }
}
