//! Locker: one table of named locks behind one lock.
//!
//! A batch may name any keys, so the table is not sharded: every request is one critical section,
//! and all or nothing comes for free (LKR-304). Queries share the lock (LKR-505).

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use lockproof_protocol::locker::{
    Dialect, Frame, Limits, Outcome, Reply, RequestDecoder, TooLarge, Verb, parse,
};
use lockproof_rwlock::RwLock;
use lockproof_state_machine::SessionId;
use lockproof_state_machine::locks::{self, Held, Holder, Locks, Transition};

use crate::{Clock, Counters, Mark, Output, Peer, Protocol, Session, Step};

/// What a Locker listener is started with.
#[derive(Clone, Debug, Default)]
pub struct LockerConfig {
    /// Layout and result codes; fixed for the listener (LKR-903).
    pub dialect: Dialect,
    /// Limits of a request.
    pub limits: Limits,
    /// Limits of the table.
    pub locks: locks::Config,
    /// Transitions kept for [`Locker::take_log`]; 0 keeps none (LKR-703).
    pub log_entries_max: usize,
}

/// The Locker protocol and its table.
#[derive(Debug)]
pub struct Locker {
    config: LockerConfig,
    clock: Clock,
    next_session: AtomicU64,
    table: RwLock<Locks>,
    peers: RwLock<BTreeMap<SessionId, Peer>>,
    counters: Arc<Counters>,
}

/// One Locker client. Dropping it frees what it holds (LKR-402).
#[derive(Debug)]
pub struct LockerSession {
    id: SessionId,
    locker: Arc<Locker>,
    decoder: RequestDecoder,
}

impl Locker {
    /// An empty table (LKR-411).
    pub fn new(config: LockerConfig) -> Self {
        let mut locks = Locks::new(config.locks);
        locks.enable_log(config.log_entries_max);
        Self {
            config,
            clock: Clock::start(),
            next_session: AtomicU64::new(1),
            table: RwLock::new(locks),
            peers: RwLock::new(BTreeMap::new()),
            counters: Arc::default(),
        }
    }

    /// The counters of the table (LKR-701).
    pub fn lock_counters(&self) -> locks::Counters {
        self.table.read(Locks::counters)
    }

    /// Every held key, with the address of its holder (LKR-702).
    pub fn dump(&self) -> Vec<(Held, Option<Peer>)> {
        let now = self.clock.now();
        let held = self.table.read(|locks| locks.dump(now));
        let peers = self.peers.read(BTreeMap::clone);
        held.into_iter()
            .map(|held| {
                let peer = peers.get(&held.session).copied();
                (held, peer)
            })
            .collect()
    }

    /// Every session that holds something.
    pub(crate) fn holders(&self) -> Vec<Holder> {
        let now = self.clock.now();
        self.table.read(|locks| locks.each_holder(now).collect())
    }

    /// The first `max` keys that each of these sessions holds.
    pub(crate) fn keys_of(&self, sessions: &[SessionId], max: usize) -> Vec<Held> {
        let now = self.clock.now();
        let some = |locks: &Locks| {
            let of = |session: &SessionId| locks.keys_of(now, *session).take(max);
            sessions.iter().flat_map(of).collect()
        };
        self.table.read(some)
    }

    /// Takes the transition log since the last call (LKR-703).
    pub fn take_log(&self) -> Vec<Transition> {
        self.table.write(Locks::take_log)
    }
}

impl Protocol for Locker {
    type Session = LockerSession;

    const NAME: &'static str = "locker";

    fn open(self: &Arc<Self>, peer: Peer) -> LockerSession {
        let id = SessionId(self.next_session.fetch_add(1, Relaxed));
        self.peers.write(|peers| peers.insert(id, peer));
        let decoder = RequestDecoder::new(self.config.dialect, self.config.limits);
        LockerSession { id, locker: Arc::clone(self), decoder }
    }

    fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }
}

impl Session for LockerSession {
    fn id(&self) -> Option<SessionId> {
        Some(self.id)
    }

    fn execute(&mut self, input: &mut BytesMut, output: &mut Output) -> Step {
        while !output.is_full() {
            match self.decoder.decode(input) {
                Ok(None) => return Step::Drained,
                Ok(Some(frame)) => self.answer(frame, output),
                // LKR-106: the length cannot be trusted, so nothing behind it can.
                Err(TooLarge { cmd, .. }) => return self.refuse(cmd, output),
            }
        }
        Step::Full
    }

    fn give_up_frame(&mut self, input: &mut BytesMut, output: &mut Output) -> Step {
        let error = self.decoder.gives_up(input);
        error.map_or(Step::Close, |TooLarge { cmd, .. }| self.refuse(cmd, output))
    }
}

impl LockerSession {
    fn refuse(&self, cmd: u8, output: &mut Output) -> Step {
        self.locker.table.read(|locks| locks.count_bad_frame(Outcome::TooLarge));
        Reply::to(cmd, Outcome::TooLarge).encode(self.locker.config.dialect, output.buffer());
        Step::Close
    }

    fn answer(&self, frame: Frame, output: &mut Output) {
        output.count_frame();
        let cmd = frame.cmd;
        let outcome = self.run(frame);
        Reply::to(cmd, outcome).encode(self.locker.config.dialect, output.buffer());
    }

    fn run(&self, frame: Frame) -> Outcome {
        let Locker { config, clock, table, .. } = &*self.locker;
        match parse(frame, &config.limits) {
            Ok(request) if request.verb == Verb::Query => {
                table.read(|locks| locks.query(self.id, &request))
            }
            Ok(request) => {
                let now = clock.now();
                table.write(|locks| locks.apply(now, self.id, &request))
            }
            Err(outcome) => {
                table.read(|locks| locks.count_bad_frame(outcome));
                outcome
            }
        }
    }
}

impl Drop for LockerSession {
    fn drop(&mut self) {
        let now = self.locker.clock.now();
        if self.locker.table.write(|locks| locks.end_session(now, self.id)) > 0 {
            Mark::EndFrees.hit();
        }
        self.locker.peers.write(|peers| peers.remove(&self.id));
    }
}
