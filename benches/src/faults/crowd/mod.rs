//! The crowd: ten thousand connections, most of which are in the way, and a few that go about their work.
//!
//! Half of them stall, in half a frame or without reading; a fifth are killed in the middle of a frame; a tenth vanish from
//! the network; some drip. Those at work are measured before, meanwhile and afterwards. Then the server has to be as it was:
//! descriptors, connections, memory, and every lock and page free.

mod afterwards;
pub mod client;
mod gang;

use std::time::{Duration, Instant};

use anyhow::ensure;
use fastrand::Rng;
use lockproof_client::memcached::Meta;

pub use gang::Gang;

use super::network::{self, Network};
use super::report::Scenario;
use super::served::Served;
use super::state::{State, memcached, netmem};
use super::workers::{Phase, Workers};
use super::{PATIENCE, Stage, say};
use afterwards::Afterwards;
use client::{LARGE_BYTES, LARGE_KEY, Manner, Plan};

/// The server finds out about who is gone without a word after a minute (LKR-408); a little later it has to show.
const NOTICED: Duration = Duration::from_secs(70);
/// How often to look whether it has.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Milliseconds between two bytes of one who drips.
const DRIP: u64 = 500;
/// What a connection may cost the server that sends half a frame, and one that does not read.
const PER_CLIENT: u64 = 16 << 10;
const PER_DEAF_CLIENT: u64 = 256 << 10;
/// How much slower than on a calm day.
const RATIO_AIM: f64 = 1.5;

/// How many there are of each manner.
#[derive(Clone, Copy, Debug)]
struct Size {
    half_frames: u32,
    deaf: u32,
    killed: u32,
    vanishing: u32,
    dripping: u32,
    working: u32,
}

impl Size {
    fn of(stage: &Stage) -> Self {
        Self {
            half_frames: stage.scaled(4_500),
            deaf: stage.scaled(500),
            killed: stage.scaled(2_000),
            vanishing: stage.scaled(1_000),
            dripping: stage.scaled(500),
            working: stage.scaled(1_500),
        }
    }

    const fn crowd(self) -> u32 {
        self.half_frames + self.deaf + self.killed + self.vanishing + self.dripping
    }
}

/// Plays it.
///
/// # Errors
/// What keeps it from being played to its end.
pub fn run(stage: &Stage, scenario: &mut Scenario) -> anyhow::Result<()> {
    let size = Size::of(stage);
    scenario.story = story(size, stage);
    let server = Served::start(stage.setup().with(&["--pages=4096", "--page-length=256"]))?;
    let (pages, page_len) = {
        let client = netmem(server.netmem(), PATIENCE)?;
        (client.pages(), client.page_bytes())
    };
    let own_pages = (size.working / 3).clamp(1, (pages / 4).max(1));
    let mut control = memcached(server.memcached(), PATIENCE)?;
    control.set(LARGE_KEY.as_bytes(), &vec![b'l'; LARGE_BYTES], Meta::default())?;
    let mut workers = Workers::open(&server, size.working, (own_pages, page_len), stage.seed)?;

    let calm_time = (stage.hold / 4).max(Duration::from_secs(1));
    say("crowd", "a calm run");
    let calm = workers.work(calm_time, || ()).0?;
    let before = State::of(server.process(), &mut control)?;
    let crowd = Crowd { stage, size, server: &server, pages: (own_pages, pages) };
    let (coming, came) = workers.work(stage.hold / 6, || crowd.comes());
    let present = came?;
    let crowded = State::of(server.process(), &mut control)?;
    scenario.figure("descriptors of the server in the crowd", crowded.descriptors.to_string());
    let (standing, stood) = workers.work(stage.hold, || crowd.stands(scenario, present));
    let peak = stood?;
    let coming = served(scenario, coming);
    let standing = served(scenario, standing);

    let bound = before.resident + allowance(size);
    let text = format!("{} at most, {} allowed", mebibytes(peak), mebibytes(bound));
    scenario.check("memory stays under its bound", peak <= bound, text);
    let afterwards = Afterwards { server: &server, before, pages: crowd.pages, size: size.crowd() };
    afterwards.check(scenario, &mut control, stage.patience);
    say("crowd", "another calm run");
    let calm_again = workers.work(calm_time, || ()).0;
    let calm_again = served(scenario, calm_again);
    drop(workers);
    let status = server.stop()?;
    scenario.check("it ends when it is told to", status.success(), status.to_string());
    if let (Some(coming), Some(standing), Some(again)) = (coming, standing, calm_again) {
        let calm = [&calm, &again];
        compare(scenario, ["p99 while it comes", "p50 while it comes"], calm, &coming);
        compare(scenario, ["p99 in the crowd", "p50 in the crowd"], calm, &standing);
    }
    Ok(())
}

fn story(size: Size, stage: &Stage) -> String {
    let Size { half_frames, deaf, killed, vanishing, dripping, working } = size;
    let how = match stage.network {
        Network::Namespace => "vanish behind a blackhole route",
        Network::Loopback(_) => "are stopped processes (a stand-in for vanishing)",
    };
    format!(
        "{} connections: {half_frames} stop in half a frame, {deaf} stop reading, {killed} are killed in half a frame, {vanishing} {how}, {dripping} drip, {working} work; for {:?}",
        size.crowd() + working,
        stage.hold
    )
}

fn allowance(size: Size) -> u64 {
    u64::from(size.crowd()) * PER_CLIENT + u64::from(size.deaf) * PER_DEAF_CLIENT + (8 << 20)
}

/// Those at work got all their replies.
fn served(scenario: &mut Scenario, phase: anyhow::Result<Phase>) -> Option<Phase> {
    let text = match &phase {
        Ok(phase) => format!("{} operations", phase.operations),
        Err(error) => format!("{error:#}"),
    };
    scenario.check("those at work are served right", phase.is_ok(), text);
    phase.ok()
}

fn compare(
    scenario: &mut Scenario,
    [p99, p50]: [&'static str; 2],
    calm: [&Phase; 2],
    harmed: &Phase,
) {
    for (name, percentile) in [(p99, 99.0), (p50, 50.0)] {
        let [before, again] = calm.map(|phase| phase.milliseconds(percentile));
        let harmed = harmed.milliseconds(percentile);
        let ratio = harmed / f64::midpoint(before, again);
        let text =
            format!("{harmed:.2} ms; {before:.2} ms calm before, {again:.2} ms calm afterwards");
        scenario.figure(name, text);
        if name == p99 {
            scenario.aim(name, ratio, RATIO_AIM, "x of calm");
        }
    }
}

pub(super) fn mebibytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    format!("{mebibytes:.1} MiB")
}

/// Everybody who is in the way.
struct Crowd<'a> {
    stage: &'a Stage,
    size: Size,
    server: &'a Served,
    /// The first page of the crowd's, and how many pages there are at all.
    pages: (u32, u32),
}

/// Their processes, by what becomes of them.
struct Present {
    staying: Vec<Gang>,
    dripping: Gang,
    vanishing: Gang,
    dying: Vec<Gang>,
}

impl Crowd<'_> {
    /// All of them connect.
    fn comes(&self) -> anyhow::Result<Present> {
        let begun = Instant::now();
        let Size { half_frames, deaf, killed, vanishing, dripping, .. } = self.size;
        let mut next = 0;
        let mut plan = |manner, count| {
            let plan = self.plan(manner, next, count);
            next += count;
            plan
        };
        let vanishing = Gang::start(&self.behind_the_wire(plan(Manner::Vanishes, vanishing)))?;
        let mut staying = vec![Gang::start(&plan(Manner::StopsReading, deaf))?];
        for count in [half_frames.div_ceil(2), half_frames / 2] {
            staying.push(Gang::start(&plan(Manner::HalfFrame, count))?);
        }
        let dripping = Gang::start(&plan(Manner::Drips, dripping))?;
        let each = (killed / 20).max(1);
        let dying = (0..killed / each).map(|_| Gang::start(&plan(Manner::HalfFrame, each)));
        let present =
            Present { staying, dripping, vanishing, dying: dying.collect::<anyhow::Result<_>>()? };
        let Present { staying, dripping, vanishing, dying } = &present;
        let all = [vanishing, dripping].into_iter().chain(staying).chain(dying);
        all.into_iter().try_for_each(Gang::is_in)?;
        say("crowd", &format!("everybody is in after {:.1} s", begun.elapsed().as_secs_f64()));
        Ok(present)
    }

    /// They are in the way until the time is over, and go; gives the server's largest memory meanwhile.
    fn stands(&self, scenario: &mut Scenario, present: Present) -> anyhow::Result<u64> {
        let Present { staying, dripping, mut vanishing, mut dying } = present;
        let cut = Instant::now();
        let wired = self.stage.network == Network::Namespace;
        if wired {
            vanishing.order("cut")?;
        } else {
            vanishing.freeze()?;
        }
        let peak = self.waits(scenario, &mut dying, cut)?;
        say("crowd", "its time is over");
        // The network comes back first, so that the ends of those who were not noticed can be.
        if wired {
            vanishing.order("mend")?;
            vanishing.farewell()?;
        }
        let seen = dripping.farewell()?;
        let text = format!("{} bytes of replies, {} closed", seen.heard, seen.closed);
        scenario.check("who drips is served on", seen.closed == 0, text);
        drop(staying);
        Ok(peak)
    }

    /// Waits until the time is over, and kills one process after the other meanwhile.
    fn waits(
        &self,
        scenario: &mut Scenario,
        dying: &mut Vec<Gang>,
        start: Instant,
    ) -> anyhow::Result<u64> {
        let wired = self.stage.network == Network::Namespace;
        let left = self.stage.hold;
        let (mut peak, mut noticed) = (0, None);
        let mut random = Rng::with_seed(self.stage.seed);
        random.shuffle(dying);
        let mut deaths: Vec<f64> = dying.iter().map(|_| random.f64() * 0.8).collect();
        deaths.sort_by(|a, b| b.total_cmp(a));
        let killed: u32 = dying.iter().map(|gang| gang.count).sum();
        // Otherwise nobody was there to be noticed, or the look sees nothing.
        ensure!(!wired || network::still_believed()? > 0, "nobody is believed in who shall vanish");
        let mut looks = Duration::ZERO;
        while start.elapsed() < left || !dying.is_empty() {
            while deaths.last().is_some_and(|at| left.mul_f64(*at) <= start.elapsed()) {
                deaths.pop();
                drop(dying.pop());
            }
            peak = peak.max(self.server.process().resident()?);
            if wired && noticed.is_none() && start.elapsed() >= looks {
                noticed = (network::still_believed()? == 0).then(|| start.elapsed());
                looks += LOOK_EVERY;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        scenario.figure("killed in half a frame", killed.to_string());
        if wired {
            self.judge_vanished(scenario, noticed, start.elapsed())?;
        }
        Ok(peak)
    }

    fn judge_vanished(
        &self,
        scenario: &mut Scenario,
        noticed: Option<Duration>,
        waited: Duration,
    ) -> anyhow::Result<()> {
        let name = "the server notices who has vanished";
        if let Some(noticed) = noticed {
            let all = self.size.vanishing;
            let after = format!("all {all} within {:.1} s", noticed.as_secs_f64());
            scenario.check(name, true, after);
        } else if waited > NOTICED {
            let left = network::still_believed()?;
            scenario.check(name, false, format!("{left} left after {:.1} s", waited.as_secs_f64()));
        } else {
            let why = format!("not asked: it takes a minute, and these faults last {waited:.0?}");
            scenario.figure(name, why);
        }
        Ok(())
    }

    fn plan(&self, manner: Manner, first: u32, count: u32) -> Plan {
        // In over a sixth of the time, each process evenly.
        let time = (self.stage.hold / 6).as_secs().max(1);
        let per_second = count / u32::try_from(time).unwrap_or(1) + 1;
        let (addresses, pages) = (self.server.addresses(), self.pages);
        Plan { manner, first, count, per_second, addresses, pages, wired: false, drip: DRIP }
    }

    /// Those behind the wire find the server at its end of it.
    fn behind_the_wire(&self, mut plan: Plan) -> Plan {
        plan.wired = self.stage.network == Network::Namespace;
        if plan.wired {
            for address in &mut plan.addresses {
                address.set_ip(network::NEAR.parse().unwrap_or(address.ip()));
            }
        }
        plan
    }
}
