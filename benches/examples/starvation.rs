//! Readers under a steady stream of writers: `cargo run --release --example starvation [SVG]`.
//!
//! Four writers come again and again, so that one of them waits nearly always; two readers ask, rest,
//! and ask again. What the writers leave to the readers is a matter of the lock's policy: ours gives
//! the waiting readers their batch (rule 3), ours without rule 3 prefers writers always, and std's
//! and `parking_lot`'s have policies of their own. Prints each lock's waits, and draws them over time.
//! Left out: speed (`examples/rwlock_paired.rs`).

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use lockproof_rwlock::{Preference, RwLock};

#[path = "../common/contenders.rs"]
mod contenders;
#[path = "starvation/plot.rs"]
mod plot;
#[path = "../common/waits.rs"]
mod waits;
use contenders::{ABOUT_50_NS, Contender, Tally};
use lockproof_benches::machine::{self, Meter};
use plot::Panel;
use waits::{hold, microseconds, quantile};

/// How long each lock is watched.
const WATCHED: Duration = Duration::from_millis(2400);

/// Who is there, how long each stays in, and how long it rests before it asks again.
const WRITERS: u32 = 4;
const WRITE_HOLD: Duration = Duration::from_micros(100);
const WRITER_REST: Duration = Duration::from_micros(150);
const READERS: u32 = 2;
const READER_REST: Duration = Duration::from_micros(400);

/// What the locks guard; looking at it takes next to nothing beside the waits.
type Guarded = Tally<ABOUT_50_NS>;

/// When a reader asked, counted from the start, and how long it then waited.
type Wait = (Duration, Duration);

/// How often writers were in, and the waits of all readers.
struct Watched {
    writes: u64,
    waits: Vec<Wait>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/results/rwlock-starvation.svg");
    let svg = std::env::args_os().nth(1).map_or_else(|| default.into(), PathBuf::from);
    let meter = Meter::start();
    println!("{}", machine::description());
    println!("{WRITERS} writers of {WRITE_HOLD:?}, resting {WRITER_REST:?}; {READERS} readers,");
    println!("resting {READER_REST:?}; {WATCHED:?} for each lock; waits of readers in us\n");
    println!("| lock | reads | writes | p50 | p99 | p99.9 | longest |");
    println!("|---|---|---|---|---|---|---|");
    let panels = [
        panel("ours, rule 3", &RwLock::new(Tally::new())),
        panel("ours without rule 3", &RwLock::with_preference(Tally::new(), Preference::Writers)),
        panel("std", &std::sync::RwLock::new(Tally::new())),
        panel("parking_lot", &parking_lot::RwLock::new(Tally::new())),
    ];
    let (own, others) = meter.busy();
    println!("\nprocessors busy: {own:.2} with this, {others:.2} with other work");
    if let Some(folder) = svg.parent() {
        std::fs::create_dir_all(folder)?;
    }
    plot::draw(&svg, &panels, WATCHED, &machine::description())?;
    println!("drawn: {}", svg.display());
    Ok(())
}

/// Watches one lock, and prints its line.
fn panel(name: &'static str, lock: &impl Contender<Guarded>) -> Panel {
    let Watched { writes, waits } = watch(lock);
    let mut sorted: Vec<_> = waits.iter().map(|(_, wait)| *wait).collect();
    sorted.sort();
    let [median, p99, p999, longest] =
        [500, 990, 999, 1000].map(|per_mille| microseconds(quantile(&sorted, per_mille)));
    let reads = waits.len();
    println!("| {name} | {reads} | {writes} | {median:.0} | {p99:.0} | {p999:.0} | {longest:.0} |");
    let caption = format!(
        "{name}: {reads} reads, waits p50 {median:.0}, p99 {p99:.0}, p99.9 {p999:.0} \u{b5}s"
    );
    Panel { caption, waits }
}

/// Runs writers and readers on one lock for a while.
fn watch(lock: &impl Contender<Guarded>) -> Watched {
    let (stop, writes) = (AtomicBool::new(false), AtomicU64::new(0));
    let started = Instant::now();
    let waits = thread::scope(|scope| {
        for _ in 0..WRITERS {
            let (stop, writes) = (&stop, &writes);
            scope.spawn(move || writes.fetch_add(write_until(lock, stop), Relaxed));
        }
        let read = || read_until(lock, &stop, started);
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
        thread::sleep(WATCHED);
        stop.store(true, Relaxed);
        let waits = readers.into_iter().flat_map(|reader| reader.join().expect("a torn read"));
        waits.collect()
    });
    let writes = writes.into_inner();
    assert_eq!(lock.with_read(Tally::checked), writes, "a lost write");
    Watched { writes, waits }
}

/// Writes and rests; answers how often.
fn write_until(lock: &impl Contender<Guarded>, stop: &AtomicBool) -> u64 {
    let mut written = 0;
    while !stop.load(Relaxed) {
        lock.with_write(|tally| {
            hold(WRITE_HOLD);
            tally.add_one();
        });
        written += 1;
        thread::sleep(WRITER_REST);
    }
    written
}

/// Reads and rests; answers each wait.
fn read_until(lock: &impl Contender<Guarded>, stop: &AtomicBool, started: Instant) -> Vec<Wait> {
    let mut waits = Vec::new();
    while !stop.load(Relaxed) {
        let asked = Instant::now();
        let entered = lock.with_read(|tally| {
            tally.checked();
            Instant::now()
        });
        waits.push((asked - started, entered - asked));
        thread::sleep(READER_REST);
    }
    waits
}
