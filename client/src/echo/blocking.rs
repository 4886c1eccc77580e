//! The blocking client, over a socket of the system. Leaves out half-close: a client asks, and reads its answer.

use std::time::Duration;

use bytes::Bytes;

use super::Core;
use crate::blocking::{Link, OnInterrupt, Stream};
use crate::{Cause, Error};

/// An echo client on one socket; see [`crate::blocking`].
#[derive(Debug)]
pub struct Client {
    link: Link,
    core: Core,
}

impl Client {
    /// A client whose every operation must be done within `timeout`.
    pub fn new(stream: impl Into<Stream>, timeout: Duration) -> Self {
        Self { link: Link::new(stream.into(), timeout), core: Core::default() }
    }

    /// Asks `on_interrupt` when a signal interrupts a wait; without it, waits go on.
    #[must_use]
    pub fn with_on_interrupt(mut self, on_interrupt: OnInterrupt) -> Self {
        self.link.set_on_interrupt(on_interrupt);
        self
    }

    /// Whether the connection can still be used.
    pub fn is_open(&self) -> bool {
        self.link.is_open()
    }

    /// Sends a string and a NUL behind it, and returns the string once both have come back
    /// (EC-ECHO-01).
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a string with a NUL in it; [`Error::Protocol`] at the first byte that
    /// comes back changed.
    pub fn send_string(&mut self, string: &[u8]) -> Result<Bytes, Error> {
        if string.contains(&0) {
            return Err(Error::invalid("a NUL in the string"));
        }
        let mut echoed = self.send_bytes(&[string, &[0]].concat())?;
        echoed.truncate(string.len());
        Ok(echoed)
    }

    /// Sends any bytes and returns them once all have come back (EC-ECHO-04).
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for no bytes; [`Error::Protocol`] at the first byte that comes back
    /// changed.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<Bytes, Error> {
        self.link.check_open()?;
        self.core.submit(Bytes::copy_from_slice(bytes))?;
        let pieces = self.link.run(&mut self.core, false).all()?;
        Ok(pieces.into_iter().next().unwrap_or_default())
    }

    /// Closes the connection.
    pub fn close(&mut self) {
        self.link.close(Cause::Quit);
    }
}
