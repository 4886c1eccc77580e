//! Every case is a test.
//!
//! `LOCKPROOF_TARGET=memcached://host:port cargo test -p lockproof-conformance --test conformance` judges that server;
//! without the variable each test starts an embedded reference server of its own. What a server does not support is
//! decided before the tests are listed and shown as ignored. `LOCKPROOF_DELIVERY` picks a delivery (all by default).

use std::collections::BTreeSet;
use std::fs::File;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use libtest_mimic::{Arguments, Failed, Trial};
use lockproof_conformance::expectations::Expectations;
use lockproof_conformance::replay::Delivery;
use lockproof_conformance::report::{CaseReport, Report};
use lockproof_conformance::runner::{Plan, run};
use lockproof_conformance::session::Level;
use lockproof_conformance::suite::{self, Case};
use lockproof_conformance::target::{SMALL, Target};
use lockproof_conformance::venue::Venue;
use lockproof_conformance::wire::Protocol;
use lockproof_reference_server::{ConnectionConfig, Embedded, EmbeddedConfig};
use tokio::runtime::{Builder, Runtime};

const TIMEOUT: Duration = Duration::from_secs(20);

/// Most of a test's time is waiting for expiry, deadlines and silence: more threads than processors.
const THREADS: usize = 24;

/// Shorter than the default, because cases wait for it; long enough that a busy machine sends a frame in it.
const FRAME_DEADLINE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let url = std::env::var("LOCKPROOF_TARGET").ok();
    match trials(url.as_deref()) {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::from(3)
        }
    }
}

/// The tests, with those ignored that the server does not support.
fn trials(url: Option<&str>) -> Result<Vec<Trial>, String> {
    let deliveries = deliveries()?;
    let cases = suite::all().map_err(|error| error.to_string())?;
    let mut trials = Vec::new();
    for protocol in Protocol::SERVERS {
        let Some(server) = Server::start(url, protocol)? else { continue };
        let venue = server.venue()?;
        for case in cases.iter().filter(|case| case.protocol().server() == protocol) {
            let lacking = venue.lacks(case, server.is_ours());
            let (case, url, deliveries) =
                (case.clone(), url.map(str::to_owned), deliveries.clone());
            let name = case.id().replace('/', "::");
            let trial = Trial::test(name, move || judge(&case, url.as_deref(), deliveries));
            trials.push(trial.with_ignored_flag(lacking.is_some()));
        }
    }
    Ok(trials)
}

fn deliveries() -> Result<Vec<Delivery>, String> {
    let word = std::env::var("LOCKPROOF_DELIVERY").unwrap_or_else(|_| "all".to_owned());
    suite::deliveries(&word).ok_or_else(|| {
        format!("LOCKPROOF_DELIVERY={word}: whole, bytes, fields, coalesced or all expected")
    })
}

/// A server to judge: the one that the variable names, or one of our own.
struct Server {
    target: Target,
    /// Stops with the test.
    own: Option<(Embedded, Runtime)>,
}

impl Server {
    /// `None` if the named server speaks another protocol.
    fn start(url: Option<&str>, protocol: Protocol) -> Result<Option<Self>, String> {
        let Some(url) = url else { return Self::embedded(protocol).map(Some) };
        let target = Target::parse(url).map_err(|error| error.to_string())?;
        Ok((target.protocol() == protocol).then_some(Self { target, own: None }))
    }

    fn embedded(protocol: Protocol) -> Result<Self, String> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let connection = ConnectionConfig {
            frame_deadline: Some(FRAME_DEADLINE),
            ..ConnectionConfig::default()
        };
        let config = EmbeddedConfig { connection, ..EmbeddedConfig::default() };
        let server =
            runtime.block_on(Embedded::start(config)).map_err(|error| error.to_string())?;
        let url = match protocol {
            Protocol::Memcached | Protocol::Text | Protocol::Meta => {
                let [sasl, evicts, refuses] = [
                    server.memcached_sasl(),
                    server.memcached_evicts(),
                    server.memcached_refuses(),
                ]
                .map(|address| address.port());
                format!(
                    "memcached://{}?fresh=yes&sasl=user:password&sasl-port={sasl}&evicts-port={evicts}&refuses-port={refuses}",
                    server.memcached()
                )
            }
            Protocol::NetMem => format!("netmem://{}?fresh=yes", server.netmem()),
            Protocol::Locker => format!("locker://{}?fresh=yes", server.locker()),
            Protocol::Echo => format!("echo://{}?fresh=yes", server.echo()),
        };
        let target = Target::parse(&url).map_err(|error| error.to_string())?;
        Ok(Self { target, own: Some((server, runtime)) })
    }

    const fn is_ours(&self) -> bool {
        self.own.is_some()
    }

    fn venue(&self) -> Result<Venue, String> {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| error.to_string())?.block_on(self.greeted())
    }

    async fn greeted(&self) -> Result<Venue, String> {
        let greeting = Venue::new(self.target.clone(), TIMEOUT);
        let mut venue = greeting.await.map_err(|error| error.to_string())?;
        let bundled = Expectations::bundled().map_err(|error| error.to_string())?;
        venue.expectations = bundled.into_iter().find(|file| file.is_about(&venue.profile));
        Ok(venue)
    }
}

/// Plays one case in each delivery, each on a fresh server if it is ours.
fn judge(case: &Arc<Case>, url: Option<&str>, deliveries: Vec<Delivery>) -> Result<(), Failed> {
    for delivery in deliveries {
        let server = Server::start(url, case.protocol().server())?.ok_or("another protocol")?;
        let _turn = if server.is_ours() { None } else { take_turns(&server.target, case) };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let plan = Plan {
            deliveries: vec![delivery],
            jobs: 1,
            timeout: TIMEOUT,
            max_time: Duration::MAX,
            seed: u64::from(std::process::id()),
            allow_flush: server.is_ours(),
        };
        let reports = runtime.block_on(async {
            let venue = server.greeted().await?;
            Ok::<_, String>(run(vec![venue], std::slice::from_ref(case), &plan, &|_| ()).await)
        })?;
        explain(reports, plan.seed, &server)?;
    }
    Ok(())
}

/// NetMem's pages are shared, and so is a memory that cases fill: tests of one live server take turns, across processes.
fn take_turns(target: &Target, case: &Case) -> Option<File> {
    let mut fills = SMALL.into_iter().filter(|need| case.needs(need));
    let filled = fills.find_map(|need| target.listener(need));
    let pages = || (target.protocol() == Protocol::NetMem).then(|| target.transport.clone());
    let place = filled.or_else(pages)?.to_string();
    let name = format!("lockproof-{}.lock", place.replace([':', '[', ']', '/'], "-"));
    let file = File::create(std::env::temp_dir().join(name)).ok()?;
    file.lock().ok()?;
    Some(file)
}

/// A failed should is a failed test: nothing else would show it. Info never fails.
fn explain(cases: Vec<CaseReport>, seed: u64, server: &Server) -> Result<(), Failed> {
    let info = cases.iter().all(|case| case.level == Level::Info);
    let report = Report {
        target: if server.is_ours() { "embedded".to_owned() } else { server.target.url.clone() },
        implementation: server.target.url.clone(),
        speaks: BTreeSet::new(),
        seed,
        strict: true,
        began: SystemTime::now(),
        millis: 0,
        cases,
        file: None,
        options: Vec::new(),
        unused_expectations: Vec::new(),
    };
    if info || report.outcome().exit_code() == 0 {
        return Ok(());
    }
    Err(anstream::adapter::strip_str(&report.human()).to_string().into())
}
