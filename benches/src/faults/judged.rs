//! Histories that clients make while the server is harmed, and the judge's word on them.

use std::time::Duration;

use anyhow::Context;
use lockproof_conformance::history::stress::{Options, Outcome, stress};
use lockproof_conformance::replay::TcpWorld;
use lockproof_conformance::target::Target;

use super::PATIENCE;

/// The protocols whose clients share something.
pub const SHARED: [&str; 3] = ["memcached", "netmem", "locker"];

/// Lets eight clients work on a few keys of that target, dying now and then, and judges what they saw.
///
/// # Errors
/// A call that was not answered, or not as the protocol says.
pub fn judged(url: &str, seed: u64, calls: u32, pause: Duration) -> anyhow::Result<Outcome> {
    let target = Target::parse(url)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let options = Options { seed, calls, pause, timeout: PATIENCE, ..Options::default() };
    let outcome =
        runtime.block_on(stress(&TcpWorld::new(target.transport.clone()), &target, options));
    outcome.with_context(|| format!("{url}, seed {seed}"))
}
