//! The real server and clients under turmoil: simulated network, virtual time, everything derived from a seed.
//!
//! Start with [`net`]: the adapters that let the production [`serve`](lockproof_reference_server::serve) and the
//! conformance player run here without knowing it. [`trace`] is what makes two runs comparable. [`scenario`] holds the
//! scenarios; for now they are few, and show that the road is there: the suite's sessions and the clients run against
//! the simulated server, and one seed gives one trace.

#[cfg(not(tokio_unstable))]
compile_error!(
    "the simulator needs `--cfg tokio_unstable` (set in .cargo/config.toml): without it turmoil cannot seed tokio's \
     scheduler, one seed gives different traces, and a panic in a task goes unnoticed. An exported RUSTFLAGS replaces \
     the setting: unset it."
);

pub mod net;
pub mod scenario;
pub mod trace;
