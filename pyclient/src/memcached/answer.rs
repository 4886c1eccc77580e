//! What an operation came to, in Rust and then in Python.

use bytes::Bytes;
use lockproof_client::memcached::{CasOutcome, Dialect, Found, Item, Status};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use super::protocol;

/// The answer to any operation.
pub(crate) enum Answer {
    /// `None`.
    Done,
    /// `bool`.
    Flag(bool),
    /// `int`, or `None`.
    Number(Option<u64>),
    /// `str`.
    Text(Bytes),
    /// `True`, `False` where the item has changed, `None` where there is none.
    Cas(CasOutcome),
    /// `(value, flags, cas)`, or `None`.
    Item(Option<Item>),
    /// `{key: value}` of the hits, or `{key: (value, flags, cas)}`, with the caller's own keys.
    Items { keys: Py<PyList>, items: Vec<Option<Item>>, whole: bool },
    /// `[(key, status)]` of what was refused, with the caller's own keys.
    Refused { keys: Py<PyList>, statuses: Vec<Option<Status>> },
    /// `(value, flags, cas, won, taken, stale)`, or `None`.
    Found(Option<Found>),
    /// The word for it.
    Dialect(Dialect),
    /// `{name: value}`.
    Stats(Vec<(Bytes, Bytes)>),
}

impl Answer {
    pub(crate) fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::Flag(flag) => flag.into_py_any(py),
            Self::Number(number) => number.into_py_any(py),
            Self::Text(text) => text_of(&text).into_py_any(py),
            Self::Cas(CasOutcome::Stored(_)) => true.into_py_any(py),
            Self::Cas(CasOutcome::Stale) => false.into_py_any(py),
            Self::Done | Self::Cas(CasOutcome::Missing) => Ok(py.None()),
            Self::Item(item) => item.map(|item| tuple(py, &item)).into_py_any(py),
            Self::Found(found) => found.map(|found| state(py, &found)).into_py_any(py),
            Self::Dialect(dialect) => protocol::word(dialect).into_py_any(py),
            Self::Items { keys, items, whole } => hits(py, keys.bind(py), &items, whole),
            Self::Refused { keys, statuses } => refused(py, keys.bind(py), &statuses),
            Self::Stats(stats) => {
                let dict = PyDict::new(py);
                for (name, value) in stats {
                    dict.set_item(text_of(&name), text_of(&value))?;
                }
                dict.into_py_any(py)
            }
        }
    }
}

type Tuple<'py> = (Bound<'py, PyBytes>, u32, u64);

fn tuple<'py>(py: Python<'py>, item: &Item) -> Tuple<'py> {
    (PyBytes::new(py, &item.value), item.flags, item.cas)
}

type State<'py> = (Bound<'py, PyBytes>, u32, u64, bool, bool, bool);

fn state<'py>(py: Python<'py>, found: &Found) -> State<'py> {
    let (value, flags, cas) = tuple(py, &found.item);
    (value, flags, cas, found.is_won, found.is_taken, found.is_stale)
}

fn hits(
    py: Python<'_>,
    keys: &Bound<'_, PyList>,
    items: &[Option<Item>],
    whole: bool,
) -> PyResult<Py<PyAny>> {
    let dict = PyDict::new(py);
    for (key, item) in keys.iter().zip(items) {
        let Some(item) = item else { continue };
        if whole {
            dict.set_item(key, tuple(py, item))?;
        } else {
            dict.set_item(key, PyBytes::new(py, &item.value))?;
        }
    }
    dict.into_py_any(py)
}

fn refused(
    py: Python<'_>,
    keys: &Bound<'_, PyList>,
    statuses: &[Option<Status>],
) -> PyResult<Py<PyAny>> {
    let list = PyList::empty(py);
    for (key, status) in keys.iter().zip(statuses) {
        if let Some(status) = status {
            list.append((key, status.0))?;
        }
    }
    list.into_py_any(py)
}

/// A server's text, where bytes that are none become visible.
fn text_of(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}
