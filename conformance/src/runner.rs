//! Runs selected cases against servers, side by side, and collects the verdicts.

use std::any::Any;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{RwLock, Semaphore};
use tokio::task::{JoinSet, LocalSet};

use crate::expectations::{Expectations, ExpectedVerdict};
use crate::probe::{Profile, probe};
use crate::replay::{Delivery, Options, Played};
use crate::report::{CaseReport, Evidence, Verdict};
use crate::session::{Session, Step};
use crate::stage::{Stage, StageError};
use crate::suite::Case;
use crate::target::Target;

/// A case that lets this much time pass is waiting, not working: it does not count against the jobs.
const WAITS: Duration = Duration::from_millis(50);

/// Waiting cases at once, so that a server's connection limit is not what is tested.
const WAITING_MAX: usize = 160;

/// How to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Deliveries of each case.
    pub deliveries: Vec<Delivery>,
    /// Cases that work at the same time.
    pub jobs: usize,
    /// The longest wait for one reply.
    pub timeout: Duration,
    /// Keys and opaques are derived from it.
    pub seed: u64,
    /// Cases that empty a server may run on a shared one.
    pub allow_flush: bool,
}

/// A started server, and what keeps it alive.
pub type Started = (Target, Box<dyn Any>);

/// Starts another server like the one under test, for cases that need one to themselves.
pub trait Spare {
    /// The new server; it stops when the second part is dropped.
    fn start(&self) -> Pin<Box<dyn Future<Output = std::io::Result<Started>> + '_>>;
}

/// One server under test, greeted and probed.
pub struct Venue {
    stage: Stage,
    /// What it is and can do.
    pub profile: Profile,
    /// Its known deviations.
    pub expectations: Option<Expectations>,
    spare: Option<Rc<dyn Spare>>,
    /// Cases that need the server to themselves hold this for writing.
    alone: RwLock<()>,
}

impl std::fmt::Debug for Venue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Venue")
            .field("stage", &self.stage)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

impl Venue {
    /// Greets and probes a server.
    ///
    /// # Errors
    ///
    /// It is down, silent, or speaks something else.
    pub async fn new(target: Target, timeout: Duration) -> Result<Self, StageError> {
        let stage = Stage::new(target, timeout).await?;
        let profile = probe(&stage, timeout).await;
        Ok(Self { stage, profile, expectations: None, spare: None, alone: RwLock::new(()) })
    }

    /// Cases that need a server to themselves get one from `spare`.
    #[must_use]
    pub fn with_spare(mut self, spare: Rc<dyn Spare>) -> Self {
        self.spare = Some(spare);
        self
    }

    /// The server under test.
    pub const fn target(&self) -> &Target {
        self.stage.target()
    }

    /// Why this server cannot be asked that case, if it cannot.
    pub fn lacks(&self, case: &Case, allow_flush: bool) -> Option<String> {
        self.profile.lacks(case, &self.stage, self.spare.is_some(), allow_flush)
    }
}

/// Runs every case that fits a venue's protocol, in every delivery; `done` hears of each as it ends.
pub async fn run(
    venues: Vec<Venue>,
    cases: &[Arc<Case>],
    plan: &Plan,
    done: &dyn Fn(&CaseReport),
) -> Vec<CaseReport> {
    let run = Rc::new(Run {
        venues,
        plan: plan.clone(),
        working: Semaphore::new(plan.jobs.max(1)),
        waiting: Semaphore::new(WAITING_MAX),
    });
    let mut reports = LocalSet::new().run_until(run_all(run, cases, done)).await;
    reports.sort_by(|a, b| (&a.id, a.delivery, &a.target).cmp(&(&b.id, b.delivery, &b.target)));
    reports
}

/// Cases first, then those that come after one of them.
async fn run_all(run: Rc<Run>, cases: &[Arc<Case>], done: &dyn Fn(&CaseReport)) -> Vec<CaseReport> {
    let (dependent, free): (Vec<_>, Vec<_>) =
        cases.iter().partition(|case| case.session.header.after.is_some());
    let mut reports: Vec<CaseReport> = Vec::new();
    for group in [free, dependent] {
        let mut tasks = JoinSet::new();
        for (venue, case, delivery) in run.schedule(&group) {
            let target = &run.venues[venue].target().url;
            let blocker = case.session.header.after.as_ref().filter(|after| {
                reports.iter().any(|other| {
                    &other.id == *after && &other.target == target && other.verdict == Verdict::Fail
                })
            });
            if let Some(blocker) = blocker {
                let report = run.blank(
                    venue,
                    &case,
                    delivery,
                    Verdict::Blocked,
                    format!("{blocker} failed"),
                );
                done(&report);
                reports.push(report);
                continue;
            }
            let run = run.clone();
            tasks.spawn_local(async move { run.one(venue, &case, delivery).await });
        }
        while let Some(joined) = tasks.join_next().await {
            match joined {
                Ok(report) => {
                    done(&report);
                    reports.push(report);
                }
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
    }
    reports
}

struct Run {
    venues: Vec<Venue>,
    plan: Plan,
    working: Semaphore,
    waiting: Semaphore,
}

impl Run {
    /// Everything that will run, what waits longest first, so that waits overlap with work.
    fn schedule(&self, cases: &[&Arc<Case>]) -> Vec<(usize, Arc<Case>, Delivery)> {
        let mut all = Vec::new();
        for (index, venue) in self.venues.iter().enumerate() {
            for case in cases.iter().filter(|case| case.protocol() == venue.target().protocol()) {
                all.extend(
                    self.plan
                        .deliveries
                        .iter()
                        .map(|delivery| (index, Arc::clone(case), *delivery)),
                );
            }
        }
        all.sort_by_key(|(_, case, _)| std::cmp::Reverse(waits(&case.session)));
        all
    }

    async fn one(&self, venue_index: usize, case: &Arc<Case>, delivery: Delivery) -> CaseReport {
        let Some(venue) = self.venues.get(venue_index) else {
            return self.blank(
                venue_index,
                case,
                delivery,
                Verdict::Error,
                "no such server".to_owned(),
            );
        };
        if let Some(lacking) = venue.lacks(case, self.plan.allow_flush) {
            return self.blank(venue_index, case, delivery, Verdict::Unsupported, lacking);
        }
        let slots = if waits(&case.session) >= WAITS { &self.waiting } else { &self.working };
        let _slot = slots.acquire().await;
        let options = Options { delivery, timeout: self.plan.timeout, seed: self.plan.seed };
        let alone = case.needs("flush") || case.needs("fresh");
        let begun = Instant::now();
        let played = match (&venue.spare, alone) {
            (Some(spare), true) => match self.on_a_spare(spare.as_ref(), case, options).await {
                Ok(played) => played,
                Err(problem) => {
                    return self.blank(venue_index, case, delivery, Verdict::Error, problem);
                }
            },
            (None, true) => {
                let _alone = venue.alone.write().await;
                venue.stage.play(&case.session, options).await
            }
            (_, false) => {
                let _shared = venue.alone.read().await;
                venue.stage.play(&case.session, options).await
            }
        };
        judged(venue, case, delivery, begun.elapsed(), played)
    }

    async fn on_a_spare(
        &self,
        spare: &dyn Spare,
        case: &Case,
        options: Options,
    ) -> Result<Played, String> {
        let (target, _running) =
            spare.start().await.map_err(|error| format!("no server of its own: {error}"))?;
        let stage =
            Stage::new(target, self.plan.timeout).await.map_err(|error| error.to_string())?;
        Ok(stage.play(&case.session, options).await)
    }

    fn blank(
        &self,
        venue: usize,
        case: &Case,
        delivery: Delivery,
        verdict: Verdict,
        detail: String,
    ) -> CaseReport {
        let target =
            self.venues.get(venue).map(|venue| venue.target().url.clone()).unwrap_or_default();
        CaseReport {
            id: case.id().to_owned(),
            protocol: case.protocol(),
            level: case.level(),
            spec: case.session.header.spec.clone(),
            delivery,
            verdict,
            millis: 0,
            detail: Some(detail),
            target,
            evidence: None,
        }
    }
}

/// The verdict, with what is expected of this server in mind.
fn judged(
    venue: &Venue,
    case: &Case,
    delivery: Delivery,
    took: Duration,
    played: Played,
) -> CaseReport {
    let expected = venue.expectations.as_ref().and_then(|file| file.about(case, delivery));
    let problem = played.failure.as_ref().map(|failure| failure.problem.clone());
    let (verdict, detail) = match (problem, expected) {
        (Some(_), Some(line)) => (Verdict::ExpectedFail, Some(line.reason.clone())),
        (None, Some(line)) if line.verdict == ExpectedVerdict::Fail => {
            (Verdict::UnexpectedPass, Some(format!("it was expected to fail: {}", line.reason)))
        }
        (Some(problem), None) => (Verdict::Fail, Some(problem)),
        (None, _) if played.lenient.is_empty() => (Verdict::Pass, None),
        (None, _) => (
            Verdict::Pass,
            Some(format!("by an accepted alternative: {}", played.lenient.join("; "))),
        ),
    };
    let evidence =
        played.failure.map(|failure| Evidence { failure, transcript: played.transcript });
    CaseReport {
        id: case.id().to_owned(),
        protocol: case.protocol(),
        level: case.level(),
        spec: case.session.header.spec.clone(),
        delivery,
        verdict,
        millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        detail,
        target: venue.target().url.clone(),
        evidence,
    }
}

/// How much time a session lets pass on purpose.
pub(crate) fn waits(session: &Session) -> Duration {
    let mut waits: BTreeMap<&str, Duration> = BTreeMap::new();
    let mut total = Duration::ZERO;
    for step in session.steps() {
        match step {
            Step::Advance(time) | Step::Quiet { for_: Some(time), .. } => total += *time,
            Step::Expect(expect) => {
                // A generous bound is where a deadline of the server is waited for.
                let bound = expect.within.filter(|bound| *bound > Duration::from_secs(5));
                waits.extend(bound.map(|bound| (expect.conn.as_str(), bound)));
            }
            _ => {}
        }
    }
    total + waits.into_values().sum::<Duration>()
}
