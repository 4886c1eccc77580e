//! What clients do during a run: a crowd that nothing happens to, and victims.

mod actor;
mod acts;
mod crowd;
mod expected;
mod expected_lines;
mod ledger;
mod line_requests;
mod line_stream;
mod lines;
mod lines_meta;
mod lines_text;
mod locker;
mod locker_victim;
mod locks;
mod memcached;
mod netmem;
mod observed;
mod requests;
mod victim;

pub(crate) use crowd::start as start_crowd;
pub(crate) use ledger::Ledger;
pub(crate) use locks::Who;
pub(crate) use victim::start as start_victim;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use lockproof_client::Error;
use tokio::sync::watch;

use crate::config::Config;
use crate::net::{SimStream, sim_elapsed};
use crate::outage::Outages;
use crate::record;
use crate::server::{HOST, PORT};

/// Longer than any run: what takes too long is judged by its virtual time, not given up.
const FOR_EVER: Duration = Duration::from_hours(1);

/// What all clients of a run share.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) config: Rc<Config>,
    pub(crate) seed: u64,
    /// Who works with it, in recordings.
    pub(crate) who: String,
    /// When work ends.
    pub(crate) until: Duration,
    pub(crate) ledger: Rc<RefCell<Ledger>>,
    /// True once the big value is stored.
    pub(crate) filled: watch::Sender<bool>,
    /// When the server is not there.
    pub(crate) outages: Outages,
}

impl Setting {
    fn of(&self, who: String) -> Self {
        Self { who, ..self.clone() }
    }

    fn is_over(&self) -> bool {
        now() >= self.until
    }

    /// A healthy client's new connection, on which a first request is answered. It has no lock to wait for.
    async fn open<C>(
        &self,
        index: usize,
        greet: impl AsyncFnOnce(SimStream) -> Result<C, Error>,
    ) -> Result<C, Error> {
        let began = now();
        self.ledger.borrow_mut().begin(index, "connect");
        let client = self.reach(greet).await?;
        // A first knock that nobody hears is repeated, but not at once.
        let bound = if self.outages.overlap(began, now()) {
            self.patience()
        } else {
            self.config.connect_bound()
        };
        self.ledger.borrow_mut().end(index, bound);
        Ok(client)
    }

    /// The same for whoever has no bound to keep.
    async fn reach<C>(
        &self,
        greet: impl AsyncFnOnce(SimStream) -> Result<C, Error>,
    ) -> Result<C, Error> {
        let stream = self.connect().await;
        greet(stream.map_err(|source| Error::Transport { source, maybe_applied: false })?).await
    }

    /// Whether a healthy client may give its connection up and take another: not where the server is short of room.
    fn may_reconnect(&self) -> bool {
        self.config.connections_max.is_none() && !self.outages.runs_out
    }

    /// How long an operation may take before it is given up.
    fn patience(&self) -> Duration {
        self.outages.patience().unwrap_or(FOR_EVER)
    }

    async fn connect(&self) -> std::io::Result<SimStream> {
        let wire = self.config.wire();
        let stream = SimStream::connect(HOST, PORT, &wire).await?;
        record::connected(stream.address(), &self.who);
        Ok(stream)
    }
}

/// Virtual time since the start of the run.
fn now() -> Duration {
    sim_elapsed().unwrap_or_default()
}
