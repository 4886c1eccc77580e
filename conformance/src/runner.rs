//! Runs selected cases against servers, side by side, and collects the verdicts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinSet, LocalSet};

use crate::expectations::ExpectedVerdict;
use crate::replay::{Delivery, Options, Played};
use crate::report::{CaseReport, Evidence, Verdict};
use crate::stage::Stage;
use crate::suite::Case;
use crate::target::SMALL;
use crate::venue::{Spare, Venue};
use crate::watch::Watch;
use crate::wire::Codec;

/// A case that lets this much time pass is waiting, not working: it does not count against the jobs.
const WAITS: Duration = Duration::from_millis(50);

/// A case that lets this much time pass asserts what is there before and after: it has a thread where nothing is busy.
const PATIENT: Duration = Duration::from_secs(1);

/// Waiting cases at once, so that a server's connection limit is not what is tested.
const WAITING_MAX: usize = 160;

/// Events kept of a failure: more than a report shows, and thousands of failures are no burden.
const EVENTS_KEPT: usize = 24;

/// How to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Deliveries of each case.
    pub deliveries: Vec<Delivery>,
    /// Cases that work at the same time.
    pub jobs: usize,
    /// The longest wait for one reply.
    pub timeout: Duration,
    /// What is not played by then is not played at all.
    pub max_time: Duration,
    /// Keys and opaques are derived from it.
    pub seed: u64,
    /// Cases that empty a server may run on a shared one.
    pub allow_flush: bool,
}

/// Runs every case that fits a venue's protocol, in every delivery; `done` hears of each as it ends.
pub async fn run(
    venues: Vec<Venue>,
    cases: &[Arc<Case>],
    plan: &Plan,
    done: &dyn Fn(&CaseReport),
) -> Vec<CaseReport> {
    let run = Arc::new(Run {
        watches: venues.iter().map(|_| Watch::default()).collect(),
        begun: Instant::now(),
        venues,
        plan: plan.clone(),
        working: Semaphore::new(plan.jobs.max(1)),
        waiting: Semaphore::new(WAITING_MAX),
    });
    let (dependent, free): (Vec<_>, Vec<_>) =
        cases.iter().partition(|case| case.session.header.after.is_some());
    let mut reports: Vec<CaseReport> = Vec::new();
    for group in [free, dependent] {
        let (blocked, tasks) = run.schedule(&group, &reports);
        blocked.iter().for_each(done);
        reports.extend(blocked);
        reports.extend(side_by_side(&run, tasks, done).await);
    }
    reports.sort_by(|a, b| (&a.id, a.delivery, &a.target).cmp(&(&b.id, b.delivery, &b.target)));
    reports
}

/// One case, on one venue, in one delivery.
struct Task {
    venue: usize,
    case: Arc<Case>,
    delivery: Delivery,
}

/// Plays tasks on two threads: those that watch the clock for seconds must not wait for one that is busy with megabytes.
async fn side_by_side(
    run: &Arc<Run>,
    tasks: Vec<Task>,
    done: &dyn Fn(&CaseReport),
) -> Vec<CaseReport> {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (patient, busy): (Vec<_>, Vec<_>) =
        tasks.into_iter().partition(|task| task.case.session.waits() >= PATIENT);
    let threads = [patient, busy].map(|tasks| {
        let (run, tell) = (run.clone(), tell.clone());
        std::thread::spawn(move || play_all(&run, tasks, &tell))
    });
    drop(tell);
    let mut reports = Vec::new();
    while let Some(report) = told.recv().await {
        done(&report);
        reports.push(report);
    }
    for thread in threads {
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
    reports
}

fn play_all(run: &Arc<Run>, tasks: Vec<Task>, tell: &mpsc::UnboundedSender<CaseReport>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime needs no more than a few descriptors");
    LocalSet::new().block_on(&runtime, async {
        let mut playing = JoinSet::new();
        for task in tasks {
            let run = run.clone();
            playing
                .spawn_local(async move { run.one(task.venue, &task.case, task.delivery).await });
        }
        while let Some(joined) = playing.join_next().await {
            match joined {
                // Nobody listens any more when the run is being abandoned.
                Ok(report) => drop(tell.send(report)),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
    });
}

struct Run {
    venues: Vec<Venue>,
    /// One for each venue.
    watches: Vec<Watch>,
    begun: Instant,
    plan: Plan,
    working: Semaphore,
    waiting: Semaphore,
}

impl Run {
    /// What will run, what lasts longest first, so that waits overlap with work; and what will not, because the case that
    /// it builds on has failed.
    fn schedule(
        &self,
        cases: &[&Arc<Case>],
        earlier: &[CaseReport],
    ) -> (Vec<CaseReport>, Vec<Task>) {
        let (mut unplayed, mut tasks) = (Vec::new(), Vec::new());
        for (index, venue) in self.venues.iter().enumerate() {
            let target = venue.target();
            for case in cases.iter().filter(|case| case.protocol().server() == target.protocol()) {
                let failed = failed_before(case, &target.url, earlier);
                for delivery in self.plan.deliveries.iter().copied() {
                    if let Some(before) = failed {
                        let why = format!("{before} failed");
                        unplayed.push(self.blank(index, case, delivery, Verdict::Blocked, why));
                    } else {
                        tasks.push(Task { venue: index, case: Arc::clone(case), delivery });
                    }
                }
            }
        }
        tasks.sort_by_key(|task| std::cmp::Reverse(self.lasts(task)));
        (unplayed, tasks)
    }

    /// What a task waits for: its own pauses, and a reply that a known deviation keeps back.
    fn lasts(&self, task: &Task) -> Duration {
        let waits = task.case.session.waits();
        let known = self.venues.get(task.venue).and_then(|venue| venue.expectations.as_ref());
        let deviates =
            known.is_some_and(|file| file.about(task.case.id(), task.delivery).is_some());
        if deviates { waits + self.plan.timeout } else { waits }
    }

    async fn one(&self, venue_index: usize, case: &Arc<Case>, delivery: Delivery) -> CaseReport {
        let (Some(venue), Some(watch)) =
            (self.venues.get(venue_index), self.watches.get(venue_index))
        else {
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
        let _turn = venue.turn(case).await;
        let slots = if case.session.waits() >= WAITS { &self.waiting } else { &self.working };
        let _slot = slots.acquire().await;
        let left = self.plan.max_time.saturating_sub(self.begun.elapsed());
        let over = || format!("the run's time was over ({:?})", self.plan.max_time);
        let gone = watch.gone().map(str::to_owned);
        if let Some(why) = gone.or_else(|| left.is_zero().then(over)) {
            return self.blank(venue_index, case, delivery, Verdict::NotPlayed, why);
        }
        let begun = Instant::now();
        let played = match tokio::time::timeout(left, self.played(venue, case, delivery)).await {
            Ok(Ok(played)) => played,
            Ok(Err(problem)) => {
                return self.blank(venue_index, case, delivery, Verdict::Error, problem);
            }
            Err(_) => {
                return self.blank(venue_index, case, delivery, Verdict::NotPlayed, over());
            }
        };
        let failed = played.failure.is_some();
        let report = judged(venue, case, delivery, begun.elapsed(), played);
        watch.heed(failed, case.id(), venue.target(), self.plan.timeout).await;
        report
    }

    /// Plays one case, on a server of its own if it needs one.
    async fn played(
        &self,
        venue: &Venue,
        case: &Case,
        delivery: Delivery,
    ) -> Result<Played, String> {
        let options = Options { delivery, timeout: self.plan.timeout, seed: self.plan.seed };
        let alone = case.needs("flush") || case.needs("fresh");
        let fills = SMALL.into_iter().any(|need| case.needs(need));
        match (&venue.spare, alone) {
            (Some(spare), _) if alone || fills => {
                self.on_a_spare(spare.as_ref(), case, options).await
            }
            (_, true) => {
                let _alone = venue.alone.write().await;
                Ok(venue.stage.play(&case.session, options).await)
            }
            (_, false) => {
                let _shared = venue.alone.read().await;
                Ok(venue.stage.play(&case.session, options).await)
            }
        }
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
            title: case.session.header.title.clone(),
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
    let expected = venue.expectations.as_ref().and_then(|file| file.about(case.id(), delivery));
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
    let codec = Codec { protocol: case.protocol(), ..venue.target().codec };
    let mut transcript = played.transcript;
    transcript.shorten(EVENTS_KEPT);
    let evidence = played.failure.map(|failure| Evidence { failure, transcript, codec });
    CaseReport {
        id: case.id().to_owned(),
        title: case.session.header.title.clone(),
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

/// The case that this one builds on, if it failed on that target.
fn failed_before<'a>(case: &'a Case, target: &str, earlier: &[CaseReport]) -> Option<&'a String> {
    let failed = |id: &&String| {
        earlier.iter().any(|other| {
            &other.id == *id && other.target == target && other.verdict == Verdict::Fail
        })
    };
    case.session.header.after.as_ref().filter(failed)
}
