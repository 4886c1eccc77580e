//! How far a sweep is, on stderr: a bar on a terminal, a line a minute elsewhere.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use lockproof_sim::sweep::Swept;

/// Where nobody looks all the time.
const EVERY: Duration = Duration::from_mins(1);

/// How far it is.
pub(super) struct Progress {
    bar: ProgressBar,
    begun: Instant,
    /// All runs, if their number is what ends the sweep.
    total: Option<u64>,
    /// The time, if that ends it first.
    limit: Option<Duration>,
    told: Option<Mutex<Instant>>,
}

impl Progress {
    pub(super) fn new(total: Option<u64>, limit: Option<Duration>) -> Self {
        let visible = std::io::stderr().is_terminal();
        let target =
            if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(1000), target);
        let style = ProgressStyle::with_template("{bar:30} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let told = (!visible).then(|| Mutex::new(Instant::now()));
        Self { bar, begun: Instant::now(), total, limit, told }
    }

    pub(super) fn tell(&self, swept: &Swept) {
        let words = || self.words(swept);
        match &self.told {
            None => {
                self.bar.set_position(per_mille(self.part(swept.runs())));
                self.bar.set_message(words());
            }
            Some(told) => {
                let Ok(mut told) = told.lock() else { return };
                if told.elapsed() >= EVERY {
                    *told = Instant::now();
                    eprintln!("{}", words());
                }
            }
        }
    }

    pub(super) fn end(&self) -> Duration {
        self.bar.finish_and_clear();
        self.begun.elapsed()
    }

    /// How much is done, from 0 to 1.
    fn part(&self, runs: u64) -> f64 {
        let of_runs = self.total.map_or(0.0, |total| number(runs) / number(total.max(1)));
        let of_time = self.limit.map_or(0.0, |limit| self.begun.elapsed().div_duration_f64(limit));
        of_runs.max(of_time).min(1.0)
    }

    fn words(&self, swept: &Swept) -> String {
        let (runs, elapsed) = (swept.runs(), self.begun.elapsed());
        let mut words = runs.to_string();
        if let Some(total) = self.total {
            words = format!("{words}/{total}");
        }
        let rate = number(runs) / elapsed.as_secs_f64().max(0.001);
        let part = self.part(runs).max(f64::EPSILON);
        let left = Duration::try_from_secs_f64(elapsed.as_secs_f64() * (1.0 / part - 1.0));
        let left = HumanDuration(left.unwrap_or(Duration::MAX));
        let failed = match swept.failed() {
            0 => String::new(),
            count => format!(", {count} failed"),
        };
        format!("{words} runs, {rate:.0} a second, {left} left{failed}")
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown without digits")]
fn number(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
fn per_mille(part: f64) -> u64 {
    (part.clamp(0.0, 1.0) * 1000.0) as u64
}
