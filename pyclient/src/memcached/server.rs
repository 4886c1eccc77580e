//! One memcached server, and the connections to it.

use lockproof_client::Error;
use lockproof_client::memcached::{Dialect, Meta, Operation as Plan, blocking::Client, operation};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::answer::Answer;
use super::operation::Operation;
use super::protocol::{self, Spoken};
use crate::arguments;
use crate::errors::{is_raised, on_interrupt, raise};
use crate::peer::{Peer, Tls};
use crate::pool::Pool;

/// In a box: it goes from hand to hand with each operation.
type Connection = Box<Client>;

/// Why there is no answer.
enum Failure {
    Connect(std::io::Error),
    Operation(Error),
}

/// A server with its idle connections; any number of threads may use it.
#[pyclass(frozen, module = "lockproof._native")]
pub(crate) struct MemcacheServer {
    peer: Peer,
    credentials: Option<(Vec<u8>, Vec<u8>)>,
    spoken: Spoken,
    pool: Pool<Connection>,
}

#[pymethods]
impl MemcacheServer {
    #[new]
    fn new(
        address: &str,
        tls: Option<PyRef<'_, Tls>>,
        connect_timeout: Option<f64>,
        timeout: Option<f64>,
        pool_size: usize,
        credentials: Option<(Vec<u8>, Vec<u8>)>,
        protocol: &str,
    ) -> PyResult<Self> {
        let peer = Peer::new(address, tls.as_deref(), connect_timeout, timeout)?;
        let spoken = Spoken::new(protocol, credentials.is_some())?;
        Ok(Self { peer, credentials, spoken, pool: Pool::new(pool_size) })
    }

    /// The protocol, once that is known.
    fn protocol(&self) -> Option<&'static str> {
        self.spoken.get().map(protocol::word)
    }

    /// Performs an operation and returns its answer.
    fn run(&self, py: Python<'_>, operation: &Bound<'_, Operation>) -> PyResult<Py<PyAny>> {
        let plan = operation.get().take()?;
        let answer = self.with_connection(py, |connection| connection.perform(plan))?;
        answer.map_err(|error| raise(py, error))?.into_python(py)
    }

    /// The value, or `default`: [`run`](Self::run) of the commonest operation, without its detours.
    fn get(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        default: Py<PyAny>,
    ) -> PyResult<Py<PyAny>> {
        let plan = operation::get(arguments::key(key)?);
        let item = self.with_connection(py, |connection| connection.perform(plan))?;
        let item = item.map_err(|error| raise(py, error))?;
        Ok(item.map_or(default, |item| PyBytes::new(py, &item.value).into_any().unbind()))
    }

    /// Stores a value: [`run`](Self::run) of another common one.
    fn set(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        flags: u32,
        expiry: u32,
    ) -> PyResult<bool> {
        let (key, value) = (arguments::key(key)?, arguments::value(value)?);
        let plan = operation::set(key, value, Meta { flags, expiry });
        let stored = self.with_connection(py, |connection| connection.perform(plan))?;
        stored.map(|_| true).map_err(|error| raise(py, error))
    }

    /// Performs operations in one exchange; for each the answer, or the exception.
    fn run_all<'py>(
        &self,
        py: Python<'py>,
        operations: Vec<Bound<'py, Operation>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let plans = operations.iter().map(|operation| operation.get().take());
        let plans: Vec<Plan<Answer>> = plans.collect::<PyResult<_>>()?;
        let answers = self.with_connection(py, |connection| connection.perform_all(plans))?;
        let results = PyList::empty(py);
        for answer in answers {
            match answer {
                Ok(answer) => results.append(answer.into_python(py)?)?,
                Err(error) if is_raised(&error) => return Err(raise(py, error)),
                Err(error) => results.append(raise(py, error).into_value(py))?,
            }
        }
        Ok(results)
    }

    /// Closes the idle connections.
    fn close(&self, py: Python<'_>) {
        self.pool.clear(py);
    }
}

fn live(mut connection: Connection) -> Option<Connection> {
    (!connection.has_ended()).then_some(connection)
}

impl MemcacheServer {
    fn with_connection<R: Send>(
        &self,
        py: Python<'_>,
        perform: impl FnOnce(&mut Connection) -> R + Send,
    ) -> PyResult<R> {
        let pooled = self.pool.take(py);
        let done = py.detach(|| {
            let mut connection = pooled.and_then(live).map_or_else(|| self.connect(), Ok)?;
            let result = perform(&mut connection);
            Ok((result, connection))
        });
        match done {
            Ok((result, connection)) => {
                if connection.is_open() {
                    self.pool.put(py, connection);
                }
                Ok(result)
            }
            Err(Failure::Operation(error)) => Err(raise(py, error)),
            Err(Failure::Connect(error)) => Err(self.peer.raise(py, "memcached", error)),
        }
    }

    fn connect(&self) -> Result<Connection, Failure> {
        let mut connection = match self.spoken.get() {
            Some(dialect) => self.open(dialect)?,
            None => self.detect()?,
        };
        if let Some((user, password)) = &self.credentials {
            let login = operation::auth_plain(user, password);
            login.and_then(|login| connection.perform(login)).map_err(Failure::Operation)?;
        }
        Ok(connection)
    }

    fn open(&self, dialect: Dialect) -> Result<Connection, Failure> {
        let stream = self.peer.open().map_err(Failure::Connect)?;
        let connection = Client::new(stream, self.peer.timeout).with_on_interrupt(on_interrupt);
        Ok(Box::new(connection.with_dialect(dialect)))
    }

    /// The first connection finds out what the server speaks. That it speaks the binary protocol is believed when it does.
    fn detect(&self) -> Result<Connection, Failure> {
        let mut connection = self.open(Dialect::Meta)?;
        let dialect = connection.detect().map_err(Failure::Operation)?;
        if dialect == Dialect::Binary {
            connection = self.open(dialect)?;
            connection.noop().map_err(Failure::Operation)?;
        }
        self.spoken.remember(dialect);
        Ok(connection)
    }
}
