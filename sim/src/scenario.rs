//! Scenarios: a server host, client hosts, a fault, and what must hold.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lockproof_client::netmem::Client;
use lockproof_conformance::replay::{Delivery, Direction, Options, play};
use lockproof_conformance::session::{Datum, Scope, Session};
use lockproof_conformance::wire::Codec;
use lockproof_reference_server::{
    ConnectionConfig, Memcached, MemcachedConfig, NetMem, NetMemConfig, serve,
};
use tokio_util::sync::CancellationToken;
use turmoil::net::TcpStream;
use turmoil::{Builder, Sim};

use crate::net::{LocalSpawn, SimListener, SimWorld, UNIX_START, Wire};
use crate::trace::Trace;

/// What a run ends with if something did not hold.
pub type Violation = Box<dyn std::error::Error>;

const SERVER: &str = "server";
const PORT: u16 = 1000;
const PATIENCE: Duration = Duration::from_secs(30);

fn simulation(seed: u64) -> Sim<'static> {
    Builder::new()
        .rng_seed(seed)
        .epoch(std::time::UNIX_EPOCH + Duration::from_secs(UNIX_START))
        .simulation_duration(Duration::from_mins(10))
        .tick_duration(Duration::from_millis(5))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(20))
        .build()
}

fn memcached_host(sim: &mut Sim<'_>) {
    sim.host(SERVER, || async {
        let listener = SimListener::bind(PORT, Wire::default()).await?;
        let config = MemcachedConfig { unix_start: Some(UNIX_START), ..MemcachedConfig::default() };
        let protocol = Arc::new(Memcached::new(config));
        serve(
            listener,
            protocol,
            ConnectionConfig::default(),
            LocalSpawn,
            CancellationToken::new(),
        )
        .await;
        Ok(())
    });
}

fn netmem_host(sim: &mut Sim<'_>) {
    sim.host(SERVER, || async {
        let listener = SimListener::bind(PORT, Wire::default()).await?;
        let config = NetMemConfig { pages: 4, page_len: 16, ..NetMemConfig::default() };
        let protocol = Arc::new(NetMem::new(config));
        serve(
            listener,
            protocol,
            ConnectionConfig::default(),
            LocalSpawn,
            CancellationToken::new(),
        )
        .await;
        Ok(())
    });
}

/// Plays a memcached session of the suite in virtual time.
///
/// # Errors
///
/// The session failed, or the simulation did.
pub fn memcached_session(text: &str, seed: u64) -> Result<Trace, Violation> {
    let session = Session::parse(text)?;
    let trace = Rc::new(RefCell::new(Trace::default()));
    let mut sim = simulation(seed);
    memcached_host(&mut sim);
    let noted = trace.clone();
    sim.client("judge", async move {
        let world = SimWorld::new(SERVER, PORT, noted.clone());
        let mut scope = Scope::default();
        for name in &session.own_keys {
            scope.vars.insert(name.clone(), Datum::Bytes(name.clone().into_bytes()));
        }
        let codec = Codec::new(session.header.protocol());
        let options = Options { delivery: Delivery::Whole, timeout: PATIENCE, seed };
        let played = play(&session, &world, codec, scope, options).await;
        for event in &played.transcript.events {
            let way = if event.direction == Direction::Sent { '>' } else { '<' };
            let (at, conn) = (event.at.as_micros(), &event.conn);
            noted.borrow_mut().note(&format!("{at} {conn}{way} {:02x?}", event.bytes));
        }
        match played.failure {
            Some(failure) => {
                Err(format!("line {}: {}: {}", failure.line, failure.step, failure.problem).into())
            }
            None => Ok(()),
        }
    });
    sim.run()?;
    drop(sim);
    let trace = trace.take();
    Ok(trace)
}

/// A NetMem client dies while it holds a page: the next waiter gets it, what was written before stays.
///
/// # Errors
///
/// The waiter was not granted, or found something else.
pub fn holder_dies(seed: u64) -> Result<Trace, Violation> {
    let trace = Rc::new(RefCell::new(Trace::default()));
    let mut sim = simulation(seed);
    netmem_host(&mut sim);
    sim.host("holder", || async {
        let stream = TcpStream::connect((SERVER, PORT)).await?;
        let mut client = Client::connect(stream, PATIENCE).await?;
        client.update(0, b"written before", None).await?;
        client.lock(0).await?;
        std::future::pending::<()>().await;
        Ok(())
    });
    let noted = trace.clone();
    sim.client("waiter", async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let stream = TcpStream::connect((SERVER, PORT)).await?;
        let mut client = Client::connect(stream, PATIENCE).await?;
        noted.borrow_mut().note("waiter asks");
        let page = client.lock(0).await?;
        noted.borrow_mut().note(&format!("waiter is granted version {}", page.version));
        if !page.data.starts_with(b"written before") {
            return Err("the page lost what was written".into());
        }
        Ok(())
    });
    while sim.elapsed() < Duration::from_secs(3) {
        sim.step()?;
    }
    if trace.borrow().text().contains("granted") {
        return Err("granted while the holder lived".into());
    }
    trace.borrow_mut().note("holder dies");
    sim.crash("holder");
    sim.run()?;
    drop(sim);
    let trace = trace.take();
    if trace.text().contains("granted") { Ok(trace) } else { Err("never granted".into()) }
}
