//! Which scenario catches which flaw, and as what: every known-bad server in every scenario, with one seed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::known_bad::KnownBad;
use crate::scenario::Scenario;
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
    /// Runs all of it, on `jobs` threads.
    pub fn of(seed: u64, jobs: usize) -> Self {
        let scenarios: Vec<Scenario> = Scenario::all().collect();
        let servers: Vec<Server> = servers().collect();
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

    /// Flaws that a scenario names and does not catch.
    pub fn escaped(&self) -> Vec<(String, KnownBad)> {
        let mut escaped = Vec::new();
        for (row, scenario) in self.scenarios.iter().enumerate() {
            for flaw in scenario.catches() {
                let column = self.servers.iter().position(|known| *known == Server::KnownBad(flaw));
                let word = column.and_then(|column| self.cells.get(&(row, column)));
                if word.is_none_or(|word| matches!(*word, "ok" | "inert")) {
                    escaped.push((scenario.name(), flaw));
                }
            }
        }
        escaped
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
                let _ = write!(text, " {} |", self.cells.get(&(row, column)).unwrap_or(&"?"));
            }
            text.push('\n');
        }
        text
    }
}

fn servers() -> impl Iterator<Item = Server> {
    [Server::Reference, Server::KnownBad(KnownBad::K00)]
        .into_iter()
        .chain(KnownBad::ALL.map(Server::KnownBad))
}
