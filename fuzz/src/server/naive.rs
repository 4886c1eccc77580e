//! The server as one would explain it: a frame at a time, one client after the other, no sockets and no locks.
//!
//! What a frame *is* is left to `lockproof-protocol`, which is a target of its own; what it *means* is the models'.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::BytesMut;

/// What a protocol does with the frames of a session.
pub(super) trait Naive {
    /// A session's part.
    type Session;

    fn open(&self) -> Self::Session;

    /// Executes the next frame of `input`, if there is one.
    fn next(
        &mut self,
        now: Duration,
        id: u64,
        session: &mut Self::Session,
        input: &mut BytesMut,
    ) -> Next;

    /// A session is over: replies that this sets free.
    fn end(&mut self, _id: u64) -> Vec<(u64, Vec<u8>)> {
        Vec::new()
    }
}

/// What came of looking for a frame.
#[derive(Debug)]
pub(super) enum Next {
    /// There is none.
    Nothing,
    /// It was executed: replies, of which the first may be the session's own.
    Replies(Vec<(u64, Vec<u8>)>),
    /// It waits, and so does what is behind it.
    Waits,
    /// The session is over, after these last words.
    Close(Vec<u8>),
}

/// Every session that the server knows.
pub(super) struct Model<N: Naive> {
    naive: N,
    sessions: BTreeMap<u64, Session<N::Session>>,
    /// Those whose input is to be looked at, first come first served.
    ready: VecDeque<u64>,
}

struct Session<S> {
    own: S,
    input: BytesMut,
    output: Vec<u8>,
    waits: bool,
    closed: bool,
}

impl<N: Naive> Model<N> {
    pub(super) fn new(naive: N) -> Self {
        Self { naive, sessions: BTreeMap::new(), ready: VecDeque::new() }
    }

    /// What the protocol knows.
    pub(super) const fn naive(&self) -> &N {
        &self.naive
    }

    pub(super) fn open(&mut self, id: u64) {
        let own = self.naive.open();
        let (input, output) = (BytesMut::new(), Vec::new());
        self.sessions.insert(id, Session { own, input, output, waits: false, closed: false });
    }

    pub(super) fn send(&mut self, now: Duration, id: u64, bytes: &[u8]) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.input.extend_from_slice(bytes);
            self.ready.push_back(id);
            self.run(now);
        }
    }

    /// The end of the stream: what is whole was executed before, what waits never is.
    pub(super) fn end(&mut self, now: Duration, id: u64) {
        self.close(id);
        self.run(now);
    }

    /// What the session was sent since this was last asked, and whether its connection is closed.
    pub(super) fn take(&mut self, id: u64) -> (Vec<u8>, bool) {
        let session = self.sessions.get_mut(&id).expect("it was opened");
        (std::mem::take(&mut session.output), session.closed)
    }

    fn run(&mut self, now: Duration) {
        while let Some(id) = self.ready.pop_front() {
            self.batch(now, id);
        }
    }

    /// All whole frames of one session; whoever is set free goes on behind them.
    fn batch(&mut self, now: Duration, id: u64) {
        while let Some(session) = self.sessions.get_mut(&id)
            && !session.waits
            && !session.closed
        {
            match self.naive.next(now, id, &mut session.own, &mut session.input) {
                Next::Nothing => return,
                Next::Waits => session.waits = true,
                Next::Replies(replies) => self.deliver(id, replies),
                Next::Close(words) => {
                    session.output.extend(words);
                    self.close(id);
                }
            }
        }
    }

    fn close(&mut self, id: u64) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| !session.closed) else {
            return;
        };
        session.closed = true;
        let replies = self.naive.end(id);
        self.deliver(id, replies);
    }

    fn deliver(&mut self, by: u64, replies: Vec<(u64, Vec<u8>)>) {
        for (to, bytes) in replies {
            let session = self.sessions.get_mut(&to).expect("whoever waits is there");
            session.output.extend(bytes);
            if to != by {
                session.waits = false;
                self.ready.push_back(to);
            }
        }
    }
}
