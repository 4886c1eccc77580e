//! One NetMem connection's requests and answers without the connection: what asyncio's transport drives.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use lockproof_client::netmem::{API, Answer, Core, Page, PageCache};
use lockproof_client::{Conversation, Error, Refusal, Violation};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::arguments;
use crate::errors::{failure, raise};

/// The core of one connection: first its handshake, then the requests.
#[pyclass(frozen, module = "lockproof._native")]
pub(crate) struct PageCore(Mutex<State>);

struct State {
    core: Core,
    input: BytesMut,
}

impl PageCore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl PageCore {
    #[new]
    fn new() -> Self {
        Self(Mutex::new(State { core: Core::for_handshake(), input: BytesMut::new() }))
    }

    /// Asks for parameters and version.
    fn handshake(&self) {
        let mut state = self.state();
        state.core.get_params();
        state.core.get_version();
    }

    /// Ends the handshake with its two answers; `other` is a core whose cache is to be shared.
    fn adopt(
        &self,
        py: Python<'_>,
        pages: u32,
        page_bytes: u32,
        api: (u8, u8),
        other: Option<&Self>,
    ) -> PyResult<()> {
        if api != API {
            return Err(raise(py, Error::Incompatible { client: API, server: api }));
        }
        let cache = match other {
            None => Arc::new(PageCache::new(pages, page_bytes)),
            Some(other) => Arc::clone(other.state().core.cache()),
        };
        if (cache.pages(), cache.page_bytes()) != (pages, page_bytes) {
            let text = "this server's pages are not those of the shared cache";
            return Err(failure(py, "protocol", text, false, None));
        }
        self.state().core = Core::new(cache);
        Ok(())
    }

    /// Asks for a page.
    fn read(&self, page: u32) {
        self.state().core.read(page);
    }

    /// Asks for a page's bytes, whatever is cached.
    fn read_anew(&self, page: u32) {
        self.state().core.read_anew(page);
    }

    /// Asks for a page's lock.
    fn lock(&self, page: u32) {
        self.state().core.lock(page);
    }

    /// Writes a page that is held, and frees it.
    fn unlock(&self, py: Python<'_>, page: u32, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let data = arguments::value(data)?;
        self.state().core.unlock(page, data).map_err(|error| raise(py, error))
    }

    /// Writes a page when nobody holds it.
    fn update(
        &self,
        py: Python<'_>,
        page: u32,
        data: &Bound<'_, PyAny>,
        version: Option<i32>,
    ) -> PyResult<()> {
        let data = arguments::value(data)?;
        self.state().core.update(page, data, version).map_err(|error| raise(py, error))
    }

    /// What is to be sent.
    fn take_output<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let output = self.state().core.take_output();
        PyBytes::new(py, &output)
    }

    /// The answers that received bytes complete. Raises where the server broke the protocol.
    fn receive<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyList>> {
        let (answers, violation) = self.state().receive(bytes);
        if let Some(violation) = violation {
            return Err(raise(py, Error::Protocol { violation, maybe_applied: false }));
        }
        let list = PyList::empty(py);
        for answer in answers {
            list.append(told(py, answer)?)?;
        }
        Ok(list)
    }
}

impl State {
    fn receive(&mut self, bytes: &[u8]) -> (Vec<Answer>, Option<Violation>) {
        self.input.extend_from_slice(bytes);
        let mut answers = Vec::new();
        loop {
            match self.core.receive(&mut self.input) {
                Ok(Some(answer)) => answers.push(answer),
                Ok(None) => break,
                Err(violation) => return (answers, Some(violation)),
            }
        }
        let surplus = !self.core.is_waiting() && !self.input.is_empty();
        (answers, surplus.then(|| Violation::Surplus { bytes: self.input.len() }))
    }
}

fn told(py: Python<'_>, answer: Answer) -> PyResult<Py<PyAny>> {
    match answer {
        Answer::Params { pages, page_bytes } => ("params", pages, page_bytes).into_py_any(py),
        Answer::Version { api, server } => ("version", api, server).into_py_any(py),
        Answer::Page(Page { version, data }) => {
            ("page", version, PyBytes::new(py, &data)).into_py_any(py)
        }
        Answer::Uncached => ("uncached", 0, py.None()).into_py_any(py),
        Answer::Written { version } => ("written", version, py.None()).into_py_any(py),
        Answer::Refused(Refusal::NoSuchPage) => ("no_such_page", 0, py.None()).into_py_any(py),
        Answer::Refused(refusal) => ("refused", 0, refusal.to_string()).into_py_any(py),
        _ => Err(failure(py, "protocol", "an answer of a kind that is not known", true, None)),
    }
}
