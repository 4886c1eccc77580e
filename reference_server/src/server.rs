//! The server of the command line: any of the four protocols, an address each.

use core::time::Duration;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::available_parallelism;

use lockproof_protocol::locker::{self, Dialect};
use lockproof_state_machine::{items, locks};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::launch::{Bound, Loops};
use crate::metrics::Observed;
use crate::observe::{self, Watched};
use crate::{
    ConnectionConfig, Echo, EchoMode, Inherited, InheritedSockets, Listen, Locker, LockerConfig,
    Memcached, MemcachedConfig, NetMem, NetMemConfig, Protocol, SocketOptions, Speaks, Tls, Token,
    Users,
};

/// Of the files of Unix sockets: nobody but the user who runs the server may connect.
pub(crate) const UNIX_MODE: u32 = 0o600;

/// Who guesses passwords gets one a second out of a connection.
const AUTH_DELAY: Duration = Duration::from_secs(1);

/// Everything that a server is started with.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where memcached listens; port 0 takes any free one. `None` leaves the protocol out.
    pub memcached: Option<Listen>,
    /// Where NetMem listens.
    pub netmem: Option<Listen>,
    /// Where Locker listens.
    pub locker: Option<Listen>,
    /// Where echo listens.
    pub echo: Option<Listen>,
    /// Where `/metrics`, `/sessions`, `/healthz` and `/readyz` are told, to whoever asks.
    pub watch: Option<SocketAddr>,
    /// Who has it may end sessions there.
    pub watch_token: Option<Token>,
    /// Permissions of the files of Unix sockets.
    pub unix_mode: u32,
    /// With it, every TCP connection begins with a TLS handshake.
    pub tls: Option<Tls>,
    /// Threads that serve connections.
    pub workers: usize,
    /// How long to go on looking for requests after each, before the processor sleeps; `None` sleeps at once.
    pub spin: Option<Duration>,
    /// NetMem's number of pages.
    pub pages: u32,
    /// NetMem's bytes per page.
    pub page_len: u32,
    /// NetMem's sessions that may wait for one page; one more is closed.
    pub waiters_max: usize,
    /// Bytes that memcached's items may take.
    pub memory_max: usize,
    /// Bytes of memcached's largest item.
    pub item_max: usize,
    /// Which protocols a connection to memcached may speak.
    pub speaks: Speaks,
    /// Users of memcached, by SASL PLAIN or text's own way; `None` asks nobody to authenticate.
    pub users: Option<Users>,
    /// How long the answer to a wrong password waits.
    pub auth_delay: Duration,
    /// How many keys locker keeps.
    pub locks: locks::Config,
    /// Largest requests of locker.
    pub locker_limits: locker::Limits,
    /// Locker's layout and result codes.
    pub locker_dialect: Dialect,
    /// Time for a Locker frame to arrive whole; the others have `connection.frame_deadline`.
    pub locker_frame_deadline: Option<Duration>,
    /// A task or a process for each echo client.
    pub echo_mode: EchoMode,
    /// Limits of every connection; the connection limit is per protocol.
    pub connection: ConnectionConfig,
    /// Options of every accepted socket.
    pub socket: SocketOptions,
    /// Seed of the hash tables. `None` draws one, so that nobody can send keys that collide.
    pub hash_seed: Option<u64>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let NetMemConfig { pages, page_len, waiters_max, .. } = NetMemConfig::default();
        let items::Config { memory_max, item_max, .. } = items::Config::default();
        Self {
            memcached: None,
            netmem: None,
            locker: None,
            echo: None,
            watch: None,
            watch_token: None,
            unix_mode: UNIX_MODE,
            tls: None,
            // Measured best: the last one is left to the kernel's network work.
            workers: available_parallelism().map_or(1, |cpus| (cpus.get() - 1).max(1)),
            spin: None,
            pages,
            page_len,
            waiters_max,
            memory_max,
            item_max,
            speaks: Speaks::default(),
            users: None,
            auth_delay: AUTH_DELAY,
            locks: locks::Config::default(),
            locker_limits: locker::Limits::default(),
            locker_dialect: Dialect::default(),
            locker_frame_deadline: Some(Duration::from_secs(10)),
            echo_mode: EchoMode::Task,
            connection: ConnectionConfig::default(),
            socket: SocketOptions::default(),
            hash_seed: None,
        }
    }
}

impl ServerConfig {
    /// A runtime with `workers` threads, for [`Server::run`].
    ///
    /// # Errors
    /// When the system gives no threads or no event queue.
    pub fn runtime(&self) -> io::Result<Runtime> {
        Builder::new_multi_thread()
            .worker_threads(self.workers.max(1))
            .thread_name("lockproof")
            .enable_all()
            .build()
    }

    fn memcached(&self) -> MemcachedConfig {
        let items = items::Config {
            memory_max: self.memory_max,
            item_max: self.item_max,
            hash_seed: self.hash_seed.unwrap_or_else(|| RandomState::new().hash_one(())),
            ..items::Config::default()
        };
        MemcachedConfig {
            items,
            unix_start: None,
            speaks: self.speaks,
            users: self.users.clone(),
            auth_delay: self.auth_delay,
            workers: self.workers,
            connections_max: self.connection.connections_max,
        }
    }
}

/// Where the protocols of a server really listen.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Addresses {
    /// memcached.
    pub memcached: Option<Listen>,
    /// NetMem.
    pub netmem: Option<Listen>,
    /// Locker.
    pub locker: Option<Listen>,
    /// Echo.
    pub echo: Option<Listen>,
}

/// A server whose sockets are open; clients can connect already, and wait for [`run`](Self::run).
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    memcached: Option<Bound>,
    netmem: Option<Bound>,
    locker: Option<Bound>,
    echo: Option<Bound>,
    watch: Option<std::net::TcpListener>,
}

fn watched(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let in_words = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
    std::net::TcpListener::bind(address).map_err(in_words)
}

async fn watch_at(socket: std::net::TcpListener, watched: Watched) {
    if let Err(error) = observe::watch(socket, watched).await {
        tracing::error!(%error, "nobody can watch");
    }
}

impl Server {
    /// Opens the sockets.
    ///
    /// # Errors
    /// When there is no address at all, or one of them cannot be had.
    pub fn bind(config: ServerConfig) -> io::Result<Self> {
        Self::bind_on(config, InheritedSockets::default())
    }

    /// The same, on sockets that are open already where there are any.
    ///
    /// # Errors
    /// As of [`bind`](Self::bind).
    pub fn bind_on(config: ServerConfig, sockets: InheritedSockets) -> io::Result<Self> {
        let open = |socket: Option<Inherited>, listen: &Option<Listen>| match (socket, listen) {
            (Some(socket), _) => Bound::inherited(socket).map(Some),
            (None, Some(listen)) => Bound::at(listen, config.unix_mode).map(Some),
            (None, None) => Ok(None),
        };
        let memcached = open(sockets.memcached, &config.memcached)?;
        let netmem = open(sockets.netmem, &config.netmem)?;
        let locker = open(sockets.locker, &config.locker)?;
        let echo = open(sockets.echo, &config.echo)?;
        let watch = config.watch.map(watched).transpose()?;
        let server = Self { config, memcached, netmem, locker, echo, watch };
        if server.addresses() == Addresses::default() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no protocol has an address"));
        }
        Ok(server)
    }

    /// The addresses, with the ports that were chosen.
    pub fn addresses(&self) -> Addresses {
        let address = |bound: &Option<Bound>| bound.as_ref().map(|bound| bound.address.clone());
        Addresses {
            memcached: address(&self.memcached),
            netmem: address(&self.netmem),
            locker: address(&self.locker),
            echo: address(&self.echo),
        }
    }

    /// Where those who watch are answered.
    pub fn watch_address(&self) -> Option<SocketAddr> {
        self.watch.as_ref().and_then(|socket| socket.local_addr().ok())
    }

    /// Serves until `shutdown`, then until the connections are drained. Needs a tokio runtime, such
    /// as [`ServerConfig::runtime`] builds. Dropping the future drops all connections.
    ///
    /// # Errors
    /// When the runtime cannot take the sockets, or an accept loop panicked.
    pub async fn run(self, shutdown: CancellationToken) -> io::Result<()> {
        let Self { mut config, memcached, netmem, locker, echo, watch } = self;
        let mut loops = Loops::new(config.socket, config.tls.take(), shutdown.clone());
        config.connection.spin = config.spin.map(|window| loops.start_spin(window));
        let memory = Some(config.connection.memory.clone());
        let mut observed = Observed { memory, ..Observed::default() };
        config.connection.roster = Some(observed.roster.clone());
        if let Some(bound) = memcached {
            let protocol = Arc::new(Memcached::new(config.memcached()));
            observed.counters.push((Memcached::NAME, Arc::clone(protocol.counters())));
            observed.memcached = Some(Arc::clone(&protocol));
            loops.start(bound, protocol, config.connection.clone())?;
        }
        if let Some(bound) = netmem {
            let ServerConfig { pages, page_len, waiters_max, .. } = config;
            let config_of_pages =
                NetMemConfig { pages, page_len, waiters_max, ..NetMemConfig::default() };
            let protocol = Arc::new(NetMem::new(config_of_pages));
            observed.counters.push((NetMem::NAME, Arc::clone(protocol.counters())));
            observed.netmem = Some(Arc::clone(&protocol));
            loops.start(bound, protocol, config.connection.clone())?;
        }
        if let Some(bound) = locker {
            let dialect = config.locker_dialect;
            let locks = config.locks;
            let limits = config.locker_limits;
            let config_of_locks = LockerConfig { dialect, limits, locks, log_entries_max: 0 };
            let protocol = Arc::new(Locker::new(config_of_locks));
            observed.counters.push((Locker::NAME, Arc::clone(protocol.counters())));
            observed.locker = Some(Arc::clone(&protocol));
            let frame_deadline = config.locker_frame_deadline;
            let connection = ConnectionConfig { frame_deadline, ..config.connection.clone() };
            loops.start(bound, protocol, connection)?;
        }
        if let Some(bound) = echo {
            let counters = loops.start_echo(bound, config.echo_mode, config.connection)?;
            observed.counters.push((Echo::NAME, counters));
        }
        // Who watches is told until the last connection is closed.
        // It ends with this future, however that does.
        let _watching = watch.map(|socket| {
            let watched = Watched { observed, token: config.watch_token, stopping: shutdown };
            AbortOnDropHandle::new(tokio::spawn(watch_at(socket, watched)))
        });
        loops.join().await
    }
}
