//! The server of a run: the reference server by its own `serve`, or one that is wrong on purpose.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lockproof_reference_server::Protocol as Serves;
use lockproof_reference_server::{
    Counters, Locker, LockerConfig, Memcached, MemcachedConfig, NetMem, NetMemConfig, serve,
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::account::{self, Account, Change};
use crate::config::{Config, Protocol};
use crate::known_bad::{self, KnownBad};
use crate::net::{Ended, LocalSpawn, Meter, Sim, SimListener, UNIX_START, Wire, sim_elapsed};

/// Name of the server's host.
pub const HOST: &str = "server";
/// More transitions than any run has.
const LOG_MAX: usize = 1_000_000;

/// Its port.
pub const PORT: u16 = 1000;

/// Which server.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Server {
    /// The one that users run.
    #[default]
    Reference,
    /// A wrong one.
    KnownBad(KnownBad),
}

impl Server {
    /// `reference`, or the number of a flaw.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "reference" {
            return Some(Self::Reference);
        }
        KnownBad::from_name(name).map(Self::KnownBad)
    }

    /// What it speaks, if that is one protocol only.
    pub const fn protocol(self) -> Option<Protocol> {
        match self {
            Self::KnownBad(KnownBad::Locker(_)) => Some(Protocol::Locker),
            Self::KnownBad(KnownBad::Pages(_)) => Some(Protocol::NetMem),
            Self::KnownBad(KnownBad::Lines(flaw)) => Some(flaw.protocol()),
            Self::Reference | Self::KnownBad(_) => None,
        }
    }
}

impl TryFrom<String> for Server {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::from_name(&name).ok_or_else(|| format!("no server is named `{name}`"))
    }
}

impl From<Server> for String {
    fn from(server: Server) -> Self {
        server.to_string()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reference => "reference",
            Self::KnownBad(flaw) => flaw.name(),
        })
    }
}

/// What can be seen of a running server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauges {
    /// Its sockets.
    pub(crate) meter: Arc<Meter>,
    /// The reference server's counters, once it runs.
    counters: Rc<RefCell<Option<Arc<Counters>>>>,
    flawed: Rc<Cell<usize>>,
    /// The reference server's table of locks.
    locker: Rc<RefCell<Option<Arc<Locker>>>>,
    /// What a flawed one writes down about its own.
    account: Account,
    /// What was said by those that are gone.
    past: Rc<RefCell<Vec<Vec<Change>>>>,
    /// What a flawed server takes over a restart.
    kept: Rc<RefCell<Option<Rc<dyn Any>>>>,
    /// Asks it to stop.
    pub(crate) stop: CancellationToken,
    /// When it had stopped.
    pub(crate) stopped: Rc<Cell<Option<Duration>>>,
}

impl Gauges {
    /// Connections that the server has now.
    pub(crate) fn connections(&self) -> usize {
        let counted = self.counters.borrow().as_ref().map_or(0, |counters| counters.current());
        counted + self.flawed.get()
    }

    /// What each lock server of the run said that happened, in order; nothing from the others. Asked once.
    pub(crate) fn changes(&self) -> Vec<Vec<Change>> {
        self.begin_anew();
        self.past.take()
    }

    /// The server is about to lose everything: its account is closed.
    pub(crate) fn begin_anew(&self) {
        let account = self.account_so_far();
        self.past.borrow_mut().push(account);
    }

    fn account_so_far(&self) -> Vec<Change> {
        match &*self.locker.borrow() {
            Some(locker) => account::of_log(locker.take_log()),
            None => self.account.take(),
        }
    }
}

/// Starts the server's host.
pub(crate) fn start(sim: &mut Sim, server: Server, config: &Config) -> Gauges {
    let gauges = Gauges::default();
    let (config, seen) = (config.clone(), gauges.clone());
    sim.host(HOST, move || run(server, config.clone(), seen.clone()));
    gauges
}

async fn run(server: Server, config: Config, gauges: Gauges) -> Ended {
    let meter = Some(Arc::clone(&gauges.meter));
    let wire = Wire { meter, ..config.server_wire() };
    let listener = SimListener::bind(PORT, wire)?;
    let pages = config.pages();
    let stopped = Rc::clone(&gauges.stopped);
    match (server, config.protocol) {
        (Server::Reference, Protocol::Memcached | Protocol::Text | Protocol::Meta) => {
            let unix_start = Some(UNIX_START);
            let memcached = MemcachedConfig { unix_start, ..MemcachedConfig::default() };
            reference(listener, Arc::new(Memcached::new(memcached)), &config, &gauges).await;
        }
        (Server::Reference, Protocol::NetMem) => {
            let (pages, page_len) = pages;
            let netmem = NetMemConfig { pages, page_len, ..NetMemConfig::default() };
            reference(listener, Arc::new(NetMem::new(netmem)), &config, &gauges).await;
        }
        (Server::Reference, Protocol::Locker) => {
            let locker = LockerConfig { log_entries_max: LOG_MAX, ..LockerConfig::default() };
            let locker = Arc::new(Locker::new(locker));
            gauges.locker.replace(Some(Arc::clone(&locker)));
            reference(listener, locker, &config, &gauges).await;
        }
        (Server::KnownBad(KnownBad::Locker(flaw)), Protocol::Locker) => {
            let serving = known_bad::serve_locker(
                flaw,
                listener,
                gauges.account.clone(),
                Rc::clone(&gauges.flawed),
            );
            until_stopped(serving, &gauges).await;
        }
        (Server::KnownBad(KnownBad::Pages(flaw)), Protocol::NetMem) => {
            let serving = known_bad::serve_pages(flaw, listener, pages, Rc::clone(&gauges.flawed));
            until_stopped(serving, &gauges).await;
        }
        (Server::KnownBad(flaw), Protocol::Text | Protocol::Meta) if flaw.speaks_lines() => {
            let lines = known_bad::Lines::new(flaw);
            known_bad::serve(flaw, place(listener, &config, gauges), lines).await;
        }
        (
            Server::KnownBad(
                flaw @ (KnownBad::Locker(_) | KnownBad::Pages(_) | KnownBad::Lines(_)),
            ),
            spoken,
        ) => {
            return Err(format!("{} does not speak {}", flaw.name(), spoken.name()).into());
        }
        (Server::KnownBad(flaw), Protocol::Memcached) => {
            let items = known_bad::Items::new(UNIX_START);
            known_bad::serve(flaw, place(listener, &config, gauges), items).await;
        }
        // Those that speak no lines have been sent away.
        (Server::KnownBad(_), Protocol::Text | Protocol::Meta) => {}
        (Server::KnownBad(flaw), Protocol::NetMem) => {
            let pages = known_bad::Pages::new(pages.0, pages.1);
            known_bad::serve(flaw, place(listener, &config, gauges), pages).await;
        }
        (Server::KnownBad(flaw), Protocol::Locker) => {
            let keys = known_bad::Keys::new(None, gauges.account.clone());
            known_bad::serve(flaw, place(listener, &config, gauges), keys).await;
        }
    }
    stopped.set(sim_elapsed());
    Ok(())
}

/// A server that begins has no connections, and one that is stopped has none any more.
async fn until_stopped(serving: impl Future<Output = ()>, gauges: &Gauges) {
    gauges.flawed.set(0);
    tokio::select! {
        biased; // it is asked once
        () = gauges.stop.cancelled() => {}
        () = serving => {}
    }
    gauges.flawed.set(0);
}

fn place(listener: SimListener, config: &Config, gauges: Gauges) -> known_bad::Place {
    let Gauges { flawed: connections, stop, kept, .. } = gauges;
    known_bad::Place { listener, section: config.section(), connections, stop, kept }
}

async fn reference<P: Serves>(
    listener: SimListener,
    protocol: Arc<P>,
    config: &Config,
    gauges: &Gauges,
) {
    gauges.counters.replace(Some(Arc::clone(protocol.counters())));
    serve(listener, protocol, config.connection(), LocalSpawn, gauges.stop.clone()).await;
}
