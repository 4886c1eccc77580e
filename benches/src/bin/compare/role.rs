//! What this program is when it is started by itself: a server, or a neighbour.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, bail};
use lockproof_benches::servers::null::{self, Null};
use lockproof_reference_server::{Server, ServerConfig};
use tokio_util::sync::CancellationToken;

use crate::arguments::Protocol;
use crate::measure::PAGES;

/// Serves until it is killed. As `lockproof serve` does it, with more memory and more connections.
pub(crate) fn serve(
    protocol: Protocol,
    spin: bool,
    threads: Option<usize>,
    pages: Option<u32>,
) -> anyhow::Result<()> {
    let any = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into());
    let mut config = ServerConfig::default();
    match protocol {
        Protocol::Memcached => config.memcached = any,
        Protocol::Netmem => config.netmem = any,
        Protocol::Locker => config.locker = any,
    }
    config.memory_max = 8 << 30;
    config.connection.connections_max = 20_000;
    config.workers = threads.unwrap_or(config.workers);
    config.spin = spin.then_some(lockproof_reference_server::SPIN);
    (config.pages, config.page_len) = (pages.unwrap_or(PAGES.0), PAGES.1);
    config.runtime()?.block_on(async {
        let server = Server::bind(config)?;
        let addresses = server.addresses();
        let address = addresses.memcached.or(addresses.netmem).or(addresses.locker);
        println!("{}", address.context("one protocol was asked for")?);
        Ok(server.run(CancellationToken::new()).await?)
    })
}

pub(crate) fn null(protocol: Protocol) -> anyhow::Result<()> {
    let null = match protocol {
        Protocol::Netmem => Null::NetMem { page_len: PAGES.1 },
        Protocol::Locker => Null::Locker,
        Protocol::Memcached => bail!("there is no null server for memcached"),
    };
    null::run(null, |address| println!("{address}"))
}

/// Computes for ever. Prints an address like the others, so that it is started like them.
pub(crate) fn burn() -> ! {
    println!("127.0.0.1:0");
    loop {
        std::hint::spin_loop();
    }
}
