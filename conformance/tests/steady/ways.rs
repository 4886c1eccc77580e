//! The same cases in different company: a verdict that depends on it is no verdict. For a test in small and for the
//! example `steady` in full.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use lockproof_conformance::expectations::Expectations;
use lockproof_conformance::replay::Delivery;
use lockproof_conformance::report::Verdict;
use lockproof_conformance::runner::{Plan, run};
use lockproof_conformance::suite::Case;
use lockproof_conformance::target::Target;
use lockproof_conformance::venue::Venue;
use lockproof_reference_server::{ConnectionConfig, Embedded, EmbeddedConfig};

/// In which company a case is played.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// One case at a time.
    Alone,
    /// One at a time and each twice in a row; the second time counts.
    Again,
    /// One at a time, the last one first.
    Reversed,
    /// So many at once.
    Together(usize),
}

/// What all ways have in common.
#[derive(Clone)]
pub(crate) struct Trip {
    pub(crate) targets: Vec<Target>,
    pub(crate) cases: Vec<Arc<Case>>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) timeout: Duration,
    pub(crate) seed: u64,
}

/// What became of each case in each delivery.
pub(crate) type Verdicts = BTreeMap<(String, Delivery), Verdict>;

impl Trip {
    /// The verdicts in that company.
    ///
    /// # Errors
    ///
    /// A server does not answer a greeting.
    pub(crate) async fn verdicts(&self, way: Way) -> Result<Verdicts, String> {
        let cases = &self.cases;
        match way {
            Way::Together(jobs) => self.play(&self.targets, cases, &self.deliveries, jobs).await,
            Way::Alone => self.one_by_one(cases.iter(), 1).await,
            Way::Again => self.one_by_one(cases.iter(), 2).await,
            Way::Reversed => self.one_by_one(cases.iter().rev(), 1).await,
        }
    }

    async fn one_by_one(
        &self,
        cases: impl Iterator<Item = &Arc<Case>>,
        times: usize,
    ) -> Result<Verdicts, String> {
        let mut verdicts = Verdicts::new();
        for case in cases {
            let kind = case.protocol().server();
            let targets = self.targets.iter().filter(|one| one.protocol() == kind);
            let targets: Vec<Target> = targets.cloned().collect();
            for delivery in &self.deliveries {
                for _ in 0..times {
                    let case = std::slice::from_ref(case);
                    verdicts.extend(self.play(&targets, case, &[*delivery], 1).await?);
                }
            }
        }
        Ok(verdicts)
    }

    async fn play(
        &self,
        targets: &[Target],
        cases: &[Arc<Case>],
        deliveries: &[Delivery],
        jobs: usize,
    ) -> Result<Verdicts, String> {
        let mut venues = Vec::new();
        for target in targets {
            let venue = Venue::new(target.clone(), self.timeout).await;
            let mut venue = venue.map_err(|error| error.to_string())?;
            let bundled = Expectations::bundled().map_err(|error| error.to_string())?;
            venue.expectations = bundled.into_iter().find(|file| file.is_about(&venue.profile));
            venues.push(venue);
        }
        let plan = Plan {
            deliveries: deliveries.to_vec(),
            jobs,
            timeout: self.timeout,
            max_time: Duration::MAX,
            seed: self.seed,
            allow_flush: false,
        };
        let reports = run(venues, cases, &plan, &|_| ()).await;
        Ok(reports
            .into_iter()
            .map(|report| ((report.id, report.delivery), report.verdict))
            .collect())
    }
}

/// What came out differently: one line a case and delivery, one verdict a way. A case that one way does not have is
/// different too.
pub(crate) fn differing(ways: &[Verdicts]) -> Vec<(String, Delivery, Vec<Option<Verdict>>)> {
    let all: BTreeSet<_> = ways.iter().flat_map(BTreeMap::keys).collect();
    let lines = all.into_iter().map(|key| {
        let verdicts: Vec<_> = ways.iter().map(|way| way.get(key).copied()).collect();
        (key.0.clone(), key.1, verdicts)
    });
    lines.filter(|(_, _, verdicts)| verdicts.iter().any(|one| *one != verdicts[0])).collect()
}

/// The reference server, on the current runtime, and how it is reached.
///
/// # Errors
///
/// The system has no port to give.
pub(crate) async fn reference_server() -> Result<(Embedded, Vec<Target>), String> {
    // Shorter than the default, because cases wait for it; long enough that a busy machine sends a frame in it.
    let frame_deadline = Some(Duration::from_secs(5));
    let connection = ConnectionConfig { frame_deadline, ..ConnectionConfig::default() };
    let config = EmbeddedConfig { connection, ..EmbeddedConfig::default() };
    let server = Embedded::start(config).await.map_err(|error| error.to_string())?;
    let [sasl, evicts, refuses] =
        [server.memcached_sasl(), server.memcached_evicts(), server.memcached_refuses()]
            .map(|address| address.port());
    let targets = [
        format!(
            "memcached://{}?sasl=user:password&sasl-port={sasl}&evicts-port={evicts}&refuses-port={refuses}",
            server.memcached()
        ),
        format!("netmem://{}", server.netmem()),
        format!("locker://{}", server.locker()),
        format!("echo://{}", server.echo()),
    ];
    let targets = targets.iter().map(|url| Target::parse(url).map_err(|error| error.to_string()));
    Ok((server, targets.collect::<Result<_, _>>()?))
}
