//! How many swarm seeds it takes to catch each known-bad server, as a table; 15 starts each, or as many as are asked for.
//!
//!     cargo run --release -p lockproof-sim --example seeds_to_catch -- 15 > docs/results/simulator-seeds.md

use std::io::{Write, stdout};

use lockproof_sim::catch::{MOST, every_flaw, markdown};

fn main() -> std::io::Result<()> {
    let starts = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(15);
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let table = markdown(&every_flaw(starts, jobs));
    write!(
        stdout(),
        "# Seeds to catch\n\nHow many random runs (`lockproof sim swarm`) it takes until a known-bad server is caught: \
         the median and the worst of {starts} starts,\nof {MOST} seeds at most. A flaw that takes many seeds is one that \
         its own scenario has to catch. Written by\n`cargo run --release -p lockproof-sim --example seeds_to_catch -- \
         {starts} > docs/results/simulator-seeds.md`.\n\n{table}"
    )
}
