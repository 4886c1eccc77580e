//! What `lockproof sim` prints, for people and for programs.

use std::fmt::Write;
use std::ops::Range;
use std::process::ExitCode;
use std::time::Duration;

use lockproof_sim::known_bad::KnownBad;
use lockproof_sim::run::{Outcome, Run};
use lockproof_sim::scenario::Scenario;
use lockproof_sim::server::Server;
use lockproof_sim::shrink::shrink;
use lockproof_sim::sweep::Sweep;
use serde_json::{Value, json};

use super::Subject;
use super::arguments::SimFormat;

/// Failing seeds that are shown in full; of the others the numbers.
const SHOWN: usize = 3;

/// Above this part of wasted seeds, the rest proves too little.
const WASTED_PERCENT_MAX: u64 = 20;

/// Exit code of a run that proves too little.
pub(super) const INCONCLUSIVE: u8 = 4;

/// All that was run.
pub(super) struct Report {
    pub(super) server: Server,
    pub(super) seeds: Range<u64>,
    pub(super) swept: Vec<Swept>,
    pub(super) took: Duration,
}

/// All seeds of one subject.
pub(super) struct Swept {
    name: String,
    found: Sweep,
    failures: Vec<Failure>,
}

/// A failing seed, with the smallest plan that still fails.
struct Failure {
    seed: u64,
    run: Run,
    outcome: Outcome,
    planned: usize,
    tries: usize,
}

impl Swept {
    pub(super) fn of(subject: Subject, server: Server, found: Sweep) -> Self {
        let shown = found.failed.keys().take(SHOWN);
        let failures = shown.map(|seed| Failure::of(&subject.with(server, *seed))).collect();
        Self { name: subject.name(), found, failures }
    }
}

impl Failure {
    fn of(run: &Run) -> Self {
        let shrunk = shrink(run);
        let outcome = shrunk.run.outcome();
        let planned = run.plan.faults.len();
        Self { seed: run.seed, outcome, run: shrunk.run, planned, tries: shrunk.tries }
    }
}

impl Report {
    pub(super) fn runs(&self) -> u64 {
        self.swept.iter().map(|swept| swept.found.seeds()).sum()
    }

    fn failed(&self) -> usize {
        self.swept.iter().map(|swept| swept.found.failed.len()).sum()
    }

    fn wasted(&self) -> u64 {
        self.swept.iter().map(|swept| swept.found.wasted).sum()
    }

    fn outcome(&self) -> &'static str {
        if self.failed() > 0 {
            "violated"
        } else if self.wasted() * 100 > self.runs() * WASTED_PERCENT_MAX {
            "inconclusive"
        } else {
            "holds"
        }
    }

    pub(super) fn code(&self) -> ExitCode {
        match self.outcome() {
            "holds" => ExitCode::SUCCESS,
            "violated" => ExitCode::FAILURE,
            _ => ExitCode::from(INCONCLUSIVE),
        }
    }

    pub(super) fn text(&self, format: SimFormat) -> String {
        match format {
            SimFormat::Human => self.human(),
            SimFormat::Json => format!("{:#}", self.json()),
        }
    }

    fn human(&self) -> String {
        let mut text = String::new();
        let Range { start, end } = self.seeds;
        let _ = writeln!(text, "lockproof sim  server {}  seeds {start}..{end}", self.server);
        let width = self.swept.iter().map(|swept| swept.name.len()).max().unwrap_or_default();
        for Swept { name, found, .. } in &self.swept {
            let _ = write!(text, "  {name:<width$}  {:>5} ok", found.ok);
            if found.wasted > 0 {
                let _ = write!(text, "  {:>5} wasted", found.wasted);
            }
            if !found.failed.is_empty() {
                let _ = write!(text, "  {:>5} failed", found.failed.len());
            }
            text.push('\n');
        }
        for swept in &self.swept {
            swept.failures.iter().for_each(|failure| self.show(&mut text, &swept.name, failure));
            swept.name_the_rest(&mut text);
        }
        let (runs, seconds) = (self.runs(), self.took.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a rate, shown without digits")]
        let rate = runs as f64 / seconds.max(0.001);
        let outcome = self.outcome();
        let _ = writeln!(text, "{outcome}: {runs} runs in {seconds:.1} s, {rate:.0} a second");
        text
    }

    fn show(&self, text: &mut String, name: &str, failure: &Failure) {
        let Failure { seed, run, outcome, planned, tries } = failure;
        let _ = writeln!(text, "\nFAIL  {name}  seed {seed}");
        show_violations(text, outcome);
        let left = run.plan.faults.len();
        if left < *planned {
            let _ = writeln!(text, "  plan, {left} of {planned} faults ({tries} runs):");
        } else {
            let _ = writeln!(text, "  plan:");
        }
        show_plan(text, run);
        let _ = writeln!(text, "  hash 0x{:016x}", outcome.hash);
        let _ = writeln!(text, "  again:  {}\n", self.again(name, *seed));
    }

    fn again(&self, name: &str, seed: u64) -> String {
        format!("lockproof sim {name} --seed {seed} --server {}", self.server)
    }

    fn json(&self) -> Value {
        let scenarios: Vec<Value> = self.swept.iter().map(|swept| self.json_of(swept)).collect();
        json!({
            "schema": "lockproof.sim/1",
            "outcome": self.outcome(),
            "server": self.server.to_string(),
            "seeds": { "from": self.seeds.start, "to": self.seeds.end },
            "scenarios": scenarios,
            "millis": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn json_of(&self, swept: &Swept) -> Value {
        let failures: Vec<Value> = swept
            .failures
            .iter()
            .map(|failure| {
                json!({
                    "seed": failure.seed,
                    "violations": failure.outcome.violations,
                    "run": failure.run,
                    "planned": failure.planned,
                    "hash": format!("0x{:016x}", failure.outcome.hash),
                    "again": self.again(&swept.name, failure.seed),
                })
            })
            .collect();
        json!({
            "name": swept.name,
            "ok": swept.found.ok,
            "wasted": swept.found.wasted,
            "hash": format!("0x{:016x}", swept.found.hash),
            "failed": swept.found.failed.keys().collect::<Vec<_>>(),
            "failures": failures,
        })
    }
}

fn show_violations(text: &mut String, outcome: &Outcome) {
    for violation in &outcome.violations {
        let _ = writeln!(text, "  {violation}");
    }
    for fault in &outcome.inert {
        let _ = writeln!(text, "  inert: {}", fault.to_string().trim_start());
    }
}

fn show_plan(text: &mut String, run: &Run) {
    for line in run.plan.to_string().lines() {
        let _ = writeln!(text, "    {line}");
    }
}

/// One run from a file.
pub(super) fn replayed(run: &Run, outcome: &Outcome, format: SimFormat) -> String {
    let (hash, word) = (format!("0x{:016x}", outcome.hash), outcome.word());
    if format == SimFormat::Json {
        let violations = &outcome.violations;
        let document = json!({
            "schema": "lockproof.sim-replay/1",
            "word": word,
            "violations": violations,
            "inert": outcome.inert,
            "hash": hash,
            "run": run,
        });
        return format!("{document:#}");
    }
    let mut text = format!("lockproof sim  server {}  seed {}\n  plan:\n", run.server, run.seed);
    show_plan(&mut text, run);
    show_violations(&mut text, outcome);
    let _ = writeln!(text, "  hash {hash}\n{word}");
    text
}

impl Swept {
    fn name_the_rest(&self, text: &mut String) {
        let rest: Vec<String> =
            self.found.failed.keys().skip(SHOWN).map(ToString::to_string).collect();
        if !rest.is_empty() {
            let _ =
                writeln!(text, "  {} failed with these seeds too: {}", self.name, rest.join(" "));
        }
    }
}

/// The scenarios and the flawed servers.
pub(super) fn list(format: SimFormat) -> String {
    match format {
        SimFormat::Human => human_list(),
        SimFormat::Json => format!("{:#}", json_list()),
    }
}

fn human_list() -> String {
    let mut text = String::from("scenarios:\n");
    let width = Scenario::all().map(|scenario| scenario.name().len()).max().unwrap_or_default();
    for scenario in Scenario::all() {
        let _ = writeln!(text, "  {:<width$}  {}", scenario.name(), scenario.about());
    }
    let _ = writeln!(text, "  {:<width$}  a random plan from every seed", super::SWARM);
    text.push_str("servers:\n  reference  the one that users run\n");
    for flaw in KnownBad::every() {
        let _ = writeln!(text, "  {:<9}  {}", flaw.name(), flaw.about());
    }
    text
}

fn json_list() -> Value {
    let scenario = |scenario: Scenario| {
        let catches: Vec<_> = scenario.catches().iter().map(|flaw| flaw.name()).collect();
        json!({ "name": scenario.name(), "about": scenario.about(), "catches": catches })
    };
    let scenarios: Vec<Value> = Scenario::all().map(scenario).collect();
    let flaw = |flaw: KnownBad| json!({ "name": flaw.name(), "about": flaw.about() });
    let flaws: Vec<Value> = KnownBad::every().map(flaw).collect();
    json!({ "schema": "lockproof.scenarios/1", "scenarios": scenarios, "known_bad": flaws })
}
