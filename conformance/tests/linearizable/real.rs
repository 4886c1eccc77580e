//! A real memcached on a port of its own.

use std::fs::File;
use std::net::SocketAddr;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// It ends with the test.
pub(crate) struct Memcached {
    child: Child,
    pub(crate) address: SocketAddr,
    _room: TempDir,
}

impl Memcached {
    /// Starts it and waits until it has written its port down.
    pub(crate) fn start() -> Self {
        let room = tempfile::tempdir().expect("a directory");
        let (port_file, log) = (room.path().join("port"), room.path().join("log"));
        let child = Command::new("memcached")
            .args(["-u", "root", "-l", "127.0.0.1", "-p", "-1", "-t", "2"])
            .env("MEMCACHED_PORT_FILENAME", &port_file)
            .stderr(File::create(&log).expect("a file"))
            .spawn()
            .expect("memcached is missing: run ci/setup");
        let mut memcached = Self { child, address: ([127, 0, 0, 1], 0).into(), _room: room };
        let deadline = Instant::now() + Duration::from_mins(1);
        while memcached.address.port() == 0 {
            let text = std::fs::read_to_string(&port_file).unwrap_or_default();
            // It renames the file into its place when that is whole.
            let port = text.trim().strip_prefix("TCP INET: ").and_then(|port| port.parse().ok());
            memcached.address.set_port(port.unwrap_or_default());
            assert!(
                Instant::now() < deadline && matches!(memcached.child.try_wait(), Ok(None)),
                "memcached did not start: {}",
                std::fs::read_to_string(&log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        memcached
    }
}

impl Drop for Memcached {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
