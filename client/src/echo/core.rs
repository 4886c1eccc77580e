//! The sans-IO core: bytes out, the same bytes in.
//!
//! Leaves out strings; to the wire a string is its bytes and a NUL.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::{Conversation, Error, Violation};

/// What was sent and has not come back.
#[derive(Debug, Default)]
pub struct Core {
    pending: VecDeque<Bytes>,
    output: BytesMut,
}

impl Core {
    /// Adds bytes to the output, and expects them back in one piece.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for no bytes: nothing would come back to answer them.
    pub fn submit(&mut self, bytes: Bytes) -> Result<(), Error> {
        if bytes.is_empty() {
            return Err(Error::invalid("no bytes to echo"));
        }
        self.output.extend_from_slice(&bytes);
        self.pending.push_back(bytes);
        Ok(())
    }
}

impl Conversation for Core {
    type Answer = Bytes;

    fn take_output(&mut self) -> BytesMut {
        self.output.split()
    }

    fn receive(&mut self, input: &mut BytesMut) -> Result<Option<Bytes>, Violation> {
        let Some(expected) = self.pending.front() else {
            return Ok(None);
        };
        // Compared as they arrive (EC-ECHO-03): a wrong byte is an error at once, not a wait for
        // the rest.
        if let Some((expected, found)) = expected.iter().zip(&*input).find(|(a, b)| a != b) {
            Violation::check("echoed byte", *expected, *found)?;
        }
        if input.len() < expected.len() {
            return Ok(None);
        }
        let echoed = input.split_to(expected.len()).freeze();
        self.pending.pop_front();
        Ok(Some(echoed))
    }

    fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }
}
