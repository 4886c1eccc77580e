//! What clients that work side by side see is explained by some order of their calls: of the reference server over TCP,
//! and of the correct servers of `conformance/defects`. Where a defect lets others in between, it is found.
//!
//! A memcached is asked in each of its three protocols, and a real one is beside ours.
//!
//! The reference server runs on threads of its own, so that calls really meet. The servers with defects are in memory and in
//! paused time: one seed, one history.

mod liar;
mod real;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use lockproof_conformance::history::Verdict;
use lockproof_conformance::history::stress::{Options, Outcome, StressError, stress};
use lockproof_conformance::replay::{TcpWorld, Ticking, World};
use lockproof_conformance::target::Target;
use lockproof_conformance::wire::Protocol;
use lockproof_defects::{Clock, End, KINDS, Kind, Server, Setup, pipe};
use lockproof_reference_server::{Embedded, EmbeddedConfig};
use tokio::runtime::{Builder, RngSeed};
use tokio::task::LocalSet;

/// Unix time at each server's start: 2024-01-01.
const UNIX_START: u64 = 1_704_067_200;

async fn started() -> Embedded {
    Embedded::start(EmbeddedConfig::default()).await.expect("ports of our own")
}

/// What clients did there, and saw.
async fn seen(
    address: SocketAddr,
    kind: Protocol,
    speaks: Protocol,
    seed: u64,
) -> Result<Outcome, StressError> {
    let target = Target::parse(&format!("{}://{address}", kind.name())).expect("an address");
    let speaks = Some(speaks);
    let options = Options { seed, calls: 250, keys: 4, speaks, ..Options::default() };
    stress(&TcpWorld::new(address), &target, options).await
}

fn holds(outcome: &Outcome, seed: u64) {
    assert!(outcome.verdict.is_linearizable(), "seed {seed}: {:?}", outcome.verdict.problem());
    assert!(outcome.calls >= 2_000 && outcome.open > 10, "seed {seed}: {outcome:?}");
}

async fn reference_holds(speaks: Protocol) {
    for seed in 0..4 {
        let server = started().await;
        let address = match speaks.server() {
            Protocol::NetMem => server.netmem(),
            Protocol::Locker => server.locker(),
            _ => server.memcached(),
        };
        let outcome = seen(address, speaks.server(), speaks, seed).await.expect("every call");
        server.stop().await;
        holds(&outcome, seed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reference_server_is_linearizable_over_memcached() {
    reference_holds(Protocol::Memcached).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reference_server_is_linearizable_over_text() {
    reference_holds(Protocol::Text).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reference_server_is_linearizable_over_meta() {
    reference_holds(Protocol::Meta).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reference_server_is_linearizable_over_netmem() {
    reference_holds(Protocol::NetMem).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reference_server_is_linearizable_over_locker() {
    reference_holds(Protocol::Locker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memcached_is_linearizable_over_text_and_meta() {
    let memcached = real::Memcached::start();
    for speaks in [Protocol::Text, Protocol::Meta] {
        for seed in 0..4 {
            let outcome = seen(memcached.address, Protocol::Memcached, speaks, seed).await;
            holds(&outcome.expect("every call"), seed);
        }
    }
}

/// What a server says that lets two win, or nobody, or that forgets what it was told.
const LIES: [(Protocol, &str, liar::Lie); 6] = [
    (Protocol::Meta, "two win what is stale", (" Z X\r\n", " X W\r\n")),
    (Protocol::Meta, "nobody wins what is stale", (" X W\r\n", " Z X\r\n")),
    (Protocol::Meta, "a stale value is served as a fresh one", (" X W\r\n", " P W\r\n")),
    (Protocol::Meta, "a CAS of old stores", ("EX c0\r\n", "HD c9\r\n")),
    (Protocol::Meta, "a mark is refused that was made", ("HD\r\n", "EX\r\n")),
    (Protocol::Text, "two store with one CAS", ("EXISTS\r\n", "STORED\r\n")),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_are_found_out() {
    for (speaks, about, lie) in LIES {
        let server = started().await;
        let liar = liar::Liar::start(server.memcached(), lie).await;
        let outcome = seen(liar.address, Protocol::Memcached, speaks, 1).await;
        server.stop().await;
        match outcome.map(|outcome| outcome.verdict) {
            Ok(Verdict::Violation(violation)) => println!("{about}:\n{violation}\n"),
            other => panic!("{about}: {other:?}"),
        }
    }
}

/// A server of this process, reached by pipes.
struct Memory {
    server: Rc<dyn Server>,
    clock: Ticking,
}

impl World for Memory {
    type Stream = End;
    type Clock = Ticking;

    async fn connect(&self) -> io::Result<End> {
        let (ours, theirs) = pipe();
        tokio::task::spawn_local(self.server.clone().serve(Box::new(theirs)));
        Ok(ours)
    }

    fn reset(&self, stream: End) {
        stream.reset();
    }

    fn clock(&self) -> &Ticking {
        &self.clock
    }
}

fn in_memory(kind: Kind, defect: Option<&'static str>, seed: u64) -> Result<Outcome, StressError> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .rng_seed(RngSeed::from_bytes(&seed.to_be_bytes()))
        .build()
        .expect("a runtime without sockets takes nothing of the system");
    LocalSet::new().block_on(&runtime, async {
        let clock = Clock::starting_at(Duration::from_secs(UNIX_START));
        let server = (kind.start)(defect, clock, Setup::Plain);
        let world = Memory { server, clock: Ticking::starting_at(UNIX_START) };
        let url = format!("{}://127.0.0.1:0", kind.protocol);
        let target = Target::parse(&url).expect("an address needs no looking up");
        let pause = Duration::from_millis(2);
        let options = Options { seed, calls: 60, keys: 3, pause, ..Options::default() };
        stress(&world, &target, options).await
    })
}

fn kind(protocol: &str) -> Kind {
    KINDS.into_iter().find(|kind| kind.protocol == protocol).expect("a protocol")
}

#[test]
fn servers_without_a_defect_are_linearizable() {
    for protocol in ["memcached", "netmem", "locker"] {
        for seed in 0..SEEDS {
            let outcome = in_memory(kind(protocol), None, seed).expect("every call");
            let problem = outcome.verdict.problem();
            assert_eq!(problem, None, "{protocol} seed {seed}");
        }
    }
}

/// Histories that a defect has to be found in.
const SEEDS: u64 = 10;

/// What lets others in between, takes half a batch, or forgets who holds what.
const FOUND: [(&str, &[&str]); 3] = [
    (
        "memcached",
        &[
            "check-then-set",
            "check-then-add",
            "check-then-count",
            "unfinished-store-is-visible",
            "earlier-cas-matches",
        ],
    ),
    (
        "netmem",
        &[
            "update-races",
            "read-tears",
            "reads-an-old-copy",
            "all-waiters-granted",
            "lock-never-waits",
            "update-never-waits",
        ],
    ),
    (
        "locker",
        &[
            "batch-get-in-steps",
            "batch-release-in-steps",
            "batch-takes-up-to-busy",
            "release-by-anyone",
            "one-owner",
            "end-frees-what-it-had",
        ],
    ),
];

#[test]
fn servers_that_let_others_in_between_are_found_out() {
    for (protocol, defects) in FOUND {
        for defect in defects {
            let found =
                (0..SEEDS).find_map(|seed| match in_memory(kind(protocol), Some(defect), seed) {
                    Ok(Outcome { verdict: Verdict::Violation(violation), .. }) => {
                        Some((seed, violation))
                    }
                    Ok(_) => None,
                    Err(error) => panic!("{protocol} {defect} seed {seed}: {error}"),
                });
            let (seed, violation) = found.unwrap_or_else(|| panic!("{protocol} {defect} escaped"));
            println!("{protocol} {defect}: seed {seed}\n{violation}\n");
        }
    }
}

#[tokio::test]
async fn echo_has_nothing_to_judge() {
    let target = Target::parse("echo://127.0.0.1:1").expect("a target");
    let refused =
        stress(&TcpWorld::new(target.transport.clone()), &target, Options::default()).await;
    assert!(matches!(refused, Err(StressError::NothingShared(_))));
}
