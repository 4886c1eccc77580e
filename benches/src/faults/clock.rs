//! The wall clock jumps, a year forth and two back. What expires in some seconds expires in some seconds.
//!
//! The machine's clock stays as it is: libfaketime stands between the server and its C library, fakes the wall clock alone, and
//! reads by how much from a file. That the jumps reach the process is seen in the dates of its log. Left out: expiry at a
//! Unix time, which the server counts from the wall clock at its start.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use lockproof_client::memcached::Meta;

use super::report::Scenario;
use super::served::{Served, Setup};
use super::state::{Control, memcached, statistic};
use super::{PATIENCE, Stage, eventually};

/// Seconds: long gone and long there, on the slowest machine.
const SOON: u32 = 2;
const LATE: u32 = 3_000;
/// What the wall clock is off by, one after the other.
const JUMPS: [&str; 3] = ["+400d", "-400d", "+0"];
/// How far apart the server's own time may be, before and after.
const HOUR: u64 = 3_600;

pub(super) fn run(stage: &Stage, scenario: &mut Scenario) -> anyhow::Result<()> {
    scenario.story = format!(
        "its wall clock jumps to {JUMPS:?}, with items that expire in {SOON} s and {LATE} s"
    );
    let room = tempfile::tempdir()?;
    let (offset, log) = (room.path().join("offset"), room.path().join("log"));
    jump(&offset, "+10d")?;
    let environment = environment(&library()?, &offset);
    let setup =
        Setup { environment, log: File::create(&log)?.into(), ..stage.setup().with(&["-v"]) };
    let server = Served::start(setup)?;
    let mut client = memcached(server.memcached(), PATIENCE)?;
    let time = statistic(&mut client, "time")?.context("STAT has no time")?;

    let store = |client: &mut Control, key: &str, expiry| {
        client.set(key.as_bytes(), b"value", Meta { flags: 0, expiry })
    };
    store(&mut client, "late", LATE)?;
    for (number, offset_now) in JUMPS.into_iter().enumerate() {
        jump(&offset, offset_now)?;
        // A connection that ends is a line in the log, with the date that the server believes in.
        memcached(server.memcached(), PATIENCE)?.noop()?;
        let there = client.get(b"late")?.is_some();
        let text = format!("at {offset_now}: {}", if there { "there" } else { "gone" });
        scenario.check("what expires late is there", there, text);
        let key = format!("soon-{number}");
        // Counted from before it is stored: then a slow machine makes the time longer, and never shorter.
        let stored = Instant::now();
        store(&mut client, &key, SOON)?;
        let gone = eventually(stage.patience, || Ok(client.get(key.as_bytes())?.is_none()))?;
        let gone = gone.map(|_| stored.elapsed());
        let text = gone.map_or_else(
            || format!("at {offset_now}: still there"),
            |gone| format!("at {offset_now}: gone after {:.1} s", gone.as_secs_f64()),
        );
        let took = gone.filter(|gone| *gone >= Duration::from_secs(u64::from(SOON) - 1));
        scenario.check("what expires soon is gone, and not at once", took.is_some(), text);
    }
    let later = statistic(&mut client, "time")?.context("STAT has no time")?;
    let apart = later.abs_diff(time);
    scenario.check(
        "its own time does not jump",
        apart < HOUR,
        format!("{apart} s later by its own account"),
    );
    let status = server.stop()?;
    scenario.check("it ends when it is told to", status.success(), status.to_string());
    let log = fs::read_to_string(&log)?;
    let dates = dates(&log);
    let text = format!("the dates of its log: {dates:?}");
    scenario.check("the jumps reach the process", dates.len() > JUMPS.len(), text);
    Ok(())
}

fn jump(file: &Path, offset: &str) -> anyhow::Result<()> {
    // In one step, because the server reads it at any time.
    let new = file.with_extension("new");
    fs::write(&new, offset)?;
    Ok(fs::rename(&new, file)?)
}

/// libfaketime, as Debian and Ubuntu install it.
fn library() -> anyhow::Result<PathBuf> {
    let found = fs::read_dir("/usr/lib")?.flatten().find_map(|directory| {
        let file = directory.path().join("faketime/libfaketimeMT.so.1");
        file.exists().then_some(file)
    });
    found.context("libfaketime is not installed; run ci/setup")
}

fn environment(library: &Path, offset: &Path) -> BTreeMap<String, String> {
    let paths = [("LD_PRELOAD", library), ("FAKETIME_TIMESTAMP_FILE", offset)];
    let words = [("FAKETIME_NO_CACHE", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
    let paths = paths.map(|(name, path)| (name.to_owned(), path.display().to_string()));
    paths.into_iter().chain(words.map(|(name, word)| (name.to_owned(), word.to_owned()))).collect()
}

/// The days that lines of a log begin with.
fn dates(log: &str) -> BTreeSet<&str> {
    let date = |line: &&str| line.starts_with("20") && line.get(4..5) == Some("-");
    log.lines().filter(date).filter_map(|line| line.get(..10)).collect()
}
