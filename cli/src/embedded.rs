//! The reference server inside this process, for runs without a target.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use lockproof_conformance::target::Target;
use lockproof_conformance::venue::{Spare, Started};
use lockproof_conformance::wire::Protocol;
use lockproof_reference_server::{ConnectionConfig, Embedded, EmbeddedConfig};
use tokio::runtime::{Builder, Handle, Runtime};

/// The server, on a runtime of its own: the judge must not share its thread.
pub(crate) struct House {
    runtime: Runtime,
    server: Embedded,
}

/// Enough that many cases can borrow pages at once.
const PAGES: u32 = 96;

/// Short, because cases wait for it; long enough for a frame that is sent byte by byte on a busy machine.
const FRAME_DEADLINE: Duration = Duration::from_secs(5);

fn config() -> EmbeddedConfig {
    let connection =
        ConnectionConfig { frame_deadline: Some(FRAME_DEADLINE), ..ConnectionConfig::default() };
    EmbeddedConfig { pages: PAGES, connection, ..EmbeddedConfig::default() }
}

impl House {
    /// Starts the server.
    pub(crate) fn new() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let server = runtime.block_on(Embedded::start(config()))?;
        Ok(Self { runtime, server })
    }

    /// The four protocols as targets.
    pub(crate) fn targets(&self) -> Vec<Target> {
        Protocol::SERVERS.into_iter().map(|protocol| target(&self.server, protocol)).collect()
    }

    /// A source of further servers of one protocol.
    pub(crate) fn spare(&self, protocol: Protocol) -> Arc<dyn Spare> {
        Arc::new(Room { handle: self.runtime.handle().clone(), protocol })
    }
}

struct Room {
    handle: Handle,
    protocol: Protocol,
}

impl Spare for Room {
    fn start(&self) -> Pin<Box<dyn Future<Output = io::Result<Started>> + Send + '_>> {
        Box::pin(async {
            let starting = self.handle.spawn(Embedded::start(config()));
            let server = starting.await.map_err(io::Error::other)??;
            let target = target(&server, self.protocol);
            Ok((target, Box::new(server) as Box<dyn Any + Send>))
        })
    }
}

fn target(server: &Embedded, protocol: Protocol) -> Target {
    let url = |address: SocketAddr| format!("{}://{address}", protocol.name());
    let url = match protocol {
        Protocol::Memcached | Protocol::Text | Protocol::Meta => {
            let [sasl, evicts, refuses] =
                [server.memcached_sasl(), server.memcached_evicts(), server.memcached_refuses()]
                    .map(|address| address.port());
            format!(
                "{}?sasl=user:password&sasl-port={sasl}&evicts-port={evicts}&refuses-port={refuses}",
                url(server.memcached())
            )
        }
        Protocol::NetMem => url(server.netmem()),
        Protocol::Locker => url(server.locker()),
        Protocol::Echo => url(server.echo()),
    };
    Target::parse(&url).expect("our own URL is well-formed")
}
