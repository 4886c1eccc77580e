//! Processes of a test: the server, a real memcached, and client programs, each with an end.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Seconds that a client program may take: far more than it needs, on a busy machine as well.
const LIMIT: &str = "300";

/// What `timeout` exits with when there is no such program.
const NO_SUCH_PROGRAM: i32 = 127;

/// A client program that ends within the limit.
pub(crate) fn tool(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.arg(LIMIT).arg(program).stdin(Stdio::null());
    command
}

/// What a program said before it ended.
#[derive(Debug)]
pub(crate) struct Said {
    command: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// Runs it to its end.
pub(crate) fn run(command: &mut Command) -> Said {
    let output = command.output().expect("coreutils' timeout");
    let command = format!("{command:?}");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_ne!(output.status.code(), Some(NO_SUCH_PROGRAM), "{command}: run ci/setup\n{stderr}");
    Said { command, code: output.status.code(), stdout: output.stdout, stderr }
}

impl Said {
    /// Its output, if it ended with 0.
    pub(crate) fn success_bytes(self) -> Vec<u8> {
        let text = String::from_utf8_lossy(&self.stdout);
        assert_eq!(self.code, Some(0), "{}\n{text}{}", self.command, self.stderr);
        self.stdout
    }

    /// Its output as text, if it ended with 0.
    pub(crate) fn success(self) -> String {
        String::from_utf8(self.success_bytes()).expect("UTF-8")
    }

    /// What it complained about, if it ended with 1.
    pub(crate) fn failure(self) -> String {
        assert_eq!(self.code, Some(1), "{}\n{}", self.command, self.stderr);
        self.stderr
    }
}

/// `lockproof serve`, memcached on a free port.
pub(crate) struct Server {
    child: Child,
    /// Host and port.
    pub(crate) memcached: String,
}

impl Server {
    /// Starts it and waits for the ready line.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with more arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lockproof"))
            .args(["serve", "--only", "memcached", "--memcached", "127.0.0.1:0"])
            .args(arguments)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("lockproof starts");
        let memcached = listening(&mut child);
        Self { child, memcached }
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM: it has to end by itself, with exit code 0.
    pub(crate) fn stop(mut self) {
        terminate(&mut self.child);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// `lockproof record`, on a free port in front of a memcached.
pub(crate) struct Recorder {
    child: Child,
    /// Host and port.
    pub(crate) address: String,
}

impl Recorder {
    /// Starts it and waits for the ready line.
    pub(crate) fn start(upstream: &str, output: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_lockproof"))
            .args(["record", "--listen", "127.0.0.1:0", "--upstream", upstream, "--output"])
            .arg(output)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.expect("lockproof starts");
        let address = listening(&mut child);
        Self { child, address }
    }

    /// SIGTERM: it writes the session and ends.
    pub(crate) fn stop(mut self) {
        terminate(&mut self.child);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// The memcached address of a ready line.
fn listening(child: &mut Child) -> String {
    let mut line = String::new();
    let stdout = child.stdout.as_mut().expect("piped");
    BufReader::new(stdout).read_line(&mut line).expect("a ready line");
    let ready: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(ready["ready"], true, "{line}");
    ready["listen"]["memcached"].as_str().expect("an address").to_owned()
}

/// SIGTERM: it has to end by itself, with exit code 0.
fn terminate(child: &mut Child) {
    // The shell's own `kill`, because a bare machine has no other and `unsafe` is forbidden.
    let kill = format!("kill -TERM {}", child.id());
    run(tool("sh").arg("-c").arg(kill)).success();
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(0), "exit code after SIGTERM");
}

/// A memcached of Debian's, on a free port.
pub(crate) struct Memcached {
    child: Child,
    /// Host and port.
    pub(crate) address: String,
    _port_file: TempDir,
}

impl Memcached {
    /// Starts it and waits until it has written its port down.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let port_file = directory.path().join("port");
        let log = directory.path().join("log");
        let child = Command::new("memcached")
            .args(["-u", "root", "-l", "127.0.0.1", "-p", "-1"])
            .env("MEMCACHED_PORT_FILENAME", &port_file)
            .stderr(File::create(&log).expect("a file"))
            .spawn();
        let mut child = child.expect("memcached is missing: run ci/setup");
        let address = address_in(&port_file).unwrap_or_else(|| {
            end(&mut child);
            panic!("memcached did not start: {}", std::fs::read_to_string(&log).unwrap_or_default())
        });
        Self { child, address, _port_file: directory }
    }
}

/// Waits for `TCP INET: 12345`; memcached renames the file into its place when it is whole.
fn address_in(file: &Path) -> Option<String> {
    let deadline = Instant::now() + Duration::from_mins(1);
    while Instant::now() < deadline {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if let Some(port) = text.trim().strip_prefix("TCP INET: ") {
            return Some(format!("127.0.0.1:{port}"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

impl Drop for Memcached {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Whatever became of the test, no process stays behind.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
