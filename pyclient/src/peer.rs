//! Where connections go: the address, TLS on the way there, and how long each step may take.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use lockproof_client::blocking::{Stream, open};
use lockproof_client::{Address, Endpoint, TlsError, TlsFiles};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

use crate::arguments::patience;
use crate::errors::{on_interrupt, raise_connect};

/// Files of TLS as they were read, for any number of clients.
#[pyclass(frozen, module = "lockproof._native")]
pub(crate) struct Tls(lockproof_client::Tls);

#[pymethods]
impl Tls {
    #[new]
    fn new(
        py: Python<'_>,
        cafile: Option<PathBuf>,
        cert: Option<PathBuf>,
        key: Option<PathBuf>,
        server_name: Option<String>,
    ) -> PyResult<Self> {
        let files = TlsFiles { roots: cafile, certificate: cert, key, server_name };
        let read = py.detach(|| lockproof_client::Tls::load(&files));
        read.map(Self).map_err(raise)
    }
}

/// A file that is not there is what Python says of one; all else is an argument that is wrong.
fn raise(error: TlsError) -> PyErr {
    match error {
        TlsError::Unreadable { path, source } => {
            let code = source.raw_os_error().unwrap_or_default();
            let said = source.to_string();
            let said = said.split(" (os error").next().unwrap_or_default().to_owned();
            // With number and file, Python chooses the class: FileNotFoundError and its kin.
            PyOSError::new_err((code, said, path.into_os_string()))
        }
        error => PyValueError::new_err(error.to_string()),
    }
}

/// What every pool of connections is told.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    endpoint: Endpoint,
    connect_timeout: Duration,
    pub(crate) timeout: Duration,
}

impl Peer {
    pub(crate) fn new(
        address: &str,
        tls: Option<&Tls>,
        connect_timeout: Option<f64>,
        timeout: Option<f64>,
    ) -> PyResult<Self> {
        let invalid = |error: &dyn std::error::Error| PyValueError::new_err(error.to_string());
        let address: Address = address.parse().map_err(|error| invalid(&error))?;
        let mut endpoint = Endpoint::from(address);
        if let Some(Tls(tls)) = tls {
            endpoint = endpoint.with_tls(tls).map_err(raise)?;
        }
        let (connect_timeout, timeout) = (patience(connect_timeout)?, patience(timeout)?);
        Ok(Self { endpoint, connect_timeout, timeout })
    }

    /// A new connection.
    pub(crate) fn open(&self) -> io::Result<Stream> {
        open(&self.endpoint, self.connect_timeout, on_interrupt)
    }

    /// A connection of that protocol that could not be made.
    pub(crate) fn raise(&self, py: Python<'_>, protocol: &str, error: io::Error) -> PyErr {
        raise_connect(py, &format!("{protocol} at {}", self.endpoint.address()), error)
    }
}
