//! One run: a server, a crowd, victims and a plan. First the faults; then whatever can heal has healed, and all must
//! be well again.

use std::cell::RefCell;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::check::{self, Violation};
use crate::config::{Config, REAPED_WITHIN};
use crate::hazards::{self, Hazard};
use crate::host::Victim;
use crate::marks::{self, Marks};
use crate::net::{Sim, Weather};
use crate::outage::{self, Outages};
use crate::panics;
use crate::plan::{Fault, Kind as FaultKind, Plan};
use crate::record::{self, Recording};
use crate::seed::{Draw, Purpose};
use crate::server::{self, Gauges, HOST, Server};
use crate::trace::{Hash, Trace};
use crate::work::{Ledger, Setting, Who, start_crowd, start_victim};

/// What a run is made of, as plain data. Equal runs have equal outcomes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Run {
    /// Who serves.
    pub server: Server,
    /// How large it all is.
    pub config: Config,
    /// What goes wrong.
    pub plan: Plan,
    /// The seed of the workload and the network.
    pub seed: u64,
    /// Whether it is run twice, and both must be the same to the byte.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub twice: bool,
}

/// The virtual time of a run, for whoever wonders from outside whether it still moves.
#[derive(Debug, Default)]
pub struct Clock(AtomicU64);

impl Clock {
    /// How much virtual time had passed at the last step.
    pub fn now(&self) -> Duration {
        Duration::from_micros(self.0.load(Relaxed))
    }

    fn set(&self, now: Duration) {
        self.0.store(u64::try_from(now.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }
}

/// What became of a run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Outcome {
    /// What did not hold, the worst first; at most one of a kind.
    pub violations: Vec<Violation>,
    /// Faults that changed nothing.
    pub inert: Vec<Fault>,
    /// Hash of every byte at the server and every note, with their times.
    pub hash: u64,
    /// Virtual time that passed.
    pub lasted: Duration,
    /// The longest operation of a healthy client that ended.
    pub worst: Duration,
    /// Operations of healthy clients.
    pub operations: u64,
    /// Marks of the server that were reached.
    #[serde(default)]
    pub marks: Marks,
    /// Faults and checks, with their times.
    #[serde(skip)]
    pub trace: Trace,
}

impl Outcome {
    /// One word: `ok`, `inert`, or the worst violation's kind.
    pub fn word(&self) -> &'static str {
        match (self.violations.first(), self.inert.is_empty()) {
            (Some(worst), _) => worst.kind.name(),
            (None, false) => "inert",
            (None, true) => "ok",
        }
    }

    /// A run that came to no end of its own.
    pub fn cut_off(kind: check::Kind, text: String) -> Self {
        Self {
            violations: vec![Violation { kind, text }],
            inert: Vec::new(),
            hash: 0,
            lasted: Duration::ZERO,
            worst: Duration::ZERO,
            operations: 0,
            marks: Marks::default(),
            trace: Trace::default(),
        }
    }
}

impl Run {
    /// Runs it, and notes what happens.
    pub fn recorded(&self, clock: &Clock) -> (Outcome, Recording) {
        let (first, recording) = record::while_in(&self.config, || self.once(clock));
        (self.compared(first, clock), recording)
    }

    /// Runs it; a panic inside is a violation.
    pub fn outcome(&self) -> Outcome {
        self.watched(&Clock::default())
    }

    /// Runs it, and shows the virtual time to other threads.
    pub fn watched(&self, clock: &Clock) -> Outcome {
        let first = self.once(clock);
        self.compared(first, clock)
    }

    /// Holds what it came to against another run of the same, if that is asked for.
    fn compared(&self, mut first: Outcome, clock: &Clock) -> Outcome {
        if self.twice {
            let (one, other) = (first.hash, self.once(clock).hash);
            if one != other {
                let text = format!("two runs of one seed: {one:016x} and {other:016x}");
                first.violations.push(Violation { kind: check::Kind::Differs, text });
            }
        }
        first
    }

    fn once(&self, clock: &Clock) -> Outcome {
        let (mut outcome, marks) = marks::while_in(|| self.caught(clock));
        outcome.marks = marks;
        outcome
    }

    fn caught(&self, clock: &Clock) -> Outcome {
        let (played, panic) =
            panics::first_in(|| catch_unwind(AssertUnwindSafe(|| Stage::new(self).play(clock))));
        played.unwrap_or_else(|_| {
            let text = panic.unwrap_or_else(|| "something panicked".to_owned());
            Outcome::cut_off(check::Kind::Panicked, text)
        })
    }
}

/// Virtual time between two looks at whether a run is over.
const LOOKS_EVERY: Duration = Duration::from_millis(100);

/// A run on its way.
struct Stage<'a> {
    plan: &'a Plan,
    sim: Sim,
    setting: Setting,
    gauges: Gauges,
    victims: Vec<Victim>,
    trace: Trace,
}

impl<'a> Stage<'a> {
    fn new(run: &'a Run) -> Self {
        let mut sim = simulation(&run.config, run.seed);
        let gauges = server::start(&mut sim, run.server, &run.config);
        let scripted = run.config.hazard.map_or(0, Hazard::actors);
        // Without a plan there is a victim all the same, to which nothing happens.
        let victims = run.plan.victims().max(scripted).max(1);
        let healed_at = run.plan.healed_at() + run.config.work_after() + recovery(&run.plan);
        let mut ledger = Ledger::default();
        ledger.victims = victims;
        let setting = Setting {
            config: Rc::new(run.config.clone()),
            seed: run.seed,
            who: String::new(),
            until: run.config.hazard.map_or(healed_at, |_| hazards::END),
            ledger: Rc::new(RefCell::new(ledger)),
            filled: watch::channel(false).0,
            outages: Outages::of(&run.plan),
        };
        start_crowd(&mut sim, &setting);
        let victims = (0..victims).map(|index| start_victim(&mut sim, &setting, index)).collect();
        Self { plan: &run.plan, sim, setting, gauges, victims, trace: Trace::default() }
    }

    fn play(mut self, clock: &Clock) -> Outcome {
        let mut changes = changes(self.plan).into_iter().peekable();
        let end = self.setting.until + REAPED_WITHIN;
        while self.sim.elapsed() < end && !self.is_quiet() {
            let now = self.sim.elapsed();
            while let Some(change) = changes.next_if(|change| change.at <= now) {
                self.make(&change);
            }
            clock.set(now);
            let next = changes.peek().map_or(end, |change| change.at);
            if let Err(error) = self.sim.run_to(next.min(now + LOOKS_EVERY)) {
                return Outcome::cut_off(check::Kind::Panicked, error.to_string());
            }
        }
        self.judge()
    }

    /// All work is done, and nothing is left to be given up.
    fn is_quiet(&self) -> bool {
        self.sim.elapsed() > self.setting.until
            && self.setting.ledger.borrow().done == self.setting.config.healthy
            && self.gauges.connections() == 0
    }

    fn make(&mut self, change: &Change) {
        let Change { fault, begins, .. } = change;
        let (name, words) = (fault.who(), fault.kind.words());
        let over = if *begins { "" } else { "over: " };
        self.trace.note_at(self.sim.elapsed(), &format!("{over}{name}: {words}"));
        if fault.kind.is_the_servers() {
            self.make_of_the_server(fault.kind, *begins);
            return;
        }
        let Some(victim) = self.victims.get(fault.victim) else { return };
        if *begins {
            if fault.until().is_none() {
                self.setting.ledger.borrow_mut().locks.lose(Who::Victim(fault.victim));
            }
            victim.strike(&mut self.sim, HOST, fault);
        } else {
            victim.heal(&mut self.sim, HOST, fault.kind);
        }
    }

    fn make_of_the_server(&mut self, kind: FaultKind, begins: bool) {
        if !begins {
            outage::heal(&mut self.sim, &self.gauges, kind);
            return;
        }
        if kind.restarts_the_server() {
            self.gauges.begin_anew();
        }
        outage::strike(&mut self.sim, &self.gauges, kind);
        if kind == FaultKind::ServerStops {
            self.setting.ledger.borrow_mut().stop();
        }
        if kind.restarts_the_server() {
            self.setting.ledger.borrow_mut().begin_anew(self.sim.elapsed());
            self.setting.filled.send_replace(false);
        }
    }

    fn judge(mut self) -> Outcome {
        let now = self.sim.elapsed();
        record::over(now);
        let ledger = self.setting.ledger.borrow();
        let seen = check::Seen {
            connections: self.gauges.connections(),
            under_lock: self.gauges.meter.under_lock(),
            stopped: self.gauges.stopped.get(),
            hoarded: self.gauges.meter.hoarded(),
            changes: self.gauges.changes(),
        };
        let config = &self.setting.config;
        let times = (self.setting.until, now);
        let violations = check::violations(&ledger, config, self.plan, &seen, times);
        let address = |victim: usize| -> IpAddr { self.sim.address(&format!("victim-{victim}")) };
        let inert = check::inert(
            self.plan,
            &self.setting.config,
            &self.gauges.meter,
            &ledger,
            address,
            now,
        );
        for violation in &violations {
            self.trace.note_at(now, &violation.to_string());
        }
        let mut hash = Hash::default();
        hash.number(self.gauges.meter.hash());
        hash.bytes(self.trace.text().as_bytes());
        hash.number(ledger.operations);
        Outcome {
            violations,
            inert,
            hash: hash.finish(),
            lasted: now,
            worst: ledger.worst,
            operations: ledger.operations,
            marks: Marks::default(),
            trace: self.trace,
        }
    }
}

/// Where the server loses what it knows, its clients need time to find out, and to store again what victims ask for.
fn recovery(plan: &Plan) -> Duration {
    let restarts = plan.faults.iter().any(|fault| fault.kind.restarts_the_server());
    if restarts { outage::PATIENCE } else { Duration::ZERO }
}

/// A fault begins or is over.
#[derive(Clone, Copy, Debug)]
struct Change {
    at: Duration,
    begins: bool,
    fault: Fault,
}

fn changes(plan: &Plan) -> Vec<Change> {
    let begin = |fault: &Fault| Change { at: fault.at(), begins: true, fault: *fault };
    let over = |fault: &Fault| fault.until().map(|at| Change { at, begins: false, fault: *fault });
    let mut changes: Vec<Change> = plan.faults.iter().map(begin).collect();
    changes.extend(plan.faults.iter().filter_map(over));
    changes.sort_by_key(|change| change.at);
    changes
}

fn simulation(config: &Config, seed: u64) -> Sim {
    Sim::new(Weather {
        seed: Draw::new(seed, Purpose::Net).number(),
        tick: Duration::from_millis(config.tick_ms),
        latency_ms: config.latency_min_ms..=config.latency_max_ms,
    })
}
