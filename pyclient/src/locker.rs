//! One lock server: connections, each of which holds its own locks, and the core for asyncio.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use lockproof_client::locker::{Core, Dialect, Limits, Outcome, Verb, blocking::Client};
use lockproof_client::{Conversation, Error, Violation};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arguments;
use crate::errors::{failure, on_interrupt, raise};
use crate::peer::{Peer, Tls};
use crate::pool::{Origin, Pool};

type Connection = Client;

/// A server with its idle connections; any number of threads may use it.
#[pyclass(frozen, module = "lockproof._native")]
pub(crate) struct LockPool(Arc<Shared>);

struct Shared {
    peer: Peer,
    pool: Pool<Connection>,
}

#[pymethods]
impl LockPool {
    #[new]
    fn new(
        address: &str,
        tls: Option<PyRef<'_, Tls>>,
        connect_timeout: Option<f64>,
        timeout: Option<f64>,
        pool_size: usize,
    ) -> PyResult<Self> {
        let peer = Peer::new(address, tls.as_deref(), connect_timeout, timeout)?;
        Ok(Self(Arc::new(Shared { peer, pool: Pool::new(pool_size) })))
    }

    /// A connection that holds nothing, for whoever takes it alone.
    fn take(&self, py: Python<'_>) -> PyResult<LockConnection> {
        let pooled = self.0.pool.take(py);
        let connection = py.detach(|| match pooled.and_then(live) {
            Some(connection) => Ok(connection),
            None => self.0.connect(),
        });
        let connection = connection.map_err(|error| self.0.peer.raise(py, "locker", error))?;
        let connection = Mutex::new(Some(connection));
        Ok(LockConnection { connection, origin: Origin::here(), home: Arc::clone(&self.0) })
    }

    /// Closes the idle connections.
    fn close(&self, py: Python<'_>) {
        self.0.pool.clear(py);
    }
}

impl Shared {
    fn connect(&self) -> std::io::Result<Connection> {
        let client = Client::new(self.peer.open()?, self.peer.timeout);
        Ok(client.with_on_interrupt(on_interrupt))
    }
}

/// A connection with the locks that were granted to it. Closed, it frees them.
#[pyclass(frozen, module = "lockproof._native")]
pub(crate) struct LockConnection {
    /// Taken out while it is used: another thread finds nothing, instead of waiting attached.
    connection: Mutex<Option<Connection>>,
    origin: Origin,
    home: Arc<Shared>,
}

#[pymethods]
impl LockConnection {
    /// `get`, `release` or `query` for one key or all of several: `ok`, `busy`, `self_held`, `not_held`.
    fn request(
        &self,
        py: Python<'_>,
        verb: &str,
        keys: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<&'static str> {
        let verb = verb_of(verb)?;
        let keys: Vec<Bytes> = keys.iter().map(arguments::key).collect::<PyResult<_>>()?;
        let mut connection = self.lent(py)?;
        let outcome = py.detach(|| perform(&mut connection, verb, &keys));
        if !connection.is_lost() {
            self.lock().replace(connection);
        }
        outcome.map(name).map_err(|error| raise(py, error))
    }

    /// Whether the connection is gone, and every lock with it. False is what was seen a moment ago.
    fn has_ended(&self) -> bool {
        self.origin != Origin::here() || self.lock().as_mut().is_none_or(Connection::has_ended)
    }

    /// Gives the connection back to its pool; one that holds locks is closed.
    fn give_back(&self, py: Python<'_>) {
        let connection = self.lock().take();
        if let Some(connection) = connection
            && self.origin == Origin::here()
            && connection.held().next().is_none()
        {
            self.home.pool.put(py, connection);
        }
    }
}

impl LockConnection {
    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lent(&self, py: Python<'_>) -> PyResult<Connection> {
        if self.origin != Origin::here() {
            let text = "the connection is of the process that this one was forked from";
            return Err(failure(py, "lost", text, false, None));
        }
        let connection = self.lock().take();
        connection.ok_or_else(|| {
            failure(py, "lost", "the connection to the lock server is gone", false, None)
        })
    }
}

fn live(mut connection: Connection) -> Option<Connection> {
    (!connection.has_ended()).then_some(connection)
}

fn perform(connection: &mut Connection, verb: Verb, keys: &[Bytes]) -> Result<Outcome, Error> {
    let keys: Vec<&[u8]> = keys.iter().map(|key| &**key).collect();
    match (verb, keys.as_slice()) {
        (Verb::Get, [key]) => connection.get(key),
        (Verb::Get, keys) => connection.get_batch(keys),
        (Verb::Release, [key]) => connection.release(key),
        (Verb::Release, keys) => connection.release_batch(keys),
        (Verb::Query, [key]) => connection.query(key),
        (Verb::Query, keys) => connection.query_batch(keys),
    }
}

fn verb_of(name: &str) -> PyResult<Verb> {
    match name {
        "get" => Ok(Verb::Get),
        "release" => Ok(Verb::Release),
        "query" => Ok(Verb::Query),
        _ => Err(PyValueError::new_err(format!("no such request: {name}"))),
    }
}

fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Busy => "busy",
        Outcome::SelfHeld => "self_held",
        Outcome::NotHeld => "not_held",
        _ => "refused",
    }
}

/// One connection's requests and answers without the connection: what asyncio's transport drives.
#[pyclass(frozen, module = "lockproof._native")]
pub(crate) struct LockCore(Mutex<State>);

struct State {
    core: Core,
    input: BytesMut,
}

impl LockCore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl LockCore {
    #[new]
    fn new() -> Self {
        let core = Core::new(Dialect::default(), Limits::default());
        Self(Mutex::new(State { core, input: BytesMut::new() }))
    }

    /// Adds a request.
    fn request(&self, py: Python<'_>, verb: &str, keys: Vec<Bound<'_, PyAny>>) -> PyResult<()> {
        let verb = verb_of(verb)?;
        let keys: Vec<Bytes> = keys.iter().map(arguments::key).collect::<PyResult<_>>()?;
        let keys: Vec<&[u8]> = keys.iter().map(|key| &**key).collect();
        let mut state = self.state();
        let submitted = match keys.as_slice() {
            [key] => state.core.submit(verb, key),
            keys => state.core.submit_batch(verb, keys),
        };
        submitted.map_err(|error| raise(py, error))
    }

    /// What is to be sent.
    fn take_output<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let output = self.state().core.take_output();
        PyBytes::new(py, &output)
    }

    /// The answers that received bytes complete. Raises where the server broke the protocol.
    fn receive(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<Vec<&'static str>> {
        let mut answers = Vec::new();
        let mut state = self.state();
        let State { core, input } = &mut *state;
        input.extend_from_slice(bytes);
        let violation = loop {
            match core.receive(input) {
                Ok(Some(outcome)) => answers.push(name(outcome)),
                Ok(None) if !core.is_waiting() && !input.is_empty() => {
                    break Violation::Surplus { bytes: input.len() };
                }
                Ok(None) => return Ok(answers),
                Err(violation) => break violation,
            }
        };
        drop(state);
        Err(raise(py, Error::Protocol { violation, maybe_applied: false }))
    }

    /// How many keys are held.
    fn held(&self) -> usize {
        self.state().core.held().count()
    }
}
