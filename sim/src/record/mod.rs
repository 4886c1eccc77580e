//! What happened in a run, for people to look at: who asked what, which bytes went where, who waited for whom.
//!
//! Nothing is recorded unless somebody asks ([`Run::recorded`](crate::run::Run::recorded)), and a run that is recorded
//! has the hash of one that is not. A run happens on one thread; so does its recording, and whoever has something to
//! tell calls a function here instead of carrying a recorder along.

mod claims;
mod messages;
mod recorder;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::recorder::Recorder;
use crate::config::Config;
use crate::net::sim_elapsed;

/// Everything that was noted. Times are virtual microseconds since the start; an end that is missing never came.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Recording {
    /// Operations of healthy clients.
    pub operations: Vec<Operation>,
    /// Bytes that went over a link in one go.
    pub transfers: Vec<Transfer>,
    /// Sends of the server that found no room.
    pub waits: Vec<Wait>,
    /// Locks: who asked, who had them.
    pub claims: Vec<Claim>,
    /// Connections that began and ended.
    pub marks: Vec<Mark>,
    /// Marks of the server, each with the name of a place in it.
    #[serde(default)]
    pub places: Vec<Mark>,
    /// When the run was over.
    pub end: u64,
}

/// What a healthy client asked for.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Operation {
    /// Whose.
    pub who: String,
    /// What.
    pub what: String,
    /// From when.
    pub since: u64,
    /// To when.
    pub until: Option<u64>,
    /// Why it should not have gone like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Wrong>,
}

/// What is wrong with an operation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wrong {
    /// It had not ended when the run was over.
    NeverEnded,
    /// It took longer than it may.
    Late,
    /// It failed, or came to a wrong result.
    Failed,
}

/// Bytes from a client to the server, or back.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Transfer {
    /// The client.
    pub who: String,
    /// Which of all connections.
    pub connection: usize,
    /// To the server; else from it.
    pub to_server: bool,
    /// When they were written.
    pub since: u64,
    /// When the last of them was read.
    pub until: Option<u64>,
    /// How many.
    pub length: usize,
    /// The first of them, in hexadecimal.
    pub bytes: String,
    /// The messages that were whole with them, as sessions write them.
    pub messages: Vec<String>,
}

/// A send of the server that found no room.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Wait {
    /// Who did not read.
    pub who: String,
    /// From when.
    pub since: u64,
    /// To when.
    pub until: Option<u64>,
}

/// A lock, asked for and had.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Claim {
    /// Which lock.
    pub lock: String,
    /// How.
    pub how: String,
    /// On whose behalf.
    pub who: String,
    /// When it was asked for.
    pub since: u64,
    /// When it was had.
    pub granted: Option<u64>,
    /// When it was given back, or the wish for it given up.
    pub until: Option<u64>,
}

/// A connection began or ended.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Mark {
    /// Whose.
    pub who: String,
    /// When.
    pub at: u64,
    /// What.
    pub what: String,
}

/// Name of a healthy client.
pub(crate) fn client(index: usize) -> String {
    format!("client {index}")
}

thread_local! {
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// Records while `play` runs.
pub(crate) fn while_in<T>(config: &Config, play: impl FnOnce() -> T) -> (T, Recording) {
    RECORDER.set(Some(Recorder::default()));
    let result = play();
    let recorder = RECORDER.take().unwrap_or_default();
    (result, recorder.finish(config))
}

fn note(tell: impl FnOnce(&mut Recorder, u64)) {
    RECORDER.with_borrow_mut(|recorder| {
        if let Some(recorder) = recorder
            && let Some(now) = sim_elapsed()
        {
            tell(recorder, micros(now));
        }
    });
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The run is over.
pub(crate) fn over(at: Duration) {
    RECORDER.with_borrow_mut(|recorder| {
        if let Some(recorder) = recorder {
            recorder.over(micros(at));
        }
    });
}

/// The server is at one of its marks.
pub(crate) fn place(name: &str) {
    note(|recorder, now| recorder.place(name, now));
}

/// A client begins an operation.
pub(crate) fn begin(index: usize, what: &str) {
    note(|recorder, now| recorder.begin(client(index), what, now));
}

/// A client's operation ends.
pub(crate) fn end(index: usize, wrong: Option<Wrong>) {
    note(|recorder, now| recorder.end(&client(index), wrong, now));
}

/// A client has a connection, and this address on it.
pub(crate) fn connected(address: SocketAddr, who: &str) {
    note(|recorder, now| recorder.connected(address, who, now));
}

/// One end of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    pub(crate) own: SocketAddr,
    pub(crate) peer: SocketAddr,
}

impl Side {
    pub(crate) fn wrote(self, bytes: &[u8]) {
        note(|recorder, now| recorder.wrote(self, bytes, now));
    }

    pub(crate) fn read(self, count: usize) {
        note(|recorder, now| recorder.read(self, count, now));
    }

    pub(crate) fn waits(self) {
        note(|recorder, now| recorder.waits(self, now));
    }

    pub(crate) fn waits_no_more(self) {
        note(|recorder, now| recorder.waits_no_more(self, now));
    }

    pub(crate) fn dropped(self) {
        note(|recorder, now| recorder.dropped(self, now));
    }

    pub(crate) fn ended(self, how: &str) {
        note(|recorder, now| recorder.ended(self, how, now));
    }
}

/// A lock is asked for by the client that has this address; the claim says when it is had, and ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Claimed(Option<usize>);

pub(crate) fn claim(lock: &str, how: &str, who: SocketAddr) -> Claimed {
    let mut index = None;
    note(|recorder, now| index = Some(recorder.claim(lock, how, who, now)));
    Claimed(index)
}

impl Claimed {
    pub(crate) fn granted(&self) {
        let Some(index) = self.0 else { return };
        note(|recorder, now| recorder.granted(index, now));
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        let Some(index) = self.0 else { return };
        note(|recorder, now| recorder.released(index, now));
    }
}
