//! What a server holds, seen from outside: memory, descriptors, connections; and whether it is free of what the dead held.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use lockproof_client::blocking::{connect, go_on};
use lockproof_client::{locker, memcached, netmem};
use lockproof_protocol::locker::Outcome;
use serde::Serialize;

use super::PATIENCE;
use super::process::Process;
use super::served::Served;

/// A client that asks memcached for its figures, on a connection of its own.
pub type Control = memcached::blocking::Client;

/// Keys in a request to locker.
const BATCH: usize = 100;

/// A memcached client.
///
/// # Errors
/// When the server takes no connection.
pub fn memcached(address: SocketAddr, timeout: Duration) -> anyhow::Result<Control> {
    let stream = connect(address, PATIENCE, go_on).with_context(|| address.to_string())?;
    Ok(memcached::blocking::Client::new(stream, timeout))
}

/// A NetMem client.
///
/// # Errors
/// When the server takes no connection, or is another one.
pub fn netmem(address: SocketAddr, timeout: Duration) -> anyhow::Result<netmem::blocking::Client> {
    let stream = connect(address, PATIENCE, go_on).with_context(|| address.to_string())?;
    Ok(netmem::blocking::Client::connect(stream, timeout, go_on)?)
}

/// A locker client.
///
/// # Errors
/// When the server takes no connection.
pub fn locker(address: SocketAddr, timeout: Duration) -> anyhow::Result<locker::blocking::Client> {
    let stream = connect(address, PATIENCE, go_on).with_context(|| address.to_string())?;
    Ok(locker::blocking::Client::new(stream, timeout))
}

/// What a server holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct State {
    /// Resident bytes.
    pub resident: u64,
    /// Open descriptors.
    pub descriptors: usize,
    /// memcached's `curr_connections`, if it has that.
    pub connections: Option<u64>,
}

impl State {
    /// As it is now.
    ///
    /// # Errors
    /// When the server is gone, or does not answer.
    pub fn of(process: Process, control: &mut Control) -> anyhow::Result<Self> {
        let connections = statistic(control, "curr_connections")?;
        let (resident, descriptors) = (process.resident()?, process.descriptors()?);
        Ok(Self { resident, descriptors, connections })
    }
}

/// A statistic of memcached that is a number.
///
/// # Errors
/// When the server does not answer.
pub fn statistic(control: &mut Control, name: &str) -> anyhow::Result<Option<u64>> {
    let all = control.stats(b"").context("STAT")?;
    let found = all.iter().find(|(known, _)| known == name.as_bytes());
    Ok(found.and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok()))
}

/// Takes all of these pages, one after the other, and holds them; gives the versions that they have.
///
/// # Errors
/// A page that cannot be had within `patience`.
pub fn take_pages(
    server: &Served,
    pages: std::ops::Range<u32>,
    patience: Duration,
) -> anyhow::Result<Vec<i32>> {
    let begun = Instant::now();
    let mut client = netmem(server.netmem(), patience)?;
    let mut versions = Vec::new();
    for page in pages {
        client.set_timeout(patience.saturating_sub(begun.elapsed()).max(Duration::from_secs(1)));
        let taken = client.lock(page);
        versions.push(taken.with_context(|| format!("page {page} is still held"))?.version);
    }
    Ok(versions)
}

/// Takes all of these locks, and holds them all at once for a moment.
///
/// # Errors
/// Locks that cannot be had within `patience`.
pub fn take_keys(server: &Served, keys: &[Vec<u8>], patience: Duration) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut client = locker(server.locker(), PATIENCE)?;
    for some in keys.chunks(BATCH) {
        let some: Vec<&[u8]> = some.iter().map(Vec::as_slice).collect();
        loop {
            let outcome = client.get_batch(&some)?;
            if outcome == Outcome::Ok {
                break;
            }
            let first = String::from_utf8_lossy(some[0]);
            anyhow::ensure!(
                begun.elapsed() < patience,
                "{first} or one of the {} behind it is still held: {outcome:?}",
                some.len() - 1
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}
