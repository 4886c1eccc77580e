//! Real faults on real sockets, against `lockproof serve` as a process: what the simulator says, a kernel has to say too.
//!
//! ```text
//! ci/faults                       # all of it: ten thousand connections, a few minutes
//! ci/faults --scale 0.02 --time 2 # a few hundred, in seconds
//! ```
//!
//! A scenario starts a server of its own, harms it or its clients, and then looks whether everything is as it should be.
//! Everything stays on loopback or in a network namespace that the run made ([`network`]), has a bound in number and time,
//! and is drawn from one seed. Checks are about correctness, aims about time ([`report`]). Left out: faults of the machine
//! itself, and whatever would need other hosts.

mod clock;
pub mod crowd;
mod descriptors;
pub mod judged;
mod logs;
pub mod network;
mod pause;
pub mod process;
pub mod report;
pub mod served;
pub mod state;
pub(crate) mod workers;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use network::Network;
use report::Scenario;
use served::Setup;

/// How long anything may take that takes no time, before it counts as broken.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// What all scenarios of a run share.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The server's program.
    pub program: PathBuf,
    /// What is random is drawn from it.
    pub seed: u64,
    /// 1 for ten thousand connections.
    pub scale: f64,
    /// How long the faults last.
    pub hold: Duration,
    /// How long the server may take to be as it was before.
    pub patience: Duration,
    /// Where the connections run.
    pub network: Network,
}

impl Stage {
    /// How the scenarios start their server.
    pub fn setup(&self) -> Setup {
        let host: IpAddr = match self.network {
            // In there is nobody else, and those that vanish come from another address.
            Network::Namespace => Ipv4Addr::UNSPECIFIED.into(),
            Network::Loopback(_) => Ipv4Addr::LOCALHOST.into(),
        };
        Setup { host, ..Setup::new(&self.program) }
    }

    /// So many at this scale, at least one.
    pub fn scaled(&self, count: u32) -> u32 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let scaled = (f64::from(count) * self.scale).round() as u32;
        scaled.max(1)
    }
}

/// Descriptors that a process of these runs may need at that scale: a server's, with a few for itself.
pub fn descriptors(scale: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
    let connections = (10_000.0 * scale) as u64;
    connections + 200
}

/// A scenario by its name.
type Run = fn(&Stage, &mut Scenario) -> anyhow::Result<()>;

/// All scenarios.
const SCENARIOS: [(&str, Run); 5] = [
    ("crowd", crowd::run),
    ("pause", pause::run),
    ("descriptors", descriptors::run),
    ("logs", logs::run),
    ("clock", clock::run),
];

/// Their names.
pub fn names() -> impl Iterator<Item = &'static str> {
    SCENARIOS.into_iter().map(|(name, _)| name)
}

/// Plays the scenarios of these names, or all; one that cannot be played to its end does not hold.
pub fn play(stage: &Stage, only: &[String]) -> Vec<Scenario> {
    let is_asked = |name: &str| only.is_empty() || only.iter().any(|asked| asked == name);
    let asked = SCENARIOS.into_iter().filter(|(name, _)| is_asked(name));
    asked.map(|(name, run)| play_one(stage, name, run)).collect()
}

fn play_one(stage: &Stage, name: &'static str, run: Run) -> Scenario {
    let mut scenario = Scenario::new(name);
    say(name, "begins");
    let begun = Instant::now();
    if let Err(error) = run(stage, &mut scenario) {
        scenario.check("it was played to its end", false, format!("{error:#}"));
    }
    scenario.took = begun.elapsed().as_secs_f64();
    say(name, if scenario.holds() { "holds" } else { "FAILED" });
    scenario
}

/// Progress, on standard error, with the seconds since the first word.
pub(crate) fn say(name: &str, what: &str) {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    eprintln!("faults: {:5.1} s  {name}: {what}", BEGUN.elapsed().as_secs_f64());
}

/// Waits until it is so, for that long at most, and tells when it was.
pub(crate) fn eventually(
    limit: Duration,
    mut is_so: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<Option<Duration>> {
    let begun = Instant::now();
    loop {
        if is_so()? {
            return Ok(Some(begun.elapsed()));
        }
        if begun.elapsed() > limit {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// How a program that harms servers ends: with the code that it came to, or with 3 if it could not do its work.
pub fn exit_code(done: anyhow::Result<u8>) -> ExitCode {
    done.map_or_else(
        |error| {
            eprintln!("error: {error:#}");
            ExitCode::from(3)
        },
        ExitCode::from,
    )
}
