//! Tasks inside a simulated host.

use lockproof_reference_server::Spawn;

/// Tasks on the host's own thread: with `tokio::spawn` a crash ends them in an order that differs from run to run.
#[derive(Clone, Copy, Debug)]
pub struct LocalSpawn;

impl Spawn for LocalSpawn {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::task::spawn_local(task);
    }
}
