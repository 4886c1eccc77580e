//! How many random runs it takes until a flaw is caught: what a sweep of a thousand seeds is worth.

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::known_bad::KnownBad;
use crate::server::Server;
use crate::swarm;

/// Seeds that are tried at most.
pub const MOST: u64 = 400;

/// Seeds between two starts; more than are tried from one.
const APART: u64 = 1_000;

/// Swarm seeds from `start` on until the flaw is caught, that one included.
pub fn seeds_to_catch(flaw: KnownBad, start: u64, most: u64) -> Option<u64> {
    let is_caught =
        |seed| !swarm::draw(Server::KnownBad(flaw), seed).outcome().violations.is_empty();
    (start..start + most).position(is_caught).map(|tries| tries as u64 + 1)
}

/// What it took from some starts, the least first; `None` is more than [`MOST`].
#[derive(Debug)]
pub struct Caught {
    /// Which flaw.
    pub flaw: KnownBad,
    tries: Vec<Option<u64>>,
}

impl Caught {
    /// The middle one.
    pub fn median(&self) -> Option<u64> {
        self.tries.get(self.tries.len() / 2).copied().flatten()
    }

    /// The last one.
    pub fn worst(&self) -> Option<u64> {
        self.tries.last().copied().flatten()
    }
}

/// Every flaw from so many starts, on `jobs` threads.
pub fn every_flaw(starts: u64, jobs: usize) -> Vec<Caught> {
    let flaws: Vec<KnownBad> = KnownBad::ALL.into_iter().filter(|flaw| !flaw.hangs()).collect();
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(flaw) = flaws.get(next.fetch_add(1, Relaxed)) {
                    let from = |start| seeds_to_catch(*flaw, start * APART, MOST);
                    let mut tries: Vec<Option<u64>> = (0..starts).map(from).collect();
                    tries.sort_by_key(|tries| tries.unwrap_or(u64::MAX));
                    let caught = Caught { flaw: *flaw, tries };
                    found.lock().unwrap_or_else(PoisonError::into_inner).push(caught);
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|caught| caught.flaw);
    found
}

/// As a table in Markdown.
pub fn markdown(all: &[Caught]) -> String {
    let number = |tries: Option<u64>| tries.map_or(format!("> {MOST}"), |tries| tries.to_string());
    let mut text =
        String::from("| server | median | worst | what it does |\n| --- | --- | --- | --- |\n");
    for caught in all {
        let (median, worst) = (number(caught.median()), number(caught.worst()));
        let (name, about) = (caught.flaw.name(), caught.flaw.about());
        let _ = writeln!(text, "| {name} | {median} | {worst} | {about} |");
    }
    text
}
