//! The sans-IO core: checked requests out, replies matched by order and command in.
//!
//! Leaves out what is done when the connection ends: the shell then drops the core and its locks.

use std::collections::{BTreeSet, VecDeque};

use bytes::{Bytes, BytesMut};
use lockproof_protocol::locker::{Dialect, Limits, Outcome, Reply, ReplyDecoder, Request, Verb};

use super::check::check;
use crate::{Conversation, Error, Violation};

/// One connection's pending requests, and the keys that it was granted.
#[derive(Debug)]
pub struct Core {
    dialect: Dialect,
    limits: Limits,
    pending: VecDeque<Request>,
    held: BTreeSet<Bytes>,
    output: BytesMut,
    decoder: ReplyDecoder,
}

impl Core {
    /// A core for a server of that dialect, which sends nothing over `limits`.
    pub fn new(dialect: Dialect, limits: Limits) -> Self {
        Self {
            dialect,
            limits,
            pending: VecDeque::new(),
            held: BTreeSet::new(),
            output: BytesMut::new(),
            decoder: ReplyDecoder::new(dialect),
        }
    }

    /// Adds a request for one key.
    ///
    /// # Errors
    ///
    /// As [`submit_batch`](Self::submit_batch).
    pub fn submit(&mut self, verb: Verb, key: &[u8]) -> Result<(), Error> {
        self.push(Request { verb, batch: false, keys: vec![Bytes::copy_from_slice(key)] })
    }

    /// Adds a request for any number of keys, all of them or none (LKR-302, LKR-307).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidKeys`] for keys that the server would not read as they are, and for more or
    /// longer ones than the limits allow (LKR-801); nothing is added to the output then.
    pub fn submit_batch(&mut self, verb: Verb, keys: &[&[u8]]) -> Result<(), Error> {
        let keys = keys.iter().map(|key| Bytes::copy_from_slice(key)).collect();
        self.push(Request { verb, batch: true, keys })
    }

    /// The keys that this connection was granted and has not released.
    pub fn held(&self) -> impl Iterator<Item = &Bytes> {
        self.held.iter()
    }

    fn push(&mut self, request: Request) -> Result<(), Error> {
        check(&request, &self.limits)?;
        request.encode(self.dialect, &mut self.output);
        self.pending.push_back(request);
        Ok(())
    }

    fn accept(&mut self, request: Request, reply: Reply) -> Result<Outcome, Violation> {
        // LKR-803: a reply to another command means that the two sides are out of step.
        Violation::check("cmd", Reply::to(request.cmd(), reply.outcome).cmd, reply.cmd)?;
        match (request.verb, reply.outcome) {
            (Verb::Get, Outcome::Ok) => self.held.extend(request.keys),
            (Verb::Get, Outcome::SelfHeld) if !request.batch => self.held.extend(request.keys),
            (Verb::Release, Outcome::Ok) => {
                self.held.retain(|held| !request.keys.contains(held));
            }
            (Verb::Get | Verb::Query, Outcome::NotHeld) => {
                return Err(Violation::Shape("NOT_HELD in answer to GET or QUERY"));
            }
            (Verb::Release, Outcome::Busy | Outcome::SelfHeld) => {
                return Err(Violation::Shape("BUSY or SELF_HELD in answer to RELEASE"));
            }
            _ => {}
        }
        Ok(reply.outcome)
    }
}

impl Conversation for Core {
    type Answer = Outcome;

    fn take_output(&mut self) -> BytesMut {
        self.output.split()
    }

    fn receive(&mut self, input: &mut BytesMut) -> Result<Option<Outcome>, Violation> {
        if self.pending.is_empty() {
            return Ok(None);
        }
        let Some(reply) = self.decoder.decode(input)? else {
            return Ok(None);
        };
        let Some(request) = self.pending.pop_front() else {
            return Err(Violation::Shape("a reply to no pending request"));
        };
        self.accept(request, reply).map(Some)
    }

    fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }
}
