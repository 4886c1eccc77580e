//! Holds a matrix against the committed one; shared by the tests that have one.
//!
//! `LOCKPROOF_BLESS=1` writes it anew.

use lockproof_sim::matrix::{Matrix, SEED};

const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/results");

pub(crate) fn check(name: &str, matrix: fn(u64, usize) -> Matrix) {
    let blesses = std::env::var_os("LOCKPROOF_BLESS").is_some();
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let matrix = matrix(SEED, jobs);
    let path = format!("{RESULTS}/{name}");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let at = committed.find("| scenario |").unwrap_or(committed.len());
    let (head, table) = committed.split_at(at);
    if blesses {
        let new = matrix.markdown();
        std::fs::write(&path, format!("{head}{new}")).expect("the file can be written");
    } else if let Some(difference) = matrix.differs_from(table) {
        panic!("{path}; bless with LOCKPROOF_BLESS=1\n{difference}");
    }
    assert_eq!(matrix.escaped(), [], "named by a scenario, and not caught by it");
}
