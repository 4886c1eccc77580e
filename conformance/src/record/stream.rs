//! One recorded connection: what of its bytes is not a message yet, and which requests wait for a reply.

use std::collections::VecDeque;
use std::time::Duration;

use super::stats::Stats;
use crate::wire::{Asked, Protocol, Reply};

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) conn: u64,
    pub(super) name: String,
    /// What the client sent of a message that is not whole yet.
    pub(super) sent: Vec<u8>,
    /// The pieces in which it came.
    segments: Vec<usize>,
    /// What the server sent of a message that is not whole yet.
    pub(super) received: Vec<u8>,
    /// Requests without a reply, oldest first.
    pub(super) waiting: VecDeque<Waiting>,
    /// Framing is lost: only bytes from here on.
    pub(super) raw_requests: bool,
    pub(super) raw_replies: bool,
    pub(super) client: Client,
    pub(super) server_ended: bool,
    /// Echo: where the current run of bytes stands, and the run.
    pub(super) echoed: Option<(usize, Vec<u8>)>,
    pub(super) stats: Stats,
}

/// What a client has done to its connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Client {
    Open,
    /// It ended its sending side.
    Finished,
    /// It is gone in both directions.
    Gone,
}

/// A request without a reply.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) asked: Asked,
    /// Its place among the drafts.
    pub(super) draft: usize,
    /// It waits for nobody else.
    pub(super) free: bool,
    /// When it was sent.
    pub(super) at: Duration,
}

/// The request that a reply answers.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) waiting: Waiting,
    /// A player would take another request for it: both need a tag.
    pub(super) hidden: bool,
}

impl Stream {
    pub(super) fn new(conn: u64, name: String) -> Self {
        Self {
            conn,
            name,
            sent: Vec::new(),
            segments: Vec::new(),
            received: Vec::new(),
            waiting: VecDeque::new(),
            raw_requests: false,
            raw_replies: false,
            client: Client::Open,
            server_ended: false,
            echoed: None,
            stats: Stats::default(),
        }
    }

    /// Takes a whole request off the front; the sizes of the earlier pieces that it came in.
    pub(super) fn take_request(&mut self, length: usize) -> Vec<usize> {
        self.sent.drain(..length);
        std::mem::take(&mut self.segments)
    }

    /// Notes that `came` bytes came behind the `before` that were there, and what is left is the start of a message.
    pub(super) fn note_segment(&mut self, before: usize, came: usize) {
        if self.sent.len() == before + came && before > 0 {
            self.segments.push(came);
        } else if !self.sent.is_empty() {
            self.segments = vec![self.sent.len()];
        }
    }

    /// The request that a reply answers: by opaque where there is one, else the oldest of its kind.
    pub(super) fn answered(&mut self, protocol: Protocol, reply: &Reply) -> Option<Found> {
        let position = match protocol {
            Protocol::Memcached => return self.memcached_answered(reply),
            Protocol::Locker => {
                let of_kind = |waiting: &Waiting| {
                    128 - i32::from(waiting.asked.code) == i32::from(reply.code)
                };
                self.waiting.iter().position(of_kind).unwrap_or(0)
            }
            Protocol::NetMem | Protocol::Echo | Protocol::Text | Protocol::Meta => 0,
        };
        let waiting = self.waiting.remove(position)?;
        Some(Found { waiting, hidden: false })
    }

    fn memcached_answered(&mut self, reply: &Reply) -> Option<Found> {
        let opaque = reply.integer("opaque");
        let key = reply.bytes("key");
        let of_kind = |waiting: &Waiting| waiting.asked.code == reply.code;
        let exact = |waiting: &Waiting| {
            let key_fits = reply.code == 0x10 || key.is_empty() || waiting.asked.key == key;
            of_kind(waiting) && i128::from(waiting.asked.opaque) == opaque && key_fits
        };
        let first = self.waiting.iter().position(of_kind)?;
        let position = self.waiting.iter().position(exact).unwrap_or(first);
        let unfinished = (reply.code, reply.status) == (0x10, 0) && !key.is_empty();
        let waiting = self.waiting.get(position)?.clone();
        if !unfinished {
            // Quiet requests before it had nothing to say.
            let mut index = 0;
            self.waiting.retain(|earlier| {
                index += 1;
                index - 1 > position || (index - 1 < position && !earlier.asked.quiet)
            });
        }
        Some(Found { waiting, hidden: position != first && !unfinished })
    }
}
