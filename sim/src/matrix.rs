//! Which scenario catches which flaw, and as what: every known-bad server in every scenario, with one seed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::iter::repeat;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::config::Protocol;
use crate::known_bad::{KnownBad, lines, locker, pages};
use crate::scenario::{OF_LINES, Scenario};
use crate::server::Server;

/// The seed of the committed matrix.
pub const SEED: u64 = 1;

/// A word for each server in each scenario.
#[derive(Debug)]
pub struct Matrix {
    cells: BTreeMap<(usize, usize), &'static str>,
    scenarios: Vec<Scenario>,
    servers: Vec<Server>,
}

impl Matrix {
    /// The flaws that any protocol's server can have, in the scenarios that all protocols have; on `jobs` threads.
    pub fn of(seed: u64, jobs: usize) -> Self {
        let is_meant = |scenario: &Scenario| {
            !scenario.is_hazard() && Protocol::SERVERS.contains(&scenario.protocol())
        };
        let scenarios = Scenario::all().filter(is_meant);
        Self::run(
            scenarios.collect(),
            servers([KnownBad::K00].into_iter().chain(KnownBad::ALL)),
            (seed, jobs),
        )
    }

    /// The flaws of lock servers, in every scenario of one.
    pub fn of_locks(seed: u64, jobs: usize) -> Self {
        let scenarios = Scenario::all().filter(|scenario| scenario.protocol() == Protocol::Locker);
        Self::run(
            scenarios.collect(),
            servers(locker::Flaw::ALL.map(KnownBad::Locker)),
            (seed, jobs),
        )
    }

    /// The flaws of NetMem's page locks, in their hazards.
    pub fn of_pages(seed: u64, jobs: usize) -> Self {
        let is_meant =
            |scenario: &Scenario| scenario.is_hazard() && scenario.protocol() == Protocol::NetMem;
        let scenarios = Scenario::all().filter(is_meant).collect();
        Self::run(scenarios, servers(pages::Flaw::ALL.map(KnownBad::Pages)), (seed, jobs))
    }

    /// The flaws of a memcached that speaks text and meta, in every scenario of both.
    pub fn of_lines(seed: u64, jobs: usize) -> Self {
        let is_meant =
            |scenario: &Scenario| matches!(scenario.protocol(), Protocol::Text | Protocol::Meta);
        let scenarios = Scenario::all().filter(is_meant).collect();
        let flaws = lines::Flaw::ALL.map(KnownBad::Lines);
        let flaws = [KnownBad::K00].into_iter().chain(OF_LINES).chain(flaws);
        Self::run(scenarios, servers(flaws), (seed, jobs))
    }

    fn run(scenarios: Vec<Scenario>, servers: Vec<Server>, (seed, jobs): (u64, usize)) -> Self {
        let (next, cells) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
        std::thread::scope(|scope| {
            for _ in 0..jobs.max(1) {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Relaxed);
                        let cell = (index / servers.len(), index % servers.len());
                        let Some(scenario) = scenarios.get(cell.0) else { return };
                        let word = scenario.run(servers[cell.1], seed).word();
                        cells.lock().unwrap_or_else(PoisonError::into_inner).insert(cell, word);
                    }
                });
            }
        });
        let cells = cells.into_inner().unwrap_or_else(PoisonError::into_inner);
        Self { cells, scenarios, servers }
    }

    /// Flaws with a column that a scenario names and does not catch.
    pub fn escaped(&self) -> Vec<(String, KnownBad)> {
        let mut escaped = Vec::new();
        for (row, scenario) in self.scenarios.iter().enumerate() {
            for flaw in scenario.catches() {
                let column = self.servers.iter().position(|known| *known == Server::KnownBad(flaw));
                let Some(column) = column else { continue };
                let word = self.cells.get(&(row, column));
                if word.is_none_or(|word| matches!(*word, "ok" | "inert")) {
                    escaped.push((scenario.name(), flaw));
                }
            }
        }
        escaped
    }

    /// The first line in which that table says something else.
    pub fn differs_from(&self, table: &str) -> Option<String> {
        let new = self.markdown();
        let count = table.lines().count().max(new.lines().count());
        let lines = table.lines().chain(repeat("")).zip(new.lines().chain(repeat("")));
        let differs = lines.take(count).find(|(old, new)| old != new);
        differs.map(|(old, new)| format!("was: {old}\nis:  {new}"))
    }

    /// As a table in Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::from("| scenario |");
        let mut rule = String::from("| --- |");
        for server in &self.servers {
            let _ = write!(text, " {server} |");
            rule.push_str(" --- |");
        }
        let _ = write!(text, "\n{rule}\n");
        for (row, scenario) in self.scenarios.iter().enumerate() {
            let _ = write!(text, "| {} |", scenario.name());
            for column in 0..self.servers.len() {
                let word = self.cells.get(&(row, column)).copied().unwrap_or_default();
                let _ = write!(text, " {word} |");
            }
            text.push('\n');
        }
        text
    }
}

/// One that hangs the simulator itself can only be watched from another process.
fn servers(flaws: impl IntoIterator<Item = KnownBad>) -> Vec<Server> {
    let flaws = flaws.into_iter().filter(|flaw| !flaw.hangs());
    [Server::Reference].into_iter().chain(flaws.map(Server::KnownBad)).collect()
}
