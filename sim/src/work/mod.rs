//! What clients do during a run: a crowd that nothing happens to, and victims.

mod acts;
mod crowd;
mod expected;
mod ledger;
mod memcached;
mod netmem;
mod requests;
mod victim;

pub(crate) use crowd::{HOST as CROWD, start as start_crowd};
pub(crate) use ledger::Ledger;
pub(crate) use victim::start as start_victim;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;

use crate::config::Config;
use crate::net::{SimStream, Wire};
use crate::outage::Outages;
use crate::server::{HOST, PORT};

/// Longer than any run: what takes too long is judged by its virtual time, not given up.
const FOR_EVER: Duration = Duration::from_hours(1);

/// What all clients of a run share.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) config: Rc<Config>,
    pub(crate) seed: u64,
    /// When work ends.
    pub(crate) until: Duration,
    pub(crate) ledger: Rc<RefCell<Ledger>>,
    /// True once the big value is stored.
    pub(crate) filled: watch::Sender<bool>,
    /// When the server is not there.
    pub(crate) outages: Outages,
}

impl Setting {
    fn is_over(&self) -> bool {
        now() >= self.until
    }

    /// How long an operation may take before it is given up.
    fn patience(&self) -> Duration {
        self.outages.patience().unwrap_or(FOR_EVER)
    }

    async fn connect(&self) -> std::io::Result<SimStream> {
        let wire = Wire { segment_bytes: self.config.segment_bytes, meter: None };
        SimStream::connect(HOST, PORT, &wire).await
    }
}

/// Virtual time since the start of the run.
fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}
