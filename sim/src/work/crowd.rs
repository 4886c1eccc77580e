//! Clients that nothing happens to. All of them run on one host, which is what makes a crowd cheap.

use std::time::Duration;

use turmoil::Sim;

use super::{Setting, locker, memcached, netmem};
use crate::config::Protocol;
use crate::record;
use crate::seed::Draw;

/// Starts the crowd's host. The first client stores the big value before anybody else begins.
pub(crate) fn start(sim: &mut Sim<'_>, setting: &Setting) {
    let setting = setting.clone();
    sim.host("crowd", move || {
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
    let draw = Draw::of_client(setting.seed, client);
    let worked = match setting.config.protocol {
        Protocol::Memcached => memcached::work(&setting, client, draw).await,
        Protocol::NetMem => netmem::work(&setting, client, draw).await,
        Protocol::Locker => locker::work(&setting, client, draw).await,
    };
    let mut ledger = setting.ledger.borrow_mut();
    ledger.done += 1;
    if let Err(error) = worked {
        ledger.give_up(client);
        ledger.failed.push(format!("client {client}: {error}"));
    }
}

/// A pause between two operations.
pub(super) async fn think(draw: &mut Draw) {
    tokio::time::sleep(Duration::from_millis(draw.within(10..=120))).await;
}
