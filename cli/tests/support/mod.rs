//! What the tests of the command line share: the program itself, a served reference server, servers that misbehave.

pub(crate) mod bend;
pub(crate) mod certificates;
pub(crate) mod hostile;
pub(crate) mod http;
pub(crate) mod memcached;
pub(crate) mod served;
pub(crate) mod spite;
pub(crate) mod trouble;
pub(crate) mod turncoat;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use snapbox::Assert;
use snapbox::cmd::{Command, cargo_bin};

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The program, with nothing in its environment that changes what it prints. It is killed after [`PATIENCE`].
pub(crate) fn lockproof(arguments: &[&str]) -> Command {
    Command::new(cargo_bin!("lockproof"))
        .with_assert(Assert::new().action_env("SNAPSHOTS"))
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("RUST_LOG")
        .env("COLUMNS", "100")
        .timeout(PATIENCE)
        .args(arguments)
}

/// Names values that differ from run to run, such as ports: `[NAME]` stands for them in what is expected.
pub(crate) fn naming(values: &[(&'static str, String)]) -> Assert {
    let mut redactions = snapbox::Redactions::new();
    for (name, value) in values {
        redactions.insert(name, value.clone()).expect("a placeholder such as [PORT]");
    }
    Assert::new().action_env("SNAPSHOTS").redact_with(redactions)
}

/// Where the expected text of that name is kept.
pub(crate) fn snapshot(name: &str) -> snapbox::Data {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    snapbox::Data::read_from(&path, None)
}

/// A file in a directory that goes with the test.
pub(crate) fn file(directory: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A connection that gives up after [`PATIENCE`].
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Whether the server ended this connection, after taking everything that still came.
pub(crate) fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

/// Sends `text` and gets it back.
pub(crate) fn echoes(stream: &mut TcpStream, text: &[u8]) -> bool {
    let mut back = vec![0; text.len()];
    stream.write_all(text).and_then(|()| stream.read_exact(&mut back)).is_ok() && back == text
}

/// Waits until `ready` is, and says whether that came within [`PATIENCE`].
pub(crate) fn eventually(mut ready: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if ready() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}
