//! One NetMem server, the connections to it, and the cache that they share.
//!
//! A lock is its connection's, so whoever holds a page has a connection to himself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lockproof_client::Error;
use lockproof_client::blocking::Watch;
use lockproof_client::netmem::{Page, PageCache, blocking::Client};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arguments;
use crate::errors::{failure, on_interrupt, raise};
use crate::peer::{Peer, Tls};
use crate::pool::{Origin, Pool};

type Connection = Client;
type Versioned<'py> = (i32, Bound<'py, PyBytes>);

/// Why there is no answer.
enum Failure {
    Connect(std::io::Error),
    Operation(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Operation(error)
    }
}

/// A server with its idle connections; any number of threads may use it.
#[pyclass(frozen, module = "lockproof._native")]
pub(crate) struct PagePool(Arc<Shared>);

/// What a pool and its clones have in common, and the pages that they hold.
struct Shared {
    peer: Peer,
    pool: Pool<Connection>,
    common: Arc<Mutex<Common>>,
}

/// The cache, and a look at the connections of those who use it.
///
/// A connection may share it only while one of the older ones is still connected: behind the same address may be
/// another server by now, whose version numbers mean other pages.
struct Common {
    cache: Arc<PageCache>,
    watches: Vec<Watch>,
}

impl Common {
    fn has_connected(&mut self) -> bool {
        self.watches.retain(Watch::is_connected);
        !self.watches.is_empty()
    }
}

#[pymethods]
impl PagePool {
    /// Connects, and asks how many pages there are and how long they are.
    #[new]
    fn new(
        py: Python<'_>,
        address: &str,
        tls: Option<PyRef<'_, Tls>>,
        connect_timeout: Option<f64>,
        timeout: Option<f64>,
        pool_size: usize,
    ) -> PyResult<Self> {
        let peer = Peer::new(address, tls.as_deref(), connect_timeout, timeout)?;
        let connected = py.detach(|| open(&peer));
        let (connection, watch) = connected.map_err(|failure| raise_failure(py, &peer, failure))?;
        let common = Common { cache: Arc::clone(connection.cache()), watches: vec![watch] };
        let shared =
            Shared { peer, pool: Pool::new(pool_size), common: Arc::new(Mutex::new(common)) };
        shared.pool.put(py, connection);
        Ok(Self(Arc::new(shared)))
    }

    /// A pool with connections of its own, and the same cache.
    fn share(&self, pool_size: usize) -> Self {
        let Shared { peer, common, .. } = &*self.0;
        let (peer, common) = (peer.clone(), Arc::clone(common));
        Self(Arc::new(Shared { peer, pool: Pool::new(pool_size), common }))
    }

    /// Number and length of the pages.
    fn params(&self, py: Python<'_>) -> (u32, u32) {
        let common = self.0.common(py);
        (common.cache.pages(), common.cache.page_bytes())
    }

    /// Version and bytes of a page.
    fn read<'py>(&self, py: Python<'py>, page: u32) -> PyResult<Versioned<'py>> {
        let Page { version, data } =
            self.0.with_connection(py, None, move |connection| connection.read(page))?;
        Ok((version, PyBytes::new(py, &data)))
    }

    /// Writes at the start of a page, when nobody holds it; its new version.
    fn update(
        &self,
        py: Python<'_>,
        page: u32,
        data: &Bound<'_, PyAny>,
        version: Option<i32>,
        wait: Option<f64>,
    ) -> PyResult<i32> {
        let data = arguments::value(data)?;
        let wait = arguments::patience(wait)?;
        let update = move |connection: &mut Connection| connection.update(page, &data, version);
        self.0.with_connection(py, Some(wait), update)
    }

    /// Waits for a page's lock.
    fn lock(&self, py: Python<'_>, page: u32, wait: Option<f64>) -> PyResult<HeldPage> {
        let wait = arguments::patience(wait)?;
        let (locked, connection) =
            self.0.lend(py, Some(wait), move |connection| connection.lock(page))?;
        let Page { version, data } = locked.map_err(|error| match error {
            Error::Timeout { after, .. } => {
                let text = format!("page {page} was not free within {after:?}");
                failure(py, "lock_timeout", &text, false, None)
            }
            error => raise(py, error),
        })?;
        let holding = Mutex::new(Some(connection));
        Ok(HeldPage {
            page,
            version,
            data,
            holding,
            origin: Origin::here(),
            home: Arc::clone(&self.0),
        })
    }

    /// Closes the idle connections.
    fn close(&self, py: Python<'_>) {
        self.0.pool.clear(py);
    }
}

impl Shared {
    /// Touched only while attached, as the pool is, and for the same reason: a fork must not find it locked.
    fn common(&self, _: Python<'_>) -> MutexGuard<'_, Common> {
        self.common.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_current(&self, py: Python<'_>, connection: &Connection) -> bool {
        Arc::ptr_eq(connection.cache(), &self.common(py).cache)
    }

    fn with_connection<R: Send>(
        &self,
        py: Python<'_>,
        patience: Option<Duration>,
        perform: impl FnOnce(&mut Connection) -> Result<R, Error> + Send,
    ) -> PyResult<R> {
        let (result, connection) = self.lend(py, patience, perform)?;
        self.settle(py, connection);
        result.map_err(|error| raise(py, error))
    }

    /// Takes a connection back, if it is still of use.
    fn settle(&self, py: Python<'_>, connection: Connection) {
        if connection.is_open() && self.is_current(py, &connection) {
            self.pool.put(py, connection);
        }
    }

    /// Performs on a connection, and lends it with the result.
    fn lend<R: Send>(
        &self,
        py: Python<'_>,
        patience: Option<Duration>,
        perform: impl FnOnce(&mut Connection) -> Result<R, Error> + Send,
    ) -> PyResult<(Result<R, Error>, Connection)> {
        let pooled = self.pool.take(py).filter(|connection| self.is_current(py, connection));
        let connected = py.detach(|| match pooled.and_then(live) {
            Some(connection) => Ok((connection, None)),
            None => open(&self.peer).map(|(connection, watch)| (connection, Some(watch))),
        });
        let raise_failure = |failure| raise_failure(py, &self.peer, failure);
        let (mut connection, fresh) = connected.map_err(raise_failure)?;
        if let Some(watch) = fresh {
            self.introduce(py, &mut connection, watch).map_err(|error| raise(py, error))?;
        }
        let (result, connection) = py.detach(|| {
            connection.set_timeout(patience.unwrap_or(self.peer.timeout));
            let result = perform(&mut connection);
            connection.set_timeout(self.peer.timeout);
            (result, connection)
        });
        Ok((result, connection))
    }

    /// A new connection shares the cache, if that is of the same server; otherwise its own is the one to share.
    fn introduce(
        &self,
        py: Python<'_>,
        connection: &mut Connection,
        watch: Watch,
    ) -> Result<(), Error> {
        let mut common = self.common(py);
        if common.has_connected() {
            connection.adopt(Arc::clone(&common.cache))?;
        } else {
            common.cache = Arc::clone(connection.cache());
        }
        common.watches.push(watch);
        Ok(())
    }
}

fn live(mut connection: Connection) -> Option<Connection> {
    (!connection.has_ended()).then_some(connection)
}

/// A connection with a cache of its own, and a look at it.
fn open(peer: &Peer) -> Result<(Connection, Watch), Failure> {
    let stream = peer.open().map_err(Failure::Connect)?;
    let watch = stream.watch();
    Ok((Connection::connect(stream, peer.timeout, on_interrupt)?, watch))
}

fn raise_failure(py: Python<'_>, peer: &Peer, failure: Failure) -> PyErr {
    match failure {
        Failure::Operation(error) => raise(py, error),
        Failure::Connect(error) => peer.raise(py, "NetMem", error),
    }
}

/// A page that is held, and the connection that holds it. Dropped, it closes the connection, and the server
/// frees the page as it was.
#[pyclass(frozen, module = "lockproof._native")]
pub(crate) struct HeldPage {
    page: u32,
    version: i32,
    data: bytes::Bytes,
    holding: Mutex<Option<Connection>>,
    origin: Origin,
    home: Arc<Shared>,
}

#[pymethods]
impl HeldPage {
    /// The version at the grant.
    #[getter]
    fn version(&self) -> i32 {
        self.version
    }

    /// The bytes at the grant.
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.data)
    }

    /// Writes at the start of the page, and frees it; its new version.
    fn unlock(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<i32> {
        let data = arguments::value(data)?;
        let mut connection = self.take(py)?;
        let page = self.page;
        let unlocked = py.detach(|| connection.unlock(page, &data));
        self.home.settle(py, connection);
        unlocked.map_err(|error| raise(py, error))
    }

    /// Frees the page as it is, by closing the connection.
    fn abandon(&self) {
        let _ = self.holding.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl HeldPage {
    fn take(&self, py: Python<'_>) -> PyResult<Connection> {
        if self.origin != Origin::here() {
            let text = "the page is held by the process that this one was forked from";
            return Err(failure(py, "lost", text, false, None));
        }
        let taken = self.holding.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.ok_or_else(|| failure(py, "not_held", "the page was freed already", false, None))
    }
}
