//! Puts together what both ends of a stream tell: bytes written here are those read there.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::net::SocketAddr;

use super::claims::{self, Talk};
use super::{Claim, Mark, Operation, Recording, Side, Transfer, Wait, Wrong, messages};
use crate::config::{Config, Protocol};
use crate::server::HOST;

/// Bytes of a transfer that are shown.
const SHOWN: usize = 96;

/// All bytes that are kept to read messages from; what comes later has no names.
const KEPT_MAX: usize = 64 << 20;

#[derive(Debug, Default)]
pub(super) struct Recorder {
    connections: BTreeMap<SocketAddr, Connection>,
    kept: Vec<Vec<u8>>,
    kept_bytes: usize,
    recording: Recording,
}

/// A connection, by the client's address.
#[derive(Clone, Debug)]
struct Connection {
    number: usize,
    who: String,
    /// To the server, and from it.
    ways: [Way; 2],
    wait: Option<usize>,
    /// When the server ended it.
    ended: Option<u64>,
}

/// One direction of a connection.
#[derive(Clone, Debug, Default)]
struct Way {
    /// Transfers under way, and where each of them ends.
    flying: VecDeque<(usize, usize)>,
    written: usize,
    read: usize,
}

impl Recorder {
    pub(super) fn finish(mut self, config: &Config) -> Recording {
        let named = messages::name(&mut self.recording.transfers, &self.kept, config);
        if config.protocol.server() != Protocol::Memcached {
            let claims = claims::of(&self.talks(named));
            self.recording.claims.extend(claims);
        }
        for operation in &mut self.recording.operations {
            if operation.until.is_none() {
                operation.fault = Some(Wrong::NeverEnded);
            }
        }
        self.recording
    }

    fn talks(&self, named: Vec<Vec<String>>) -> Vec<Talk<'_>> {
        let mut talks: BTreeMap<usize, Talk<'_>> = BTreeMap::new();
        for Connection { number, ended, .. } in self.connections.values() {
            talks.insert(*number, Talk { transfers: Vec::new(), ended: *ended });
        }
        for (transfer, messages) in self.recording.transfers.iter().zip(named) {
            if let Some(talk) = talks.get_mut(&transfer.connection) {
                talk.transfers.push((transfer, messages));
            }
        }
        talks.into_values().collect()
    }

    pub(super) fn over(&mut self, at: u64) {
        self.recording.end = at;
    }

    pub(super) fn begin(&mut self, who: String, what: &str, now: u64) {
        let what = what.to_owned();
        self.recording.operations.push(Operation {
            who,
            what,
            since: now,
            until: None,
            fault: None,
        });
    }

    pub(super) fn end(&mut self, who: &str, wrong: Option<Wrong>, now: u64) {
        let mut open = self.recording.operations.iter_mut().rev();
        if let Some(operation) = open.find(|one| one.who == who && one.until.is_none()) {
            operation.until = Some(now);
            operation.fault = wrong;
        }
    }

    pub(super) fn connected(&mut self, address: SocketAddr, who: &str, now: u64) {
        let number = self.connections.len();
        let ways = [Way::default(), Way::default()];
        let connection = Connection { number, who: who.to_owned(), ways, wait: None, ended: None };
        self.connections.insert(address, connection);
        self.mark(who.to_owned(), "connects", now);
    }

    fn mark(&mut self, who: String, what: &str, at: u64) {
        self.recording.marks.push(Mark { who, at, what: what.to_owned() });
    }

    pub(super) fn place(&mut self, name: &str, at: u64) {
        let (who, what) = (HOST.to_owned(), name.to_owned());
        self.recording.places.push(Mark { who, at, what });
    }

    pub(super) fn wrote(&mut self, side: Side, bytes: &[u8], now: u64) {
        let next = self.recording.transfers.len();
        let Some((connection, to_server)) = of(&mut self.connections, side) else { return };
        let (who, number) = (connection.who.clone(), connection.number);
        let way = &mut connection.ways[usize::from(!to_server)];
        way.written += bytes.len();
        let end = way.written;
        let last = way.flying.back_mut();
        let transfers = &mut self.recording.transfers;
        // What is written at one moment is shown as one.
        if let Some((index, last_end)) = last
            && transfers.get(*index).is_some_and(|transfer| transfer.since == now)
        {
            *last_end = end;
            let index = *index;
            transfers[index].length += bytes.len();
            self.keep(index, bytes);
            return;
        }
        way.flying.push_back((next, end));
        transfers.push(Transfer {
            who,
            connection: number,
            to_server,
            since: now,
            until: None,
            length: bytes.len(),
            bytes: String::new(),
            messages: Vec::new(),
        });
        self.kept.push(Vec::new());
        self.keep(next, bytes);
    }

    fn keep(&mut self, index: usize, bytes: &[u8]) {
        let room = SHOWN.saturating_sub(self.recording.transfers[index].bytes.len() / 2);
        for byte in bytes.iter().take(room) {
            let _ = write!(self.recording.transfers[index].bytes, "{byte:02x}");
        }
        if self.kept_bytes + bytes.len() <= KEPT_MAX {
            self.kept_bytes += bytes.len();
            self.kept[index].extend_from_slice(bytes);
        }
    }

    pub(super) fn read(&mut self, side: Side, count: usize, now: u64) {
        let Some((connection, is_client)) = of(&mut self.connections, side) else { return };
        let way = &mut connection.ways[usize::from(is_client)];
        way.read += count;
        let mut arrived = Vec::new();
        while let Some((index, _)) = way.flying.pop_front_if(|(_, end)| *end <= way.read) {
            arrived.push(index);
        }
        for index in arrived {
            self.recording.transfers[index].until = Some(now);
        }
    }

    pub(super) fn waits(&mut self, side: Side, now: u64) {
        let next = self.recording.waits.len();
        let Some((connection, false)) = of(&mut self.connections, side) else { return };
        connection.wait = Some(next);
        let who = connection.who.clone();
        self.recording.waits.push(Wait { who, since: now, until: None });
    }

    pub(super) fn waits_no_more(&mut self, side: Side, now: u64) {
        let Some((connection, false)) = of(&mut self.connections, side) else { return };
        if let Some(index) = connection.wait.take() {
            self.recording.waits[index].until = Some(now);
        }
    }

    pub(super) fn ended(&mut self, side: Side, how: &str, now: u64) {
        let Some((connection, is_client)) = of(&mut self.connections, side) else { return };
        let who = connection.who.clone();
        let heard = if is_client { "comes from the server" } else { "reaches the server" };
        self.mark(who, &format!("{how} {heard}"), now);
    }

    /// A side is dropped; of interest is the server's.
    pub(super) fn dropped(&mut self, side: Side, now: u64) {
        let Some((connection, false)) = of(&mut self.connections, side) else { return };
        connection.ended = Some(now);
        let who = connection.who.clone();
        self.mark(who, "the server ends its connection", now);
    }

    pub(super) fn claim(&mut self, lock: &str, how: &str, who: SocketAddr, now: u64) -> usize {
        let known = self.connections.get(&who);
        let who = known.map_or_else(|| who.to_string(), |connection| connection.who.clone());
        let (lock, how) = (lock.to_owned(), how.to_owned());
        let claim = Claim { lock, how, who, since: now, granted: None, until: None };
        self.recording.claims.push(claim);
        self.recording.claims.len() - 1
    }

    pub(super) fn granted(&mut self, index: usize, now: u64) {
        if let Some(claim) = self.recording.claims.get_mut(index) {
            claim.granted = Some(now);
        }
    }

    pub(super) fn released(&mut self, index: usize, now: u64) {
        if let Some(claim) = self.recording.claims.get_mut(index) {
            claim.until = Some(now);
        }
    }
}

/// The connection of a side, and whether the side is the client's.
fn of(
    connections: &mut BTreeMap<SocketAddr, Connection>,
    side: Side,
) -> Option<(&mut Connection, bool)> {
    let is_client = connections.contains_key(&side.own);
    let address = if is_client { side.own } else { side.peer };
    connections.get_mut(&address).map(|connection| (connection, is_client))
}
