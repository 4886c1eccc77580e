//! Keys and values as Python programmers have them, as bytes; and how long something may take.

use std::time::Duration;

use bytes::Bytes;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyMemoryView, PyString};

/// `bytes`, or a `str` as UTF-8.
pub(crate) fn key(object: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Bytes::copy_from_slice(bytes.as_bytes()));
    }
    if let Ok(text) = object.cast::<PyString>() {
        // Not `to_str`: it can't be borrowed on every Python that the wheel is for.
        return Ok(Bytes::copy_from_slice(text.to_cow()?.as_bytes()));
    }
    let class = object.get_type().name()?;
    Err(PyTypeError::new_err(format!("a key is str or bytes, not {class}")))
}

/// From here on it is cheaper to hold on to `bytes` than to copy them.
const SHARED_BYTES_MIN: usize = 1024;

/// Anything with the buffer protocol: copied, but for long `bytes`, which nobody can change.
pub(crate) fn value(object: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(match bytes.as_bytes() {
            short if short.len() < SHARED_BYTES_MIN => Bytes::copy_from_slice(short),
            _ => Bytes::from_owner(PyBackedBytes::from(bytes.clone())),
        });
    }
    let Ok(view) = PyMemoryView::from(object) else {
        let class = object.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "a value is bytes or another buffer, not {class}; for other objects give the client a serde"
        )));
    };
    let copied = view.call_method0("tobytes")?;
    Ok(Bytes::copy_from_slice(copied.cast::<PyBytes>()?.as_bytes()))
}

/// Seconds, or `None` for ever.
pub(crate) fn patience(seconds: Option<f64>) -> PyResult<Duration> {
    let Some(seconds) = seconds else { return Ok(Duration::MAX) };
    Duration::try_from_secs_f64(seconds).ok().filter(|patience| !patience.is_zero()).ok_or_else(
        || {
            PyValueError::new_err(format!(
                "a timeout is a positive number of seconds, not {seconds}"
            ))
        },
    )
}
