//! Operations as Python values: made here, performed by a server's pool or an asyncio connection.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use lockproof_client::Error;
use lockproof_client::memcached::{
    self, Direction, Lookup, Meta, Recache, Seed, Side, batch, lease, operation,
};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::answer::Answer;
use crate::arguments;
use crate::errors::raise;

/// One operation, to be performed once.
#[pyclass(frozen, module = "lockproof._native")]
pub(crate) struct Operation(Mutex<Option<memcached::Operation<Answer>>>);

impl Operation {
    /// The operation itself.
    pub(crate) fn take(&self) -> PyResult<memcached::Operation<Answer>> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.ok_or_else(|| PyRuntimeError::new_err("an operation is performed once"))
    }

    fn new<T: 'static>(
        operation: memcached::Operation<T>,
        answer: impl FnOnce(T) -> Answer + Send + 'static,
    ) -> Self {
        Self(Mutex::new(Some(operation.map(answer))))
    }
}

type Any<'a, 'py> = &'a Bound<'py, PyAny>;

fn entry(key: Any<'_, '_>, value: Any<'_, '_>) -> PyResult<(Bytes, Bytes)> {
    Ok((arguments::key(key)?, arguments::value(value)?))
}

/// The value with flags and CAS.
#[pyfunction]
pub(crate) fn get(key: Any<'_, '_>) -> PyResult<Operation> {
    Ok(Operation::new(operation::get(arguments::key(key)?), Answer::Item))
}

/// The same, with a new expiry.
#[pyfunction]
pub(crate) fn gat(key: Any<'_, '_>, expiry: u32) -> PyResult<Operation> {
    Ok(Operation::new(operation::gat(arguments::key(key)?, expiry), Answer::Item))
}

/// Stores always.
#[pyfunction]
pub(crate) fn set(
    key: Any<'_, '_>,
    value: Any<'_, '_>,
    flags: u32,
    expiry: u32,
) -> PyResult<Operation> {
    let (key, value) = entry(key, value)?;
    let meta = Meta { flags, expiry };
    Ok(Operation::new(operation::set(key, value, meta), |_| Answer::Flag(true)))
}

/// Stores where there is none.
#[pyfunction]
pub(crate) fn add(
    key: Any<'_, '_>,
    value: Any<'_, '_>,
    flags: u32,
    expiry: u32,
) -> PyResult<Operation> {
    let (key, value) = entry(key, value)?;
    Ok(Operation::new(operation::add(key, value, Meta { flags, expiry }), is_stored))
}

/// Stores where there is one.
#[pyfunction]
pub(crate) fn replace(
    key: Any<'_, '_>,
    value: Any<'_, '_>,
    flags: u32,
    expiry: u32,
) -> PyResult<Operation> {
    let (key, value) = entry(key, value)?;
    Ok(Operation::new(operation::replace(key, value, Meta { flags, expiry }), is_stored))
}

/// Stores where nobody has since.
#[pyfunction]
pub(crate) fn cas(
    py: Python<'_>,
    key: Any<'_, '_>,
    value: Any<'_, '_>,
    token: u64,
    flags: u32,
    expiry: u32,
) -> PyResult<Operation> {
    let (key, value) = entry(key, value)?;
    let operation = operation::cas(key, value, token, Meta { flags, expiry });
    Ok(Operation::new(operation.map_err(|error| raise(py, error))?, Answer::Cas))
}

/// Puts bytes behind.
#[pyfunction]
pub(crate) fn append(key: Any<'_, '_>, value: Any<'_, '_>) -> PyResult<Operation> {
    let (key, value) = entry(key, value)?;
    Ok(Operation::new(operation::concat(Side::Append, key, value), is_stored))
}

/// Puts bytes before.
#[pyfunction]
pub(crate) fn prepend(key: Any<'_, '_>, value: Any<'_, '_>) -> PyResult<Operation> {
    let (key, value) = entry(key, value)?;
    Ok(Operation::new(operation::concat(Side::Prepend, key, value), is_stored))
}

fn is_stored(cas: Option<u64>) -> Answer {
    Answer::Flag(cas.is_some())
}

/// Deletes.
#[pyfunction]
pub(crate) fn delete(key: Any<'_, '_>) -> PyResult<Operation> {
    Ok(Operation::new(operation::delete(arguments::key(key)?), Answer::Flag))
}

/// Gives a new expiry.
#[pyfunction]
pub(crate) fn touch(key: Any<'_, '_>, expiry: u32) -> PyResult<Operation> {
    Ok(Operation::new(operation::touch(arguments::key(key)?, expiry), Answer::Flag))
}

/// Adds to a counter; `initial` creates it.
#[pyfunction]
pub(crate) fn incr(
    key: Any<'_, '_>,
    delta: u64,
    initial: Option<u64>,
    expiry: u32,
) -> PyResult<Operation> {
    count(Direction::Increment, key, delta, initial, expiry)
}

/// Takes from a counter; `initial` creates it.
#[pyfunction]
pub(crate) fn decr(
    key: Any<'_, '_>,
    delta: u64,
    initial: Option<u64>,
    expiry: u32,
) -> PyResult<Operation> {
    count(Direction::Decrement, key, delta, initial, expiry)
}

fn count(
    direction: Direction,
    key: Any<'_, '_>,
    delta: u64,
    initial: Option<u64>,
    expiry: u32,
) -> PyResult<Operation> {
    let seed = initial.map(|initial| Seed { initial, expiry });
    let key = arguments::key(key)?;
    Ok(Operation::new(operation::count(direction, key, delta, seed), Answer::Number))
}

/// Reads, and asks for a lease: of an item that is not there, which then is an empty one for `vivify` seconds; and of one that
/// is over in fewer seconds than `below`.
#[pyfunction]
pub(crate) fn lookup(
    key: Any<'_, '_>,
    vivify: Option<u32>,
    below: Option<u32>,
) -> PyResult<Operation> {
    let recache = below.map(|below| Recache { below, after_touch: false });
    let how = Lookup { vivify, recache, ..Lookup::default() };
    Ok(Operation::new(lease::lookup(arguments::key(key)?, how), Answer::Found))
}

/// Marks as stale, if the item has that CAS (0 for any).
#[pyfunction]
pub(crate) fn invalidate(key: Any<'_, '_>, cas: u64, expiry: Option<u32>) -> PyResult<Operation> {
    Ok(Operation::new(lease::invalidate(arguments::key(key)?, cas, expiry), Answer::Flag))
}

/// Deletes what has that CAS.
#[pyfunction]
pub(crate) fn delete_if(key: Any<'_, '_>, cas: u64) -> PyResult<Operation> {
    Ok(Operation::new(lease::delete_if(arguments::key(key)?, cas), Answer::Flag))
}

/// Finds out what the server speaks, on a fresh connection that speaks meta.
#[pyfunction]
pub(crate) fn probe() -> Operation {
    Operation::new(memcached::probe(), Answer::Dialect)
}

/// Nothing.
#[pyfunction]
pub(crate) fn noop() -> Operation {
    Operation::new(operation::noop(), |()| Answer::Done)
}

/// Many keys in one exchange. `keys` are what goes to the server, `names` what the caller calls them;
/// `whole` asks for flags and CAS beside each value.
#[pyfunction]
pub(crate) fn get_many(
    keys: &Bound<'_, PyList>,
    names: Py<PyList>,
    whole: bool,
) -> PyResult<Operation> {
    let keys: Vec<Bytes> = keys.iter().map(|key| arguments::key(&key)).collect::<PyResult<_>>()?;
    Ok(Operation::new(batch::get_many(keys), move |items| Answer::Items {
        keys: names,
        items,
        whole,
    }))
}

/// Many entries `(key, value, flags)` in one exchange.
#[pyfunction]
pub(crate) fn set_many(
    entries: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>, u32)>,
    names: Py<PyList>,
    expiry: u32,
) -> PyResult<Operation> {
    let owned = entries.iter().map(|(key, value, flags)| {
        let (key, value) = entry(key, value)?;
        Ok((key, value, Meta { flags: *flags, expiry }))
    });
    let owned: Vec<_> = owned.collect::<PyResult<_>>()?;
    Ok(Operation::new(batch::set_many(owned), move |statuses| Answer::Refused {
        keys: names,
        statuses,
    }))
}

/// Many keys in one exchange.
#[pyfunction]
pub(crate) fn delete_many(keys: &Bound<'_, PyList>, names: Py<PyList>) -> PyResult<Operation> {
    let keys: Vec<Bytes> = keys.iter().map(|key| arguments::key(&key)).collect::<PyResult<_>>()?;
    Ok(Operation::new(batch::delete_many(keys), move |statuses| Answer::Refused {
        keys: names,
        statuses,
    }))
}

/// The server's statistics.
#[pyfunction]
pub(crate) fn stats(group: Any<'_, '_>) -> PyResult<Operation> {
    Ok(Operation::new(operation::stats(arguments::key(group)?), Answer::Stats))
}

/// The server's version.
#[pyfunction]
pub(crate) fn version() -> Operation {
    Operation::new(operation::version(), Answer::Text)
}

/// Empties the server.
#[pyfunction]
pub(crate) fn flush_all(delay: u32) -> Operation {
    Operation::new(operation::flush_all(delay), |()| Answer::Done)
}

/// Authenticates.
#[pyfunction]
pub(crate) fn auth_plain(
    py: Python<'_>,
    user: Any<'_, '_>,
    password: Any<'_, '_>,
) -> PyResult<Operation> {
    let (user, password) = (arguments::key(user)?, arguments::key(password)?);
    let operation = operation::auth_plain(&user, &password);
    Ok(Operation::new(operation.map_err(|error: Error| raise(py, error))?, |()| Answer::Done))
}
