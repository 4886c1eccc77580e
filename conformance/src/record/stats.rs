//! memcached's STAT replies: many packets, of which another run repeats the names and the kinds of values.

use crate::session::{Message, Pattern};
use crate::wire::Reply;

/// The statistics that every server has (MCB-STT-03); others are the recorded server's own.
const COMMON: [&str; 35] = [
    "pid",
    "uptime",
    "time",
    "version",
    "pointer_size",
    "curr_connections",
    "total_connections",
    "cmd_get",
    "cmd_set",
    "cmd_flush",
    "cmd_touch",
    "get_hits",
    "get_misses",
    "delete_hits",
    "delete_misses",
    "incr_hits",
    "incr_misses",
    "decr_hits",
    "decr_misses",
    "cas_hits",
    "cas_misses",
    "cas_badval",
    "touch_hits",
    "touch_misses",
    "auth_cmds",
    "auth_errors",
    "bytes_read",
    "bytes_written",
    "limit_maxbytes",
    "threads",
    "bytes",
    "curr_items",
    "total_items",
    "evictions",
    "reclaimed",
];

/// Packets of one STAT reply that have come so far.
#[derive(Debug, Default)]
pub(super) struct Stats(Vec<(String, Vec<u8>)>);

impl Stats {
    /// Takes a packet; whether it was the last one.
    pub(super) fn take(&mut self, reply: &Reply) -> bool {
        let name = reply.bytes("key");
        if name.is_empty() {
            return true;
        }
        self.0.push((String::from_utf8_lossy(&name).into_owned(), reply.bytes("value")));
        false
    }
}

/// Counters differ with the server's past, so that only their kind is expected.
pub(super) fn expectation(stats: &Stats) -> Message<Pattern> {
    let common = stats.0.iter().filter(|(name, _)| COMMON.contains(&name.as_str()));
    let kind = |value: &[u8]| {
        let decimal = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        if decimal { Pattern::Regex("^\\d+$".to_owned()) } else { Pattern::Any }
    };
    let fields = common.map(|(name, value)| (name.clone(), kind(value))).collect();
    Message::Named { words: vec!["stats".to_owned()], args: Vec::new(), fields, tag: None }
}
