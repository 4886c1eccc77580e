//! A client dies while it holds a page's lock: it goes to the one who waits.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lockproof_client::netmem::Client;
use lockproof_reference_server::{ConnectionConfig, NetMem, NetMemConfig, serve};
use tokio_util::sync::CancellationToken;
use turmoil::net::TcpStream;
use turmoil::{Builder, Sim};

use crate::net::{LocalSpawn, SimListener, UNIX_START, Wire};
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
