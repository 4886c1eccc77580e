//! What `check` and `replay` share: greet the servers, run the cases, print the report.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lockproof_conformance::expectations::Expectations;
use lockproof_conformance::replay::Delivery;
use lockproof_conformance::report::Report;
use lockproof_conformance::runner::{Plan, run};
use lockproof_conformance::stage::StageError;
use lockproof_conformance::suite::Case;
use lockproof_conformance::target::{Target, TargetError};
use lockproof_conformance::venue::Venue;

use crate::arguments::{DeliveryChoice, Run};
use crate::embedded::House;
use crate::exit::{Done, Problem};
use crate::output::{self, Output};
use crate::progress::Progress;

/// Everything a run needs that is not a server.
pub(crate) struct Play<'a> {
    pub(crate) cases: Vec<Arc<Case>>,
    pub(crate) run: &'a Run,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) jobs: u16,
    pub(crate) strict: bool,
    pub(crate) allow_flush: bool,
    /// Where the sessions of failing cases go.
    pub(crate) save: Option<PathBuf>,
    pub(crate) expectations: ExpectationsChoice,
    pub(crate) file: Option<String>,
    /// What the commands for single cases need besides: see [`Report::options`].
    pub(crate) options: Vec<String>,
}

/// Which known deviations count.
pub(crate) enum ExpectationsChoice {
    Bundled,
    None,
    File(Expectations),
}

/// Reads target URLs: exit code 2 if one is malformed, 3 if its host is nowhere.
pub(crate) fn targets(urls: &[String]) -> Result<Vec<Target>, Problem> {
    let problem = |error: TargetError| {
        if error.unreachable { Problem::unreachable(error) } else { Problem::usage(error) }
    };
    urls.iter().map(|url| Target::parse(url).map_err(problem)).collect()
}

pub(crate) fn deliveries(choice: DeliveryChoice) -> Vec<Delivery> {
    match choice {
        DeliveryChoice::Whole => vec![Delivery::Whole],
        DeliveryChoice::Bytes => vec![Delivery::Bytes],
        DeliveryChoice::Fields => vec![Delivery::Fields],
        DeliveryChoice::Coalesced => vec![Delivery::Coalesced],
        DeliveryChoice::All => Delivery::ALL.to_vec(),
    }
}

impl Play<'_> {
    /// Runs the cases against `targets`, or against the embedded server if there are none.
    pub(crate) fn against(self, targets: Vec<Target>) -> Done {
        self.run.outputs.iter().try_for_each(Output::prepare)?;
        let report = self.judge(targets)?;
        self.tell(&report)
    }

    /// What the run came to.
    pub(crate) fn judge(&self, targets: Vec<Target>) -> Result<Report, Problem> {
        let house =
            if targets.is_empty() { Some(House::new().map_err(Problem::harness)?) } else { None };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(Problem::harness)?.block_on(self.report(targets, house.as_ref()))
    }

    /// Prints it, and writes it wherever else it is wanted.
    pub(crate) fn tell(&self, report: &Report) -> Done {
        self.save_failures(report)?;
        output::print(&report.written(self.run.format))?;
        self.run.outputs.iter().try_for_each(|output| output.write(report))?;
        Ok(ExitCode::from(report.outcome().exit_code()))
    }

    async fn report(&self, targets: Vec<Target>, house: Option<&House>) -> Result<Report, Problem> {
        let (moment, begun) = (SystemTime::now(), Instant::now());
        let venues = self.venues(targets, house).await?;
        let names: Vec<String> = venues.iter().map(|venue| venue.target().url.clone()).collect();
        let implementations: Vec<String> =
            venues.iter().map(|venue| venue.profile.implementation.clone()).collect();
        let speaks = venues.iter().flat_map(|venue| venue.profile.speaks.iter().copied()).collect();
        let unused = Self::unused(&venues)?;
        let plan = Plan {
            deliveries: self.deliveries.clone(),
            jobs: usize::from(self.jobs),
            timeout: self.run.timeout,
            max_time: self.run.max_time,
            seed: self.run.seed.unwrap_or_else(fresh_seed),
            allow_flush: self.allow_flush,
        };
        let fits = |case: &Arc<Case>| {
            venues
                .iter()
                .filter(|venue| venue.target().protocol() == case.protocol().server())
                .count()
        };
        let total: usize = self.cases.iter().map(fits).sum::<usize>() * self.deliveries.len();
        if total == 0 {
            return Err(Problem::usage("none of the selected cases is of a target's protocol"));
        }
        let progress = Progress::new(total);
        let cases = run(venues, &self.cases, &plan, &|case| progress.tell(case)).await;
        progress.finish();
        Ok(Report {
            target: if house.is_some() { "embedded".to_owned() } else { names.join(" ") },
            implementation: match house {
                Some(_) => format!("lockproof reference server {}", env!("CARGO_PKG_VERSION")),
                None => implementations.join(", "),
            },
            speaks,
            seed: plan.seed,
            strict: self.strict,
            began: moment,
            millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            cases,
            file: self.file.clone(),
            options: self.options.clone(),
            unused_expectations: unused,
        })
    }

    /// A failing case's session stands alone: `lockproof replay` plays it, and it can be edited.
    fn save_failures(&self, report: &Report) -> Result<(), Problem> {
        let Some(directory) = &self.save else { return Ok(()) };
        let unsaved = |error| Problem::usage(format!("--save {}: {error}", directory.display()));
        std::fs::create_dir_all(directory).map_err(unsaved)?;
        let failed = |case: &&Arc<Case>| {
            report.cases.iter().any(|line| line.id == case.id() && line.evidence.is_some())
        };
        for case in self.cases.iter().filter(failed) {
            let file = directory.join(format!("{}.session", case.id().replace('/', "-")));
            std::fs::write(&file, case.session.to_string()).map_err(unsaved)?;
            anstream::eprintln!("saved {}", file.display());
        }
        Ok(())
    }

    /// Greets only the servers whose protocol is asked for.
    async fn venues(
        &self,
        targets: Vec<Target>,
        house: Option<&House>,
    ) -> Result<Vec<Venue>, Problem> {
        let wanted = |target: &Target| {
            self.cases.iter().any(|case| case.protocol().server() == target.protocol())
        };
        let targets = house.map_or(targets, House::targets);
        let mut venues = Vec::new();
        for target in targets.into_iter().filter(wanted) {
            let protocol = target.protocol();
            let greeting = Venue::new(target, self.greeting_timeout());
            let mut venue = greeting.await.map_err(|error| explained(&error))?;
            if let Some(house) = house {
                venue = venue.with_spare(house.spare(protocol));
            }
            venue.expectations = self.expectations_for(&venue)?;
            venues.push(venue);
        }
        Ok(venues)
    }

    fn greeting_timeout(&self) -> Duration {
        self.run.timeout
    }

    fn expectations_for(&self, venue: &Venue) -> Result<Option<Expectations>, Problem> {
        Ok(match &self.expectations {
            ExpectationsChoice::None => None,
            ExpectationsChoice::File(file) => Some(file.clone()),
            ExpectationsChoice::Bundled => Expectations::bundled()
                .map_err(Problem::harness)?
                .into_iter()
                .find(|file| file.is_about(&venue.profile)),
        })
    }

    /// Each line once, also where one file is about several servers.
    fn unused(venues: &[Venue]) -> Result<Vec<String>, Problem> {
        let all = lockproof_conformance::suite::all().map_err(Problem::harness)?;
        let files = venues.iter().filter_map(|venue| venue.expectations.as_ref());
        let lines = files.flat_map(|file| {
            let unused = file.unused(&all).into_iter();
            unused.map(|line| format!("{}:{}: `{}`", file.name, line.line, line.case))
        });
        Ok(lines.collect::<BTreeSet<_>>().into_iter().collect())
    }
}

/// What to do about a server that does not answer.
fn explained(error: &StageError) -> Problem {
    let hint = match error {
        StageError::Unreachable(..) => "is the server running, and is the port right?",
        StageError::Mute(..) => "is it the right port, and does the server speak this protocol?",
    };
    Problem::unreachable(format!("{error}\n  {hint}"))
}

/// Small enough to be read aloud.
fn fresh_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (u64::from(now.subsec_nanos()) ^ now.as_secs().wrapping_mul(0x9e37_79b9)) & 0xffff_ffff
}
