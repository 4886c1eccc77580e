//! Where the connections run: in a network namespace that this run made, or on loopback.
//!
//! Only a namespace can lose packets without touching anybody else's network. The program starts itself again in one, so
//! that everything it starts is in there too, and the kernel takes the namespace away with the last of them. Left out:
//! anything that changes the network that the program was started in.

use std::env;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use super::served::mortal;

/// Set in the program that was started in a namespace, and to `no` by who does not want one.
const ROOM: &str = "LOCKPROOF_FAULTS_NAMESPACE";
/// The server's side of the wire to those that vanish, and theirs.
pub const NEAR: &str = "10.254.77.1";
const FAR: &str = "10.254.77.2";
const NEAR_LINK: &str = "lockproof0";
const FAR_LINK: &str = "lockproof1";

/// Where the connections run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Network {
    /// A network namespace that this run made.
    Namespace,
    /// Loopback, and why there is no namespace.
    Loopback(String),
}

impl Network {
    /// The network of this program.
    pub fn here() -> Self {
        match env::var(ROOM).as_deref() {
            Ok("yes") => Self::Namespace,
            Ok(word) => Self::Loopback(format!("{ROOM}={word}")),
            Err(_) => Self::Loopback("`unshare --net` or `ip` does not work here".to_owned()),
        }
    }

    /// In words.
    pub fn description(&self) -> String {
        match self {
            Self::Namespace => "a network namespace of its own (veth and a blackhole route)".into(),
            Self::Loopback(why) => {
                format!("loopback, where nobody can vanish: those are stopped processes ({why})")
            }
        }
    }
}

/// Starts this program again in a namespace of its own, with `more` arguments, if that can be had; gives its exit code.
///
/// # Errors
/// When it does not start although namespaces can be had.
pub fn enter(more: &[String]) -> anyhow::Result<Option<u8>> {
    if env::var_os(ROOM).is_some() {
        return Ok(None);
    }
    let mut probe = Command::new("unshare");
    probe.args(["--net", "--", "ip", "link", "set", "lo", "up"]);
    let probed = probe.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !probed.is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    let status = mortal()
        .args(["unshare", "--net", "--"])
        .arg(env::current_exe()?)
        .args(env::args_os().skip(1))
        .args(more)
        .env(ROOM, "yes")
        .status()
        .context("unshare")?;
    Ok(Some(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(3)))
}

/// Switches loopback on in a namespace that was just made.
///
/// # Errors
/// When the namespace does not let us.
pub fn prepare(network: &Network) -> anyhow::Result<()> {
    if *network == Network::Namespace { ip("link set lo up") } else { Ok(()) }
}

/// Lays a wire from here to the namespace of that process.
///
/// # Errors
/// When the kernel has no veth.
pub fn lay_wire(process: u32) -> anyhow::Result<()> {
    ip(&format!("link add {NEAR_LINK} type veth peer name {FAR_LINK} netns {process}"))?;
    ip(&format!("addr add {NEAR}/30 dev {NEAR_LINK}"))?;
    ip(&format!("link set {NEAR_LINK} up"))
}

/// Takes up the other end, in the process that was wired.
///
/// # Errors
/// When there is no wire.
pub fn take_up_wire() -> anyhow::Result<()> {
    ip(&format!("addr add {FAR}/30 dev {FAR_LINK}"))?;
    ip(&format!("link set {FAR_LINK} up"))
}

/// From here on every packet from here to the server is dropped: acknowledgements, too.
///
/// # Errors
/// When the namespace does not let us.
pub fn cut() -> anyhow::Result<()> {
    ip(&format!("route add blackhole {NEAR}/32"))
}

/// Undoes [`cut`].
///
/// # Errors
/// When nothing was cut.
pub fn mend() -> anyhow::Result<()> {
    ip(&format!("route del blackhole {NEAR}/32"))
}

/// Connections with the other end of the wire that the server's kernel still believes in. The kernel looks for them itself:
/// to read the whole list of ten thousand takes a processor from the server, for long enough to be seen in its answers.
///
/// # Errors
/// When the kernel does not list its connections.
pub fn still_believed() -> anyhow::Result<usize> {
    let list = ["-Htn", "state", "established", "dst", FAR];
    let listed = Command::new("ss").args(list).output().context("ss")?;
    ensure!(listed.status.success(), "`ss {}`: {}", list.join(" "), listed.status);
    Ok(listed.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count())
}

fn ip(words: &str) -> anyhow::Result<()> {
    let status = Command::new("ip").args(words.split(' ')).status().context("ip")?;
    ensure!(status.success(), "`ip {words}`: {status}");
    Ok(())
}
