//! What STAT counts.

use std::collections::BTreeMap;

/// The counters that begin at 0 and are moved by commands.
const COUNTERS: [&str; 29] = [
    "cmd_get",
    "cmd_set",
    "cmd_flush",
    "cmd_touch",
    "cmd_meta",
    "get_hits",
    "get_misses",
    "get_expired",
    "get_flushed",
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
    "bytes_read",
    "bytes_written",
    "total_items",
    "evictions",
    "reclaimed",
    "auth_cmds",
    "auth_errors",
    "curr_connections",
    "total_connections",
];

/// Counters by name.
#[derive(Debug)]
pub(super) struct Statistics(pub(super) BTreeMap<&'static str, u64>);

impl Default for Statistics {
    fn default() -> Self {
        Self(COUNTERS.into_iter().map(|name| (name, 0)).collect())
    }
}

impl Statistics {
    /// One more of that.
    pub(super) fn count(&mut self, name: &'static str) {
        self.add(name, 1);
    }

    /// So many more of that.
    pub(super) fn add(&mut self, name: &'static str, by: usize) {
        *self.0.entry(name).or_default() += by as u64;
    }

    /// One less of that.
    pub(super) fn uncount(&mut self, name: &'static str) {
        *self.0.entry(name).or_default() -= 1;
    }

    /// As if nothing had happened yet, but for the connections that are open.
    pub(super) fn reset(&mut self) {
        for (name, count) in &mut self.0 {
            if *name != "curr_connections" {
                *count = 0;
            }
        }
    }
}
