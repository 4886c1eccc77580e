//! The statistics as names and texts, in the groups that STAT asks for (MCB-STT-03, MCB-STT-04).
//!
//! There are no slab classes here: what memcached says of each class is said of one, number 1.

use alloc::string::ToString;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt::Display;

use super::Stats;

/// Bytes of a page of memcached's slabs, in which its tools count memory.
const SLAB_PAGE: u64 = 1 << 20;

/// Names and values, in the order in which they are sent.
type Pairs = Vec<(Bytes, Bytes)>;

/// What only the server around the shards knows.
#[derive(Debug, Default, Clone, Eq, PartialEq)]
#[allow(missing_docs, reason = "the names are those of the statistics, which memcached documents")]
pub struct ServerFacts {
    pub pid: u32,
    /// Seconds since the start.
    pub uptime: u64,
    /// The time in Unix seconds.
    pub unix_now: u64,
    /// What VERSION answers (MCB-VER-01).
    pub version: Bytes,
    pub threads: u64,
    pub curr_connections: u64,
    pub total_connections: u64,
    pub max_connections: u64,
    pub bytes_read: u64,
    pub bytes_written: u64,
    /// The memory limit of all shards together.
    pub limit_maxbytes: u64,
    pub auth_cmds: u64,
    pub auth_errors: u64,
    /// Commands of the meta protocol.
    pub cmd_meta: u64,
    /// Whether SASL is required.
    pub sasl: bool,
}

/// What a STAT asks for, by its key.
#[derive(Debug, Copy, Clone, Eq, PartialEq)]
pub enum Group {
    /// No key: the default set.
    General,
    /// `settings`.
    Settings,
    /// `items`.
    Items,
    /// `slabs`.
    Slabs,
    /// `sizes`.
    Sizes,
    /// `reset`: nothing to show, but counters to zero (MCB-STT-06).
    Reset,
}

impl Group {
    /// The group of that name; `None` is answered `KEY_NOT_FOUND` (MCB-STT-05).
    pub fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"" => Self::General,
            b"settings" => Self::Settings,
            b"items" => Self::Items,
            b"slabs" => Self::Slabs,
            b"sizes" => Self::Sizes,
            b"reset" => Self::Reset,
            _ => return None,
        })
    }
}

impl Stats {
    /// The pairs of a group; none for [`Group::Reset`].
    pub fn pairs(&self, group: Group, facts: &ServerFacts) -> Pairs {
        match group {
            Group::General => self.general(facts),
            Group::Settings => self.settings(facts),
            Group::Items => self.items(),
            Group::Slabs => self.slabs(),
            Group::Sizes => self.sizes(),
            Group::Reset => Pairs::new(),
        }
    }

    /// The default set.
    pub fn general(&self, facts: &ServerFacts) -> Pairs {
        let mut pairs = facts.general();
        pairs.extend([
            pair("cmd_meta", facts.cmd_meta),
            pair("cmd_get", self.cmd_get),
            pair("cmd_set", self.cmd_set),
            pair("cmd_flush", self.cmd_flush),
            pair("cmd_touch", self.cmd_touch),
            pair("get_hits", self.get_hits),
            pair("get_misses", self.get_misses),
            pair("get_expired", self.get_expired),
            pair("get_flushed", self.get_flushed),
            pair("delete_misses", self.delete_misses),
            pair("delete_hits", self.delete_hits),
            pair("incr_misses", self.incr_misses),
            pair("incr_hits", self.incr_hits),
            pair("decr_misses", self.decr_misses),
            pair("decr_hits", self.decr_hits),
            pair("cas_misses", self.cas_misses),
            pair("cas_hits", self.cas_hits),
            pair("cas_badval", self.cas_badval),
            pair("touch_hits", self.touch_hits),
            pair("touch_misses", self.touch_misses),
            pair("bytes", self.bytes),
            pair("curr_items", self.curr_items),
            pair("total_items", self.total_items),
            pair("evictions", self.evictions),
            pair("reclaimed", self.reclaimed),
        ]);
        pairs
    }

    /// The group `settings`.
    pub fn settings(&self, facts: &ServerFacts) -> Pairs {
        Vec::from([
            pair("maxbytes", facts.limit_maxbytes),
            pair("maxconns", facts.max_connections),
            pair("evictions", on_off(self.evict)),
            pair("num_threads", facts.threads),
            pair("detail_enabled", "no"),
            pair("cas_enabled", yes_no(self.cas)),
            pair("auth_enabled_sasl", yes_no(facts.sasl)),
            pair("item_size_max", self.item_size_max),
            pair("flush_enabled", yes_no(self.flush_enabled)),
            pair("dump_enabled", "no"),
        ])
    }

    /// The group `items`; nothing on an empty cache.
    pub fn items(&self) -> Pairs {
        if self.curr_items == 0 {
            return Pairs::new();
        }
        Vec::from([
            pair("items:1:number", self.curr_items),
            pair("items:1:mem_requested", self.bytes),
            pair("items:1:evicted", self.evictions),
            pair("items:1:reclaimed", self.reclaimed),
        ])
    }

    /// The group `slabs`. There are none here; for tools that look at them, all items are of one class, whose chunks are as large as
    /// the items are on average (MCT-STT-04).
    pub fn slabs(&self) -> Pairs {
        let chunk_size = self.bytes.div_ceil(self.curr_items.max(1)).max(1);
        Vec::from([
            pair("1:chunk_size", chunk_size),
            pair("1:chunks_per_page", (SLAB_PAGE / chunk_size).max(1)),
            pair("1:total_pages", self.bytes.div_ceil(SLAB_PAGE)),
            pair("1:total_chunks", self.curr_items),
            pair("1:used_chunks", self.curr_items),
            pair("1:free_chunks", 0_u64),
            pair("1:mem_requested", self.bytes),
            pair("1:get_hits", self.get_hits),
            pair("1:cmd_set", self.cmd_set),
            pair("1:delete_hits", self.delete_hits),
            pair("1:incr_hits", self.incr_hits),
            pair("1:decr_hits", self.decr_hits),
            pair("1:cas_hits", self.cas_hits),
            pair("1:cas_badval", self.cas_badval),
            pair("1:touch_hits", self.touch_hits),
            pair("active_slabs", 1),
            pair("total_malloced", self.bytes),
        ])
    }

    /// The group `sizes`: a histogram that is always off here.
    pub fn sizes(&self) -> Pairs {
        Vec::from([pair("sizes_status", "disabled")])
    }
}

impl ServerFacts {
    fn general(&self) -> Pairs {
        Vec::from([
            pair("pid", self.pid),
            pair("uptime", self.uptime),
            pair("time", self.unix_now),
            (Bytes::from_static(b"version"), self.version.clone()),
            pair("pointer_size", usize::BITS),
            pair("max_connections", self.max_connections),
            pair("curr_connections", self.curr_connections),
            pair("total_connections", self.total_connections),
            pair("auth_cmds", self.auth_cmds),
            pair("auth_errors", self.auth_errors),
            pair("bytes_read", self.bytes_read),
            pair("bytes_written", self.bytes_written),
            pair("limit_maxbytes", self.limit_maxbytes),
            pair("threads", self.threads),
        ])
    }
}

fn pair(name: &'static str, value: impl Display) -> (Bytes, Bytes) {
    (Bytes::from_static(name.as_bytes()), Bytes::from(value.to_string()))
}

fn yes_no(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

fn on_off(flag: bool) -> &'static str {
    if flag { "on" } else { "off" }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Group, ServerFacts, Stats};
    use alloc::collections::BTreeMap;

    /// A group by its names, each of which stands in it once.
    fn shown(stats: &Stats, group: Group) -> BTreeMap<Bytes, Bytes> {
        let facts = ServerFacts {
            version: Bytes::from("1.2.3"),
            threads: 4,
            auth_errors: 5,
            ..ServerFacts::default()
        };
        let pairs = stats.pairs(group, &facts);
        let count = pairs.len();
        let by_name: BTreeMap<_, _> = pairs.into_iter().collect();
        assert_eq!(by_name.len(), count);
        by_name
    }

    #[test]
    fn default_set_has_memcacheds_names() {
        let general = shown(&Stats { cas_badval: 9, ..Stats::default() }, Group::General);
        let wanted = "pid uptime time version pointer_size curr_connections total_connections \
            cmd_get cmd_set cmd_flush cmd_touch get_hits get_misses delete_hits delete_misses \
            incr_hits incr_misses decr_hits decr_misses cas_hits cas_misses cas_badval touch_hits \
            touch_misses auth_cmds auth_errors bytes_read bytes_written limit_maxbytes threads \
            bytes curr_items total_items evictions reclaimed";
        for name in wanted.split_whitespace() {
            assert!(general.contains_key(name.as_bytes()), "{name}");
        }
        for (name, value) in
            [("version", "1.2.3"), ("threads", "4"), ("auth_errors", "5"), ("cas_badval", "9")]
        {
            assert_eq!(general[name.as_bytes()], value, "{name}");
        }
    }

    #[test]
    fn groups_show_switches_and_items() {
        let empty = Stats { item_size_max: 512, flush_enabled: true, ..Stats::default() };
        let settings = shown(&empty, Group::Settings);
        assert_eq!(settings[&b"item_size_max"[..]], "512");
        assert_eq!(settings[&b"cas_enabled"[..]], "no");
        assert_eq!(settings[&b"flush_enabled"[..]], "yes");
        assert_eq!(settings[&b"evictions"[..]], "off");
        assert!(shown(&empty, Group::Items).is_empty());
        assert!(shown(&empty, Group::Reset).is_empty());
        assert_eq!(shown(&empty, Group::Slabs)[&b"1:used_chunks"[..]], "0");
        assert_eq!(shown(&empty, Group::Sizes)[&b"sizes_status"[..]], "disabled");
        let one = Stats { curr_items: 1, ..empty };
        assert_eq!(shown(&one, Group::Items)[&b"items:1:number"[..]], "1");
        assert_eq!(shown(&one, Group::Slabs)[&b"1:used_chunks"[..]], "1");
        let two = Stats { curr_items: 2, bytes: 4096, ..one };
        let slabs = shown(&two, Group::Slabs);
        let pages = ["1:chunk_size", "1:chunks_per_page", "1:total_pages"];
        assert_eq!(pages.map(|name| &slabs[name.as_bytes()][..]), [&b"2048"[..], b"512", b"1"]);
    }

    #[test]
    fn groups_go_by_their_whole_name() {
        assert_eq!(Group::named(b""), Some(Group::General));
        assert_eq!(Group::named(b"reset"), Some(Group::Reset));
        for unknown in [&b"resetfoo"[..], b"rese", b"conns", b"Items", b"\0"] {
            assert_eq!(Group::named(unknown), None);
        }
    }
}
