//! One case on one new server, in memory and in paused time: waits cost nothing, and nothing depends on the machine.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use lockproof_conformance::replay::{Delivery, Failure, Options, Ticking, World};
use lockproof_conformance::stage::Stage;
use lockproof_conformance::suite::Case;
use lockproof_conformance::target::Target;
use lockproof_defects::{Clock, End, Kind, Server, Setup, pipe};
use tokio::runtime::{Builder, RngSeed};
use tokio::task::{JoinSet, LocalSet};

/// Unix time in seconds at each server's start: 2024-01-01.
const UNIX_START: u64 = 1_704_067_200;

/// Virtual time; what `lockproof check` waits for a reply.
const TIMEOUT: Duration = Duration::from_secs(5);

const SEED: u64 = 7;

/// What a case made of a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// As the session says.
    Passed,
    /// The case noticed something: where, and what.
    Noticed(String),
    /// The server does not even answer a greeting, so that no case can be put to it.
    Mute(String),
    /// The server panicked: no defect may, and what a case makes of it means nothing.
    Panicked(String),
}

/// Plays a case on a server that nobody used before.
pub(crate) fn play(
    kind: &Kind,
    defect: Option<&'static str>,
    case: &Case,
    delivery: Delivery,
) -> Outcome {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .rng_seed(RngSeed::from_bytes(&SEED.to_be_bytes()))
        .build()
        .expect("a runtime without sockets takes nothing of the system");
    LocalSet::new().block_on(&runtime, async {
        let clock = Clock::starting_at(Duration::from_secs(UNIX_START));
        let needs = &case.session.header.needs;
        let setup = needs.iter().find_map(|need| Setup::named(need)).unwrap_or_default();
        let server = (kind.start)(defect, clock, setup);
        let serving = Rc::new(RefCell::new(JoinSet::new()));
        let world =
            Memory { server, clock: Ticking::starting_at(UNIX_START), serving: serving.clone() };
        let outcome = staged(world, case, delivery).await;
        panicked(&mut serving.borrow_mut()).map_or(outcome, Outcome::Panicked)
    })
}

async fn staged(world: Memory, case: &Case, delivery: Delivery) -> Outcome {
    // The world knows where the server is.
    let url = format!("{}://127.0.0.1:0?fresh=yes", case.protocol().server().name());
    let target = Target::parse(&url).expect("an address needs no looking up");
    let stage = match Stage::on(world, target, TIMEOUT).await {
        Ok(stage) => stage,
        Err(error) => return Outcome::Mute(error.to_string()),
    };
    let options = Options { delivery, timeout: TIMEOUT, seed: SEED };
    let failure = stage.play(&case.session, options).await.failure;
    failure.map_or(Outcome::Passed, |failure| Outcome::Noticed(in_a_line(&failure)))
}

fn in_a_line(failure: &Failure) -> String {
    let what = format!("line {}: {}: {}", failure.line, failure.step, failure.problem);
    let differences = failure.differences.iter().map(ToString::to_string);
    std::iter::once(what).chain(differences).collect::<Vec<_>>().join("; ")
}

/// The panic of a connection that has ended, if one ended so.
fn panicked(serving: &mut JoinSet<io::Result<()>>) -> Option<String> {
    while let Some(ended) = serving.try_join_next() {
        if let Err(error) = ended
            && error.is_panic()
        {
            return Some(error.to_string());
        }
    }
    None
}

/// A server of this process, reached by pipes.
struct Memory {
    server: Rc<dyn Server>,
    clock: Ticking,
    serving: Rc<RefCell<JoinSet<io::Result<()>>>>,
}

impl World for Memory {
    type Stream = End;
    type Clock = Ticking;

    async fn connect(&self) -> io::Result<End> {
        let (ours, theirs) = pipe();
        let serving = self.server.clone().serve(Box::new(theirs));
        self.serving.borrow_mut().spawn_local(serving);
        Ok(ours)
    }

    fn reset(&self, stream: End) {
        stream.reset();
    }

    fn clock(&self) -> &Ticking {
        &self.clock
    }
}
