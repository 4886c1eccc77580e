//! The clients that go about their work: three protocols side by side, at a rate, every reply checked.

use std::time::Duration;

use anyhow::Context;
use hdrhistogram::Histogram;

use super::served::Served;
use crate::load::locker::{self, Locker};
use crate::load::memcached::{self, Data, Fill, Memcached};
use crate::load::netmem::{self, NetMem};
use crate::load::{Driver, Outcome, Pace};

/// Items, and bytes of each.
const ITEMS: (u32, usize) = (2_000, 100);
/// Batches a second of each protocol.
const RATE: f64 = 400.0;

/// Connections at work.
#[derive(Debug)]
pub(crate) struct Workers {
    memcached: Driver<Memcached>,
    netmem: Driver<NetMem>,
    locker: Driver<Locker>,
}

/// What they did in a phase.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    pub(crate) operations: u64,
    pub(crate) times: Histogram<u64>,
}

impl Phase {
    /// So many of a hundred were answered within that.
    pub(crate) fn milliseconds(&self, percentile: f64) -> f64 {
        let nanoseconds = self.times.value_at_quantile(percentile / 100.0);
        Duration::from_nanos(nanoseconds).as_secs_f64() * 1e3
    }
}

impl Workers {
    /// Fills memcached, and opens `count` connections; those of NetMem lock the first `pages` pages, an own one each.
    pub(crate) fn open(
        server: &Served,
        count: u32,
        (pages, page_len): (u32, u32),
        seed: u64,
    ) -> anyhow::Result<Self> {
        let data = Data::new(ITEMS.0, ITEMS.1);
        let fill = Fill::new(data.clone(), 0..data.count());
        Driver::open(server.memcached(), [fill])?.finish(Fill::is_over)?;
        let mix = memcached::Ask::Mix { depth: 1, sets: 1, of: 10 };
        let each = (count / 3).max(1);
        let seeds = (0..each).map(|index| seed.wrapping_add(index.into()));
        let cache = seeds.map(|seed| Memcached::new(data.clone(), mix, seed));
        let pair = netmem::Ask::LockAndUnlock;
        let memory =
            (0..each.min(pages)).map(|index| NetMem::new(pair, 1, (pages, page_len), index));
        let own = locker::Ask::OwnKeys { keys: 2 };
        let locks = (0..each).map(|index| Locker::new(own, index));
        Ok(Self {
            memcached: Driver::open(server.memcached(), cache)?,
            netmem: Driver::open(server.netmem(), memory)?,
            locker: Driver::open(server.locker(), locks)?,
        })
    }

    /// Lets them work for that long, and meanwhile does something else.
    ///
    /// # Errors
    /// A wrong reply, a closed connection, or no reply for 20 seconds.
    pub(crate) fn work<T>(
        &mut self,
        time: Duration,
        meanwhile: impl FnOnce() -> T,
    ) -> (anyhow::Result<Phase>, T) {
        std::thread::scope(|scope| {
            // What was under way when the phase before it ended would be counted as late here.
            let (pace, first) = (Pace::Open(RATE), time / 10);
            let time = time.saturating_sub(first);
            let Self { memcached, netmem, locker } = self;
            let running = [
                ("memcached", scope.spawn(move || memcached.run(pace, first, time, || ()))),
                ("netmem", scope.spawn(move || netmem.run(pace, first, time, || ()))),
                ("locker", scope.spawn(move || locker.run(pace, first, time, || ()))),
            ];
            let done = meanwhile();
            let ended = running.map(|(name, thread)| {
                let ended = thread.join().map_err(|_| anyhow::anyhow!("its thread panicked"));
                ended.flatten().with_context(|| format!("the load of {name}"))
            });
            (put_together(ended), done)
        })
    }
}

fn put_together(ended: [anyhow::Result<Outcome>; 3]) -> anyhow::Result<Phase> {
    let mut phase = Phase { operations: 0, times: Histogram::new(3)? };
    for outcome in ended {
        let outcome = outcome?;
        phase.operations += outcome.operations;
        phase.times.add(outcome.times)?;
    }
    Ok(phase)
}
