//! The limits and switches of one shard.

/// How one shard of the cache behaves. Fixed for its life.
#[derive(Debug, Copy, Clone, Eq, PartialEq)]
pub struct Config {
    /// Bytes that the items of this shard may take: keys, values, and [`ITEM_OVERHEAD`] plus
    /// [`SLOT_OVERHEAD`] for each.
    pub memory_max: usize,
    /// Bytes of the largest item: key, value, [`ITEM_OVERHEAD`], and 4 more unless its flags are 0
    /// (MCB-LIM-06).
    pub item_max: usize,
    /// Whether a full shard makes room by dropping items that nobody asked for of late. Otherwise
    /// it refuses to store (MCB-LIM-19).
    pub evict: bool,
    /// Whether items have CAS values; without, every CAS is 0 (MCB-CAS-17).
    pub cas: bool,
    /// Whether FLUSH is allowed (MCB-FLU-10).
    pub flush_enabled: bool,
    /// The server's start in Unix seconds, for expiries that are dates.
    pub unix_start: u64,
    /// Seed of the hash table. Secret and random in production, so that nobody can send keys that
    /// collide; fixed in a simulation.
    pub hash_seed: u64,
    /// The first CAS value that this shard gives out; 0 is skipped.
    pub cas_first: u64,
    /// The distance to the next. With shard i of n at `cas_first: i + 1, cas_step: n`, no two
    /// shards ever give out the same value.
    pub cas_step: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            memory_max: 64 * 1024 * 1024,
            item_max: 1024 * 1024,
            evict: true,
            cas: true,
            flush_enabled: true,
            unix_start: 0,
            hash_seed: 0,
            cas_first: 1,
            cas_step: 1,
        }
    }
}

/// Bytes that an item takes beside its key and value when it is held against
/// [`Config::item_max`]: what memcached 1.6.18 adds, so that the largest value is the same.
pub const ITEM_OVERHEAD: usize = 59;

/// Bytes that an item takes beyond that in this implementation, with what the allocator adds.
pub const SLOT_OVERHEAD: usize = 8;

/// From this length on, bytes, a value has memory of its own, which replies share instead of copying it.
pub const SHARED_LEN_MIN: usize = 8 * 1024;

/// The longest key, in bytes (MCB-LIM-02).
pub const KEY_LEN_MAX: usize = 250;

/// What is held against [`Config::item_max`].
pub(super) fn item_size(key_len: usize, flags: u32, value_len: usize) -> usize {
    let flags_len = if flags == 0 { 0 } else { 4 };
    key_len.saturating_add(value_len).saturating_add(ITEM_OVERHEAD + flags_len)
}
