//! `lockproof._native`: what the Python package is built on.
//!
//! Requests and replies are Rust's, on the blocking shells and the cores of `lockproof-client`; what a
//! Python programmer sees (arguments, errors, how a key finds its server) is Python's, in `python/lockproof`.
//! No runtime is in the client's path: a forked child works, and a signal is heard while a socket is waited for.

#![allow(clippy::needless_pass_by_value, reason = "what Python hands over is owned")]

mod arguments;
mod check;
mod embedded;
mod errors;
mod locker;
mod memcached;
mod netmem;
mod peer;
mod pool;
mod sim;

use pyo3::prelude::*;

/// glibc gives memory back to the system as soon as 128 KiB at the top of its heap are free, and takes it again a
/// moment later: more than half of the time of a batch of a hundred values of 4 KiB was page faults. It learns what a program needs by
/// the large blocks that are freed, and after one of 1 MiB keeps up to 2 MiB. Elsewhere this does nothing.
fn teach_the_allocator() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(1 << 20)));
}

#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_init]
    #[allow(clippy::unnecessary_wraps, reason = "pyo3 asks for a result")]
    fn init(_module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::teach_the_allocator();
        Ok(())
    }

    #[pymodule_export]
    use crate::check::{check, matrix};
    #[pymodule_export]
    use crate::embedded::Embedded;
    #[pymodule_export]
    use crate::locker::{LockConnection, LockCore, LockPool};
    #[pymodule_export]
    use crate::memcached::connection::MemcacheCore;
    #[pymodule_export]
    use crate::memcached::operation::{
        Operation, add, append, auth_plain, cas, decr, delete, delete_if, delete_many, flush_all,
        gat, get, get_many, incr, invalidate, lookup, noop, prepend, probe, replace, set, set_many,
        stats, touch, version,
    };
    #[pymodule_export]
    use crate::memcached::server::MemcacheServer;
    #[pymodule_export]
    use crate::netmem::core::PageCore;
    #[pymodule_export]
    use crate::netmem::pages::{HeldPage, PagePool};
    #[pymodule_export]
    use crate::peer::Tls;
    #[pymodule_export]
    use crate::pool::after_fork;
    #[pymodule_export]
    use crate::sim::{sim_build, sim_merge, sim_names, sim_worker, simulate};

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "a name of Python's")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
