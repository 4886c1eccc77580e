//! A client dies while it holds a page's lock: it goes to the one who waits.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lockproof_client::netmem::Client;
use lockproof_reference_server::{ConnectionConfig, NetMem, NetMemConfig, serve};
use tokio_util::sync::CancellationToken;

use crate::net::{LocalSpawn, Sim, SimListener, SimStream, Weather, Wire};
use crate::trace::Trace;

/// What a run ends with if something did not hold.
pub type Violation = Box<dyn std::error::Error>;

const SERVER: &str = "server";
const PORT: u16 = 1000;
const PATIENCE: Duration = Duration::from_secs(30);

fn netmem_host(sim: &mut Sim) {
    sim.host(SERVER, || async {
        let listener = SimListener::bind(PORT, Wire::default())?;
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
    let mut sim = Sim::new(Weather::new(seed));
    netmem_host(&mut sim);
    sim.host("holder", || async {
        let stream = SimStream::connect(SERVER, PORT, &Wire::default()).await?;
        let mut client = Client::connect(stream, PATIENCE).await?;
        client.update(0, b"written before", None).await?;
        client.lock(0).await?;
        std::future::pending::<()>().await;
        Ok(())
    });
    let noted = trace.clone();
    sim.client("waiter", async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let stream = SimStream::connect(SERVER, PORT, &Wire::default()).await?;
        let mut client = Client::connect(stream, PATIENCE).await?;
        noted.borrow_mut().note("waiter asks");
        let page = client.lock(0).await?;
        noted.borrow_mut().note(&format!("waiter is granted version {}", page.version));
        if !page.data.starts_with(b"written before") {
            return Err("the page lost what was written".into());
        }
        Ok(())
    });
    sim.run_to(Duration::from_secs(3))?;
    if trace.borrow().text().contains("granted") {
        return Err("granted while the holder lived".into());
    }
    trace.borrow_mut().note("holder dies");
    sim.kill("holder");
    sim.run()?;
    drop(sim);
    let trace = trace.take();
    if trace.text().contains("granted") { Ok(trace) } else { Err("never granted".into()) }
}
