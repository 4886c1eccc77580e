//! What came of a run: checks, which hold or do not; aims, which are met or missed; and figures.
//!
//! A check is about correctness and decides the exit code. An aim is about time or share, which a busy machine spoils: it is
//! reported, and decides nothing.

use std::fmt::Write;

use serde::Serialize;

/// Something that has to be so.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Its name, the same in every run.
    pub name: &'static str,
    /// Whether it is.
    pub holds: bool,
    /// What was seen.
    pub detail: String,
}

/// A figure that should be below a bound.
#[derive(Clone, Debug, Serialize)]
pub struct Aim {
    /// Its name.
    pub name: &'static str,
    /// What was measured.
    pub measured: f64,
    /// What is aimed at, at most.
    pub at_most: f64,
    /// Of both.
    pub unit: &'static str,
}

impl Aim {
    /// Whether it was met.
    pub fn is_met(&self) -> bool {
        self.measured <= self.at_most
    }
}

/// What came of one scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What happened, in a sentence.
    pub story: String,
    /// What had to be so.
    pub checks: Vec<Check>,
    /// What should be.
    pub aims: Vec<Aim>,
    /// What else was measured.
    pub figures: Vec<(&'static str, String)>,
    /// How long it took, in seconds.
    pub took: f64,
}

impl Scenario {
    /// Nothing is known yet.
    pub fn new(name: &'static str) -> Self {
        let (checks, aims, figures) = (Vec::new(), Vec::new(), Vec::new());
        Self { name, story: String::new(), checks, aims, figures, took: 0.0 }
    }

    /// Notes a check.
    pub fn check(&mut self, name: &'static str, holds: bool, detail: impl Into<String>) {
        let detail = detail.into();
        if !holds {
            eprintln!("  {}: {name}: FAILED: {detail}", self.name);
        }
        self.checks.push(Check { name, holds, detail });
    }

    /// Notes an aim.
    pub fn aim(&mut self, name: &'static str, measured: f64, at_most: f64, unit: &'static str) {
        self.aims.push(Aim { name, measured, at_most, unit });
    }

    /// Notes a figure.
    pub fn figure(&mut self, name: &'static str, value: impl Into<String>) {
        self.figures.push((name, value.into()));
    }

    /// Whether every check holds; a scenario without one proves nothing.
    pub fn holds(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.holds)
    }
}

/// What came of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The machine, and how busy it was.
    pub machine: String,
    /// Where the connections ran.
    pub network: String,
    /// Everything random comes from it.
    pub seed: u64,
    /// The command that runs it again.
    pub again: String,
    /// The scenarios.
    pub scenarios: Vec<Scenario>,
}

impl Report {
    /// Whether every check of every scenario holds.
    pub fn holds(&self) -> bool {
        self.scenarios.iter().all(Scenario::holds)
    }

    /// The same as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "{}\n\nNetwork: {}. Seed {}. Again: `{}`\n\n| scenario | what happened | checks | aims | took |\n|---|---|---|---|---|\n",
            self.machine, self.network, self.seed, self.again
        );
        for scenario in &self.scenarios {
            let held = scenario.checks.iter().filter(|check| check.holds).count();
            let checks = format!("{held} of {} hold", scenario.checks.len());
            let aims: Vec<_> = scenario.aims.iter().map(in_words).collect();
            let Scenario { name, story, took, .. } = scenario;
            let _ = writeln!(
                text,
                "| {name} | {story} | {checks} | {} | {took:.1} s |",
                aims.join("<br>")
            );
        }
        for scenario in &self.scenarios {
            let _ = write!(text, "\n**{}**\n\n", scenario.name);
            for Check { name, holds, detail } in &scenario.checks {
                let word = if *holds { "holds" } else { "FAILED" };
                let _ = writeln!(text, "- {word}: {name}: {detail}");
            }
            for (name, value) in &scenario.figures {
                let _ = writeln!(text, "- {name}: {value}");
            }
        }
        text
    }
}

fn in_words(aim: &Aim) -> String {
    let Aim { name, measured, at_most, unit } = aim;
    let word = if aim.is_met() { "met" } else { "MISSED" };
    format!("{name} {measured:.2}{unit} (at most {at_most}{unit}: {word})")
}

#[cfg(test)]
mod tests {
    use super::{Report, Scenario};

    fn report(scenario: Scenario) -> Report {
        let text = || "x".to_owned();
        Report {
            machine: text(),
            network: text(),
            seed: 1,
            again: text(),
            scenarios: vec![scenario],
        }
    }

    #[test]
    fn a_scenario_without_a_check_proves_nothing() {
        assert!(!report(Scenario::new("empty")).holds());
    }

    #[test]
    fn checks_decide_and_aims_do_not() {
        let mut scenario = Scenario::new("some");
        scenario.check("it is so", true, "seen");
        scenario.aim("p99", 2.0, 1.5, "x");
        let good = report(scenario.clone());
        assert!(good.holds() && good.markdown().contains("MISSED"), "{}", good.markdown());
        scenario.check("it is so too", false, "not seen");
        let bad = report(scenario);
        assert!(!bad.holds() && bad.markdown().contains("FAILED: it is so too: not seen"));
    }
}
