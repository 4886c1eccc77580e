//! All protocols inside this process, on loopback ports that the system chooses: what tests and
//! `lockproof check` without a target run against.

use core::time::Duration;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use lockproof_state_machine::sasl::Credentials;
use tokio_util::sync::CancellationToken;

use crate::launch::{Bound, Loops};
use crate::server::UNIX_MODE;
use crate::{
    ConnectionConfig, EchoMode, Listen, Locker, LockerConfig, Memcached, MemcachedConfig, NetMem,
    NetMemConfig, SocketOptions, Tls,
};

/// The user of the listener that asks for SASL.
pub const SASL_USER: &str = "user";

/// That user's password.
pub const SASL_PASSWORD: &str = "password";

/// What an embedded server is started with.
#[derive(Clone, Debug)]
pub struct EmbeddedConfig {
    /// NetMem's number of pages.
    pub pages: u32,
    /// NetMem's bytes per page.
    pub page_len: u32,
    /// All memcached listeners, each with items of its own.
    pub memcached: MemcachedConfig,
    /// Locker.
    pub locker: LockerConfig,
    /// Echo.
    pub echo: EchoMode,
    /// Limits of every connection; Locker's frame deadline is 10 s at most.
    pub connection: ConnectionConfig,
    /// With it, every TCP connection begins with a TLS handshake.
    pub tls: Option<Tls>,
    /// A directory for Unix sockets that lead to the same servers: `memcached.sock` (open to everyone), `netmem.sock`,
    /// `locker.sock`, `echo.sock`.
    pub sockets: Option<PathBuf>,
}

impl Default for EmbeddedConfig {
    fn default() -> Self {
        Self {
            pages: 16,
            page_len: 64,
            memcached: MemcachedConfig { workers: 1, ..MemcachedConfig::default() },
            locker: LockerConfig::default(),
            echo: EchoMode::Task,
            connection: ConnectionConfig::default(),
            tls: None,
            sockets: None,
        }
    }
}

/// A server inside this process. Dropping it drops its connections.
#[derive(Debug)]
pub struct Embedded {
    memcached: SocketAddr,
    memcached_sasl: SocketAddr,
    memcached_evicts: SocketAddr,
    memcached_refuses: SocketAddr,
    netmem: SocketAddr,
    locker: SocketAddr,
    echo: SocketAddr,
    loops: Loops,
    shutdown: CancellationToken,
}

impl Embedded {
    /// Starts on the current tokio runtime; clients can connect when it returns.
    ///
    /// # Errors
    /// When the system has no port to give, or a Unix socket no place.
    #[allow(clippy::unused_async, reason = "async, so that it is called inside a runtime")]
    pub async fn start(config: EmbeddedConfig) -> io::Result<Self> {
        let shutdown = CancellationToken::new();
        let EmbeddedConfig { pages, page_len, memcached, locker, echo, connection, tls, sockets } =
            config;
        let mut loops = Loops::new(SocketOptions::default(), tls, shutdown.clone());
        let memcached =
            MemcachedConfig { connections_max: connection.connections_max, ..memcached };

        let open = || Bound::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let bound = [open()?, open()?, open()?, open()?, open()?, open()?, open()?];
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let addresses = bound.each_ref().map(|bound| bound.address.tcp().unwrap_or(nowhere));
        let [plain, sasl, evicts, refuses, netmem_bound, locker_bound, echo_bound] = bound;

        let users = Some(Credentials::new().with(SASL_USER, SASL_PASSWORD).into());
        let with_sasl = MemcachedConfig { users, ..memcached.clone() };
        let [evicting, refusing] =
            [true, false].map(|evict| Memcached::new(memcached.clone().with_little_memory(evict)));
        let memcached = Arc::new(Memcached::new(memcached));
        let netmem = NetMemConfig { pages, page_len, ..NetMemConfig::default() };
        let (netmem, locker) = (Arc::new(NetMem::new(netmem)), Arc::new(Locker::new(locker)));
        let limit = Duration::from_secs(10);
        let frame_deadline = connection.frame_deadline.map(|deadline| deadline.min(limit));
        let locker_connection = ConnectionConfig { frame_deadline, ..connection.clone() };

        if let Some(directory) = sockets {
            let at = |name| Bound::at(&Listen::Unix(directory.join(name)), UNIX_MODE);
            loops.start(at("memcached.sock")?, Arc::clone(&memcached), connection.clone())?;
            loops.start(at("netmem.sock")?, Arc::clone(&netmem), connection.clone())?;
            loops.start(at("locker.sock")?, Arc::clone(&locker), locker_connection.clone())?;
            loops.start_echo(at("echo.sock")?, echo.clone(), connection.clone())?;
        }
        loops.start(plain, memcached, connection.clone())?;
        loops.start(sasl, Arc::new(Memcached::new(with_sasl)), connection.clone())?;
        loops.start(evicts, Arc::new(evicting), connection.clone())?;
        loops.start(refuses, Arc::new(refusing), connection.clone())?;
        loops.start(netmem_bound, netmem, connection.clone())?;
        loops.start(locker_bound, locker, locker_connection)?;
        loops.start_echo(echo_bound, echo, connection)?;

        let [memcached, memcached_sasl, memcached_evicts, memcached_refuses, netmem, locker, echo] =
            addresses;
        Ok(Self {
            memcached,
            memcached_sasl,
            memcached_evicts,
            memcached_refuses,
            netmem,
            locker,
            echo,
            loops,
            shutdown,
        })
    }

    /// memcached, open to everyone.
    pub fn memcached(&self) -> SocketAddr {
        self.memcached
    }

    /// memcached that asks for SASL PLAIN, from [`SASL_USER`] with [`SASL_PASSWORD`].
    pub fn memcached_sasl(&self) -> SocketAddr {
        self.memcached_sasl
    }

    /// memcached with [little memory](MemcachedConfig::with_little_memory), which evicts when it is full.
    pub fn memcached_evicts(&self) -> SocketAddr {
        self.memcached_evicts
    }

    /// memcached with [little memory](MemcachedConfig::with_little_memory), which refuses to store when it is full.
    pub fn memcached_refuses(&self) -> SocketAddr {
        self.memcached_refuses
    }

    /// NetMem.
    pub fn netmem(&self) -> SocketAddr {
        self.netmem
    }

    /// Locker.
    pub fn locker(&self) -> SocketAddr {
        self.locker
    }

    /// Echo.
    pub fn echo(&self) -> SocketAddr {
        self.echo
    }

    /// Stops accepting, drains, and returns when every connection is closed.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        if let Err(error) = self.loops.join().await {
            tracing::error!(%error, "an accept loop panicked");
        }
    }
}
