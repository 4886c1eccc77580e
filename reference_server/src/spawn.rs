//! How a connection becomes a task.
//!
//! The seam exists for the simulator: a crash under `tokio::spawn` drops tasks in an order that
//! differs from run to run, `spawn_local` does not.

use core::future::Future;

/// Starts tasks. The server never calls a runtime's spawn function itself.
pub trait Spawn: Clone + Send + 'static {
    /// Starts `task`, which ends by itself.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);
}

/// Tasks on the tokio runtime that is current.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioSpawn;

impl Spawn for TokioSpawn {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }
}
