//! The numbers of one shard, and how those of several add up. Their names are memcached's.

/// What one shard counted, and how it stands. [`merge`](Self::merge) makes one of several.
#[derive(Debug, Default, Copy, Clone, Eq, PartialEq)]
#[allow(missing_docs, reason = "the names are those of the statistics, which memcached documents")]
pub struct Stats {
    pub cmd_get: u64,
    pub cmd_set: u64,
    /// A flush goes to every shard, so this is not a sum but the most that a shard saw.
    pub cmd_flush: u64,
    pub cmd_touch: u64,
    pub get_hits: u64,
    pub get_misses: u64,
    /// Those of items that were there, and expired.
    pub get_expired: u64,
    /// The same, and flushed.
    pub get_flushed: u64,
    pub delete_hits: u64,
    pub delete_misses: u64,
    pub incr_hits: u64,
    pub incr_misses: u64,
    pub decr_hits: u64,
    pub decr_misses: u64,
    pub cas_hits: u64,
    pub cas_misses: u64,
    pub cas_badval: u64,
    pub touch_hits: u64,
    pub touch_misses: u64,
    /// Sizes of all items.
    pub bytes: u64,
    pub curr_items: u64,
    pub total_items: u64,
    /// Items dropped for room although they had time left.
    pub evictions: u64,
    /// Items removed because they were found expired.
    pub reclaimed: u64,
    /// The largest item, the same for every shard.
    pub item_size_max: u64,
    pub evict: bool,
    pub cas: bool,
    pub flush_enabled: bool,
}

impl Stats {
    /// Adds another shard's numbers. The switches and the largest item stay as they are here.
    pub fn merge(&mut self, other: &Self) {
        self.cmd_flush = self.cmd_flush.max(other.cmd_flush);
        for (sum, added) in self.sums().into_iter().zip((*other).clone().sums()) {
            *sum += *added;
        }
    }

    /// Every number that is a sum over the shards.
    fn sums(&mut self) -> [&mut u64; 23] {
        [
            &mut self.cmd_get,
            &mut self.cmd_set,
            &mut self.cmd_touch,
            &mut self.get_hits,
            &mut self.get_misses,
            &mut self.get_expired,
            &mut self.get_flushed,
            &mut self.delete_hits,
            &mut self.delete_misses,
            &mut self.incr_hits,
            &mut self.incr_misses,
            &mut self.decr_hits,
            &mut self.decr_misses,
            &mut self.cas_hits,
            &mut self.cas_misses,
            &mut self.cas_badval,
            &mut self.touch_hits,
            &mut self.touch_misses,
            &mut self.bytes,
            &mut self.curr_items,
            &mut self.total_items,
            &mut self.evictions,
            &mut self.reclaimed,
        ]
    }
}
