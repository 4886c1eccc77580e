//! The four protocols: what each shares between its connections, and what a session does.
//!
//! All of them have the same shape: decode, run the state machine in a short closure under a lock,
//! encode when the lock is gone. Only the echo protocol needs no state.

mod echo;
pub mod echo_process;
mod locker;
mod memcached;
mod memcached_binary;
mod memcached_gets;
mod memcached_late;
mod memcached_meta;
mod memcached_run;
mod memcached_stats;
mod memcached_text;
mod netmem;
mod netmem_holdings;

pub use echo::{Echo, EchoMode, EchoSession};
pub use locker::{Locker, LockerConfig, LockerSession};
pub use memcached::{MEMCACHED_VERSION, Memcached, MemcachedConfig, MemcachedSession, Speaks};
pub(crate) use netmem_holdings::{Holdings, PageHeld, PagesOf};

pub use netmem::{NetMem, NetMemConfig, NetMemSession, SERVER_VERSION};
