//! Locker as a load: locks that are taken and released, alone, in batches, and against others.

use bytes::{Bytes, BytesMut};
use lockproof_protocol::locker::{Dialect, Outcome, Reply, ReplyDecoder, Request, Verb};

use super::script::{Heard, Script, Wrong};

/// What is asked over and over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ask {
    /// Takes `keys` locks of the connection's own in one request, and releases them in the next, both sent at once.
    /// An operation is such a pair.
    OwnKeys {
        /// Locks in a request.
        keys: u32,
    },
    /// Takes one lock that all connections want, and releases it when it got it. An operation is a request.
    Contended {
        /// The locks that are wanted.
        keys: u32,
    },
    /// Takes locks that nobody else wants, `keys` in a request, and keeps them. An operation is a lock.
    Hold {
        /// Locks in a request.
        keys: u32,
    },
}

/// The load of one connection.
#[derive(Debug)]
pub struct Locker {
    ask: Ask,
    index: u32,
    round: u32,
    /// The contended lock that this connection has.
    held: Option<Vec<Bytes>>,
    /// The commands whose replies have not come.
    expected: usize,
    asked: Vec<u8>,
    decoder: ReplyDecoder,
}

impl Locker {
    /// The load of connection number `index`.
    pub fn new(ask: Ask, index: u32) -> Self {
        let decoder = ReplyDecoder::new(Dialect::default());
        Self { ask, index, round: 0, held: None, expected: 0, asked: Vec::new(), decoder }
    }

    /// Requests made so far.
    pub fn rounds(&self) -> u32 {
        self.round
    }

    fn request(&mut self, out: &mut BytesMut, verb: Verb, keys: &[Bytes]) {
        let request = Request { verb, batch: keys.len() > 1, keys: keys.to_vec() };
        request.encode(Dialect::default(), out);
        self.asked.push(request.cmd());
    }

    fn own_keys(&self, count: u32) -> Vec<Bytes> {
        let (index, round) = (self.index, self.round);
        (0..count).map(|key| format!("lock-{index:05}-{round:08}-{key:04}").into()).collect()
    }
}

impl Script for Locker {
    fn ask(&mut self, out: &mut BytesMut) -> u32 {
        self.asked.clear();
        self.expected = 0;
        self.round = self.round.wrapping_add(1);
        match self.ask {
            Ask::OwnKeys { keys } => {
                let keys = self.own_keys(keys);
                self.request(out, Verb::Get, &keys);
                self.request(out, Verb::Release, &keys);
                1
            }
            Ask::Hold { keys } => {
                let own = self.own_keys(keys);
                self.request(out, Verb::Get, &own);
                keys
            }
            Ask::Contended { keys } => {
                if let Some(held) = self.held.take() {
                    self.request(out, Verb::Release, &held);
                } else {
                    let key = format!("lock-{:04}", self.round % keys);
                    let wanted = vec![Bytes::from(key)];
                    self.request(out, Verb::Get, &wanted);
                    self.held = Some(wanted);
                }
                1
            }
        }
    }

    fn hear(&mut self, input: &[u8]) -> Result<Heard, Wrong> {
        let mut rest = BytesMut::from(input);
        while self.expected < self.asked.len() {
            let decoded = self.decoder.decode(&mut rest);
            let Some(reply) = decoded.map_err(|error| Wrong(error.to_string()))? else { break };
            let cmd = self.asked[self.expected];
            let may_be_busy = matches!(self.ask, Ask::Contended { .. });
            if reply == Reply::to(cmd, Outcome::Busy) && may_be_busy && self.held.is_some() {
                self.held = None;
            } else if reply != Reply::to(cmd, Outcome::Ok) {
                return Err(Wrong(format!("the reply to command {cmd} is {reply:?}")));
            }
            self.expected += 1;
        }
        let is_all = self.expected == self.asked.len();
        Ok(Heard { bytes: input.len() - rest.len(), is_all })
    }
}

#[cfg(test)]
mod tests {
    use super::{Ask, Locker};
    use crate::load::script::Script;
    use bytes::BytesMut;

    #[test]
    fn busy_is_an_answer_only_where_others_want_the_lock() {
        let mut contended = Locker::new(Ask::Contended { keys: 1 }, 0);
        let mut own = Locker::new(Ask::OwnKeys { keys: 1 }, 0);
        contended.ask(&mut BytesMut::new());
        own.ask(&mut BytesMut::new());
        assert!(contended.hear(&[1, 1]).unwrap().is_all);
        assert!(own.hear(&[1, 1, 3, 0]).is_err());
    }

    #[test]
    fn what_is_held_is_released() {
        let mut script = Locker::new(Ask::Contended { keys: 1 }, 0);
        let mut asked = BytesMut::new();
        script.ask(&mut asked);
        assert_eq!(asked[0], 127);
        assert!(script.hear(&[1, 0]).unwrap().is_all);
        asked.clear();
        script.ask(&mut asked);
        assert_eq!(asked[0], 125);
    }
}
