//! How a flawed lock server executes one request: what is wrong in time, and not in the table.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use lockproof_protocol::locker::{Outcome, Request, Verb};
use tokio::sync::{Mutex, Notify};
use tokio::time::sleep;

use super::{Flaw, Keys};

/// Between two steps that should have been one.
const BETWEEN: Duration = Duration::from_millis(15);

/// What a query costs, where it counts.
const QUERY: Duration = Duration::from_millis(5);

/// L09's locks, each for some keys.
const SHARDS: usize = 16;

/// The table and what guards it.
#[derive(Debug)]
pub(super) struct Executor {
    pub(super) flaw: Flaw,
    pub(super) keys: RefCell<Keys>,
    shards: [Mutex<()>; SHARDS],
    queries: Cell<usize>,
    no_queries: Notify,
}

impl Executor {
    pub(super) fn new(flaw: Flaw, keys: Keys) -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        let (queries, no_queries) = (Cell::default(), Notify::new());
        Self { flaw, keys: RefCell::new(keys), shards, queries, no_queries }
    }

    pub(super) async fn execute(&self, session: u64, request: &Request) -> Outcome {
        let keys = self.keys_of(request);
        match (self.flaw, request.verb) {
            (Flaw::L01, Verb::Get) => self.look_then_grant(session, &keys).await,
            (Flaw::L09, Verb::Get | Verb::Release) => self.shard_by_shard(session, request).await,
            (Flaw::L10, Verb::Get) if keys.len() > 1 => self.key_by_key(session, &keys).await,
            (Flaw::L22, verb) => {
                self.after_queries(verb).await;
                self.keys.borrow_mut().apply(session, verb, &keys)
            }
            (_, verb) => self.keys.borrow_mut().apply(session, verb, &keys),
        }
    }

    /// The keys without duplicates.
    fn keys_of(&self, request: &Request) -> Vec<Vec<u8>> {
        let mut keys: BTreeSet<Vec<u8>> = BTreeSet::new();
        for key in &request.keys {
            if self.flaw == Flaw::L19 {
                let parts = key.split(|byte| b"#!@^$".contains(byte));
                keys.extend(parts.filter(|part| !part.is_empty()).map(<[u8]>::to_vec));
            } else {
                keys.insert(key.to_vec());
            }
        }
        keys.into_iter().collect()
    }

    async fn look_then_grant(&self, session: u64, keys: &[Vec<u8>]) -> Outcome {
        let outcome = self.keys.borrow().would_get(session, keys);
        sleep(BETWEEN).await;
        if outcome == Outcome::Ok {
            self.keys.borrow_mut().grant(session, keys);
        }
        outcome
    }

    /// In the order of the request: two that cross wait for each other for ever.
    async fn shard_by_shard(&self, session: u64, request: &Request) -> Outcome {
        let mut guards = Vec::new();
        let mut locked = BTreeSet::new();
        for key in &request.keys {
            let shard = key.iter().map(|byte| usize::from(*byte)).sum::<usize>() % SHARDS;
            if locked.insert(shard) {
                guards.push(self.shards[shard].lock().await);
                sleep(BETWEEN).await;
            }
        }
        let outcome = self.keys.borrow_mut().apply(session, request.verb, &self.keys_of(request));
        drop(guards);
        outcome
    }

    async fn key_by_key(&self, session: u64, keys: &[Vec<u8>]) -> Outcome {
        let mut granted: Vec<Vec<u8>> = Vec::new();
        for key in keys {
            let one = std::slice::from_ref(key);
            let outcome = self.keys.borrow_mut().apply(session, Verb::Get, one);
            if outcome != Outcome::Ok {
                if !granted.is_empty() {
                    self.keys.borrow_mut().free(session, &granted);
                }
                return outcome;
            }
            granted.push(key.clone());
            sleep(BETWEEN).await;
        }
        Outcome::Ok
    }

    /// As many queries at once as there are; all else waits until there is none.
    async fn after_queries(&self, verb: Verb) {
        if verb == Verb::Query {
            self.queries.set(self.queries.get() + 1);
            sleep(QUERY).await;
            self.queries.set(self.queries.get() - 1);
            self.no_queries.notify_waiters();
            return;
        }
        while self.queries.get() > 0 {
            self.no_queries.notified().await;
        }
    }
}
