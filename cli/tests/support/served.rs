//! `lockproof serve` as a child process, on ports of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use serde_json::Value;
use snapbox::cmd::cargo_bin;

use super::eventually;

/// A running server; it is killed when dropped.
pub(crate) struct Served {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The first line of its standard output.
    pub(crate) ready: String,
}

impl Served {
    /// Starts `lockproof serve` with every port 0 and waits for the ready line.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let ports =
            ["memcached", "netmem", "locker", "echo"].map(|name| format!("--{name}=127.0.0.1:0"));
        let mut all = vec!["serve"];
        all.extend(ports.iter().map(String::as_str));
        all.extend(arguments);
        Self::spawn(&all)
    }

    /// Starts the program with these arguments and waits for its first line, as `serve` and `record` print one.
    pub(crate) fn spawn(arguments: &[&str]) -> Self {
        let mut child = Command::new(cargo_bin!("lockproof"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        stdout.read_line(&mut ready).unwrap();
        Self { child, stdout, ready }
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where that protocol listens, by the ready line.
    pub(crate) fn address(&self, protocol: &str) -> SocketAddr {
        let ready: Value = serde_json::from_str(&self.ready).unwrap();
        ready["listen"][protocol].as_str().unwrap().parse().unwrap()
    }

    /// The target URL of that protocol.
    pub(crate) fn url(&self, protocol: &str) -> String {
        format!("{protocol}://{}", self.address(protocol))
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    /// Waits for the end of the process.
    pub(crate) fn exit_status(&mut self) -> ExitStatus {
        let mut status = None;
        assert!(
            eventually(|| {
                status = self.child.try_wait().unwrap();
                status.is_some()
            }),
            "the server does not end"
        );
        status.unwrap()
    }

    /// What it printed after the ready line; only once it has ended.
    pub(crate) fn rest_of_stdout(&mut self) -> String {
        std::io::read_to_string(&mut self.stdout).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process that this test started.
pub(crate) fn signal(process: u32, name: &str) {
    let kill = format!("kill -{name} {process}");
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success(), "{kill}");
}
