//! The log cannot be written: a full disk (`/dev/full`), or a pipe that nobody reads any more. The server goes on.

use std::fs::File;
use std::process::Stdio;

use anyhow::{Context, ensure};
use lockproof_client::echo;
use lockproof_client::memcached::Meta;
use lockproof_protocol::locker::Outcome;

use super::report::Scenario;
use super::served::{Served, Setup, free_ports};
use super::state::{locker, memcached, netmem};
use super::{PATIENCE, Stage};

/// Connections of each protocol: each one that ends is logged, and the next one has to be accepted after that.
const ROUNDS: u32 = 5;

#[expect(clippy::unnecessary_wraps, reason = "as every scenario")]
pub(super) fn run(stage: &Stage, scenario: &mut Scenario) -> anyhow::Result<()> {
    scenario.story =
        "standard error, standard output or both are a full disk or a closed pipe".into();
    let places: [(&str, Place, Place); 5] = [
        ("log on a full disk", Place::Good, Place::Full),
        ("log into a closed pipe", Place::Good, Place::Closed),
        ("output on a full disk", Place::Full, Place::Good),
        ("output into a closed pipe", Place::Closed, Place::Good),
        ("both on a full disk", Place::Full, Place::Full),
    ];
    for (name, output, log) in places {
        let served = serves(stage, output, log);
        let holds = served.is_ok();
        let text = served
            .map_or_else(|error| format!("{error:#}"), |()| "served, and ended with 0".into());
        scenario.check("it goes on", holds, format!("{name}: {text}"));
    }
    Ok(())
}

/// Where something is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Good,
    Full,
    /// For standard output: once the ready line was read.
    Closed,
}

impl Place {
    fn open(self) -> anyhow::Result<Stdio> {
        Ok(match self {
            Self::Good => Stdio::null(),
            Self::Full => {
                File::options().write(true).open("/dev/full").context("/dev/full")?.into()
            }
            Self::Closed => std::io::pipe()?.1.into(),
        })
    }
}

fn serves(stage: &Stage, output: Place, log: Place) -> anyhow::Result<()> {
    let setup = Setup { log: log.open()?, ..stage.setup().with(&["-vv"]) };
    let server = if output == Place::Full {
        let host = std::net::Ipv4Addr::LOCALHOST.into();
        Served::start_mute(Setup { host, ports: free_ports()?, ..setup }, output.open()?)?
    } else {
        let mut server = Served::start(setup)?;
        if output == Place::Closed {
            server.hang_up();
        }
        server
    };
    for round in 0..ROUNDS {
        serves_each(&server).with_context(|| format!("connections number {}", round + 1))?;
    }
    let status = server.stop()?;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}

fn serves_each(server: &Served) -> anyhow::Result<()> {
    let mut cache = memcached(server.memcached(), PATIENCE)?;
    cache.set(b"key", b"value", Meta::default()).context("memcached")?;
    ensure!(cache.get(b"key")?.as_deref() == Some(b"value"), "memcached forgets");
    let mut pages = netmem(server.netmem(), PATIENCE).context("netmem")?;
    pages.lock(0)?;
    pages.unlock(0, b"data")?;
    let mut locks = locker(server.locker(), PATIENCE)?;
    let taken = locks.get(b"lock").context("locker")?;
    let freed = locks.release(b"lock")?;
    ensure!((taken, freed) == (Outcome::Ok, Outcome::Ok), "locker says {taken:?} and {freed:?}");
    let stream = std::net::TcpStream::connect(server.echo())?;
    let back = echo::blocking::Client::new(stream, PATIENCE).send_bytes(b"echo").context("echo")?;
    ensure!(back == b"echo"[..], "echo says {back:?}");
    Ok(())
}
