//! The reference server inside this process, for other people's tests.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lockproof_reference_server::{self as server, ConnectionConfig, EmbeddedConfig, TlsFiles};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::pool::Origin;

/// How long a connection may take to end when the server stops: tests stop many servers, and their clients keep idle
/// connections.
const DRAIN_DEADLINE: Duration = Duration::from_millis(20);

/// All four protocols on ports that the system chose, served by threads of their own.
#[pyclass(frozen, module = "lockproof._native")]
pub(crate) struct Embedded {
    running: Mutex<Option<(Runtime, server::Embedded)>>,
    addresses: [SocketAddr; 7],
    origin: Origin,
}

#[pymethods]
impl Embedded {
    /// Starts; clients can connect when it returns. `tls` is certificate, key, and roots of the clients' certificates;
    /// `sockets` a directory for Unix sockets.
    #[new]
    fn new(
        py: Python<'_>,
        pages: u32,
        page_size: u32,
        tls: Option<(PathBuf, PathBuf, Option<PathBuf>)>,
        sockets: Option<PathBuf>,
    ) -> PyResult<Self> {
        if pages == 0 || page_size == 0 {
            return Err(PyValueError::new_err(
                "a server has at least one page, of at least one byte",
            ));
        }
        let connection =
            ConnectionConfig { drain_deadline: DRAIN_DEADLINE, ..ConnectionConfig::default() };
        let started = py.detach(|| {
            let tls = tls.map(|(certificate, key, client_roots)| {
                server::Tls::load(TlsFiles { certificate, key, client_roots })
            });
            let config = EmbeddedConfig {
                pages,
                page_len: page_size,
                connection,
                tls: tls.transpose()?,
                sockets,
                ..EmbeddedConfig::default()
            };
            let runtime = Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name("lockproof-server")
                .enable_all()
                .build()?;
            let server = runtime.block_on(server::Embedded::start(config))?;
            Ok::<_, std::io::Error>((runtime, server))
        });
        let (runtime, server) = started.map_err(PyOSError::new_err)?;
        let addresses = [
            server.memcached(),
            server.memcached_sasl(),
            server.memcached_evicts(),
            server.memcached_refuses(),
            server.netmem(),
            server.locker(),
            server.echo(),
        ];
        let running = Mutex::new(Some((runtime, server)));
        Ok(Self { running, addresses, origin: Origin::here() })
    }

    /// `host:port` of memcached, of the one with SASL, of the two with little memory, of NetMem, locker and echo.
    #[getter]
    fn addresses(&self) -> Vec<String> {
        self.addresses.iter().map(ToString::to_string).collect()
    }

    /// Ends every connection, and returns when all are closed. Once is enough.
    fn stop(&self, py: Python<'_>) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((runtime, server)) = running else { return };
        if self.origin != Origin::here() {
            // The threads stayed in the parent; here is nobody to wait for.
            std::mem::forget((runtime, server));
            return;
        }
        py.detach(|| {
            runtime.block_on(server.stop());
            runtime.shutdown_background();
        });
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Some((runtime, server)) = running else { return };
        if self.origin == Origin::here() {
            drop(server);
            runtime.shutdown_background();
        } else {
            std::mem::forget((runtime, server));
        }
    }
}
