//! What the kernel tells of a process, and signals to it. Linux only, from /proc.
//!
//! Left out: what the figures should be.

use std::fs;
use std::time::Duration;

use anyhow::{Context, ensure};
pub use rustix::process::Signal;
use rustix::process::{Pid, Resource, getrlimit, kill_process, setrlimit};

/// A process that this run started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Process(pub u32);

impl Process {
    /// Sends a signal.
    ///
    /// # Errors
    /// When there is no such process any more.
    pub fn signal(self, signal: Signal) -> anyhow::Result<()> {
        let id = i32::try_from(self.0).ok().and_then(Pid::from_raw).context("no process id")?;
        kill_process(id, signal).with_context(|| format!("no signal reaches process {}", self.0))
    }

    /// Resident bytes, shared ones included.
    ///
    /// # Errors
    /// When it is gone.
    pub fn resident(self) -> anyhow::Result<u64> {
        let kilobytes = self.status()?.lines().find_map(|line| {
            line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<u64>().ok()
        });
        Ok(kilobytes.with_context(|| format!("process {} has no memory: it ended", self.0))? * 1024)
    }

    /// Open descriptors.
    ///
    /// # Errors
    /// When it is gone.
    pub fn descriptors(self) -> anyhow::Result<usize> {
        let directory = format!("/proc/{}/fd", self.0);
        Ok(fs::read_dir(&directory).with_context(|| directory)?.count())
    }

    /// Processor time of all its threads.
    ///
    /// # Errors
    /// When it is gone.
    pub fn cpu_time(self) -> anyhow::Result<Duration> {
        let ran = self.of_threads("schedstat", |text| text.split(' ').next()?.parse().ok())?;
        Ok(Duration::from_nanos(ran))
    }

    /// How often its threads went to sleep by themselves.
    ///
    /// # Errors
    /// When it is gone.
    pub fn sleeps(self) -> anyhow::Result<u64> {
        self.of_threads("status", |text| {
            let line =
                text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
            line.trim().parse().ok()
        })
    }

    fn status(self) -> anyhow::Result<String> {
        let file = format!("/proc/{}/status", self.0);
        fs::read_to_string(&file).with_context(|| file)
    }

    fn of_threads(self, file: &str, read: impl Fn(&str) -> Option<u64>) -> anyhow::Result<u64> {
        let directory = format!("/proc/{}/task", self.0);
        let mut sum = 0;
        for thread in fs::read_dir(&directory).with_context(|| directory)? {
            let text = fs::read_to_string(thread?.path().join(file))?;
            sum += read(&text).with_context(|| format!("the kernel keeps no {file}"))?;
        }
        Ok(sum)
    }
}

/// Allows this process, and what it starts, as many descriptors as it may have; at least `needed`.
///
/// # Errors
/// When it may not have as many.
pub fn allow_descriptors(needed: u64) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    ensure!(
        most >= needed,
        "{needed} descriptors are needed, and {most} allowed; a smaller --scale needs fewer, and `ulimit -Hn` says what root allows"
    );
    let all = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, all).context("descriptors")
}
