//! Drives all connections of a load from one thread, and measures.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};

use super::alarm::Alarm;
use super::link::{Done, Link};
use super::script::Script;

/// Bytes read at once.
const BUFFER_BYTES: usize = 256 * 1024;
/// How long the server may be silent before the run is given up.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// The alarm among the events.
const ALARM: Token = Token(usize::MAX);

/// When batches are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Each connection sends the next batch when the one before is answered.
    Closed,
    /// That many batches a second by all connections together, whether or not the server keeps up. The time
    /// of each is counted from the moment when it was due.
    Open(f64),
}

/// What a load did while it was measured.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Operations that were answered.
    pub operations: u64,
    /// How long it was measured.
    pub elapsed: Duration,
    /// Times from when a batch was due until its last reply was there, in nanoseconds.
    pub times: Histogram<u64>,
}

/// Connections to one server.
#[derive(Debug)]
pub struct Driver<S> {
    poll: Poll,
    alarm: Alarm,
    links: Vec<Link<S>>,
    /// Connections that have nothing under way.
    idle: VecDeque<usize>,
    buffer: Vec<u8>,
    operations: u64,
    times: Histogram<u64>,
    heard_last: Instant,
}

impl<S: Script> Driver<S> {
    /// Opens a connection for each script.
    ///
    /// # Errors
    /// When the server cannot be reached, or descriptors run out.
    pub fn open(address: SocketAddr, scripts: impl IntoIterator<Item = S>) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let mut links = Vec::new();
        for (index, script) in scripts.into_iter().enumerate() {
            let mut link = Link::open(address, script)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut link.stream, Token(index), interest)?;
            links.push(link);
        }
        Ok(Self {
            alarm: Alarm::new(poll.registry(), ALARM)?,
            poll,
            idle: (0..links.len()).collect(),
            links,
            buffer: vec![0; BUFFER_BYTES],
            operations: 0,
            times: Histogram::new(3)?,
            heard_last: Instant::now(),
        })
    }

    /// Runs for `warm_up`, then for `time`, which is what is measured; `mark` is called at its beginning and end.
    ///
    /// # Errors
    /// A wrong reply, a connection that the server closed, or no reply for 20 seconds.
    pub fn run(
        &mut self,
        pace: Pace,
        warm_up: Duration,
        time: Duration,
        mut mark: impl FnMut(),
    ) -> anyhow::Result<Outcome> {
        self.go(pace, Instant::now() + warm_up)?;
        self.operations = 0;
        self.times.clear();
        let begun = Instant::now();
        mark();
        self.go(pace, begun + time)?;
        mark();
        Ok(Outcome {
            operations: self.operations,
            elapsed: begun.elapsed(),
            times: self.times.clone(),
        })
    }

    /// Lets each connection send batches until `is_over` says so of its script, and hears the last replies.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn finish(&mut self, is_over: impl Fn(&S) -> bool) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        let start = |driver: &mut Self| -> anyhow::Result<()> {
            for _ in 0..driver.idle.len() {
                let Some(index) = driver.idle.pop_front() else { break };
                if is_over(&driver.links[index].script) {
                    driver.idle.push_back(index);
                } else {
                    driver.links[index].ask(Instant::now())?;
                }
            }
            Ok(())
        };
        start(self)?;
        while self.idle.len() < self.links.len() {
            self.hear(&mut events, SILENCE_MAX)?;
            start(self)?;
        }
        Ok(())
    }

    /// Lets each connection send one batch, and hears the replies.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn once(&mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        while let Some(index) = self.idle.pop_front() {
            self.links[index].ask(Instant::now())?;
        }
        while self.idle.len() < self.links.len() {
            self.hear(&mut events, SILENCE_MAX)?;
        }
        Ok(())
    }

    /// The scripts, in the order of their connections.
    pub fn scripts(&self) -> impl Iterator<Item = &S> {
        self.links.iter().map(|link| &link.script)
    }

    fn go(&mut self, pace: Pace, end: Instant) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut due = Due::new(pace);
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            while let Some(index) = self.idle.front().copied() {
                let Some(begun) = due.take(now) else { break };
                self.idle.pop_front();
                self.links[index].ask(begun)?;
            }
            if let Some(next) = due.next
                && !self.idle.is_empty()
            {
                self.alarm.set(next.saturating_duration_since(now))?;
            }
            self.hear(&mut events, end.saturating_duration_since(now))?;
        }
    }

    /// Waits for replies, and notes which connections have theirs.
    fn hear(&mut self, events: &mut Events, timeout: Duration) -> anyhow::Result<()> {
        match self.poll.poll(events, Some(timeout)) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        let is_silent = events.is_empty() && self.idle.len() < self.links.len();
        for event in events.iter() {
            let index = event.token().0;
            if event.token() == ALARM {
                continue;
            }
            let link = &mut self.links[index];
            if event.is_writable() {
                link.send()?;
            }
            if let Some(done) = link.hear(&mut self.buffer, event.is_read_closed())? {
                self.note(done)?;
                self.idle.push_back(index);
            }
        }
        if is_silent && self.heard_last.elapsed() > SILENCE_MAX {
            anyhow::bail!("no reply for {SILENCE_MAX:?}");
        }
        Ok(())
    }

    fn note(&mut self, done: Done) -> anyhow::Result<()> {
        self.heard_last = Instant::now();
        self.operations += u64::from(done.operations);
        let time = self.heard_last.saturating_duration_since(done.begun);
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.times.record(nanoseconds.max(1)).context("a time without end")
    }
}

/// When the next batch is due.
#[derive(Debug)]
struct Due {
    interval: Duration,
    /// None: at once, always.
    next: Option<Instant>,
}

impl Due {
    fn new(pace: Pace) -> Self {
        match pace {
            Pace::Closed => Self { interval: Duration::ZERO, next: None },
            Pace::Open(rate) => {
                Self { interval: Duration::from_secs_f64(1.0 / rate), next: Some(Instant::now()) }
            }
        }
    }

    /// The moment at which a batch was due, if one is.
    fn take(&mut self, now: Instant) -> Option<Instant> {
        let Some(next) = self.next else { return Some(now) };
        (next <= now).then(|| {
            self.next = Some(next + self.interval);
            next
        })
    }
}
