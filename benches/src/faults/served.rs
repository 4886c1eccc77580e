//! `lockproof serve` as a child process: started on free ports, looked at, signalled, ended.
//!
//! Left out: other servers (`servers`), which are measured and not harmed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::PATIENCE;
use super::process::{Process, Signal};

/// The protocols, in the order of every list here.
pub const PROTOCOLS: [&str; 4] = ["memcached", "netmem", "locker", "echo"];

/// How a server is started.
#[derive(Debug)]
pub struct Setup {
    /// The program: `lockproof`, or one that understands `serve` as it does.
    pub program: PathBuf,
    /// Where it listens.
    pub host: IpAddr,
    /// The ports of the four protocols; 0 takes any.
    pub ports: [u16; 4],
    /// Further options of `serve`.
    pub options: Vec<String>,
    /// What starts it instead of this program itself, such as `prlimit --nofile=64:64 --`.
    pub wrapper: Vec<String>,
    /// Its environment, beside ours.
    pub environment: BTreeMap<String, String>,
    /// Its standard error.
    pub log: Stdio,
}

impl Setup {
    /// All four protocols on loopback, the log thrown away.
    pub fn new(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            host: Ipv4Addr::LOCALHOST.into(),
            ports: [0; 4],
            options: Vec::new(),
            wrapper: Vec::new(),
            environment: BTreeMap::new(),
            log: Stdio::null(),
        }
    }

    /// With these options of `serve`.
    #[must_use]
    pub fn with(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(|option| (*option).to_owned()));
        self
    }

    fn command(self) -> Command {
        let mut command = mortal();
        command.args(&self.wrapper).arg(&self.program).arg("serve");
        for (name, port) in PROTOCOLS.into_iter().zip(self.ports) {
            command.arg(format!("--{name}={}", SocketAddr::new(self.host, port)));
        }
        command.args(&self.options).envs(&self.environment).env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stderr(self.log);
        command
    }
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Served {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    addresses: [SocketAddr; 4],
}

impl Served {
    /// Starts it, and waits for the line that says where it listens.
    ///
    /// # Errors
    /// When it cannot be started, or says something else.
    pub fn start(setup: Setup) -> anyhow::Result<Self> {
        let (program, host) = (setup.program.display().to_string(), setup.host);
        let mut child = setup.command().stdout(Stdio::piped()).spawn().context("setpriv")?;
        let mut stdout = BufReader::new(child.stdout.take().context("its output was asked for")?);
        let mut line = String::new();
        let read = stdout.read_line(&mut line);
        let addresses = addresses(&line).filter(|_| read.is_ok());
        let Some(addresses) = addresses else {
            let _ = child.kill();
            let status = child.wait()?;
            bail!("`{program} serve` said {line:?} instead of where it listens ({status})");
        };
        // A server of a namespace listens everywhere in it.
        let reached = |address: SocketAddr| {
            let everywhere = host.is_unspecified();
            if everywhere { (Ipv4Addr::LOCALHOST, address.port()).into() } else { address }
        };
        Ok(Self { child, stdout: Some(stdout), addresses: addresses.map(reached) })
    }

    /// Starts it with a standard output that tells nobody anything, on these ports, and waits until it answers there.
    ///
    /// # Errors
    /// When it cannot be started, ends, or does not answer.
    pub fn start_mute(setup: Setup, stdout: Stdio) -> anyhow::Result<Self> {
        let addresses = setup.ports.map(|port| SocketAddr::new(setup.host, port));
        let child = setup.command().stdout(stdout).spawn().context("setpriv")?;
        let mut served = Self { child, stdout: None, addresses };
        let begun = Instant::now();
        while addresses.iter().any(|address| std::net::TcpStream::connect(address).is_err()) {
            if let Some(status) = served.child.try_wait()? {
                bail!("the server ended instead of listening: {status}");
            }
            ensure!(begun.elapsed() < PATIENCE, "the server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(served)
    }

    /// Where the four protocols listen.
    pub const fn addresses(&self) -> [SocketAddr; 4] {
        self.addresses
    }

    /// Where memcached listens.
    pub const fn memcached(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where NetMem listens.
    pub const fn netmem(&self) -> SocketAddr {
        self.addresses[1]
    }

    /// Where locker listens.
    pub const fn locker(&self) -> SocketAddr {
        self.addresses[2]
    }

    /// Where echo listens.
    pub const fn echo(&self) -> SocketAddr {
        self.addresses[3]
    }

    /// The process.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// Closes the reading end of its standard output.
    pub fn hang_up(&mut self) {
        self.stdout = None;
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks it to end, and waits for that.
    ///
    /// # Errors
    /// When it does not.
    pub fn stop(mut self) -> anyhow::Result<ExitStatus> {
        self.process().signal(Signal::TERM)?;
        let begun = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            ensure!(begun.elapsed() < PATIENCE, "the server does not end on SIGTERM");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // An error means that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command whose process the kernel ends with the thread that starts it, however that one ends; the program follows.
pub(crate) fn mortal() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]);
    command
}

/// The addresses of the ready line.
fn addresses(line: &str) -> Option<[SocketAddr; 4]> {
    let ready: serde_json::Value = serde_json::from_str(line).ok()?;
    let mut all = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); 4];
    for (address, name) in all.iter_mut().zip(PROTOCOLS) {
        *address = ready["listen"][name].as_str()?.parse().ok()?;
    }
    Some(all)
}

/// Ports that were free a moment ago.
///
/// # Errors
/// When there are none.
pub fn free_ports() -> anyhow::Result<[u16; 4]> {
    let any = || std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let held = [any()?, any()?, any()?, any()?];
    let mut ports = [0; 4];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// The program that was named, or `lockproof` beside this one.
///
/// # Errors
/// When there is none.
pub fn program(named: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named {
        return Ok(named);
    }
    let beside = std::env::current_exe()?.with_file_name("lockproof");
    ensure!(
        beside.exists(),
        "{} is not there; build it with `cargo build -p lockproof`, or name a server with --server",
        beside.display()
    );
    beside.canonicalize().context("lockproof")
}
