//! Clients that nothing happens to. All of them run on one host, which is what makes a crowd cheap.

use std::time::Duration;

use lockproof_client::Error;

use super::{Setting, lines, locker, memcached, netmem, now};
use crate::config::Protocol;
use crate::net::Sim;
use crate::record;
use crate::seed::Draw;

/// Name of the crowd's host.
pub(crate) const HOST: &str = "crowd";

/// Pause before a new connection, after an error that is nobody's fault.
const RETRY: Duration = Duration::from_millis(100);

/// Starts the crowd's host. The first client stores the big value before anybody else begins.
pub(crate) fn start(sim: &mut Sim, setting: &Setting) {
    let setting = setting.clone();
    sim.host(HOST, move || {
        let setting = setting.clone();
        async move {
            for client in 0..setting.config.healthy {
                tokio::task::spawn_local(work(setting.of(record::client(client)), client));
            }
            std::future::pending().await
        }
    });
}

async fn work(setting: Setting, client: usize) {
    if client > 0 {
        let _ = setting.filled.subscribe().wait_for(|filled| *filled).await;
    }
    let mut draw = Draw::of_client(setting.seed, client);
    loop {
        let worked = match setting.config.protocol {
            Protocol::Memcached => {
                memcached::work::<memcached::Worker>(&setting, client, &mut draw).await
            }
            Protocol::Text | Protocol::Meta => {
                memcached::work::<lines::Worker>(&setting, client, &mut draw).await
            }
            Protocol::NetMem => netmem::work(&setting, client, &mut draw).await,
            Protocol::Locker => locker::work(&setting, client, &mut draw).await,
        };
        let Err(error) = worked else { break };
        if !goes_on(&setting, client, &error) {
            break;
        }
        tokio::time::sleep(RETRY).await;
    }
    setting.ledger.borrow_mut().done += 1;
}

/// Whether an error is excused; one that is not is written down.
fn goes_on(setting: &Setting, client: usize, error: &Error) -> bool {
    let mut ledger = setting.ledger.borrow_mut();
    ledger.give_up(client);
    if setting.outages.stops_at.is_some_and(|stop| now() >= stop) {
        return false;
    }
    let is_excused = setting.outages.excuse(now());
    if is_excused {
        ledger.excused += 1;
    } else {
        ledger.failed.push(format!("client {client}: {error}"));
    }
    is_excused
}

/// A pause between two operations.
pub(super) async fn think(draw: &mut Draw) {
    tokio::time::sleep(Duration::from_millis(draw.within(10..=120))).await;
}
