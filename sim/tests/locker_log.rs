//! LKR-507: in simulation, the same seed gives the same transition log of the lock server, byte for byte.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lockproof_client::locker::{Backoff, Client};
use lockproof_reference_server::{ConnectionConfig, Locker, LockerConfig, serve};
use lockproof_sim::net::{LocalSpawn, Sim, SimListener, SimStream, Weather, Wire};
use tokio_util::sync::CancellationToken;

const SERVER: &str = "server";
const PORT: u16 = 1000;
const PATIENCE: Duration = Duration::from_secs(30);
const CLIENTS: u64 = 4;

/// Four clients want the same keys, in batches of two; the log of all that took effect.
fn log_of(seed: u64) -> String {
    let mut sim = Sim::new(Weather::new(seed));
    let locker = Rc::new(RefCell::new(None));
    let running = Rc::clone(&locker);
    sim.host(SERVER, move || {
        let running = Rc::clone(&running);
        async move {
            let listener = SimListener::bind(PORT, Wire::default())?;
            let config = LockerConfig { log_entries_max: 10_000, ..LockerConfig::default() };
            let protocol = Arc::new(Locker::new(config));
            running.replace(Some(Arc::clone(&protocol)));
            let (config, stop) = (ConnectionConfig::default(), CancellationToken::new());
            serve(listener, protocol, config, LocalSpawn, stop).await;
            Ok(())
        }
    });
    for number in 0..CLIENTS {
        sim.client(format!("client{number}"), async move {
            let stream = SimStream::connect(SERVER, PORT, &Wire::default()).await?;
            let mut client = Client::new(stream, PATIENCE);
            let keys: [&[u8]; 2] = [b"a", [b"b", b"c"][usize::from(number % 2 == 0)]];
            for _ in 0..5 {
                let (base, cap) = (Duration::from_millis(5), Duration::from_millis(80));
                let mut pauses = Backoff::new(base, cap, number);
                while client.get_batch(&keys).await? != lockproof_client::locker::Outcome::Ok {
                    tokio::time::sleep(pauses.next().unwrap_or(cap)).await;
                }
                client.release_batch(&keys).await?;
            }
            Ok(())
        });
    }
    sim.run().expect("every client gets its keys");
    let locker = locker.take().expect("the server ran");
    let lines: Vec<String> = locker.take_log().iter().map(|entry| format!("{entry:?}")).collect();
    assert!(lines.len() > 40, "{} transitions", lines.len());
    lines.join("\n")
}

#[test]
fn one_seed_gives_one_transition_log() {
    assert_eq!(log_of(7), log_of(7));
    assert_ne!(log_of(7), log_of(8), "the seed has no effect");
}
