//! The judge's sessions in virtual time: each on a new reference server, expiry waits included, by the same player and
//! in the same deliveries as on a real one.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lockproof_conformance::replay::{Delivery, Direction, Options, Played, Transcript};
use lockproof_conformance::session::Session;
use lockproof_conformance::stage::Stage;
use lockproof_conformance::target::{SMALL, Target};
use lockproof_conformance::wire::Protocol;
use lockproof_reference_server::Protocol as Serves;
use lockproof_reference_server::{
    ConnectionConfig, Credentials, Echo, Locker, LockerConfig, Memcached, MemcachedConfig, NetMem,
    NetMemConfig, SASL_PASSWORD, SASL_USER, serve,
};
use tokio_util::sync::CancellationToken;

use crate::net::{Ended, LocalSpawn, Sim, SimListener, SimWorld, UNIX_START, Weather, Wire};
use crate::server::{HOST, PORT};
use crate::trace::Trace;

/// What a case may wait for a reply, in virtual time.
const PATIENCE: Duration = Duration::from_secs(30);

/// NetMem's size, as an embedded server has it.
const PAGES: (u32, u32) = (16, 64);

/// What became of a session.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Line, step and problem, if it did not go as written.
    pub failure: Option<String>,
    /// Every byte, with its virtual time.
    pub trace: Trace,
    /// Virtual time that passed.
    pub lasted: Duration,
}

/// Plays a session on a new server.
///
/// # Errors
///
/// The simulation failed, or the server did not even answer a greeting.
pub fn judge(
    session: &Session,
    delivery: Delivery,
    seed: u64,
) -> Result<Judged, Box<dyn std::error::Error>> {
    let protocol = session.header.protocol();
    let needs = session.header.needs.clone();
    let mut sim = Sim::new(Weather::new(seed));
    sim.host(HOST, move || start(protocol, needs.clone()));
    let trace = Rc::new(RefCell::new(Trace::default()));
    let played = Rc::new(RefCell::new(None));
    let (session, noted, result) = (session.clone(), Rc::clone(&trace), Rc::clone(&played));
    sim.client("judge", async move {
        let world = SimWorld::new(HOST, PORT, noted);
        // The world knows where the server is.
        let target =
            Target::parse(&format!("{}://127.0.0.1:1?fresh=yes", protocol.server().name()))?;
        let stage = Stage::on(world, target, PATIENCE).await?;
        let options = Options { delivery, timeout: PATIENCE, seed };
        result.replace(Some(stage.play(&session, options).await));
        Ok(())
    });
    sim.run()?;
    let lasted = sim.elapsed();
    drop(sim);
    let played: Played = played.take().ok_or("the judge came to no end")?;
    let mut trace = trace.take();
    note(&mut trace, &played.transcript);
    let failure = played
        .failure
        .map(|failure| format!("line {}: {}: {}", failure.line, failure.step, failure.problem));
    Ok(Judged { failure, trace, lasted })
}

fn note(trace: &mut Trace, transcript: &Transcript) {
    for event in &transcript.events {
        let way = if event.direction == Direction::Sent { '>' } else { '<' };
        trace.note_at(event.at, &format!("{}{way} {:02x?}", event.conn, event.bytes));
    }
}

async fn start(protocol: Protocol, needs: Vec<String>) -> Ended {
    let listener = SimListener::bind(PORT, Wire::default())?;
    let config = ConnectionConfig::default();
    match protocol {
        Protocol::Memcached | Protocol::Text | Protocol::Meta => {
            let memcached = MemcachedConfig {
                workers: 1,
                connections_max: config.connections_max,
                ..memcached(&needs)
            };
            run(listener, Memcached::new(memcached), config).await;
        }
        Protocol::NetMem => {
            let (pages, page_len) = PAGES;
            let netmem = NetMemConfig { pages, page_len, ..NetMemConfig::default() };
            run(listener, NetMem::new(netmem), config).await;
        }
        Protocol::Locker => {
            let frame_deadline = Some(Duration::from_secs(10));
            let config = ConnectionConfig { frame_deadline, ..config };
            run(listener, Locker::new(LockerConfig::default()), config).await;
        }
        Protocol::Echo => run(listener, Echo::default(), config).await,
    }
    Ok(())
}

/// What suits a case with these needs.
fn memcached(needs: &[String]) -> MemcachedConfig {
    let needs = |wanted: &str| needs.iter().any(|need| need == wanted);
    let sasl = || Credentials::new().with(SASL_USER, SASL_PASSWORD);
    let mut config = MemcachedConfig {
        unix_start: Some(UNIX_START),
        users: needs("sasl").then(|| sasl().into()),
        ..MemcachedConfig::default()
    };
    if SMALL.into_iter().any(needs) {
        config = config.with_little_memory(needs("evicts"));
    }
    config
}

async fn run<P: Serves>(listener: SimListener, protocol: P, config: ConnectionConfig) {
    serve(listener, Arc::new(protocol), config, LocalSpawn, CancellationToken::new()).await;
}
