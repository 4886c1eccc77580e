//! The servers that are measured: processes of their own, whose processor time and memory the kernel tells.

pub mod null;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

/// How long a server may take to be there.
const START_MAX: Duration = Duration::from_secs(20);

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts memcached with these arguments on a free port.
    ///
    /// # Errors
    /// When it is not installed, or does not listen within 20 seconds.
    pub fn memcached(arguments: &[&str]) -> anyhow::Result<Self> {
        let room = tempfile::tempdir()?;
        let port_file = room.path().join("port");
        let mut command = mortal("memcached");
        command
            .args(["-u", "root", "-l", "127.0.0.1", "-p", "-1", "-U", "0"])
            .args(arguments)
            .env("MEMCACHED_PORT_FILENAME", &port_file)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let child = command.spawn().context("memcached does not start; run ci/setup")?;
        // The address comes later; from here on the process is killed whatever happens.
        let mut server = Self { child, address: (Ipv4Addr::LOCALHOST, 0).into() };
        let begun = Instant::now();
        loop {
            if let Some(port) = port_in(&port_file) {
                server.address.set_port(port);
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                bail!("memcached {} ended at once: {status}", arguments.join(" "));
            }
            ensure!(begun.elapsed() < START_MAX, "memcached is not there after {START_MAX:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts this very program with these arguments; it prints its address as its first line.
    ///
    /// # Errors
    /// When it does not start, or prints something else.
    pub fn own(arguments: &[&str]) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let mut child =
            mortal(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("its output was asked for")?;
        let mut server = Self { child, address: (Ipv4Addr::LOCALHOST, 0).into() };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let words = arguments.join(" ");
        server.address = line.trim().parse().with_context(|| format!("`{words}` said {line:?}"))?;
        Ok(server)
    }

    /// Processor time of all its threads so far.
    ///
    /// # Errors
    /// When it is gone.
    pub fn cpu_time(&self) -> anyhow::Result<Duration> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let stat = fs::read_to_string(task?.path().join("schedstat"))?;
            let ran = stat.split(' ').next().and_then(|ran| ran.parse::<u64>().ok());
            nanoseconds += ran.context("the kernel keeps no schedstat")?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Bytes of memory that are its own and resident.
    ///
    /// # Errors
    /// When it is gone.
    pub fn resident(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kilobytes.context("no RssAnon in the process's status")? * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command whose process the kernel ends with this one, however this one ends.
fn mortal(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// The port in the file that memcached writes when it listens: `TCP INET: 12345`.
fn port_in(file: &Path) -> Option<u16> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix("TCP INET: ")?.trim().parse().ok())
}
