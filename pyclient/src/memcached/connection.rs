//! One connection's requests and answers without the connection: what asyncio's transport drives.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use lockproof_client::memcached::{self, Core, Submitted};
use lockproof_client::{Conversation, Error};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::answer::Answer;
use super::operation::Operation;
use super::protocol;
use crate::errors::{failure, raise};

/// The core of one connection. Answers belong to the operations in their order.
#[pyclass(frozen, module = "lockproof._native")]
pub(crate) struct MemcacheCore(Mutex<State>);

#[derive(Default)]
struct State {
    core: Core,
    input: BytesMut,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    /// Whoever waits, given back with the answer.
    waiter: Py<PyAny>,
    operation: Submitted<Answer>,
    answers: Vec<memcached::Answer>,
}

impl MemcacheCore {
    /// Python runs none of our code while it is held, and the interpreter's own lock is never waited for inside.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl MemcacheCore {
    #[new]
    fn new(protocol: &str) -> PyResult<Self> {
        let core = Core::speaking(protocol::named(protocol)?);
        Ok(Self(Mutex::new(State { core, ..State::default() })))
    }

    /// Goes on in another protocol; nothing may be under way.
    fn speak(&self, protocol: &str) -> PyResult<()> {
        let dialect = protocol::named(protocol)?;
        self.state().core.speak(dialect);
        Ok(())
    }

    /// Adds an operation for `waiter`; whether it changes something on the server.
    fn submit(
        &self,
        py: Python<'_>,
        operation: &Bound<'_, Operation>,
        waiter: Py<PyAny>,
    ) -> PyResult<bool> {
        let plan = operation.get().take()?;
        let mut state = self.state();
        let submitted = plan.submit(&mut state.core).map_err(|error| raise(py, error))?;
        let mutating = submitted.is_mutating();
        let answers = Vec::with_capacity(submitted.answers());
        state.waiting.push_back(Waiting { waiter, operation: submitted, answers });
        Ok(mutating)
    }

    /// What is to be sent.
    fn take_output<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let output = self.state().core.take_output();
        PyBytes::new(py, &output)
    }

    /// What received bytes complete: `(waiter, answer, exception)`, one of the two `None`.
    ///
    /// Raises where the server broke the protocol, after which nothing more is to be received.
    fn receive<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyList>> {
        let (finished, violation) = self.state().receive(bytes);
        let results = PyList::empty(py);
        for (waiter, answer) in finished {
            match answer {
                Ok(answer) => results.append((waiter, answer.into_python(py)?, py.None()))?,
                Err(error) => {
                    results.append((waiter, py.None(), raise(py, error).into_value(py)))?;
                }
            }
        }
        if let Some(error) = violation {
            results.append((py.None(), py.None(), raise(py, error).into_value(py)))?;
        }
        Ok(results)
    }

    /// The status after which the server closes, if it has sent one.
    fn fatal(&self) -> Option<u16> {
        self.state().core.fatal().map(|status| status.0)
    }

    /// How many operations are without an answer.
    fn pending(&self) -> usize {
        self.state().waiting.len()
    }

    /// Everybody who still waits, each with its exception of `kind`.
    fn abandon<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        text: &str,
    ) -> PyResult<Bound<'py, PyList>> {
        let (waiting, fatal) = {
            let mut state = self.state();
            (std::mem::take(&mut state.waiting), state.core.fatal())
        };
        let results = PyList::empty(py);
        for Waiting { waiter, operation, .. } in waiting {
            let raised = match fatal {
                // The refusal is the reason, the end of the stream only what followed from it.
                Some(status) => failure(
                    py,
                    "refused",
                    &status.to_string(),
                    operation.is_mutating(),
                    Some(status.0),
                ),
                None => failure(py, kind, text, operation.is_mutating(), None),
            };
            results.append((waiter, raised.into_value(py)))?;
        }
        Ok(results)
    }
}

type Finished = (Py<PyAny>, Result<Answer, Error>);

impl State {
    fn receive(&mut self, bytes: &[u8]) -> (Vec<Finished>, Option<Error>) {
        self.input.extend_from_slice(bytes);
        let mut finished = Vec::new();
        loop {
            match self.core.receive(&mut self.input) {
                Ok(Some(answer)) => finished.extend(self.deliver(answer)),
                Ok(None) => break,
                Err(violation) => {
                    return (finished, Some(Error::Protocol { violation, maybe_applied: false }));
                }
            }
        }
        let surplus = (self.waiting.is_empty() && !self.input.is_empty()).then(|| {
            let violation = lockproof_client::Violation::Surplus { bytes: self.input.len() };
            Error::Protocol { violation, maybe_applied: false }
        });
        (finished, surplus)
    }

    fn deliver(&mut self, answer: memcached::Answer) -> Option<Finished> {
        let front = self.waiting.front_mut()?;
        front.answers.push(answer);
        if front.answers.len() < front.operation.answers() {
            return None;
        }
        let Waiting { waiter, operation, answers } = self.waiting.pop_front()?;
        Some((waiter, operation.finish(answers)))
    }
}
