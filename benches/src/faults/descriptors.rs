//! The server runs out of descriptors: more clients than it may have.
//!
//! Those that are served stay so, the others wait in the kernel's queue and are served when places become free, and meanwhile
//! the server sleeps.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context;
use bytes::BytesMut;
use lockproof_client::memcached::Meta;
use lockproof_protocol::memcached_binary::{Command, HEADER_LEN, Opcode, Request};

use super::report::Scenario;
use super::served::{Served, Setup};
use super::state::{Control, memcached};
use super::{PATIENCE, Stage, eventually};

/// What the server may have, and who wants one.
const LIMIT: usize = 64;
const KNOWN: usize = 10;
const COMERS: usize = 100;
/// How long it is watched.
const WATCHED: Duration = Duration::from_secs(2);
/// A server that pauses after a failed `accept` runs for microseconds between two sleeps. One that asks again at once never
/// sleeps, however little of the processor others leave to it.
const BUSY: Duration = Duration::from_millis(20);
/// The share of a processor that is aimed at, in percent.
const SHARE_AIM: f64 = 5.0;

pub(super) fn run(stage: &Stage, scenario: &mut Scenario) -> anyhow::Result<()> {
    scenario.story =
        format!("{LIMIT} descriptors for {KNOWN} clients that are known and {COMERS} that come");
    let limit = format!("--nofile={LIMIT}:{LIMIT}");
    let wrapper = ["prlimit", &limit, "--"].map(str::to_owned).to_vec();
    let server = Served::start(Setup { wrapper, ..stage.setup() })?;
    let known = (0..KNOWN).map(|_| memcached(server.memcached(), PATIENCE));
    let mut known: Vec<Control> = known.collect::<anyhow::Result<_>>()?;
    known.iter_mut().try_for_each(Control::noop).context("before anything happens")?;
    let before = server.process().descriptors()?;

    let mut comers = comers(&server)?;
    let is_full = eventually(PATIENCE, || Ok(server.process().descriptors()? >= LIMIT))?;
    is_full.context("the server never runs out of descriptors")?;
    watch(scenario, &server)?;

    let unharmed = known.iter_mut().try_for_each(|client| {
        client.set(b"known", b"value", Meta::default())?;
        client.get(b"known").map(drop)
    });
    let text =
        unharmed.as_ref().map_or_else(ToString::to_string, |()| format!("all {KNOWN} served"));
    scenario.check("those that were served are served on", unharmed.is_ok(), text);

    let mut rounds = Vec::new();
    let all = eventually(stage.patience, || {
        let waiting = comers.len();
        // Who has a reply goes, and its place is free.
        comers.retain_mut(|comer| !has_reply(comer));
        if comers.len() < waiting {
            rounds.push(waiting - comers.len());
        }
        Ok(comers.is_empty())
    })?;
    let text = format!("served in turns of {rounds:?}; {} left waiting", comers.len());
    scenario.check("who waits is served when places are free", all.is_some(), text);
    let at_first = rounds.first().copied().unwrap_or_default();
    scenario.check(
        "there were more than it could serve",
        at_first < COMERS,
        format!("{at_first} of {COMERS} at first"),
    );
    drop(comers);
    let back = eventually(stage.patience, || Ok(server.process().descriptors()? <= before))?;
    let now = server.process().descriptors()?;
    scenario.check("no descriptor is lost", back.is_some(), format!("{before} before, {now} now"));
    let status = server.stop()?;
    scenario.check("it ends when it is told to", status.success(), status.to_string());
    Ok(())
}

/// Connections that all ask one thing; the kernel takes them for the server.
fn comers(server: &Served) -> anyhow::Result<Vec<TcpStream>> {
    let mut noop = BytesMut::new();
    let (opcode, command) = (Opcode::NOOP, Command::Noop);
    Request { opcode, opaque: 0, cas: 0, command }.encode(&mut noop);
    let come = || {
        let mut stream = TcpStream::connect(server.memcached())?;
        stream.write_all(&noop)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    };
    (0..COMERS).map(|_| come()).collect()
}

fn has_reply(comer: &mut TcpStream) -> bool {
    matches!(comer.read(&mut [0; HEADER_LEN]), Ok(HEADER_LEN))
}

fn watch(scenario: &mut Scenario, server: &Served) -> anyhow::Result<()> {
    let process = server.process();
    let (ran, slept) = (process.cpu_time()?, process.sleeps()?);
    std::thread::sleep(WATCHED);
    let ran = process.cpu_time()?.saturating_sub(ran);
    let slept = process.sleeps()?.saturating_sub(slept);
    let each = ran / u32::try_from(slept + 1).unwrap_or(u32::MAX);
    let text = format!("{ran:.1?} in {WATCHED:?}, and {slept} sleeps between");
    scenario.check("it does not run in circles", each < BUSY, text);
    let share = ran.as_secs_f64() / WATCHED.as_secs_f64() * 100.0;
    scenario.aim("processor meanwhile", share, SHARE_AIM, " %");
    Ok(())
}
